"""A list of group addresses while it is read: rows and ranges, and what they come to; pure."""

import re
from dataclasses import dataclass, field

from knxgw.catalogue.messages import message
from knxgw.config.addresses import group_address
from knxgw.errors import one_line
from knxgw.ets.project import EtsFileError, EtsProject, GroupAddressEntry
from knxgw.ets.ranges import Range, names_of_ranges
from knxgw.ets.xml_guard import MOST_GROUP_ADDRESSES

LARGEST_LIST = 32 * 2**20  # bytes; 65 535 addresses need some 10 million
MOST_ROWS = MOST_GROUP_ADDRESSES + 32 + 32 * 8  # with all main and middle groups
LONGEST_NAME = 200  # characters
_TYPE = re.compile(r"DPS?T-([0-9]{1,3})(?:-([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class Row:
    """One group address of a list."""

    raw: int  # 16 bits
    name: str
    dpt: str | None
    is_secured: bool
    description: str


def row_of(raw: int, name: str, *, types: str, security: str, description: str) -> Row:
    """Return a group address as a list writes it."""
    is_secured = security.strip().lower() == "on"
    return Row(raw, _name(name), dpt_of(types), is_secured, _name(description))


@dataclass(slots=True)
class AddressList:
    """What has been read so far."""

    rows: dict[int, Row] = field(default_factory=dict)
    ranges: list[Range] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)  # lines
    count: int = 0  # of everything

    def add(self, row: Row) -> None:
        """Take an address; the first of two equal ones counts. Raises: EtsFileError, too many."""
        self._count()
        self.rows.setdefault(row.raw, row)

    def add_range(self, first: int, last: int, name: str) -> None:
        """Take a main or middle group. Raises: EtsFileError, too many."""
        self._count()
        self.ranges.append((first, last, _name(name)))

    def skip(self, line: int) -> None:
        """Note a line that cannot be read. Raises: EtsFileError, too many."""
        self._count()
        self.skipped.append(line)

    def _count(self) -> None:
        self.count += 1
        if self.count > MOST_ROWS:
            raise EtsFileError(message("ets_too_many_addresses"))

    def as_project(self) -> EtsProject:
        """Return the list as a project without devices. Raises: EtsFileError, there is nothing."""
        if not self.rows:
            raise EtsFileError(message("ets_no_list"))
        names = names_of_ranges(self.ranges, self.rows)
        entries = [
            GroupAddressEntry(
                address=group_address(raw),
                name=row.name,
                ranges=names[raw],
                dpt=row.dpt,
                is_secured=row.is_secured,
                description=row.description,
            )
            for raw, row in sorted(self.rows.items())
        ]
        return EtsProject(
            addresses={one.address: one for one in entries},
            is_list=True,
            skipped=tuple(self.skipped),
        )


def dpt_of(types: str) -> str | None:
    """Return the datapoint type of an address, "14.056" or "14"; None: it has none.

    ETS lists those of linked group objects before the address's own, which comes last.
    Source: [ets-group-addresses] attributes of the XML.
    """
    found = _TYPE.findall(types)
    if not found:
        return None
    main, sub = found[-1]
    return f"{int(main)}.{int(sub):03d}" if sub else str(int(main))


def _name(text: str) -> str:
    return one_line(text)[:LONGEST_NAME].strip()
