"""One charging point: what is known of it, and how each event changes that. Pure.

The charger's own word for its state is kept apart from what is shown: a pause that we ordered
must not look like the car's wish.
Source: load management specification, sections 5, 14.3, 16; reference manual, tables 23-31.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial

from knxgw.catalogue.model import ZeroMeaning
from knxgw.charging import obedience as obeying
from knxgw.charging import session as sessions
from knxgw.charging.faults import POINT_SEVERITY, FaultCode, FaultRegister
from knxgw.charging.obedience import Obedience, Obeys
from knxgw.charging.precedence import Limits
from knxgw.charging.session import EnergyCounter, Session
from knxgw.charging.states import Hold, Process, ProcessInput, advance, hold_of, shown
from knxgw.charging.words import (
    FAULT_INFOS,
    MEASURED_KINDS,
    METERED,
    PHASE_CURRENTS,
    ChargingState,
    Decision,
    LinkCondition,
    Quantity,
    Value,
)
from knxgw.config.model import ChargingStart, PointSettings
from knxgw.frozen import replace

OWN_ENERGY_AFTER_S = 10
HYSTERESIS_CENTI_C = 200
OWN_PAUSE_ECHO_S = 8.0  # T_ev (6 s) and two polls: how long our own pause may still be reported
FRESH_S: Mapping[Quantity, float] = {
    Quantity.STATE: 10.0,
    Quantity.CONNECTED: 10.0,
    **dict.fromkeys((Quantity.CURRENT, *PHASE_CURRENTS), 10.0),
    Quantity.TEMPERATURE: 180.0,
    Quantity.SERIAL: float("inf"),
    Quantity.FIRMWARE: float("inf"),
    Quantity.EVCCID: float("inf"),
}
FRESH_DEFAULT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A value and when it was taken [monotonic s]."""

    value: Value
    at_s: float


@dataclass(frozen=True, kw_only=True)  # no slots: see knxgw.frozen
class ChargingPoint:
    """Everything known about one charging point."""

    settings: PointSettings
    limits: Limits
    zone: tzinfo = UTC  # of the charger's clock
    blocked: bool = False  # a configuration fault: nothing is written to its charger
    condition: LinkCondition = LinkCondition.STARTING
    connected: bool | None = None  # a vehicle is plugged in; None while unknown
    meter_condition: LinkCondition = LinkCondition.STARTING
    values: Mapping[Quantity, Timed] = field(default_factory=dict)
    decision: Decision | None = None
    taken_ma: int | None = None  # last offer the charger acknowledged
    pause_s: float | None = None  # when our own pause was last in force [monotonic s]
    process: Process = Process.NO_VEHICLE
    in_error: bool = False  # the charger's own state, as it was last told
    obedience: Obedience = obeying.NEW
    interruption: bool = False
    setpoint_ma: int = 0
    setpoint_given: bool = False  # by GO 60; else it is the maximum
    has_charged: bool = False  # since the vehicle was plugged in
    below_s: float = 0.0  # how long the current has been below the "complete" threshold
    counted_s: float | None = None  # until when `below_s` is counted [monotonic s]
    complete: bool = False
    hot: bool = False  # temperature warning by the threshold
    card: str = ""  # that enabled charging
    asked_for_card: bool = False  # the charger waited for one since plug-in
    card_before: str | None = None  # what the charger showed when the last vehicle left, if known
    session: Session | None = None
    session_started_s: float | None = None  # [monotonic s]
    session_restored: bool = False  # it began before the gateway's last start
    session_counter: EnergyCounter = field(default_factory=EnergyCounter)  # from power
    lifetime_mwh: int | None = None
    lifetime_counter: EnergyCounter = field(default_factory=EnergyCounter)
    faults: FaultRegister = field(default_factory=partial(FaultRegister, severities=POINT_SEVERITY))

    def value(self, quantity: Quantity) -> Value | None:
        """Return the last value of a quantity."""
        timed = self.values.get(quantity)
        return timed.value if timed else None

    def number(self, quantity: Quantity) -> int | None:
        """Return the last numeric value of a quantity."""
        value = self.value(quantity)
        return value if isinstance(value, int) else None

    @property
    def counts_sessions(self) -> bool:
        """Tell whether the charger itself supplies the energy of a session."""
        return "energy_session" in self.settings.model.points

    @property
    def metered(self) -> frozenset[Quantity]:
        """Return what the electricity meter behind the charging point supplies.

        Its figures stand for the charger's own of the same kind.
        """
        meter = self.settings.meter
        supplied = meter.model.capabilities if meter else frozenset()
        kinds = [kind for name, kind in MEASURED_KINDS.items() if name in supplied]
        return frozenset(quantity for kind in kinds for quantity in kind)

    @property
    def starts_manually(self) -> bool:
        """Tell whether a process begins by GO 54 only."""
        settings = self.settings
        return settings.start is ChargingStart.MANUAL and "start_stop" in settings.capabilities

    @property
    def waits_for_start(self) -> bool:
        """Tell whether no current is offered before GO 54: also the next vehicle shall wait."""
        if self.process is Process.NO_VEHICLE:
            return self.starts_manually
        return self.process is Process.WAITING


