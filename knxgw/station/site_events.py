"""Applies the events that concern the whole site: grid control, the wall clock, start and end. Pure.

*The wait for the bus.* When the gateway starts, or a new configuration is the first to have that group object, it
asks the bus whether grid-supporting control is active. Until the answer is there, or the time for it is over (`waits_for_bus_until`), no charging point gets more
than its minimum.
"""

from dataclasses import replace
from datetime import timedelta
from typing import assert_never

from knxgw.catalogue.codes import FaultCode
from knxgw.charging import session_dates
from knxgw.station.initial import BUS_ANSWER_S
from knxgw.station.model import (
    BusAsked,
    ClockSet,
    GridControlCommanded,
    InternalErrorFound,
    Operation,
    SiteEvent,
    StateLost,
    Station,
    Stopping,
    UpdateFailed,
    WallClock,
)

# two clocks that differ by no more than this agree: a time arrives a little late
CLOCKS_AGREE_WITHIN = timedelta(seconds=1)


def after_site_event(station: Station, event: SiteEvent, now_s: float) -> Station:
    """Return the station after an event that concerns the whole site.

    It changes how the site is operated (`Operation`), or sets a fault of the whole device. When the clock is set,
    sessions may also get other times.
    """
    operation = station.operation
    match event:
        case BusAsked():
            return _with_bus_wait_shortened(station, now_s)
        case ClockSet():
            return _with_clock_set(station, event, now_s)
        case GridControlCommanded(is_active=active):
            # this is the answer that the gateway waits for after its start: the wait is over
            operation = replace(operation, is_grid_control_active=active, waits_for_bus_until=None)
            return _with_operation(station, operation)
        case Stopping():
            # the wait for the bus ends, too: without load management each charger must be left with its
            # setpoint, not with the minimum that holds during the wait
            operation = replace(operation, is_stopping=True, waits_for_bus_until=None)
            return _with_operation(station, operation)
        case InternalErrorFound() | StateLost() | UpdateFailed():
            faults = station.faults.set(_FAULT_OF_EVENT[type(event)], is_present=True)
            return replace(station, faults=faults)
        case _:
            assert_never(event)


_FAULT_OF_EVENT = {
    # while this fault is present, no charging point gets more than its minimum (`control_inputs`)
    InternalErrorFound: FaultCode.CONTACT_SUPPORT,
    StateLost: FaultCode.STATE_LOST,
    UpdateFailed: FaultCode.UPDATE_FAILED,
}


def _with_operation(station: Station, operation: Operation) -> Station:
    """Return the station with another state of operation."""
    return replace(station, operation=operation)


def _with_bus_wait_shortened(station: Station, now_s: float) -> Station:
    """Return the station after the KNX link came up and the state of grid control was asked for.

    The bus answers within `BUS_ANSWER_S`, so the wait for it need not last longer than that. It is never
    extended; and once it is over, a link that comes back does not begin it again.
    """
    waits_until = station.operation.waits_for_bus_until
    if waits_until is not None:
        waits_until = min(waits_until, now_s + BUS_ANSWER_S)
    return _with_operation(station, replace(station.operation, waits_for_bus_until=waits_until))


def with_bus_wait_ended(station: Station, now_s: float) -> Station:
    """Return the station with its wait for the bus ended, if the bus has had its time without an answer.

    From then on the stored state of grid control counts. If the wait goes on, or there is none, the station is
    returned as it is.
    """
    waits_until = station.operation.waits_for_bus_until
    if waits_until is None or now_s < waits_until:
        return station
    return _with_operation(station, replace(station.operation, waits_for_bus_until=None))


def _with_clock_set(station: Station, event: ClockSet, now_s: float) -> Station:
    """Return the station with its wall clock set; as it is if a better source has set the clock before.

    A time server is better than the bus, and the bus is better than the machine's own clock. If the clock was
    wrong until now, or no time was known, the sessions with wrong or missing times are dated again.
    """
    old = station.operation.clock
    if old is not None and event.source < old.source:
        return station
    clock = WallClock(time=event.now, set_at=now_s, source=event.source)
    station = _with_operation(station, replace(station.operation, clock=clock))
    clock_error = None if old is None else abs(event.now - old.at_monotonic(now_s))
    if clock_error is not None and clock_error <= CLOCKS_AGREE_WITHIN:
        return station  # the clock was right: no session has a wrong time
    dated = {
        number: session_dates.with_new_times(point, event.now, now_s)
        for number, point in station.points.items()
        if session_dates.needs_new_times(point, clock_error)
    }
    return replace(station, points={**station.points, **dated})
