"""The one step of the station: an event in, the new station and the wanted effects out. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, assert_never
from zoneinfo import ZoneInfo

from knxgw.charging import point as points
from knxgw.charging import readings
from knxgw.charging.events import (
    ChargerConditionChanged,
    ChargerSeen,
    MeterConditionChanged,
    MeterSeen,
    OfferTaken,
)
from knxgw.charging.faults import FaultCode, FaultRegister
from knxgw.charging.point import ChargingPoint, new_point
from knxgw.charging.precedence import decide
from knxgw.charging.publication import Published, point_values
from knxgw.charging.records import from_record, to_record
from knxgw.charging.words import Decision, PointNumber, Reason
from knxgw.config.model import Configuration, KnxLinkKind
from knxgw.dlm.settings import Settings
from knxgw.frozen import replace
from knxgw.station import sharing
from knxgw.station.model import (
    GENERAL,
    BusAsked,
    ClockSet,
    ClockSource,
    Effect,
    Event,
    FaultChanged,
    GridControlCommanded,
    HighPowerStarted,
    InOperationSeen,
    InternalErrorFound,
    InterruptionCommanded,
    Note,
    Offer,
    PointEvent,
    Publish,
    Remember,
    Remembered,
    SessionClosed,
    SetpointCommanded,
    SharingEvent,
    SiteEvent,
    SmartMeterTelegram,
    Started,
    StartStopCommanded,
    Station,
    Stopping,
    Tick,
    Unlock,
    UnlockCommanded,
    WallClock,
)
from knxgw.station.wishes import paused_all, wishes_of

RESTORE_S = 4.0  # how long the bus has to answer what holds; then what was stored counts
RESTORE_LAST_S = 8.5  # the same from the start on, where the bus cannot even be asked
REMEMBER_ENERGY_S = 10.0  # energies and durations are stored at most this often
GRID_CONTROL_OBJECT, INTERRUPTION_OBJECT, SETPOINT_OBJECT = 1, 55, 60
POINT_OFFSET = 50
CORRECTION_S = 1.0  # the clock was wrong, not only a little late
_SLOW_KEYS = ("lifetime_mwh", "reading_mwh", "dropped_mwh")

Change = Callable[[ChargingPoint], ChargingPoint]


def initial(
    configuration: Configuration,
    records: Mapping[PointNumber, Mapping[str, Any]],
    now_s: float,
    now: datetime | None,
    sharing_settings: Settings | None = None,
) -> Station:
    """Return the station as it was stored, or as new; `records` may lack any charging point.

    `sharing_settings` stand for those that the configuration gives load management.
    """
    blocked = {number for fault in configuration.faults for number in fault.blocked_points}
    members: dict[PointNumber, ChargingPoint] = {}
    zone = ZoneInfo(configuration.device.time_zone)
    for settings in configuration.points:
        number = PointNumber(settings.number)
        point = new_point(settings, blocked=number in blocked, zone=zone)
        if number in records:
            point = from_record(point, dict(records[number]), now, now_s)
            point = _without_unlinked(configuration, point)
        members[number] = point
    numbers = sharing_settings or sharing.sharing_settings(configuration)
    station = Station(
        configuration=configuration,
        points=members,
        sharing=sharing.start(numbers, members, now_s) if numbers else None,
        sharing_settings=numbers,
        grid_control=_is_linked(configuration, GRID_CONTROL_OBJECT)
        and bool(records.get(GENERAL, {}).get("grid_control", False)),
        restore_until_s=now_s + RESTORE_LAST_S if _asks_for_grid_control(configuration) else None,
        clock=WallClock(at=now, at_s=now_s, source=ClockSource.SYSTEM) if now else None,
    )
    return _with_configuration_faults(station)


def _without_unlinked(configuration: Configuration, point: ChargingPoint) -> ChargingPoint:
    """Return the point without a hold whose group object has no address any more."""
    offset = POINT_OFFSET * (point.settings.number - 1)
    if not _is_linked(configuration, INTERRUPTION_OBJECT + offset):
        point = replace(point, interruption=False)
    if point.setpoint_ma == 0 and not _is_linked(configuration, SETPOINT_OBJECT + offset):
        point = replace(point, setpoint_ma=point.limits.maximum_ma, setpoint_given=False)
    return point


def _asks_for_grid_control(configuration: Configuration) -> bool:
    """Tell whether the bus is asked at the start whether the grid operator limits the site."""
    linked = _is_linked(configuration, GRID_CONTROL_OBJECT)
    return linked and configuration.knx.link is not KnxLinkKind.NONE


def _is_linked(configuration: Configuration, number: int) -> bool:
    """Tell whether a group object has an address: nothing else can end what it began."""
    return bool(configuration.group_objects.get(number))


def _with_configuration_faults(station: Station) -> Station:
    for fault in station.configuration.faults:
        code = FaultCode(fault.code)
        station = replace(station, faults=station.faults.set(code, present=True))
        if fault.point is not None and (number := PointNumber(fault.point)) in station.points:
            point = station.points[number]
            marked = replace(point, faults=point.faults.set(code, present=True))
            station = _with_point(station, number, marked)
    return station


def step(station: Station, event: Event, now_s: float) -> tuple[Station, tuple[Effect, ...]]:
    """Advance the station by one event. Pure: same arguments, same answer."""
    match event:
        case Started():
            return _start(station, now_s)
        case UnlockCommanded(point=number):
            return station, _unlock(station, number, now_s)
        case Tick():
            return _tick(station, now_s)
        case BusAsked() | ClockSet() | GridControlCommanded() | Stopping() | InternalErrorFound():
            shared = sharing.share(_site(station, event, now_s), now_s)
            return _settle_all(station, shared, now_s)
        case SmartMeterTelegram() | InOperationSeen() | HighPowerStarted():
            return _metered(station, event, now_s)
        case _:
            return _point(station, event, now_s)


def _metered(
    station: Station, event: SharingEvent, now_s: float
) -> tuple[Station, tuple[Effect, ...]]:
    """Take what the bus tells load management; what is not urgent waits for the next tick."""
    fresh = (event.phase,) if isinstance(event, SmartMeterTelegram) else ()
    taken = sharing.take(station, event, now_s)
    calm = not isinstance(event, HighPowerStarted)
    if calm and sharing.can_wait(station, taken, fresh, now_s):
        return taken, ()
    shared = sharing.share(taken, now_s, fresh, changed=())
    return _settle_shared(station, shared, now_s)


def _site(station: Station, event: SiteEvent, now_s: float) -> Station:
    """Return the station after an event that concerns the whole site."""
    match event:
        case BusAsked():
            until_s = station.restore_until_s
            soon_s = None if until_s is None else min(until_s, now_s + RESTORE_S)
            return replace(station, restore_until_s=soon_s)
        case ClockSet():
            return _set_clock(station, event, now_s)
        case GridControlCommanded(active=active):
            return replace(station, grid_control=active, restore_until_s=None)
        case Stopping():
            return replace(station, stopping=True, restore_until_s=None)
        case InternalErrorFound():
            faults = station.faults.set(FaultCode.CONTACT_SUPPORT, present=True)
            return replace(station, faults=faults)
        case _:
            assert_never(event)


def _tick(before: Station, now_s: float) -> tuple[Station, tuple[Effect, ...]]:
    """Let time pass: for load management, and for those charging points it means something to."""
    station = _restored_in_time(_calmed(before), now_s)
    if station.restore_until_s != before.restore_until_s:
        return _settle_all(before, sharing.share(station, now_s), now_s)
    due = [
        number
        for number, point in station.points.items()
        if point.wake_s <= now_s or point is not before.points[number]
    ]
    now = station.now(now_s)
    followed = {number: readings.follow(station.points[number], now_s, now) for number in due}
    station = replace(station, points={**station.points, **followed})
    for number in due:
        station = sharing.look(station, number, now_s)
    station = sharing.share_if_due(station, now_s)
    effects: list[Effect] = []
    for number in station.points:
        if number in followed or _is_shared_anew(before, station, number):
            station = _settle_point(station, number, before.points[number], now_s, effects)
    return _settle_general(before, station, now_s, effects), tuple(effects)


def _start(station: Station, now_s: float) -> tuple[Station, tuple[Effect, ...]]:
    """Say and offer what holds; the faults of the configuration begin now."""
    unsaid = replace(station, faults=_unsaid(station.faults))
    for number, point in station.points.items():
        unsaid = _with_point(unsaid, number, replace(point, faults=_unsaid(point.faults)))
    return _settle_all(unsaid, sharing.share(station, now_s), now_s)


def _unsaid(faults: FaultRegister) -> FaultRegister:
    """Return a register as it is before the faults of the configuration were told."""
    kept = tuple(code for code in faults.present if code not in _CONFIGURATION_FAULTS)
    return replace(faults, present=kept)


_CONFIGURATION_FAULTS = (
    FaultCode.CONF_NO_CHARGER,
    FaultCode.CONF_CHARGER,
    FaultCode.CONF_E_METER,
    FaultCode.DLM_ASSOCIATION,
)


def _restored_in_time(station: Station, now_s: float) -> Station:
    """Return the station after the bus had time to answer: what was stored holds."""
    if station.restore_until_s is None or now_s < station.restore_until_s:
        return station
    return replace(station, restore_until_s=None)


def _set_clock(station: Station, event: ClockSet, now_s: float) -> Station:
    """Take a time unless a better source told it before; running sessions follow a correction."""
    old = station.clock
    if old is not None and event.source < old.source:
        return station
    clock = WallClock(at=event.now, at_s=now_s, source=event.source)
    station = replace(station, clock=clock)
    if old is None or abs((event.now - old.at_monotonic(now_s)).total_seconds()) <= CORRECTION_S:
        return station
    dated = {
        number: readings.date_session_anew(point, event.now, now_s)
        for number, point in station.points.items()
    }
    return replace(station, points=dated)


def _calmed(station: Station) -> Station:
    """Return the station with faults for information reset: they were shown."""
    calm = {
        number: replace(point, faults=point.faults.calmed())
        for number, point in station.points.items()
        if point.faults.informing is not None
    }
    return replace(station, points={**station.points, **calm}) if calm else station


def _change(station: Station, event: PointEvent, now_s: float) -> Change:
    """Return what an event does to its charging point."""
    now = station.now(now_s)
    match event:
        case ChargerSeen(values=values):
            change: Change = partial(readings.see, values=values, now_s=now_s, now=now)
        case MeterSeen(values=values):
            change = partial(readings.see_meter, values=values, now_s=now_s, now=now)
        case ChargerConditionChanged(condition=condition):
            change = partial(points.link_changed, condition=condition)
        case MeterConditionChanged(condition=condition):
            change = partial(points.meter_link_changed, condition=condition)
        case OfferTaken(offer_ma=offer_ma):
            change = partial(points.offer_taken, offer_ma=offer_ma, now_s=now_s)
        case InterruptionCommanded(active=active):
            change = partial(points.command_interruption, active=active)
        case SetpointCommanded(setpoint_ma=setpoint_ma):
            change = partial(points.command_setpoint, wanted_ma=setpoint_ma)
        case StartStopCommanded(start=start):
            change = partial(
                points.command_start_stop,
                now_s=now_s,
                start=start,
                paused_all=paused_all(station),
            )
        case _:
            assert_never(event)
    return change


def _point(station: Station, event: PointEvent, now_s: float) -> tuple[Station, tuple[Effect, ...]]:
    """Change one charging point and settle what follows from it."""
    number = event.point
    if number == GENERAL:
        return _smart_meter(station, event, now_s)
    before = station.points[number]
    if isinstance(event, ChargerSeen):
        renewed = readings.renewed(before, event.values, now_s)
        if renewed is not None:
            return sharing.renew(station, renewed, now_s), ()
    after = _change(station, event, now_s)(before)
    effects: list[Effect] = list(_refused(event, before, after))
    looked = sharing.look(_with_point(station, number, after), number, now_s)
    settled = _settle_point(looked, number, before, now_s, effects)
    if station.sharing is not None:
        settled, more = _settle_shared(station, settled, now_s, without=number)
        effects.extend(more)
    return settled, tuple(effects)


def _smart_meter(
    station: Station, event: PointEvent, now_s: float
) -> tuple[Station, tuple[Effect, ...]]:
    """Take what the smart meter on Modbus shows, or that it cannot be talked to."""
    match event:
        case MeterSeen(values=values):
            taken, fresh = sharing.take_meter(station, values, now_s)
            if sharing.can_wait(station, taken, fresh, now_s):
                return taken, ()
            shared = sharing.share(taken, now_s, fresh, changed=())
            return _settle_shared(station, shared, now_s)
        case MeterConditionChanged(condition=condition):
            return station, (Note(text=f"smart meter: {condition}"),)
        case _:
            return station, ()  # the site as a whole has no such thing


def _settle_shared(
    before: Station, station: Station, now_s: float, *, without: PointNumber | None = None
) -> tuple[Station, tuple[Effect, ...]]:
    """Settle what load management has changed, at all points but one and for the whole site."""
    effects: list[Effect] = []
    for number in station.points:
        if number != without and _is_shared_anew(before, station, number):
            station = _settle_point(station, number, before.points[number], now_s, effects)
    if station.faults is not before.faults or without is None:
        station = _settle_general(before, station, now_s, effects)
    return station, tuple(effects)


def _is_shared_anew(before: Station, station: Station, number: PointNumber) -> bool:
    """Tell whether load management decided something else for a point than before."""
    old, new = before.sharing, station.sharing
    if old is None or new is None:
        return False
    return (
        before.lock_out != station.lock_out
        or new.members[number].offer_ma != old.members[number].offer_ma
        or new.reasons.get(number) is not old.reasons.get(number)
        or station.points[number] is not before.points[number]
    )


def _settle_general(
    before: Station, station: Station, now_s: float, effects: list[Effect]
) -> Station:
    effects.extend(_faults_changed(GENERAL, before.faults, station.faults, station.now(now_s)))
    return _publish(station, GENERAL, _general_values(station, now_s), effects)


def _refused(event: PointEvent, before: ChargingPoint, after: ChargingPoint) -> Iterable[Note]:
    """Say in the log which command was not, or not exactly, followed."""
    number = before.settings.number
    if isinstance(event, StartStopCommanded):
        if before.process is after.process:
            word = "start" if event.start else "stop"
            yield Note(text=f"cp{number}: {word} ignored, the state does not allow it")
    elif isinstance(event, SetpointCommanded):
        wanted_ma = event.setpoint_ma
        if wanted_ma is None:
            yield Note(text=f"cp{number}: setpoint ignored, it is no current")
        elif not before.limits.contains(wanted_ma):
            kept_a = after.setpoint_ma / 1000
            yield Note(text=f"cp{number}: setpoint {wanted_ma / 1000:g} A taken as {kept_a:g} A")


def _settle_all(
    before: Station, station: Station, now_s: float
) -> tuple[Station, tuple[Effect, ...]]:
    effects: list[Effect] = []
    for number in station.points:
        station = _settle_point(station, number, before.points[number], now_s, effects)
    station = _settle_general(before, station, now_s, effects)
    record = {"schema": 1, "grid_control": station.grid_control}
    station = _remember(station, GENERAL, record, now_s, effects)
    return station, tuple(effects)


def _settle_point(
    station: Station,
    number: PointNumber,
    before: ChargingPoint,
    now_s: float,
    effects: list[Effect],
) -> Station:
    """Decide, offer, publish, remember: everything that follows from a changed point."""
    point = _decide(station, station.points[number], effects)
    obeying = points.follow_obedience(point, now_s)
    if obeying.faults is not point.faults:  # it does not follow, or does again
        obeying = _decide(station, obeying, effects)
    point = replace(obeying, wake_s=points.wake_s(obeying, now_s))
    station = _with_point(station, number, point)
    effects.extend(_faults_changed(number, before.faults, point.faults, station.now(now_s)))
    if before.session and before.session.is_open and point.session and not point.session.is_open:
        effects.append(SessionClosed(point=number, session=point.session))
    language = station.configuration.device.language
    values = point_values(point, now_s, paused_all=paused_all(station), language=language)
    _note_state(station, number, values, point, effects)
    station = _publish(station, number, values, effects)
    return _remember(station, number, to_record(point), now_s, effects)


def _decide(station: Station, point: ChargingPoint, effects: list[Effect]) -> ChargingPoint:
    decision = decide(point.limits, wishes_of(station, point))
    if point.blocked:
        return replace(point, decision=Decision(offer_ma=0, reason=Reason.CONFIGURATION))
    if point.decision is None or point.decision.offer_ma != decision.offer_ma:
        number = PointNumber(point.settings.number)
        effects.append(Offer(point=number, offer_ma=decision.offer_ma))
        why = decision.reason.name.lower()
        text = f"cp{number}: offer {decision.offer_ma / 1000:.1f} A ({why})"
        effects.append(Note(text=text))
    return point if point.decision == decision else replace(point, decision=decision)


def _unlock(station: Station, number: PointNumber, now_s: float) -> tuple[Effect, ...]:
    point = station.points[number]
    if point.blocked:
        return (Note(text=f"cp{number}: unlock ignored, the configuration is faulty"),)
    if points.may_unlock(point, now_s):
        return (Unlock(point=number), Note(text=f"cp{number}: cable released"))
    return (Note(text=f"cp{number}: unlock ignored, the charging process has not finished"),)


def _note_state(
    station: Station,
    number: PointNumber,
    values: Mapping[str, Published],
    point: ChargingPoint,
    effects: list[Effect],
) -> None:
    old, new = station.told(number, "state"), values["state"]
    if old == new:
        return
    reason = point.decision.reason.name.lower() if point.decision else "-"
    offer_a = point.decision.offer_ma / 1000 if point.decision else 0.0
    text = f"cp{number}: state {_shown(old)} -> {_shown(new)}, offer {offer_a:.1f} A ({reason})"
    effects.append(Note(text=text))


def _shown(state: Published) -> str:
    return "unknown" if state is None else str(state)


def _faults_changed(
    number: PointNumber, before: FaultRegister, after: FaultRegister, at: datetime | None
) -> Iterable[FaultChanged]:
    def changed(code: FaultCode, *, present: bool) -> FaultChanged:
        return FaultChanged(point=number, code=code, present=present, at=at)

    if after.informed is not None and after.informed_count != before.informed_count:
        yield changed(after.informed, present=True)
        yield changed(after.informed, present=False)
    if before.present == after.present:
        return
    for code in after.present:
        if code not in before.present:
            yield changed(code, present=True)
    for code in before.present:
        if code not in after.present:
            yield changed(code, present=False)


def _general_values(station: Station, now_s: float) -> dict[str, Published]:
    return {
        **sharing.published(station, now_s),
        "grid_supporting_control_state": station.grid_control,
        "fault": station.faults.is_present,
        "last_fault": station.faults.text,
        "alive": True,
    }


def _with_point(station: Station, number: PointNumber, point: ChargingPoint) -> Station:
    return replace(station, points={**station.points, number: point})


def _publish(
    station: Station,
    number: PointNumber,
    values: Mapping[str, Published],
    effects: list[Effect],
) -> Station:
    told = station.published.get(number, _NOTHING)
    changed = {key: value for key, value in values.items() if told.get(key) != value}
    if not changed:
        return station
    effects.extend(Publish(point=number, key=key, value=value) for key, value in changed.items())
    return replace(station, published={**station.published, number: {**told, **changed}})


_NOTHING: Mapping[str, Published] = {}


def _remember(
    station: Station,
    number: PointNumber,
    record: Mapping[str, Any],
    now_s: float,
    effects: list[Effect],
) -> Station:
    """Hand to the store what changed: decisions at once, counters now and then."""
    last = station.remembered.get(number)
    if last is not None and last.record == record:
        return station
    recent = last is not None and now_s - last.at_s < REMEMBER_ENERGY_S
    if last is not None and recent and _lasting(last.record) == _lasting(record):
        return station
    effects.append(Remember(point=number, record=record))
    remembered = Remembered(record=record, at_s=now_s)
    return replace(station, remembered={**station.remembered, number: remembered})


def _lasting(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record without its counters."""
    kept = {key: value for key, value in record.items() if key not in _SLOW_KEYS}
    session = kept.get("session")
    if session:
        kept["session"] = (session["started_at"], session["is_open"])
    return kept