def new_point(
    settings: PointSettings, *, blocked: bool = False, zone: tzinfo = UTC
) -> ChargingPoint:
    """Return a charging point of which nothing is known yet; `zone` is that of its clock."""
    control = settings.model.control
    if control is None:
        raise ValueError(f"{settings.model.id} is not a charger")
    limits = Limits(
        minimum_ma=settings.minimum_ma,
        maximum_ma=min(settings.maximum_ma, control.maximum_ma),
        resolution_ma=control.resolution_ma,
        zero_allowed=control.zero is ZeroMeaning.PAUSES,
    )
    return ChargingPoint(
        settings=settings,
        limits=limits,
        zone=zone,
        blocked=blocked,
        setpoint_ma=limits.maximum_ma,
    )


# --- values ------------------------------------------------------------------------------------


def see(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float, now: datetime | None
) -> ChargingPoint:
    """Take fresh values of the charger."""
    metered = point.metered
    values = {q: v for q, v in values.items() if q not in metered}
    return _note_charger_error(_take(point, values, now_s, now))


def see_meter(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float, now: datetime | None
) -> ChargingPoint:
    """Take fresh values of the electricity meter behind the charging point."""
    if Quantity.FAULT_INFO_1 in values:
        error = bool(values[Quantity.FAULT_INFO_1])
        point = replace(point, faults=point.faults.set(FaultCode.E_METER_ERROR, present=error))
    return _take(point, {q: v for q, v in values.items() if q in METERED}, now_s, now)


def _take(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float, now: datetime | None
) -> ChargingPoint:
    before = point
    fresh = {quantity: Timed(value=value, at_s=now_s) for quantity, value in values.items()}
    plug = values.get(Quantity.CONNECTED)
    connected = before.connected if plug is None else bool(plug)
    point = replace(point, values={**point.values, **fresh}, connected=connected)
    point = _count_energy(point, values, now_s)
    point = _adopt_session_times(point, values, now_s, now)
    if before.connected is not False and point.connected is False:
        point = _unplugged(point, now_s, now)
    elif not before.connected and point.connected:
        point = _plugged_in(point)
    point = _follow_session(point, now_s, now)
    return _follow_heat(_follow_card(point))


def _plugged_in(point: ChargingPoint) -> ChargingPoint:
    manual = point.starts_manually
    given = ProcessInput.PLUGGED_IN_TO_WAIT if manual else ProcessInput.PLUGGED_IN
    process = advance(point.process, given) or point.process
    return replace(point, process=process)


def _follow_card(point: ChargingPoint) -> ChargingPoint:
    """Find the card that enables charging: one that was not there when the last vehicle left.

    Chargers may go on showing the card of the last session. The same card again counts when
    charging begins (see `_begin`). After a restart nothing that was told is told again.
    """
    card = point.value(Quantity.RFID)
    if not isinstance(card, str):
        return point
    state = point.value(Quantity.STATE)
    if point.connected and state == ChargingState.MANUAL_START and not point.asked_for_card:
        point = replace(point, asked_for_card=True)
    if point.card_before is None or (not point.connected and not card and point.card_before):
        return replace(point, card_before=card)
    if not point.connected or not card or card in (point.card, point.card_before):
        return point
    return replace(point, card=card) if state in _ENABLED else point


