"""The group objects a device can have, and their links; pure."""

from collections.abc import Iterable, Mapping

from knxgw.catalogue.flags import Flags
from knxgw.catalogue.messages import Listed
from knxgw.catalogue.objects import ObjectDefinition
from knxgw.catalogue.product import Catalogue
from knxgw.config.model import GroupAddress, GroupObjectLink
from knxgw.config.schema import GROUP_OBJECTS

POINTS = range(1, 6)  # charging points a device may have


def default_link(
    definition: ObjectDefinition, addresses: tuple[GroupAddress, ...]
) -> GroupObjectLink:
    """Return a link that behaves as the catalogue says."""
    return GroupObjectLink(
        addresses=addresses, flags=Flags.parse(definition.flags), priority=definition.priority
    )


def definitions(catalogue: Catalogue) -> Mapping[int, ObjectDefinition]:
    """Return all group objects a device can have, by number and in that order."""
    numbered = {one.number_of(point): one for one in catalogue.objects for point in POINTS}
    return dict(sorted(numbered.items()))


def key_of(number: int) -> str:
    """Return the key of a group object in the file."""
    return f"{GROUP_OBJECTS}.{number}"


def nearest(number: int, known: Iterable[int]) -> Listed:
    """Return the numbers of objects next to one that does not exist; `known` is in order."""
    numbers = tuple(known)
    below = [other for other in numbers if other < number][-2:]
    above = [other for other in numbers if other > number][:2]
    return Listed((*below, *above))
