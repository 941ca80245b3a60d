"""The one step of the station: an event in, the new station and the wanted effects out. Pure.

A step has two halves. First the event is applied: a function `_after_...` returns the changed station and
says what the change may concern. That is called *dirty*: it must be derived again. Then `derive` works out
what follows: allocation, decisions, offers, group objects, what is stored. Most readings repeat the values
of the reading before; then nothing is dirty, and the second half is left out.

A fault *for information*, such as after a refused command, is shown for a moment only: until the next tick, which
comes each second.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import NamedTuple, assert_never

from knxgw.catalogue.codes import FaultCode
from knxgw.charging import commands, link, readings
from knxgw.charging.events import (
    ChargerConditionChanged,
    ChargerSeen,
    DeviceEvent,
    GridMeterReading,
    LinkCondition,
    MeterConditionChanged,
    MeterSeen,
    OfferAcknowledged,
)
from knxgw.charging.faults import FaultRegister
from knxgw.charging.point import ChargingPoint
from knxgw.charging.scope import DEVICE, PointNumber
from knxgw.config.devices import DeviceRole
from knxgw.station import load_management
from knxgw.station.control_inputs import is_site_paused
from knxgw.station.derive import EVERYTHING, CycleRequest, Dirty, derive
from knxgw.station.initial import CONFIGURATION_FAULTS
from knxgw.station.model import (
    BusAsked,
    ClockSet,
    ConfigurationChanged,
    Effect,
    Event,
    GridControlCommanded,
    HighPowerStarted,
    InOperationSeen,
    InternalErrorFound,
    InterruptionCommanded,
    LoadManagementEvent,
    MeterState,
    Note,
    PointEvent,
    SetpointCommanded,
    Started,
    StartStopCommanded,
    StateLost,
    Station,
    StepEvent,
    Stopping,
    Tick,
    Unlock,
    UnlockCommanded,
    UpdateFailed,
)
from knxgw.station.notes import ration_lines
from knxgw.station.reconfigure import reconfigure
from knxgw.station.site_events import after_site_event, with_bus_wait_ended


class Applied(NamedTuple):
    """The station after an event, before anything has been derived from it."""

    station: Station
    dirty: Dirty  # what must be derived; `NOTHING`: the station is final
    effects_at_once: tuple[Effect, ...] = ()  # they come before the effects that are derived


NOTHING = Dirty()  # nothing has to be derived; `step` recognises this very object


def step(station: Station, event: Event, now_s: float) -> tuple[Station, tuple[Effect, ...]]:
    """Return the station after an event, and the effects of the event.

    Pure: the same arguments give the same answer. `now_s`: the monotonic time of the event.
    """
    if isinstance(event, ConfigurationChanged):
        return reconfigure(station, event, now_s)
    changed, dirty, effects_at_once = _after_event(station, event, now_s)
    if dirty is NOTHING:  # the most frequent case: a reading that shows nothing new
        return changed, effects_at_once
    before = station
    if isinstance(event, Started):
        # `derive` reports a fault only if it was not there before. A station may begin with faults, and these
        # must be reported as well
        before = _without_faults_of_start(station)
    derived, effects = derive(before, changed, dirty, now_s)
    return derived, (*effects_at_once, *effects)


def _after_event(  # noqa: PLR0911 - one for each kind of event
    station: Station, event: StepEvent, now_s: float
) -> Applied:
    """Return the station with an event applied to it, and what must be derived from that.

    There is one case for each kind of event. Some also have effects that are not derived, such as a message to
    a charger or a line of the log.
    """
    match event:
        # the most frequent event comes first. The event of a charger that is not configured any more falls
        # through to `_after_device_event`, which drops it
        case ChargerSeen() if event.device in station.site.devices:
            return _after_charger_reading(station, event, now_s)
        case Tick():
            return _after_tick(station, now_s)
        case Started():
            return Applied(station, EVERYTHING)
        case UnlockCommanded(point=number):
            return Applied(station, NOTHING, _effects_of_unlock(station, number, now_s))
        case (
            BusAsked()
            | ClockSet()
            | GridControlCommanded()
            | Stopping()
            | InternalErrorFound()
            | StateLost()
            | UpdateFailed()
        ):
            return Applied(after_site_event(station, event, now_s), EVERYTHING)
        case GridMeterReading() | InOperationSeen() | HighPowerStarted():
            return _after_load_management_event(station, event, now_s)
        case InterruptionCommanded() | SetpointCommanded() | StartStopCommanded():
            return _after_point_event(station, event.point, event, now_s)
        case _:
            return _after_device_event(station, event, now_s)


def _after_load_management_event(
    station: Station, event: LoadManagementEvent, now_s: float
) -> Applied:
    """Return the station after a KNX telegram to load management.

    It is a value of the smart meter, its sign of life, or the announcement that a large consumer starts. Only
    the last needs a cycle at once in any case; with the others it waits for the next tick, if it may
    (`load_management.may_wait_for_tick`).
    """
    new_phases = (event.phase,) if isinstance(event, GridMeterReading) else ()
    updated = load_management.apply_event(station, event, now_s)
    return _with_cycle_if_urgent(
        station, updated, new_phases, now_s, must_run_cycle=isinstance(event, HighPowerStarted)
    )


def _with_cycle_if_urgent(
    before: Station,
    updated: Station,
    new_phases: tuple[int, ...],
    now_s: float,
    *,
    must_run_cycle: bool = False,
) -> Applied:
    """Return `updated`, in which load management has already noted an event, with a cycle at once if that needs one.

    The event is a value of the smart meter, its sign of life, or the start of a large consumer. If no cycle is
    needed at once, the next one that is due takes it in, at a tick. `before`: the station before the event.
    `new_phases`: the phases (0 to 2) with a new meter value. `must_run_cycle`: a cycle runs in any case.
    """
    if not must_run_cycle and load_management.may_wait_for_tick(before, updated, new_phases, now_s):
        return Applied(updated, NOTHING)
    cycle_at_once = Dirty(new_phases=new_phases, cycle=CycleRequest.NOW, is_device_dirty=True)
    return Applied(updated, cycle_at_once)


def _after_tick(before: Station, now_s: float) -> Applied:
    """Return the station after the tick of each second, and what may have changed by time alone.

    No fault for information is shown any more. If the wait for the bus has just ended (the gateway has asked for
    the state of grid control), everything may have changed. Otherwise this may have changed:

    - the whole device, which publishes the age of the smart meter's value;
    - charging points that are due: something of theirs ends at this moment (`wake_at`), or they have just
      stopped showing such a fault. Their sessions are brought up to their last reading;
    - load management, which runs a cycle if one is due.
    """
    station = with_bus_wait_ended(_with_transient_faults_cleared(before), now_s)
    has_bus_wait_ended = (
        station.operation.waits_for_bus_until != before.operation.waits_for_bus_until
    )
    if has_bus_wait_ended:
        # once after a start, and after a configuration that newly asks the bus for the state of grid control
        return Applied(station, EVERYTHING)
    due_points = _points_due_at_tick(before, station, now_s)
    station = _with_sessions_caught_up(station, due_points, now_s)
    # the device is dirty with each tick, because it publishes the age of the smart meter's value
    dirty = Dirty(points=due_points, cycle=CycleRequest.IF_DUE, is_device_dirty=True)
    return Applied(station, dirty)


def _points_due_at_tick(before: Station, station: Station, now_s: float) -> list[PointNumber]:
    """Return the charging points that must be looked at in this tick, although nothing was reported.

    These are the points at which something ends or changes by time at this moment (`wake_at`), such as a
    reading that goes stale; each point is also looked at every 10 s. And they are those that have just stopped
    showing a fault for information, which is all that can have changed them between `before` and `station`.
    """
    return [
        number
        for number, point in station.points.items()
        if point.control.wake_at <= now_s or point is not before.points[number]
    ]


def _with_sessions_caught_up(
    station: Station, numbers: Collection[PointNumber], now_s: float
) -> Station:
    """Return the station with the sessions of some charging points brought up to their last reading.

    A reading that shows nothing new does not extend the session, to save time. These charging points are about
    to be published, with the duration of their session, so it is extended now.
    """
    if not numbers:
        return station
    now = station.now(now_s)
    caught_up = {
        number: readings.catch_up(station.points[number], now_s, now) for number in numbers
    }
    return replace(station, points={**station.points, **caught_up})


def _without_faults_of_start(station: Station) -> Station:
    """Return the station without the faults that it began with, as it was before it had any.

    `initial` has set these faults. Compared with the station returned here they are new, so they are reported.
    """
    unreported = replace(station, faults=_register_without_start_faults(station.faults))
    for number, point in station.points.items():
        unreported = unreported.with_point(
            number, replace(point, faults=_register_without_start_faults(point.faults))
        )
    return unreported


def _register_without_start_faults(faults: FaultRegister) -> FaultRegister:
    """Return a register without the faults that a station may begin with (`_FAULTS_AT_START`)."""
    kept = tuple(code for code in faults.present if code not in _FAULTS_AT_START)
    return replace(faults, present=kept)


_FAULTS_AT_START = (FaultCode.STATE_LOST, *CONFIGURATION_FAULTS)  # those that `initial` sets


def _with_transient_faults_cleared(station: Station) -> Station:
    """Return the station with no charging point showing a fault for information any more.

    Such a fault, for example after a command that was not possible, has no duration: it is never present, and
    is shown only until the next tick.
    """
    cleared = {
        number: replace(point, faults=point.faults.clear_transient())
        for number, point in station.points.items()
        if point.faults.shown_transient is not None
    }
    return replace(station, points={**station.points, **cleared}) if cleared else station


def _changed_point(
    station: Station, before: ChargingPoint, event: PointEvent, now_s: float
) -> ChargingPoint:
    """Return a charging point as an event leaves it, by the rule for that kind of event.

    `before`: the point before the event. `station`: where it is. In a reading, `unavailable` names the
    quantities of which the charger or meter says that it has no value.
    """
    now = station.now(now_s)
    match event:
        case ChargerSeen(values=values, unavailable=unavailable):
            after = readings.observe_charger(
                before, values=values, now_s=now_s, now=now, unavailable=unavailable
            )
        case MeterSeen(values=values, unavailable=unavailable):
            after = readings.observe_meter(
                before, values=values, now_s=now_s, now=now, unavailable=unavailable
            )
        case ChargerConditionChanged(condition=condition):
            after = link.link_changed(before, condition=condition)
        case MeterConditionChanged(condition=condition):
            after = link.meter_link_changed(before, condition=condition)
        case OfferAcknowledged(offer_ma=offer_ma):
            after = link.offer_acknowledged(before, offer_ma=offer_ma, now_s=now_s)
        case InterruptionCommanded(is_active=active):
            after = commands.command_interruption(before, is_active=active)
        case SetpointCommanded(setpoint_ma=setpoint_ma):
            after = commands.command_setpoint(before, wanted_ma=setpoint_ma)
        case StartStopCommanded(is_start=start):
            after = commands.command_start_stop(
                before, now_s=now_s, is_start=start, is_site_paused=is_site_paused(station)
            )
        case _:
            assert_never(event)
    return after


def _after_charger_reading(station: Station, event: ChargerSeen, now_s: float) -> Applied:
    """Return the station after a reading of a charger that is configured.

    Most readings repeat the values of the one before. Then only the instants of reading change, and nothing is
    derived: this keeps the most frequent event cheap.
    """
    number = station.point_of(event.device)
    # the point with newer instants of reading; None: the reading may show something new
    repeated = None
    if number is not None:  # every charger belongs to a charging point
        point = station.points[number]
        repeated = readings.observe_repeated(
            point, event.values, now_s, unavailable=event.unavailable
        )
    if repeated is not None:
        return Applied(load_management.after_repeated_reading(station, repeated), NOTHING)
    return _after_device_event(station, event, now_s)


def _after_device_event(station: Station, event: DeviceEvent, now_s: float) -> Applied:
    """Return the station after an event of a device on Modbus, by the role of the device.

    A charger, or a meter behind one, belongs to a charging point. Other meters measure the mains connection, or
    something else (submeters). An event of a device that is not configured any more changes nothing.
    """
    if event.device not in station.site.devices:
        # it was removed from the configuration while the event was on its way
        return Applied(station, NOTHING)
    number = station.point_of(event.device)
    if number is not None:
        return _after_point_event(station, number, event, now_s)
    if station.site.devices[event.device].role is DeviceRole.GRID_METER:
        return _after_grid_meter_event(station, event, now_s)
    return _after_submeter_event(station, event, now_s)


def _after_point_event(
    station: Station, number: PointNumber, event: PointEvent, now_s: float
) -> Applied:
    """Return the station after an event of one charging point: a reading, its link, or a command.

    If a command was ignored, or its setpoint was changed to one that is possible, a line of the log says so.
    """
    before = station.points[number]
    after = _changed_point(station, before, event, now_s)
    notes = tuple(_notes_on_refusal(event, before, after))
    return Applied(station.with_point(number, after), Dirty(points=(number,)), notes)


def _after_grid_meter_event(station: Station, event: DeviceEvent, now_s: float) -> Applied:
    """Return the station after a reading of the Modbus meter at the mains connection, or a change of its link.

    A change of the link is only logged, because load management judges the meter by the age of its values.
    """
    match event:
        case MeterSeen(values=values):
            updated, new_phases = load_management.apply_grid_meter(station, values, now_s)
            return _with_cycle_if_urgent(station, updated, new_phases, now_s)
        case MeterConditionChanged():
            return _with_condition_noted(station, event, now_s)
        case _:
            return Applied(station, NOTHING)  # an event of a charger, which this meter never has


def _after_submeter_event(station: Station, event: DeviceEvent, now_s: float) -> Applied:
    """Return the station with the last values of a submeter, which are only kept to be looked at.

    A quantity that a reading does not contain keeps its value, unless the meter says that it has no value any
    more (`unavailable`). If the link is not good, all values are dropped, because none is known any more. A change
    of the link is also logged.
    """
    known = station.submeters.get(event.device, MeterState())
    match event:
        case MeterSeen(values=values, unavailable=unavailable):
            kept = {one: value for one, value in known.values.items() if one not in unavailable}
            kept_at = {one: at for one, at in known.read_at.items() if one not in unavailable}
            state = replace(
                known,
                values={**kept, **values},
                read_at={**kept_at, **dict.fromkeys(values, now_s)},
            )
            submeters = {**station.submeters, event.device: state}
            return Applied(replace(station, submeters=submeters), NOTHING)
        case MeterConditionChanged(condition=condition):
            if condition is LinkCondition.GOOD:
                state = replace(known, condition=condition)
            else:
                state = MeterState(condition=condition)  # without any values
            station = replace(station, submeters={**station.submeters, event.device: state})
            return _with_condition_noted(station, event, now_s)
        case _:
            return Applied(station, NOTHING)  # an event of a charger, which a submeter never has


def _with_condition_noted(station: Station, event: MeterConditionChanged, now_s: float) -> Applied:
    """Return the station and a line of the log, after the link to a meter without a charging point changed.

    The line counts against the number of lines that the device may write, so that a link that comes and goes
    does not fill the log.
    """
    name = station.site.devices[event.device].name
    notes: list[Effect] = [Note(text=f"{name}: {event.condition}")]
    # this changes `notes`: once there are too many, the line becomes a detail, and another one says so
    allowances = ration_lines(
        station.output.line_allowances, DEVICE, notes, from_index=0, now_s=now_s
    )
    return Applied(
        replace(station, output=replace(station.output, line_allowances=allowances)),
        NOTHING,
        tuple(notes),
    )


def _notes_on_refusal(
    event: PointEvent, before: ChargingPoint, after: ChargingPoint
) -> Iterable[Note]:
    """Yield a line of the log if a command was ignored, or its setpoint was changed to a possible one.

    `before`, `after`: the charging point before and after the event. Other events yield nothing.
    """
    number = before.settings.number
    if isinstance(event, StartStopCommanded):
        # a start or stop that is possible changes the stage of the charging process
        if before.process.stage is after.process.stage:
            word = "start" if event.is_start else "stop"
            yield Note(text=f"cp{number}: {word} ignored, the state does not allow it")
    elif isinstance(event, SetpointCommanded):
        wanted_ma = event.setpoint_ma
        if wanted_ma is None:
            yield Note(text=f"cp{number}: setpoint ignored, it is not a current")
        elif not before.limits.allows_setpoint(wanted_ma):
            used_a = after.control.setpoint_ma / 1000
            yield Note(text=f"cp{number}: setpoint {wanted_ma / 1000:g} A taken as {used_a:g} A")


def _effects_of_unlock(station: Station, number: PointNumber, now_s: float) -> tuple[Effect, ...]:
    """Return the effects of an unlock command: the charger releases the cable, and the log says so; or why not.

    The command changes nothing in the station: it is a message that is passed on at once, or never.
    """
    point = station.points[number]
    if point.installation.is_blocked:
        return (Note(text=f"cp{number}: unlock ignored, the configuration is faulty"),)
    if commands.may_unlock(point, now_s):
        return (Unlock(point=number), Note(text=f"cp{number}: cable released"))
    return (Note(text=f"cp{number}: unlock ignored, the charging process has not finished"),)