_ENABLED = (
    ChargingState.CONNECTED,
    ChargingState.CHARGE,
    ChargingState.CHARGE_REDUCED,
    ChargingState.CHARGE_VENTILATION,
)


def _unplugged(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    session = point.session
    if session is not None and session.is_open:
        session = sessions.close(_dated(session, point.session_started_s, now_s, now))
    return replace(
        point,
        session=session,
        session_started_s=None,
        process=advance(point.process, ProcessInput.UNPLUGGED) or point.process,
        obedience=obeying.NEW,
        card="",
        asked_for_card=False,
        card_before=str(point.value(Quantity.RFID) or ""),
        has_charged=False,
        below_s=0.0,
        counted_s=None,
        complete=False,
    )


def _note_charger_error(point: ChargingPoint) -> ChargingPoint:
    state = point.value(Quantity.STATE)
    if state is None:  # not read since it came back: what it said before still holds
        return point
    in_error = state == ChargingState.ERROR
    error = in_error or any(point.value(quantity) for quantity in FAULT_INFOS)
    faults = point.faults.set(FaultCode.CHARGER_ERROR, present=error)
    return replace(point, in_error=in_error, faults=faults)


def _count_energy(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float
) -> ChargingPoint:
    """Add what flowed since the last value to the session and to the life of the point."""
    energy, power = values.get(Quantity.ENERGY), values.get(Quantity.POWER)
    own_energy = values.get(Quantity.SESSION_ENERGY)
    if isinstance(own_energy, int):
        point = _adopt_session_energy(point, own_energy, now_s)
    if isinstance(energy, int):
        counter, added_mwh = point.lifetime_counter.by_reading(energy, now_s)
        lifetime = energy if point.lifetime_mwh is None else point.lifetime_mwh + added_mwh
        point = replace(point, lifetime_counter=counter, lifetime_mwh=lifetime)
        return _add_to_session(point, added_mwh)
    if isinstance(power, int) and "energy" not in point.settings.capabilities:
        counter, added_mwh = point.session_counter.by_power(power, now_s)
        return _add_to_session(replace(point, session_counter=counter), added_mwh)
    return point


def _add_to_session(point: ChargingPoint, added_mwh: int) -> ChargingPoint:
    session = point.session
    if session is None or not session.is_open or added_mwh == 0 or point.counts_sessions:
        return point
    energy_mwh = session.energy_mwh + added_mwh
    return replace(point, session=replace(session, energy_mwh=energy_mwh))


def _adopt_session_energy(point: ChargingPoint, energy_mwh: int, now_s: float) -> ChargingPoint:
    """Take the session's energy from a charger that counts it.

    Some still report the session before until current has flowed for a while, and some go back
    to zero on unplugging.
    """
    session = point.session
    if session is None or energy_mwh == 0 or not _counts_itself_by_now(point, now_s):
        return point
    return replace(point, session=replace(session, energy_mwh=energy_mwh))


def _counts_itself_by_now(point: ChargingPoint, now_s: float) -> bool:
    """Tell whether what the charger counts is of the running session and not of the one before.

    The time since its start counts, also while the gateway was off.
    """
    if point.session is None or not point.session.is_open or point.session_started_s is None:
        return False
    return now_s - point.session_started_s >= OWN_ENERGY_AFTER_S


def _adopt_session_times(
    point: ChargingPoint, values: Mapping[Quantity, Value], now_s: float, now: datetime | None
) -> ChargingPoint:
    """Take start, end and duration of the session from a charger that supplies them.

    As with its energy, they may be those of the session before until this one has lasted a while.
    """
    session = point.session
    if session is None or not _counts_itself_by_now(point, now_s):
        return point
    duration = values.get(Quantity.SESSION_DURATION)
    if isinstance(duration, int) and duration > 0:
        session = replace(session, duration_s=duration)
    start, end = values.get(Quantity.SESSION_START), values.get(Quantity.SESSION_END)
    if now is not None and isinstance(start, int):
        near = session.started_at or now
        session = replace(session, started_at=sessions.moment_near(near, start, point.zone))
    if now is not None and isinstance(end, int) and end > 0:
        near = session.ended_at or now
        session = replace(session, ended_at=sessions.moment_near(near, end, point.zone))
    return point if session is point.session else replace(point, session=session)


def _follow_heat(point: ChargingPoint) -> ChargingPoint:
    """Warn from the threshold on, until it is a little cooler: no warning that comes and goes."""
    temperature = point.number(Quantity.TEMPERATURE)
    if temperature is None:
        return point
    warning = point.settings.temperature.warning_c * 100
    hot = temperature >= (warning - HYSTERESIS_CENTI_C if point.hot else warning)
    return point if hot == point.hot else replace(point, hot=hot)


# --- session and "charging complete" -------------------------------------------------------------


def _follow_session(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    state = point.value(Quantity.STATE)
    charging = isinstance(state, ChargingState) and state.is_charging
    if point.connected is False:
        return point
    if charging and not (point.session and point.session.is_open):
        point = _begin(point, now_s, now)
    if point.session and point.session.is_open:
        point = replace(point, session=_dated(point.session, point.session_started_s, now_s, now))
    current_ma = fresh_current_ma(point, now_s)
    above = _draws(point, current_ma)
    if charging and above:
        point = replace(point, has_charged=True)
        if point.session and point.session_started_s is not None:
            lasted_s = now_s - point.session_started_s
            point = replace(point, session=_drew(point, point.session, now, lasted_s))
    if current_ma is None and point.has_charged:  # not measured, or not read yet
        return replace(point, counted_s=None)
    return _follow_complete(point, now_s, above=above)


def _begin(point: ChargingPoint, now_s: float, now: datetime | None) -> ChargingPoint:
    card = point.value(Quantity.RFID)
    known = isinstance(card, str) and card and (point.asked_for_card or card != point.card_before)
    return replace(
        point,
        session=sessions.begin(now),
        session_started_s=now_s,
        session_restored=False,
        card=str(card) if known else point.card,
    )


def date_session_anew(point: ChargingPoint, now: datetime, now_s: float) -> ChargingPoint:
    """Return the point after the wall clock was corrected: a running session follows it.

    One that began in this run has its start by the monotonic clock; of one from before a restart
    the stored start is what is known.
    """
    session, started_s = point.session, point.session_started_s
    if session is None or not session.is_open or started_s is None:
        return point
    if point.session_restored and session.started_at is not None:
        lasted_s = max(0.0, (now - session.started_at).total_seconds())
        return replace(point, session_started_s=now_s - lasted_s)
    drew_at = now - timedelta(seconds=now_s - started_s - session.duration_s)
    dated = replace(
        session,
        started_at=now - timedelta(seconds=now_s - started_s),
        ended_at=None if session.ended_at is None else drew_at,
    )
    return replace(point, session=dated)


def _drew(point: ChargingPoint, session: Session, now: datetime | None, lasted_s: float) -> Session:
    """Return the session after current flowed; what the charger counts itself is left alone."""
    moved = sessions.drew(session, now, lasted_s)
    counts = point.number(Quantity.SESSION_DURATION) is not None
    if counts and lasted_s >= OWN_ENERGY_AFTER_S:
        moved = replace(moved, duration_s=session.duration_s)
    return moved


def _draws(point: ChargingPoint, current_ma: int | None) -> bool:
    """Tell whether the current is above the threshold; one that nobody measures counts as such."""
    if current_ma is None:
        return "current" not in point.settings.capabilities
    return current_ma >= point.settings.complete_threshold_ma


def _dated(
    session: Session, started_s: float | None, now_s: float, now: datetime | None
) -> Session:
    """Return the session with its start time, found out later if the clock was not valid then."""
    if session.started_at is not None or now is None or started_s is None:
        return session
    return replace(session, started_at=now - timedelta(seconds=now_s - started_s))


def _follow_complete(point: ChargingPoint, now_s: float, *, above: bool) -> ChargingPoint:
    """Count the time below the threshold; it does not run while we hold the point at 0 A."""
    if above or not point.has_charged:
        return replace(point, below_s=0.0, counted_s=None, complete=False)
    if point.decision is not None and point.decision.offer_ma == 0:
        return replace(point, counted_s=None)
    elapsed_s = now_s - point.counted_s if point.counted_s is not None else 0.0
    below_s = point.below_s + elapsed_s
    complete = point.complete or below_s >= point.settings.complete_time_s
    return replace(point, below_s=below_s, counted_s=now_s, complete=complete)


# --- link ----------------------------------------------------------------------------------------


def link_changed(point: ChargingPoint, condition: LinkCondition) -> ChargingPoint:
    """Take a changed link to the charger: what it told goes stale when it is gone."""
    faults = point.faults
    for fault, cause in _LINK_FAULTS.items():
        faults = faults.set(fault, present=condition is cause)
    gone = condition in (LinkCondition.NOT_REACHABLE, LinkCondition.WRONG_MODEL)
    metered = point.metered
    values = {q: t for q, t in point.values.items() if q in metered} if gone else point.values
    return replace(  # `connected` stays, so that an unplugging meanwhile is noticed
        point,
        condition=condition,
        faults=faults,
        values=values,
        counted_s=None,
    )


_LINK_FAULTS = {
    FaultCode.NOT_REACHABLE: LinkCondition.NOT_REACHABLE,
    FaultCode.WRONG_CHARGER: LinkCondition.WRONG_MODEL,
    FaultCode.COMM: LinkCondition.COMM,
}


def meter_link_changed(point: ChargingPoint, condition: LinkCondition) -> ChargingPoint:
    """Take a changed link to the electricity meter."""
    gone = condition is LinkCondition.NOT_REACHABLE
    faults = point.faults.set(FaultCode.E_METER_NOT_REACHABLE, present=gone)
    faults = faults.set(FaultCode.E_METER_COMM, present=condition is LinkCondition.COMM)
    metered = point.metered
    values = {q: t for q, t in point.values.items() if q not in metered} if gone else point.values
    return replace(point, meter_condition=condition, faults=faults, values=values)


def offer_taken(point: ChargingPoint, offer_ma: int, now_s: float) -> ChargingPoint:
    """Take the charger's acknowledgement of an offer."""
    pause_s = now_s if offer_ma == 0 or point.taken_ma == 0 else point.pause_s
    return replace(point, taken_ma=offer_ma, pause_s=pause_s)


# --- commands ------------------------------------------------------------------------------------


def command_interruption(point: ChargingPoint, *, active: bool) -> ChargingPoint:
    """Interrupt the charging point, or end its interruption."""
    return replace(point, interruption=active)


def command_setpoint(point: ChargingPoint, wanted_ma: int | None) -> ChargingPoint:
    """Take a setpoint [mA]; None stands for one that is no number or negative."""
    if wanted_ma is None or wanted_ma < 0:
        return replace(point, faults=point.faults.inform(FaultCode.VALUE_OUT_OF_RANGE))
    if not point.limits.contains(wanted_ma):
        point = replace(point, faults=point.faults.inform(FaultCode.VALUE_OUT_OF_RANGE))
    setpoint_ma = point.limits.clamp_setpoint(wanted_ma)
    return replace(point, setpoint_ma=setpoint_ma, setpoint_given=True)


def command_start_stop(
    point: ChargingPoint, now_s: float, *, start: bool, paused_all: bool = False
) -> ChargingPoint:
    """Start a process that waits for it, or cancel one until the vehicle is plugged in anew."""
    given = ProcessInput.STOP
    if start:
        state = shown_state(point, now_s, paused_all=paused_all)
        waits = state is ChargingState.MANUAL_START
        given = ProcessInput.START if waits else ProcessInput.START_OTHERWISE
    process = advance(point.process, given)
    if process is None:
        faults = point.faults.inform(FaultCode.OPERATION_NOT_POSSIBLE)
        return replace(point, faults=faults)
    return replace(point, process=process)


def may_unlock(point: ChargingPoint, now_s: float) -> bool:
    """Tell whether the charging process has finished, so that the cable may be released."""
    if point.interruption or point.condition is not LinkCondition.GOOD:
        return False
    finished = point.process is Process.CANCELLED or point.complete
    current_ma = fresh_current_ma(point, now_s)
    if current_ma is None and "current" in point.settings.capabilities:
        return False  # it may still draw
    if current_ma is None:
        state = fresh_value(point, Quantity.STATE, now_s)
        return finished and not (isinstance(state, ChargingState) and state.is_charging)
    return finished and current_ma <= obeying.DRAWS_MA


# --- obedience -----------------------------------------------------------------------------------


def follow_obedience(point: ChargingPoint, now_s: float) -> ChargingPoint:
    """Compare what the vehicle draws with what was decided, and raise or clear the faults of it.

    A charger that has not taken a lower offer yet is no fault of its vehicle.
    """
    offer_ma = None if point.decision is None else point.decision.offer_ma
    if offer_ma is not None and point.taken_ma is not None:
        offer_ma = max(offer_ma, point.taken_ma)
    invalid = FaultCode.DLM_INVALID_CURRENT in point.faults.present  # what cannot be says nothing
    current_ma = None if invalid else phase_current_ma(point, now_s)
    obedience = obeying.follow(point.obedience, offer_ma, current_ma, now_s)
    if obedience == point.obedience:
        return point
    faults = point.faults
    for code, cause in _OBEDIENCE_FAULTS.items():
        faults = faults.set(code, present=obedience.obeys is cause)
    return replace(point, obedience=obedience, faults=faults)


_OBEDIENCE_FAULTS = {
    FaultCode.NOT_FOLLOWING: Obeys.NOT_FOLLOWING,
    FaultCode.NOT_STOPPING: Obeys.NOT_STOPPING,
}


def phase_current_ma(point: ChargingPoint, now_s: float) -> int | None:
    """Return the highest phase current [mA]; of a sum the mean, which is never too high."""
    found = [fresh_value(point, quantity, now_s) for quantity in PHASE_CURRENTS]
    phases = [current for current in found if isinstance(current, int)]
    total = fresh_value(point, Quantity.CURRENT, now_s)
    if phases:
        return max(phases)
    return total // point.settings.phases if isinstance(total, int) else None


# --- what is shown -------------------------------------------------------------------------------


def fresh_value(point: ChargingPoint, quantity: Quantity, now_s: float) -> Value | None:
    """Return a value that is not stale, else None."""
    timed = point.values.get(quantity)
    if timed is None or now_s - timed.at_s > FRESH_S.get(quantity, FRESH_DEFAULT_S):
        return None
    return timed.value


def fresh_current_ma(point: ChargingPoint, now_s: float) -> int | None:
    """Return the highest phase current [mA], else the sum, else None; stale ones do not count."""
    found = [fresh_value(point, quantity, now_s) for quantity in PHASE_CURRENTS]
    phases = [current for current in found if isinstance(current, int)]
    total = fresh_value(point, Quantity.CURRENT, now_s)
    return max(phases) if phases else total if isinstance(total, int) else None


def shown_state(
    point: ChargingPoint, now_s: float, *, paused_all: bool = False
) -> ChargingState | None:
    """Return the value of GO 50, None while the charger's state is not known.

    `paused_all`: grid-supporting control with 0 A, or the overcurrent lock-out, is active.
    """
    own = fresh_value(point, Quantity.STATE, now_s)
    if not isinstance(own, int):
        return None
    hold = hold_of(
        point.process,
        interrupted=point.interruption or paused_all,
        paused=_own_pause(point, now_s),
    )
    return shown(ChargingState(own), hold)


def intrinsic_state(point: ChargingPoint, now_s: float) -> ChargingState | None:
    """Return the charger's own state without the echo of a pause of ours, None while not known.

    Source: load management specification, section 5.
    """
    own = fresh_value(point, Quantity.STATE, now_s)
    if not isinstance(own, int):
        return None
    return shown(ChargingState(own), Hold.PAUSE if _own_pause(point, now_s) else Hold.NONE)


def _own_pause(point: ChargingPoint, now_s: float) -> bool:
    """Tell whether what the charger reports may still be the echo of our own pause."""
    if point.decision is not None and point.decision.offer_ma == 0:
        return True
    if point.taken_ma == 0:
        return True
    return point.pause_s is not None and now_s - point.pause_s <= OWN_PAUSE_ECHO_S
