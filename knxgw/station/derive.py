"""What follows from a changed station: allocate, decide, offer, publish, remember. Pure.

There is one way from an event to its effects. The event changes the station (`station/step.py`) and
says what that may concern: it is *dirty*, and must be derived again (`Dirty`; `EVERYTHING` after a start or
another configuration). Then `derive` does, in this order:

1. *Allocate.* Load management looks at what is dirty. It takes the constraints of each charging point
   (a cap and its reason) and returns an allocation with its reason. That is done in a *cycle*. Mostly there is
   none, because nothing has changed of what counts: the meter, and what a point may *claim* (whether it takes
   part, and with which currents).
2. *Decide.* At each dirty point, and at each with another allocation, the constraints are applied
   to what is requested: the allocation, or the setpoint where load management is off. A vehicle
   that does not follow its offer is found out here and becomes a constraint itself.
3. *Offer.* A decision with another current becomes the wanted state of the charger.
4. *Publish* what shows in group objects and differs from what was published last.
5. *Remember* what must survive a restart and differs from what is stored.

Steps 2 to 5 are done for one charging point after the other, then 4 and 5 for the whole device. In between,
values of the smart meter that load management wants are requested from the bus.

`before` is the station before the event: a comparison with the new one shows what has changed.
Points are derived in the order of their numbers. A function with an argument `effects` appends to this list
what the world has to be told; what it returns is the new state.

The station keeps what was handed out last (`Output`): published values and stored records, both by *scope*
(one charging point, or the whole device). Only what differs from that is handed out again.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import assert_never

from knxgw.catalogue.codes import FaultCode, Reason
from knxgw.catalogue.object_keys import SMART_METER
from knxgw.charging.explanation import with_shown_reason
from knxgw.charging.faults import FaultRegister
from knxgw.charging.point import ChargingPoint
from knxgw.charging.point_compliance import update_compliance
from knxgw.charging.precedence import Decision, decide
from knxgw.charging.publication import Published, point_values
from knxgw.charging.record_reader import SCHEMA
from knxgw.charging.records import to_record, urgent_values
from knxgw.charging.scope import DEVICE, PointNumber, Scope, point_scope
from knxgw.charging.waking import unchanged_until
from knxgw.station import load_management
from knxgw.station.control_inputs import constraints_of, is_site_paused, requested
from knxgw.station.load_management_values import load_management_values
from knxgw.station.model import (
    Ask,
    Effect,
    FaultChanged,
    Offer,
    Output,
    Publish,
    Remember,
    Remembered,
    SessionClosed,
    Station,
)
from knxgw.station.notes import notes_of, offer_note, own_codes_text, ration_lines

REMEMBER_ENERGY_S = 10.0  # energies and durations are stored at most this often


class CycleRequest(Enum):
    """When an event makes load management run a cycle, and which charging points that cycle observes."""

    IF_POINTS_CHANGED = (
        "a cycle if what a dirty point may claim has changed, or if none has run yet"
    )
    IF_DUE = (
        "the same, and a cycle also if one is due: by time, or by what was noted since the last"
    )
    NOW = "a cycle in any case, because of the meter or a large consumer: no charging point has changed"
    WHOLLY = "a cycle in any case, which observes every charging point again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dirty:
    """What an event may have changed, and what must therefore be derived again."""

    points: Collection[PointNumber] = ()  # the event, or time, means something to them
    # phases (0 to 2) of the mains connection with a value that no cycle has taken yet
    new_phases: tuple[int, ...] = ()
    cycle: CycleRequest = CycleRequest.IF_POINTS_CHANGED
    is_device_dirty: bool = False  # objects of the whole device
    is_everything_dirty: bool = False  # all charging points, and the record of the device


EVERYTHING = Dirty(cycle=CycleRequest.WHOLLY, is_device_dirty=True, is_everything_dirty=True)


def derive(
    before: Station, changed: Station, dirty: Dirty, now_s: float
) -> tuple[Station, tuple[Effect, ...]]:
    """Return the station with all that follows from an event, and the effects of that.

    First load management allocates, then each charging point that needs it is derived, then come requests for
    meter values, and last the whole device: its group objects, if the event may have changed them or its faults
    are not those of before; and its record, if everything is dirty. `before`: the station before the event.
    `changed`: the station after it, with decisions and offers still as they were. `dirty`: what the event may have
    changed.
    """
    station = _with_load_management(changed, dirty, now_s)
    effects: list[Effect] = []
    points_to_decide = (
        station.points
        if dirty.is_everything_dirty
        else _points_to_decide(before, station, dirty.points)
    )
    for number in points_to_decide:
        station = _derive_point(station, number, before.points[number], now_s, effects)
    effects.extend(_meter_values_to_request(before, station))
    # a cycle of load management may have changed the faults as well as the event
    if dirty.is_device_dirty or station.faults is not before.faults:
        station = _derive_device(before, station, now_s, effects)
    # the device's record has only the state of grid control, and a change of that makes everything dirty
    if dirty.is_everything_dirty:
        station = _remember_device(station, now_s, effects)
    return station, tuple(effects)


def _remember_device(station: Station, now_s: float, effects: list[Effect]) -> Station:
    """Return the station after the record of the whole device was handed to the store, if it has changed.

    It says whether grid control is active: that must hold again after a restart.
    """
    record = {"schema": SCHEMA, "grid_control": station.operation.is_grid_control_active}
    new = Remembered(record=record, handed_at=now_s)
    remembered = _remember(station, DEVICE, new, effects)
    return replace(station, output=replace(station.output, remembered=remembered))


def _with_load_management(station: Station, dirty: Dirty, now_s: float) -> Station:
    """Return the station after load management has taken in what is dirty, with or without a cycle.

    `dirty.cycle` says when a cycle runs:

    - `WHOLLY`: now, and it observes every charging point again.
    - `NOW`: now, because of the meter, or because a large consumer starts. No charging point has changed.
    - `IF_POINTS_CHANGED`: if what a dirty point may claim has changed, or if there is one and no cycle has run yet.
    - `IF_DUE`: the same, and also if a cycle is due (`due_at`): by time, or by what was noted since the last one.
    """
    match dirty.cycle:
        case CycleRequest.WHOLLY:
            return load_management.run_cycle(station, now_s)
        case CycleRequest.NOW:
            return load_management.run_cycle(station, now_s, dirty.new_phases, changed_points=())
        case CycleRequest.IF_POINTS_CHANGED | CycleRequest.IF_DUE:
            for number in dirty.points:
                station = load_management.observe_point(station, number, now_s)  # may run a cycle
            if dirty.cycle is CycleRequest.IF_DUE:
                station = load_management.run_cycle_if_due(station, now_s)
            return station
        case _:
            assert_never(dirty.cycle)


def _points_to_decide(
    before: Station, station: Station, dirty_points: Collection[PointNumber]
) -> tuple[PointNumber, ...]:
    """Return the charging points that need a decision: dirty ones, and those with another allocation.

    They are in the order of the station's points.
    """
    changed_points = _points_changed_by_load_management(before, station)
    return tuple(
        number for number in station.points if number in dirty_points or number in changed_points
    )


def _meter_values_to_request(before: Station, station: Station) -> Iterator[Ask]:
    """Yield a read telegram for the meter value of each phase that load management wants from the bus now.

    Load management only notes when it wanted the value of a phase (`Meter.requested_at`). A new instant there
    is the request: the telegram has yet to be sent. None: nothing was wanted, or load management has begun
    again meanwhile. If it is off, or was off before the event, there is no telegram to send.
    """
    old, new = before.load_management, station.load_management
    if old is None or new is None or old.meter.requested_at == new.meter.requested_at:
        return
    for phase, (old_at, new_at) in enumerate(
        zip(old.meter.requested_at, new.meter.requested_at, strict=True)
    ):
        if new_at is not None and old_at != new_at:
            yield Ask(scope=DEVICE, key=SMART_METER[phase])


def _points_changed_by_load_management(
    before: Station, station: Station
) -> tuple[PointNumber, ...]:
    """Return the charging points whose decision may be another one because of load management.

    If a lock-out has begun or ended, these are all of them: it is a constraint of each. Otherwise they are
    those with another offer or reason, and those that have changed in any way since before the event: a cycle may
    have set or cleared a fault there. If load management has not changed, there are none. Not called after a
    change of the configuration, which makes everything dirty: so both stations have the same charging points.
    """
    old, new = before.load_management, station.load_management
    if old is None or new is None or old is new:
        return ()
    if before.is_locked_out != station.is_locked_out:
        return tuple(station.points)
    return tuple(
        number
        for number, point in station.points.items()
        if new.participants[number].offer_ma != old.participants[number].offer_ma
        or new.outcome.reasons.get(number) is not old.outcome.reasons.get(number)
        # the cycle may have set or cleared the fault of invalid currents at the point
        or point is not before.points[number]
    )


def _derive_device(
    before: Station, station: Station, now_s: float, effects: list[Effect]
) -> Station:
    """Return the station after the whole device was derived: changes of its faults, and its group objects.

    `before`: the station before the event. If there are too many lines of the log about the faults, they become
    details.
    """
    if station.faults is not before.faults:
        own_effects_from = len(effects)
        effects.extend(_faults_changed(DEVICE, before.faults, station.faults, station.now(now_s)))
        allowances = ration_lines(
            station.output.line_allowances,
            DEVICE,
            effects,
            from_index=own_effects_from,
            now_s=now_s,
        )
        station = replace(station, output=replace(station.output, line_allowances=allowances))
    published = _publish(station, DEVICE, _device_values(station, now_s), effects)
    if published is station.output.published:
        return station
    output = Output(
        published=published,
        remembered=station.output.remembered,
        line_allowances=station.output.line_allowances,
    )
    return station.with_output(station.points, output)


def _derive_point(
    station: Station,
    number: PointNumber,
    before: ChargingPoint,
    now_s: float,
    effects: list[Effect],
) -> Station:
    """Return the station after one charging point was derived: decided, offered, published and remembered.

    Also handed out are changes of its faults, a session that has ended, and lines of the log. It is noted when a
    tick has to look at the point again. `before`: the point before the event.
    """
    own_effects_from = len(effects)  # from this index on, the effects are this point's
    scope = point_scope(number)
    point = _decide_with_compliance(station, station.points[number], now_s, effects)
    # when time alone may change something: then a tick looks at the point again
    wake_at = unchanged_until(point, now_s)
    point = point.with_control(point.control.with_wake_at(wake_at))
    if point.faults is not before.faults:
        at, code = station.now(now_s), own_codes_text(point)
        effects.extend(_faults_changed(scope, before.faults, point.faults, at, code))
    point = _with_session_reported(station, number, before, point, effects)
    language = station.configuration.device.language
    values = point_values(point, now_s, is_site_paused=is_site_paused(station), language=language)
    state_before = station.last_published(scope, "state")
    effects.extend(notes_of(before, point, state_before, values["state"]))
    # `ration_lines` changes the effects appended before: lines that are too many become details
    output = Output(
        published=_publish(station, scope, values, effects),
        remembered=_remember_point(station, scope, point, now_s, effects),
        line_allowances=ration_lines(
            station.output.line_allowances,
            scope,
            effects,
            from_index=own_effects_from,
            now_s=now_s,
        ),
    )
    return station.with_output({**station.points, number: point}, output)


def _decide_with_compliance(
    station: Station, point: ChargingPoint, now_s: float, effects: list[Effect]
) -> ChargingPoint:
    """Return a charging point with its decision, after a look at whether the vehicle follows its offer.

    If it does not any more, or does again, a fault comes or goes. That is a constraint, too, so the point is
    decided again. Another offer that follows from this comes after the first one in `effects`, and so replaces it.
    """
    decided = _decide(station, point, now_s, effects)
    checked = update_compliance(decided, now_s)
    if checked.faults is decided.faults:
        return checked
    return _decide(station, checked, now_s, effects)


def _with_session_reported(
    station: Station,
    number: PointNumber,
    before: ChargingPoint,
    point: ChargingPoint,
    effects: list[Effect],
) -> ChargingPoint:
    """Return the point after a session that has ended was handed to the store, or was noted as unreported.

    A session has no start and end while the wall-clock time is not known. Then it stays unreported and waits
    for the time, but no longer than until the next session begins or the gateway stops. `before`: the point
    before the event. If no session has ended and none waits, the point is returned as it is.
    """
    old, new = before.session.latest, point.session.latest
    has_ended = old is not None and old.is_open and new is not None and not new.is_open
    is_one_to_report = has_ended or point.session.is_unreported
    if not is_one_to_report or new is None:
        return point
    has_next_begun = new.is_open  # then only `before` still has the session to report
    ended_session = old if has_next_begun else new
    must_wait = (
        station.operation.clock is None and not station.operation.is_stopping and not has_next_begun
    )
    if ended_session is not None and not must_wait:
        effects.append(SessionClosed(point=number, session=ended_session))
    return replace(point, session=replace(point.session, is_unreported=must_wait))


def _decide(
    station: Station, point: ChargingPoint, now_s: float, effects: list[Effect]
) -> ChargingPoint:
    """Return a charging point with the decision that holds now: the offer and its reason.

    If the current is another one than before, the charger gets a new offer and the log a line. A point that
    the configuration blocks is shown with 0 A, but nothing is sent to its charger.
    """
    if point.installation.is_blocked:
        nothing = Decision(offer_ma=0, reason=Reason.CONFIGURATION)
        return point.with_control(replace(point.control, decision=nothing))
    decision = decide(point.limits, constraints_of(station, point), requested(station, point))
    # the offer stays; people may be shown a more useful reason, such as "no vehicle" for "maximum"
    decision = with_shown_reason(
        point, decision, now_s, is_load_managed=station.load_management is not None
    )
    last = point.control.decision
    if last is None or last.offer_ma != decision.offer_ma:
        number = PointNumber(point.settings.number)
        effects.append(Offer(point=number, offer_ma=decision.offer_ma))
        effects.append(offer_note(point, decision))
    if last == decision:
        return point
    return point.with_control(replace(point.control, decision=decision))


def _faults_changed(
    scope: Scope,
    before: FaultRegister,
    after: FaultRegister,
    at: datetime | None,
    charger_code: str = "",
) -> Iterable[FaultChanged]:
    """Yield an effect for each fault of a scope that has come or gone, from one register to the other.

    A fault for information has no duration: it comes and goes at once, which makes two effects. `at`: the
    present time [aware UTC]; None: not known. `charger_code`: the error code that the charger itself reports;
    it is added where the fault `CHARGER_ERROR` comes.
    """

    def changed(code: FaultCode, *, is_present: bool) -> FaultChanged:
        """Return the effect for a fault that has come (`is_present`) or gone."""
        own_code = charger_code if is_present and code is FaultCode.CHARGER_ERROR else ""
        return FaultChanged(scope=scope, code=code, is_present=is_present, at=at, own_code=own_code)

    # the count tells it: the same fault for information may have come again
    if after.last_transient is not None and after.transient_count != before.transient_count:
        yield changed(after.last_transient, is_present=True)
        yield changed(after.last_transient, is_present=False)
    if before.present == after.present:
        return
    for code in after.present:
        if code not in before.present:
            yield changed(code, is_present=True)
    for code in before.present:
        if code not in after.present:
            yield changed(code, is_present=False)


def _device_values(station: Station, now_s: float) -> dict[str, Published]:
    """Return the values of the group objects that belong to the whole device, by key.

    `alive` is always True: sent again and again, it tells the bus that the gateway lives.
    """
    return {
        **load_management_values(station, now_s),
        "grid_supporting_control_state": station.operation.is_grid_control_active,
        "fault": station.faults.is_present,
        "last_fault": station.faults.text,
        "alive": True,
    }


def _publish(
    station: Station,
    scope: Scope,
    values: Mapping[str, Published],
    effects: list[Effect],
) -> Mapping[Scope, Mapping[str, Published]]:
    """Publish the values of a scope that have changed; return all that is published now, by scope.

    `values`: every value of the scope, by the key of its group object. A value that is not known any more is
    None, never missing. If nothing has changed, the same mapping is returned, not a copy.
    """
    last_values = station.output.published.get(scope, _NOTHING_PUBLISHED)
    if values == last_values:
        return station.output.published
    changed = {key: value for key, value in values.items() if last_values.get(key) != value}
    effects.extend(Publish(scope=scope, key=key, value=value) for key, value in changed.items())
    return {**station.output.published, scope: values}


_NOTHING_PUBLISHED: Mapping[str, Published] = {}


def _remember_point(
    station: Station,
    scope: Scope,
    point: ChargingPoint,
    now_s: float,
    effects: list[Effect],
) -> Mapping[Scope, Remembered]:
    """Hand the record of a charging point to the store if it is time; return what the store has, by scope.

    A change of what must not be lost, such as a state or a command (`urgent_values`), is stored at once.
    Energies and durations count up all the time: to spare the disk, they are stored at most every 10 s
    (`REMEMBER_ENERGY_S`), and once more when the gateway stops.
    """
    last, urgent = station.output.remembered.get(scope), urgent_values(point)
    may_wait = (
        last is not None
        and last.urgent_values == urgent
        and now_s - last.handed_at < REMEMBER_ENERGY_S
        and not station.operation.is_stopping
    )
    if may_wait:
        return station.output.remembered
    new = Remembered(record=to_record(point), handed_at=now_s, urgent_values=urgent)
    return _remember(station, scope, new, effects)


def _remember(
    station: Station, scope: Scope, new: Remembered, effects: list[Effect]
) -> Mapping[Scope, Remembered]:
    """Hand a record to the store, unless the store has the same one; return what it has now, by scope."""
    last = station.output.remembered.get(scope)
    if last is not None and last.record == new.record:
        return station.output.remembered
    effects.append(Remember(scope=scope, record=new.record))
    return {**station.output.remembered, scope: new}
