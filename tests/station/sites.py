"""Stations for the tests, and what came out of their steps."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from knxgw.charging.events import ChargerSeen
from knxgw.charging.publication import Published
from knxgw.charging.quantities import Quantity, Value
from knxgw.charging.scope import PointNumber, Scope, point_scope
from knxgw.config.devices import charger_id
from knxgw.station.initial import initial
from knxgw.station.model import Effect, Event, Offer, Publish, Started, Station
from knxgw.station.step import step
from tests.charging.points import NOON
from tests.config.sites import configuration, points

CP1, CP2 = PointNumber(1), PointNumber(2)
SCOPE1, SCOPE2 = point_scope(CP1), point_scope(CP2)
LEFT = "number: 1, model: abb_terra_ac, connection: {host: 192.168.1.31}"
RIGHT = "number: 2, model: alfen_eve, connection: {host: 192.168.1.32}"


def new_station(*entries: str, more: str = "") -> Station:
    """Return a station as it is before its first event."""
    text = points(*(entries or (LEFT, RIGHT))) + more
    return initial(configuration(text), {}, 0.0, NOON)


def after(station: Station, *events: Event, now_s: float = 1.0) -> tuple[Station, list[Effect]]:
    """Return the station after some events at the same moment, and all effects."""
    effects: list[Effect] = []
    for event in events:
        station, more = step(station, event, now_s)
        effects.extend(more)
    return station, effects


def started(*entries: str, more: str = "") -> Station:
    return after(new_station(*entries, more=more), Started(), now_s=0.0)[0]


def without_clock(station: Station) -> Station:
    """Return the station as it is before any clock was set."""
    return replace(station, operation=replace(station.operation, clock=None))


def charger(values: Mapping[Quantity, Value], point: PointNumber = CP1) -> ChargerSeen:
    return ChargerSeen(device=charger_id(point), values=values)


def offers(effects: Iterable[Effect], point: PointNumber = CP1) -> list[int]:
    return [e.offer_ma for e in effects if isinstance(e, Offer) and e.point == point]


def published(effects: Iterable[Effect], key: str, scope: Scope = SCOPE1) -> list[Published]:
    return [e.value for e in effects if isinstance(e, Publish) and (e.scope, e.key) == (scope, key)]
