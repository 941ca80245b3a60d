"""Charging points for the tests: out of a configuration text, as the gateway makes them."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from knxgw.catalogue.codes import ChargingState
from knxgw.charging.point import ChargingPoint, new_point
from knxgw.charging.precedence import Decision
from knxgw.charging.quantities import Quantity, Value
from knxgw.charging.readings import observe_charger
from tests.config.sites import KNX, configuration

AVAILABLE: Mapping[Quantity, Value] = {
    Quantity.STATE: ChargingState.AVAILABLE,
    Quantity.CONNECTED: 0,
}
WAITING: Mapping[Quantity, Value] = {Quantity.STATE: ChargingState.CONNECTED, Quantity.CONNECTED: 1}
CHARGING: Mapping[Quantity, Value] = {
    Quantity.STATE: ChargingState.CHARGE,
    Quantity.CONNECTED: 1,
    Quantity.CURRENT_L1: 16_000,
}
IDLE: Mapping[Quantity, Value] = {**CHARGING, Quantity.CURRENT_L1: 200}  # plugged, hardly draws
NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
METER = "meter: {model: eastron_sdm630, connection: {host: 192.168.1.41}}"


def make_point(more: str = "", model: str = "abb_terra_ac") -> ChargingPoint:
    """Return a new charging point; `more` is YAML within its flow mapping."""
    entry = f"number: 1, model: {model}, connection: {{host: 192.168.1.31}}"
    site = configuration(f"{KNX}charging_points:\n  - {{{entry}{', ' + more if more else ''}}}\n")
    return new_point(site.points[0], site.product)


def decided(point: ChargingPoint, decision: Decision | None) -> ChargingPoint:
    """Return the point with another decision about it."""
    return replace(point, control=replace(point.control, decision=decision))


def at(seconds: float) -> datetime:
    """Return the wall-clock time of a monotonic time."""
    return NOON + timedelta(seconds=seconds)


def seen(point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float) -> ChargingPoint:
    """Return the point after its charger showed values, with a valid clock."""
    return observe_charger(point, values, now_s, at(now_s))


def seen_for(
    point: ChargingPoint, values: Mapping[Quantity, Value], start_s: int, end_s: int
) -> ChargingPoint:
    """Return the point after its charger showed the same values every second."""
    for now_s in range(start_s, end_s + 1):
        point = seen(point, values, now_s)
    return point
