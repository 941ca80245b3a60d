"""The one step of the station: an event in, the new station and the wanted effects out. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import NamedTuple, assert_never

from knxgw.catalogue.codes import FaultCode
from knxgw.charging import commands, link, readings, session_dates
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
from knxgw.station.initial import CONFIGURATION_FAULTS, RESTORE_S
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
    Operation,
    PointEvent,
    SetpointCommanded,
    SiteEvent,
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
    WallClock,
)
from knxgw.station.notes import with_lines_rationed
from knxgw.station.reconfigure import reconfigure

# a difference up to this is no error of the clock: one of the two times is only a little late
CORRECTION = timedelta(seconds=1)

Change = Callable[[ChargingPoint], ChargingPoint]


class Applied(NamedTuple):
    """What an event makes of the station, before anything is derived from it."""

    station: Station
    dirty: Dirty  # what must be derived; `NOTHING`: the station is final
    effects_at_once: tuple[Effect, ...] = ()  # they come before those of what is derived


NOTHING = Dirty()  # nothing is to be derived; `step` recognises this very object


def step(station: Station, event: Event, now_s: float) -> tuple[Station, tuple[Effect, ...]]:
    """Return the station after an event, and the effects of it. Pure: same arguments, same answer."""
    if isinstance(event, ConfigurationChanged):
        return reconfigure(station, event, now_s)
    changed, dirty, effects_at_once = _applied(station, event, now_s)
    if dirty is NOTHING:  # what comes most often: a reading that shows nothing new
        return changed, effects_at_once
    reference = station
    if isinstance(event, Started):
        # `derive` reports differences only, and the faults with which the station began must be reported
        reference = _as_if_faults_were_unreported(station)
    derived, effects = derive(reference, changed, dirty, now_s)
    return derived, (*effects_at_once, *effects)


def _applied(  # noqa: PLR0911 - one for each kind of event
    station: Station, event: StepEvent, now_s: float
) -> Applied:
    """Apply an event to the station, by the kind of the event.

    Returned are the station, what must be derived again (`EVERYTHING`, some of it, or `NOTHING`), and the
    effects that come before those that are derived.
    """
    match event:
        # the most frequent event stands first. A charger that is not configured any more falls through to
        # `_after_device_event`, which drops its event
        case ChargerSeen() if event.device in station.site.devices:
            return _charger_seen(station, event, now_s)
        case Tick():
            return _after_tick(station, now_s)
        case Started():
            return Applied(station, EVERYTHING)
        case UnlockCommanded(point=number):
            return Applied(station, NOTHING, _unlock(station, number, now_s))
        case (
            BusAsked()
            | ClockSet()
            | GridControlCommanded()
            | Stopping()
            | InternalErrorFound()
            | StateLost()
            | UpdateFailed()
        ):
            return Applied(_after_site_event(station, event, now_s), EVERYTHING)
        case GridMeterReading() | InOperationSeen() | HighPowerStarted():
            return _after_meter_event(station, event, now_s)
        case InterruptionCommanded() | SetpointCommanded() | StartStopCommanded():
            return _after_point_event(station, event.point, event, now_s)
        case _:
            return _after_device_event(station, event, now_s)


def _after_meter_event(station: Station, event: LoadManagementEvent, now_s: float) -> Applied:
    """Return the station after a meter value, a sign of life of the meter, or the start of a large consumer.

    A large consumer needs a cycle at once. For the others `may_wait_for_tick` says whether one is needed.
    """
    new_phases = (event.phase,) if isinstance(event, GridMeterReading) else ()
    updated = load_management.apply_event(station, event, now_s)
    return _after_meter_values(
        station, updated, new_phases, now_s, is_urgent=isinstance(event, HighPowerStarted)
    )


def _after_meter_values(
    before: Station,
    updated: Station,
    new_phases: tuple[int, ...],
    now_s: float,
    *,
    is_urgent: bool = False,
) -> Applied:
    """Return `updated`, and the request to run a cycle of load management at once, if one must run.

    Otherwise the values wait for the next tick. `before`, `updated`: the station without and with the new
    values; `new_phases`: the phases (0 to 2) they are of; `is_urgent`: a cycle runs in any case.
    """
    if not is_urgent and load_management.may_wait_for_tick(before, updated, new_phases, now_s):
        return Applied(updated, NOTHING)
    return Applied(
        updated, Dirty(new_phases=new_phases, cycle=CycleRequest.NOW, is_device_dirty=True)
    )


def _after_site_event(station: Station, event: SiteEvent, now_s: float) -> Station:
    """Return the station after an event that concerns the whole site."""
    match event:
        case BusAsked():
            # the question goes out now, so the answer comes within RESTORE_S. The wait counts from the start
            # and is not extended; None: nothing is waited for, also when the link comes back later
            waits_until = station.operation.restore_until
            if waits_until is not None:
                waits_until = min(waits_until, now_s + RESTORE_S)
            return _with_operation(station, replace(station.operation, restore_until=waits_until))
        case ClockSet():
            return _set_clock(station, event, now_s)
        case GridControlCommanded(is_active=active):
            operation = replace(  # the wait for the bus is over: this is what it was for
                station.operation, is_grid_control_active=active, restore_until=None
            )
            return _with_operation(station, operation)
        case Stopping():
            # without load management the setpoint is what stays, not the minimum of the wait for the bus
            operation = replace(station.operation, is_stopping=True, restore_until=None)
            return _with_operation(station, operation)
        case InternalErrorFound() | StateLost() | UpdateFailed():
            faults = station.faults.set(_FAULT_OF_EVENT[type(event)], is_present=True)
            return replace(station, faults=faults)
        case _:
            assert_never(event)


_FAULT_OF_EVENT = {
    # while this fault is present no point gets more than its minimum (`control_inputs`)
    InternalErrorFound: FaultCode.CONTACT_SUPPORT,
    StateLost: FaultCode.STATE_LOST,
    UpdateFailed: FaultCode.UPDATE_FAILED,
}


def _with_operation(station: Station, operation: Operation) -> Station:
    """Return the station with another state of operation."""
    return replace(station, operation=operation)


def _after_tick(before: Station, now_s: float) -> Applied:
    """Return the station after time has passed, and what time alone may have changed.

    Dirty are the points at which something is due by now (`wake_at`), and those that have shown a fault for
    information until now. Everything is dirty when the wait for the bus has just ended (`restore_until`).
    """
    station = _with_restore_ended(_with_transient_faults_cleared(before), now_s)
    if station.operation.restore_until != before.operation.restore_until:
        return Applied(station, EVERYTHING)  # once after the start; sessions follow in later ticks
    dirty_points = [
        number
        for number, point in station.points.items()
        if point.control.wake_at <= now_s or point is not before.points[number]
    ]
    if dirty_points:
        # readings that showed nothing new have left the session behind: it is published now, so it follows
        now = station.now(now_s)
        followed = {
            number: readings.catch_up(station.points[number], now_s, now) for number in dirty_points
        }
        station = replace(station, points={**station.points, **followed})
    # the device is dirty with each tick: it publishes the age of the smart meter's value
    dirty = Dirty(points=dirty_points, cycle=CycleRequest.IF_DUE, is_device_dirty=True)
    return Applied(station, dirty)


def _as_if_faults_were_unreported(station: Station) -> Station:
    """Return the station without the faults that it began with, to compare the started one with.

    `initial` has set these faults before anything could report them.
    """
    unreported = replace(station, faults=_without_faults_of_start(station.faults))
    for number, point in station.points.items():
        unreported = unreported.with_point(
            number, replace(point, faults=_without_faults_of_start(point.faults))
        )
    return unreported


def _without_faults_of_start(faults: FaultRegister) -> FaultRegister:
    """Return a register without the faults that are reported with the start (`_FAULTS_AT_START`)."""
    kept = tuple(code for code in faults.present if code not in _FAULTS_AT_START)
    return replace(faults, present=kept)


_FAULTS_AT_START = (FaultCode.STATE_LOST, *CONFIGURATION_FAULTS)  # those that `initial` sets


def _with_restore_ended(station: Station, now_s: float) -> Station:
    """Return the station without its wait for the bus (`restore_until`), if the time for that is over.

    From then on the stored state of grid control counts. Before that, and without a wait, the station is
    returned as it is.
    """
    if station.operation.restore_until is None or now_s < station.operation.restore_until:
        return station
    return _with_operation(station, replace(station.operation, restore_until=None))


def _set_clock(station: Station, event: ClockSet, now_s: float) -> Station:
    """Return the station with another wall-clock time, unless a better source has set the present one.

    If no time was known, or it was wrong by more than a second (`CORRECTION`), those sessions get new times
    that were dated wrongly or not at all (`needs_new_times`).
    """
    old = station.operation.clock
    if old is not None and event.source < old.source:
        return station
    clock = WallClock(time=event.now, set_at=now_s, source=event.source)
    station = _with_operation(station, replace(station.operation, clock=clock))
    clock_error = None if old is None else abs(event.now - old.at_monotonic(now_s))
    if clock_error is not None and clock_error <= CORRECTION:
        return station  # the clock was right: no session has a wrong time
    dated = {
        number: session_dates.with_new_times(point, event.now, now_s)
        for number, point in station.points.items()
        if session_dates.needs_new_times(point, clock_error)
    }
    return replace(station, points={**station.points, **dated})


def _with_transient_faults_cleared(station: Station) -> Station:
    """Return the station in which no charging point shows a fault for information any more.

    Such a fault, as after a command that was not possible, is never present: it is shown until the next tick.
    """
    cleared = {
        number: replace(point, faults=point.faults.clear_transient())
        for number, point in station.points.items()
        if point.faults.shown_transient is not None
    }
    return replace(station, points={**station.points, **cleared}) if cleared else station


def _change(station: Station, event: PointEvent, now_s: float) -> Change:
    """Return a function that makes the new charging point of the old one, with the values of an event bound.

    `lacking`: the quantities of which the charger or meter says that it has no value.
    """
    now = station.now(now_s)
    match event:
        case ChargerSeen(values=values, unavailable=lacking):
            change: Change = partial(
                readings.observe_charger, values=values, now_s=now_s, now=now, unavailable=lacking
            )
        case MeterSeen(values=values, unavailable=lacking):
            change = partial(
                readings.observe_meter, values=values, now_s=now_s, now=now, unavailable=lacking
            )
        case ChargerConditionChanged(condition=condition):
            change = partial(link.link_changed, condition=condition)
        case MeterConditionChanged(condition=condition):
            change = partial(link.meter_link_changed, condition=condition)
        case OfferAcknowledged(offer_ma=offer_ma):
            change = partial(link.offer_acknowledged, offer_ma=offer_ma, now_s=now_s)
        case InterruptionCommanded(is_active=active):
            change = partial(commands.command_interruption, is_active=active)
        case SetpointCommanded(setpoint_ma=setpoint_ma):
            change = partial(commands.command_setpoint, wanted_ma=setpoint_ma)
        case StartStopCommanded(is_start=start):
            change = partial(
                commands.command_start_stop,
                now_s=now_s,
                is_start=start,
                is_site_paused=is_site_paused(station),
            )
        case _:
            assert_never(event)
    return change


def _charger_seen(station: Station, event: ChargerSeen, now_s: float) -> Applied:
    """Return the station after a reading of a charger that is configured.

    Most readings show nothing new: then only the age of the values changes, and nothing is derived.
    """
    number = station.point_of(event.device)
    renewed = None  # the point with newer reading times; None: the reading shows something new
    if number is not None:  # every charger belongs to a charging point
        point = station.points[number]
        renewed = readings.observe_repeated(
            point, event.values, now_s, unavailable=event.unavailable
        )
    if renewed is not None:
        return Applied(load_management.after_quiet_reading(station, renewed), NOTHING)
    return _after_device_event(station, event, now_s)


def _after_device_event(station: Station, event: DeviceEvent, now_s: float) -> Applied:
    """Return the station after an event of a device on Modbus, by the role of the device."""
    if event.device not in station.site.devices:
        return Applied(station, NOTHING)  # not configured any more: the event was on its way
    number = station.point_of(event.device)
    if number is not None:
        return _after_point_event(station, number, event, now_s)
    if station.site.devices[event.device].role is DeviceRole.GRID_METER:
        return _after_grid_meter_event(station, event, now_s)
    return _after_submeter_event(station, event, now_s)


def _after_point_event(
    station: Station, number: PointNumber, event: PointEvent, now_s: float
) -> Applied:
    """Return the station after an event of one charging point.

    The log says if a command was refused, or another setpoint was taken than the commanded one.
    """
    before = station.points[number]
    after = _change(station, event, now_s)(before)
    notes = tuple(_notes_on_refusal(event, before, after))
    return Applied(station.with_point(number, after), Dirty(points=(number,)), notes)


def _after_grid_meter_event(station: Station, event: DeviceEvent, now_s: float) -> Applied:
    """Return the station after a reading, or a change of the link, of the meter at the mains connection.

    A change of the link is only logged: load management judges the meter by the age of its values.
    """
    match event:
        case MeterSeen(values=values):
            updated, new_phases = load_management.apply_grid_meter(station, values, now_s)
            return _after_meter_values(station, updated, new_phases, now_s)
        case MeterConditionChanged():
            return _with_condition_noted(station, event, now_s)
        case _:
            return Applied(station, NOTHING)  # an event of a charger, which this meter never has


def _after_submeter_event(station: Station, event: DeviceEvent, now_s: float) -> Applied:
    """Return the station with the last values of a submeter; nothing is derived from them.

    A value that a reading lacks stays as it was, unless the meter says that it has none (`unavailable`).
    With any condition of the link but `GOOD` all its values are dropped: none is known any more.
    """
    known = station.submeters.get(event.device, MeterState())
    match event:
        case MeterSeen(values=values, unavailable=lacking):
            kept = {one: value for one, value in known.values.items() if one not in lacking}
            read_at = {one: at for one, at in known.read_at.items() if one not in lacking}
            state = replace(
                known,
                values={**kept, **values},
                read_at={**read_at, **dict.fromkeys(values, now_s)},
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
    """Return the station and a line of the log after the link to a meter without a charging point changed.

    The line uses up part of the device's allowance: a link that comes and goes must not fill the log.
    """
    name = station.site.devices[event.device].name
    notes: list[Effect] = [Note(text=f"{name}: {event.condition}")]
    # `notes` is changed in place: the line may become a detail, and one that says so may follow
    allowances = with_lines_rationed(
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
    """Yield a line of the log if a command was ignored, or another setpoint was taken than the commanded one.

    `before`, `after`: the charging point before and after the command.
    """
    number = before.settings.number
    if isinstance(event, StartStopCommanded):
        if before.process.stage is after.process.stage:  # a command that is possible changes it
            word = "start" if event.is_start else "stop"
            yield Note(text=f"cp{number}: {word} ignored, the state does not allow it")
    elif isinstance(event, SetpointCommanded):
        wanted_ma = event.setpoint_ma
        if wanted_ma is None:
            yield Note(text=f"cp{number}: setpoint ignored, it is not a current")
        elif not before.limits.allows_setpoint(wanted_ma):
            kept_a = after.control.setpoint_ma / 1000
            yield Note(text=f"cp{number}: setpoint {wanted_ma / 1000:g} A taken as {kept_a:g} A")


def _unlock(station: Station, number: PointNumber, now_s: float) -> tuple[Effect, ...]:
    """Return the effects of an unlock command: it is passed on, or the log says why not."""
    point = station.points[number]
    if point.installation.is_blocked:
        return (Note(text=f"cp{number}: unlock ignored, the configuration is faulty"),)
    if commands.may_unlock(point, now_s):
        return (Unlock(point=number), Note(text=f"cp{number}: cable released"))
    return (Note(text=f"cp{number}: unlock ignored, the charging process has not finished"),)
