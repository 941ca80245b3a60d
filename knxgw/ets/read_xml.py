"""Reads a list of group addresses that ETS exported as XML; pure.

Entities are refused, and the document is never held as a tree. Source: [ets-group-addresses] attributes of the XML.
"""

import io
from xml.parsers.expat import ExpatError, ParserCreate

from knxgw.catalogue.messages import message
from knxgw.config.addresses import parse_group_address
from knxgw.config.not_allowed import NotAllowedError
from knxgw.ets.address_list import AddressList, row_of
from knxgw.ets.archive_guard import refusal
from knxgw.ets.project import EtsFileError
from knxgw.ets.xml_guard import UnsafeXmlError, scan_xml

ROOT = "GroupAddress-Export"
HIGHEST = 65_535
LONGEST = 20  # characters of an address


def read_xml(data: bytes) -> AddressList:
    """Return the addresses of a list. Raises: EtsFileError."""
    try:
        scan_xml(io.BytesIO(data))
    except UnsafeXmlError as err:
        raise EtsFileError(refusal(err.danger)) from err
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)  # noqa: FBT003 - expat's: this is all of it
    except ExpatError as err:
        raise EtsFileError(message("ets_list_damaged", line=err.lineno)) from err
    return reader.found


class _Reader:
    """Takes the elements of one document."""

    def __init__(self) -> None:
        self.found = AddressList()
        self._is_list = False
        self.parser = ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.StartDoctypeDeclHandler = self._doctype

    def _doctype(self, *_: object) -> None:
        raise EtsFileError(message("ets_xml_unsafe"))

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(":")[2]
        if not self._is_list:
            if name != ROOT:
                raise EtsFileError(message("ets_no_list"))
            self._is_list = True
        elif name == "GroupRange":
            self._range(attributes)
        elif name == "GroupAddress":
            self._address(attributes)

    def _range(self, attributes: dict[str, str]) -> None:
        ends = [attributes.get(name, "") for name in ("RangeStart", "RangeEnd")]
        if all(end.isascii() and end.isdigit() and len(end) < 6 for end in ends):
            first, last = map(int, ends)
            self.found.add_range(first, last, attributes.get("Name", ""))
        else:
            self.found.skip(self.parser.CurrentLineNumber)

    def _address(self, attributes: dict[str, str]) -> None:
        try:
            address = parse_group_address(attributes.get("Address", "")[:LONGEST])
        except NotAllowedError:
            self.found.skip(self.parser.CurrentLineNumber)
            return
        main, middle, sub = map(int, address.split("/"))
        row = row_of(
            main << 11 | middle << 8 | sub,
            attributes.get("Name", ""),
            types=attributes.get("DPTs", ""),
            security=attributes.get("Security", ""),
            description=attributes.get("Description", ""),
        )
        self.found.add(row)
