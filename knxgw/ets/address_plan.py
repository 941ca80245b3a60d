"""Which group address each group object gets, so that ETS can import them; pure.

What the configuration links is kept. An object without an address gets a free one in the middle group of
its owner: its charging point, or the device. That is the middle group where most objects of the owner send
already, else the first one, counted from the chosen one, which no other owner has. There the sub group
follows from the number of the object, and if it is taken, the next free one is used.

So the plan depends on no order and no history: the same site gives the same plan, also after some or all
of the planned addresses have been taken over into its configuration.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from knxgw.catalogue.messages import Message, message
from knxgw.catalogue.text import Text
from knxgw.catalogue.texts import Names
from knxgw.config.addresses import (
    HIGHEST_MIDDLE,
    HIGHEST_SUB,
    group_address,
    raw_group_address,
)
from knxgw.config.model import GroupAddress
from knxgw.config.objects import ExistingObject
from knxgw.errors import GatewayError

USUAL_MAIN = 10  # seldom in use, and every line coupler filters it (not all of them do from 14 on)
USUAL_MIDDLE = 0
DEVICE = 0  # the owner of what belongs to no charging point, or to several
_SUBS = HIGHEST_SUB + 1
_BROADCAST = 0  # 0/0/0 is no group address


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedRange:
    """Where new group addresses go: those of the device first, then the charging points."""

    main: int | None = None  # None: where the site has addresses already, else `USUAL_MAIN`
    middle: int = USUAL_MIDDLE


class NoRoomError(GatewayError):
    """The wanted range cannot take all group addresses; it says so as a message."""

    def __init__(self, words: Message) -> None:
        self.words = words
        super().__init__(f"{words.problem()}; {words.remedy()}")


def owner_of(objects: Iterable[ExistingObject]) -> int:
    """Return whose address it is that links `objects`: a charging point's number, else `DEVICE`."""
    points = {one.point or DEVICE for one in objects}
    return points.pop() if len(points) == 1 else DEVICE


def objects_by_address(
    objects: Iterable[ExistingObject], links: Mapping[int, Sequence[GroupAddress]]
) -> Mapping[GroupAddress, tuple[ExistingObject, ...]]:
    """Return the objects of every address, both in the order of their numbers."""
    found: dict[GroupAddress, list[ExistingObject]] = {}
    for one in sorted(objects, key=lambda one: one.number):
        for address in links[one.number]:
            found.setdefault(address, []).append(one)
    return {address: tuple(found[address]) for address in sorted(found, key=raw_group_address)}


def plan_addresses(
    objects: Sequence[ExistingObject],
    linked: Iterable[GroupAddress],
    wanted: WantedRange,
    names: Names,
) -> Mapping[int, tuple[GroupAddress, ...]]:
    """Return the addresses of every object by its number, the sending one first.

    `linked` are all addresses of the configuration, also those of objects that the site does not have.
    Raises: NoRoomError.
    """
    links = {one.number: one.addresses for one in sorted(objects, key=lambda one: one.number)}
    taken = {_BROADCAST, *map(raw_group_address, linked)}
    taken.update(raw_group_address(address) for each in links.values() for address in each)
    missing: dict[int, list[ExistingObject]] = {}
    for one in sorted(objects, key=lambda one: one.number):
        if not one.addresses:
            missing.setdefault(one.point or DEVICE, []).append(one)
    homes = _homes(objects, wanted)
    for owner in sorted(missing):
        new = missing[owner]
        if owner not in homes:
            homes[owner] = _new_home(owner, len(new), homes, taken, wanted, names)
        home = homes[owner]
        free = _free_in(home, taken)
        if free < len(new):
            group = f"{home >> 3}/{home & HIGHEST_MIDDLE}"
            what = _name_of(owner, names)
            raise NoRoomError(
                message("middle_group_full", group=group, what=what, needed=len(new), free=free)
            )
        for one in new:
            raw = _free_address(home, _usual_sub(one), taken)
            taken.add(raw)
            links[one.number] = (group_address(raw),)
    return links


def _homes(objects: Sequence[ExistingObject], wanted: WantedRange) -> dict[int, int]:
    """Return the middle group [8 bits: main, middle] in which an owner has most sending addresses.

    An address that an object only listens on does not count, nor does one that others use as well: what
    interrupts all charging points is not at home with any. With a wanted main group only that one counts.
    """
    links = {one.number: one.addresses for one in objects}
    sending = {one.addresses[0] for one in objects if one.addresses}
    counts: dict[int, Counter[int]] = {}
    for address, users in objects_by_address(objects, links).items():
        home = raw_group_address(address) // _SUBS
        is_shared = len({one.point or DEVICE for one in users}) > 1
        if address in sending and not is_shared and wanted.main in (None, home >> 3):
            counts.setdefault(owner_of(users), Counter())[home] += 1
    return {
        owner: min(count, key=lambda home: (-count[home], home))
        for owner, count in sorted(counts.items())
    }


def _new_home(  # noqa: PLR0913, PLR0917 - what decides about a middle group
    owner: int,
    needed: int,
    homes: Mapping[int, int],
    taken: set[int],
    wanted: WantedRange,
    names: Names,
) -> int:
    """Return a middle group for an owner that has none. Raises: NoRoomError."""
    main = wanted.main
    if main is None:
        main = homes[min(homes)] >> 3 if homes else USUAL_MAIN
    usual = min(wanted.middle + owner, HIGHEST_MIDDLE + 1)
    for middle in chain(range(usual, HIGHEST_MIDDLE + 1), range(wanted.middle, usual)):
        home = main << 3 | middle
        if home not in homes.values() and _free_in(home, taken) >= needed:
            return home
    what = _name_of(owner, names)
    raise NoRoomError(
        message("no_middle_group_left", main=main, first=f"{main}/{wanted.middle}", what=what)
    )


def _usual_sub(existing: ExistingObject) -> int:
    """Return the sub group that an object gets where it is free: its number at charging point 1.

    Of our own objects, from 500 on: 100 for 500, 110 for 510.
    """
    number = existing.definition.number
    return number if number < 100 else 100 + number % 100


def _free_in(home: int, taken: set[int]) -> int:
    """Return how many addresses of a middle group are free."""
    return sum(home * _SUBS + sub not in taken for sub in range(_SUBS))


def _free_address(home: int, usual: int, taken: set[int]) -> int:
    """Return the first free address [16 bits] from the usual sub group on; there is one."""
    addresses = (home * _SUBS + sub for sub in chain(range(usual, _SUBS), range(usual)))
    return next(raw for raw in addresses if raw not in taken)


def _name_of(owner: int, names: Names) -> Text:
    return names.charging_point.filled(number=owner) if owner else names.general_objects
