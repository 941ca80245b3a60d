"""Reads the section `group_objects`: number -> group addresses, the first one is sent on."""

from knxgw.catalogue.model import Catalogue
from knxgw.catalogue.yaml_tree import Node
from knxgw.config.addresses import GroupAddress, parse_group_address
from knxgw.config.convert import SHOWN
from knxgw.config.group_objects import default_link, definitions
from knxgw.config.model import GroupObjectLink
from knxgw.config.report import Report
from knxgw.config.yaml_values import is_empty

_FORMS = "write 1/2/3 (0/0/1 to 31/7/255)"


def read_group_objects(
    node: Node | None, catalogue: Catalogue, report: Report
) -> dict[int, GroupObjectLink]:
    """Return the linked group objects, with the flags the catalogue gives them.

    Mistakes go to the report.
    """
    known = definitions(catalogue)
    linked: dict[int, tuple[GroupAddress, ...]] = {}
    for name, child in node.mapping().items() if node and not is_empty(node) else ():
        report.lines[child.key] = child.line
        number = int(name) if name.isascii() and name.isdigit() and len(name) < 6 else None
        if number is None:
            report.error(child.key, f"{name[:SHOWN]!r} is no number of a group object")
        elif number not in known:
            report.error(
                child.key, f"there is no group object {number}", _near(number, tuple(known))
            )
        elif number in linked:
            report.error(child.key, f"group object {number} is given twice", "remove one of them")
        else:
            linked[number] = _addresses(child, report)
    return {
        number: default_link(known[number], addresses)
        for number, addresses in linked.items()
        if addresses
    }


def _addresses(node: Node, report: Report) -> tuple[GroupAddress, ...]:
    if is_empty(node):
        return ()
    items = node.items() if node.is_list or node.is_mapping else [node]
    addresses: list[GroupAddress] = []
    for item in items:
        report.lines[item.key] = item.line
        address = _address(item, report)
        if address in addresses:
            report.warning(item.key, f"{address} is given twice", "remove one of them")
        elif address:
            addresses.append(address)
    return tuple(addresses)


def _address(node: Node, report: Report) -> GroupAddress | None:
    if node.is_list or node.is_mapping:
        report.error(node.key, "expected a group address", _FORMS)
        return None
    try:
        return parse_group_address(node.text()[:SHOWN])
    except ValueError as err:
        report.error(node.key, str(err), _FORMS)
        return None


def _near(number: int, known: tuple[int, ...]) -> str:
    below = [other for other in known if other < number][-2:]
    above = [other for other in known if other > number][:2]
    return f"nearby are: {', '.join(str(other) for other in below + above)}"
