"""Reads the section `group_objects`: number -> group addresses, the first one is sent on."""

from knxgw.catalogue.messages import message
from knxgw.catalogue.yaml_tree import Node
from knxgw.config.addresses import parse_group_address
from knxgw.config.group_objects import default_link, definitions, nearest
from knxgw.config.model import GroupAddress, GroupObjectLink
from knxgw.config.not_allowed import SHOWN, NotAllowedError
from knxgw.config.report import Report
from knxgw.config.yaml_values import YamlFile, is_empty


def read_group_objects(node: Node | None, file: YamlFile) -> dict[int, GroupObjectLink]:
    """Return the linked group objects, with the flags the catalogue gives them.

    Mistakes go to the report.
    """
    known = definitions(file.catalogue)
    linked: dict[int, tuple[GroupAddress, ...]] = {}
    for name, child in node.mapping().items() if node and not is_empty(node) else ():
        file.places.lines[child.key] = child.line
        number = int(name) if name.isascii() and name.isdigit() and len(name) < 6 else None
        if number is None:
            file.report.error(child.key, "object_not_a_number", text=repr(name[:SHOWN]))
        elif number not in known:
            near = nearest(number, known)
            file.report.error(child.key, "object_unknown", number=number, near=near)
        elif number in linked:
            file.report.error(child.key, "object_given_twice", number=number)
        else:
            linked[number] = _addresses(child, file)
    return {
        number: default_link(known[number], addresses)
        for number, addresses in linked.items()
        if addresses
    }


def _addresses(node: Node, file: YamlFile) -> tuple[GroupAddress, ...]:
    """Return the group addresses of an object, the sending one first; mistakes are reported."""
    if is_empty(node):
        return ()
    items = node.items() if node.is_list or node.is_mapping else [node]
    addresses: list[GroupAddress] = []
    for item in items:
        file.places.lines[item.key] = item.line
        address = _address(item, file.report)
        if address in addresses:
            file.report.warning(item.key, "address_given_twice", address=address)
        elif address:
            addresses.append(address)
    return tuple(addresses)


def _address(node: Node, report: Report) -> GroupAddress | None:
    """Return a group address; None: it was none, which is reported."""
    if node.is_list or node.is_mapping:
        report.error(node.key, "expected_group_address", remedy=message("write_group_address"))
        return None
    try:
        return parse_group_address(node.text()[:SHOWN])
    except NotAllowedError as err:
        report.note(node.key, err.words)
        return None
