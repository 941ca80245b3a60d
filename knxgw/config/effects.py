"""What a change of the configuration brings about while the device runs. Pure.

It says what people want to know before they apply a change: which charging points go on untouched, which are
read again, whether KNX or the website is cut off for a moment. Source: website 44.
"""

from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple, Protocol

from knxgw.config.model import Configuration, PointSettings


class EffectKind(StrEnum):
    """What happens to a part of the device."""

    BEGINS = "begins"  # the device was not configured before
    POINT_ADDED = "point_added"
    POINT_REMOVED = "point_removed"
    POINT_READ_ANEW = "point_read_again"  # another model or connection
    POINT_CHANGED = "point_changed"  # its settings; it is not interrupted
    POINT_UNTOUCHED = "point_untouched"
    KNX_ANEW = "knx_again"  # the KNX connection ends and begins again
    WEBSITE_MOVES = "website_moves"
    WEBSITE_REACHED_OTHERWISE = "website_reached_otherwise"  # other names, proxy or encryption
    SERIAL_ANEW = "serial_again"
    LOAD_MANAGEMENT = "load_management"
    GROUP_ADDRESSES = "group_addresses"
    DEVICE = "device"  # name, language, time zone, ...


class Effect(NamedTuple):
    """What happens, and to which charging point where it is one."""

    kind: EffectKind
    point: int | None = None
    address: str = ""  # where the website answers then


class Answering(Protocol):
    """Where the website answers."""

    @property
    def host(self) -> str:
        """Return the address, or "0.0.0.0"."""

    @property
    def port(self) -> int:
        """Return the port."""


def effects_of(
    before: Configuration | None, after: Configuration, answers_at: Answering | None = None
) -> tuple[Effect, ...]:
    """Return what going on from one configuration to another brings about, in the order of the page.

    `answers_at`: where the website of a device without a configuration answers.
    """
    if before is None:
        added = (Effect(EffectKind.POINT_ADDED, point.number) for point in after.points)
        moves = answers_at is not None and _address(answers_at) != _address(after.website)
        moved = [Effect(EffectKind.WEBSITE_MOVES, address=_address(after.website))] * moves
        return (Effect(EffectKind.BEGINS), *added, *moved)
    return (*_of_points(before, after), *_of_the_rest(before, after))


def _of_points(before: Configuration, after: Configuration) -> tuple[Effect, ...]:
    old = {point.number: point for point in before.points}
    new = {point.number: point for point in after.points}
    return tuple(
        Effect(_of_point(old.get(number), new.get(number)), number)
        for number in sorted(old.keys() | new.keys())
    )


def _of_point(before: PointSettings | None, after: PointSettings | None) -> EffectKind:
    if before is None:
        return EffectKind.POINT_ADDED
    if after is None:
        return EffectKind.POINT_REMOVED
    if before == after:
        return EffectKind.POINT_UNTOUCHED
    wires = (before.model, before.connection, before.meter, before.phases)
    is_same = wires == (after.model, after.connection, after.meter, after.phases)
    return EffectKind.POINT_CHANGED if is_same else EffectKind.POINT_READ_ANEW


def _of_the_rest(before: Configuration, after: Configuration) -> tuple[Effect, ...]:
    def device(one: Configuration) -> object:
        return one.device, one.grid_setpoint_ma, one.firmware, one.panel

    def reached(one: Configuration) -> object:
        return replace(one.website, host="", port=0)

    changed = {
        EffectKind.KNX_ANEW: before.knx != after.knx,
        EffectKind.WEBSITE_MOVES: _address(before.website) != _address(after.website),
        EffectKind.WEBSITE_REACHED_OTHERWISE: reached(before) != reached(after),
        EffectKind.SERIAL_ANEW: before.serial != after.serial,
        EffectKind.LOAD_MANAGEMENT: before.load_management != after.load_management,
        EffectKind.GROUP_ADDRESSES: dict(before.group_objects) != dict(after.group_objects),
        EffectKind.DEVICE: device(before) != device(after),
    }
    address = _address(after.website)
    return tuple(
        Effect(kind, address=address if kind is EffectKind.WEBSITE_MOVES else "")
        for kind, has_changed in changed.items()
        if has_changed
    )


def _address(of: Answering) -> str:
    return f"{of.host}:{of.port}"
