"""Group addresses as files that ETS imports, CSV (3/1) and XML, and as lines of the configuration; pure.

Source: [ets-group-addresses] the columns, ranges and attributes of the files.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from xml.etree import ElementTree as ET

from knxgw.catalogue.objects import ObjectDefinition
from knxgw.config.addresses import HIGHEST_SUB, HIGHEST_TWO_LEVEL_SUB
from knxgw.config.model import GroupAddress
from knxgw.config.objects import ExistingObject
from knxgw.config.schema import GROUP_OBJECTS
from knxgw.ets.address_plan import DEVICE
from knxgw.ets.group_address_table import MainGroup, NamedAddress, SiteNames

HEADINGS = (
    "Main", "Middle", "Sub", "Address", "Central", "Unfiltered", "Description", "DatapointType",
    "Security",
)  # fmt: skip
NAMESPACE = "http://knx.org/xml/ga-export/01"
SECURITY = "Auto"  # ETS decides by the devices that are linked
_DECLARATION = b'<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n'


def ets_csv(groups: Iterable[MainGroup]) -> bytes:
    """Return the file of a group address list: UTF-8 with byte order mark, `;`, all quoted, CRLF."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(HEADINGS)
    writer.writerows(_csv_rows(groups))
    return text.getvalue().encode("utf-8-sig")


def _csv_rows(groups: Iterable[MainGroup]) -> Iterator[Sequence[str]]:
    """Yield a row for every main group, middle group and address; its name stands in its own column."""
    for main in groups:
        yield main.name, "", "", f"{main.main}/-/-", "", "", "", "", SECURITY
        for middle in main.middle_groups:
            yield "", middle.name, "", f"{middle.main}/{middle.middle}/-", "", "", "", "", SECURITY
            for one in middle.addresses:
                yield "", "", one.name, one.address, "", "", one.description, _dpt(one), SECURITY


def ets_xml(groups: Iterable[MainGroup]) -> bytes:
    """Return the file of a group address list as XML, UTF-8."""
    root = ET.Element("GroupAddress-Export", xmlns=NAMESPACE)
    for main in groups:
        first = main.main << 11
        main_range = _range(root, main.name, first, first + HIGHEST_TWO_LEVEL_SUB)
        for middle in main.middle_groups:
            first = middle.main << 11 | middle.middle << 8
            middle_range = _range(main_range, middle.name, first, first + HIGHEST_SUB)
            for one in middle.addresses:
                ET.SubElement(middle_range, "GroupAddress", _attributes(one))
    ET.indent(root)
    content: bytes = ET.tostring(root, encoding="utf-8")
    return _DECLARATION + content + b"\n"


def _range(parent: ET.Element, name: str, first: int, last: int) -> ET.Element:
    """Return a new range of addresses [16 bits]; 0/0/0 is none, so the very first one begins with 1."""
    bounds = {"RangeStart": str(max(first, 1)), "RangeEnd": str(last)}
    return ET.SubElement(parent, "GroupRange", {"Name": name, **bounds})


def _attributes(one: NamedAddress) -> dict[str, str]:
    attributes = {"Name": one.name, "Address": one.address, "Description": one.description}
    if one.dpt is not None:
        attributes["DPTs"] = _dpt(one)
    return {**attributes, "Security": SECURITY}


def _dpt(one: NamedAddress) -> str:
    """Return a datapoint type as ETS writes it, "DPST-1-3" for 1.003; "": there is none."""
    if one.dpt is None:
        return ""
    main, sub = one.dpt.split(".")
    return f"DPST-{int(main)}-{int(sub)}"


def config_lines(
    objects: Iterable[ExistingObject],
    links: Mapping[int, Sequence[GroupAddress]],
    absent: Mapping[int, ObjectDefinition],
    site: SiteNames,
) -> str:
    """Return the section `group_objects` that links every object as `links` says.

    `absent` are linked objects that the site does not have; they stand at the end, so that nothing is lost.
    """
    lines = [f"{GROUP_OBJECTS}:"]
    owner = None
    for one in sorted(objects, key=lambda one: (one.point or DEVICE, one.number)):
        if owner != (owner := one.point or DEVICE):
            lines.append(f"  # {site.owners[owner]}")
        function = one.function.in_language(site.language)
        lines.append(_line(one.number, links, f"{function}, {one.dpt}" if one.dpt else function))
    lines += [
        _line(number, links, definition.function.in_language(site.language))
        for number, definition in sorted(absent.items())
    ]
    return "".join(f"{line}\n" for line in lines)


def _line(number: int, links: Mapping[int, Sequence[GroupAddress]], comment: str) -> str:
    link = f"  {number}: [{', '.join(links[number])}]"
    return f"{link:<24}  # {comment}"
