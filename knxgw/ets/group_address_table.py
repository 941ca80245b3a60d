"""The group addresses of a site as ETS orders them: main groups, middle groups, addresses; pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from knxgw.catalogue.product import Catalogue
from knxgw.catalogue.text import Text
from knxgw.catalogue.texts import Names
from knxgw.config.addresses import HIGHEST_MIDDLE, raw_group_address
from knxgw.config.group_objects import POINTS
from knxgw.config.model import Configuration, GroupAddress
from knxgw.config.objects import ExistingObject
from knxgw.ets.address_plan import DEVICE, objects_by_address, owner_of

DEVICE_NAME = "device.name"  # the parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteNames:
    """What a site calls its parts, in one language."""

    main: str
    owners: Mapping[int, str]  # `DEVICE` and the charging points
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedAddress:
    """A group address with everything that ETS keeps of it."""

    address: GroupAddress
    name: str
    description: str
    dpt: str | None  # as everywhere here: "1.003"; None: no datapoint type
    numbers: tuple[int, ...]  # of the linked group objects


@dataclass(frozen=True, slots=True, kw_only=True)
class MiddleGroup:
    """A middle group and its addresses, in their order."""

    main: int
    middle: int
    name: str
    addresses: tuple[NamedAddress, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MainGroup:
    """A main group and its middle groups, in their order."""

    main: int
    name: str
    middle_groups: tuple[MiddleGroup, ...]


def site_names(
    configuration: Configuration | None, catalogue: Catalogue, language: str
) -> SiteNames:
    """Return the names of a site, None: of any. What has no name of its own gets a common one."""
    names = catalogue.product.texts.names
    unnamed = {point: names.charging_point.filled(number=point) for point in POINTS}
    owners = {point: text.in_language(language) for point, text in unnamed.items()}
    owners[DEVICE] = names.general_objects.in_language(language)
    main = names.ev_charging.in_language(language)
    if configuration is not None:
        owners |= {
            point.number: point.name
            for point in configuration.points
            if point.name not in (unnamed[point.number].en, unnamed[point.number].de)
        }
        if configuration.device.name != _default(DEVICE_NAME, catalogue):
            main = configuration.device.name
    return SiteNames(main=main, owners=owners, language=language)


def group_address_table(
    objects: Sequence[ExistingObject],
    links: Mapping[int, Sequence[GroupAddress]],
    site: SiteNames,
    names: Names,
) -> tuple[MainGroup, ...]:
    """Return the addresses to which `objects` are linked, in their groups."""
    addresses = objects_by_address(objects, links)
    middle_groups = [
        MiddleGroup(
            main=home >> 3,
            middle=home & HIGHEST_MIDDLE,
            name=site.owners[_main_owner(addresses[one] for one in inside)],
            addresses=tuple(
                _named(one, addresses[one], site, _described(one, addresses[one], links, names))
                for one in inside
            ),
        )
        for home, group in groupby(addresses, lambda one: raw_group_address(one) >> 8)
        for inside in (tuple(group),)
    ]
    return tuple(
        MainGroup(main=main, name=site.main, middle_groups=tuple(group))
        for main, group in groupby(middle_groups, lambda one: one.main)
    )


def _default(key: str, catalogue: Catalogue) -> str | None:
    """Return the default of a parameter. Raises: StopIteration."""
    return next(one.default for one in catalogue.parameters if one.key == key)


def _main_owner(users: Iterable[Sequence[ExistingObject]]) -> int:
    """Return who has most of several addresses."""
    counts = Counter(owner_of(one) for one in users)
    return min(counts, key=lambda owner: (-counts[owner], owner))


def _named(
    address: GroupAddress, users: Sequence[ExistingObject], site: SiteNames, described: Text
) -> NamedAddress:
    """Return an address with the name of its first object, and of its charging point if it has one."""
    first, owner = users[0], owner_of(users)
    function = first.function.in_language(site.language)
    return NamedAddress(
        address=address,
        name=f"{site.owners[owner]}: {function}" if owner != DEVICE else function,
        description=described.in_language(site.language),
        dpt=next((one.dpt for one in users if one.dpt), None),
        numbers=tuple(one.number for one in users),
    )


def _described(
    address: GroupAddress,
    users: Sequence[ExistingObject],
    links: Mapping[int, Sequence[GroupAddress]],
    names: Names,
) -> Text:
    """Return which objects send on an address, and which of them only listen: an import takes that back."""
    sending = [one.number for one in users if links[one.number][0] == address]
    listening = [one.number for one in users if one.number not in sending]
    said = [_numbered(sending, names)] if sending else []
    said += [names.listening.filled(objects=_numbered(listening, names))] if listening else []
    return Text(en=". ".join(one.en for one in said), de=". ".join(one.de for one in said))


def _numbered(numbers: Sequence[int], names: Names) -> Text:
    if len(numbers) == 1:
        return names.group_object.filled(number=numbers[0])
    return names.group_objects.filled(numbers=", ".join(map(str, numbers)))
