"""One charging point: what is known of it, and how each event changes that. Pure.

The charger's own word for its state is kept apart from what is shown: a pause that we ordered
must not look like the car's wish.
Source: load-management 5, 14.3, 16; [reference-manual] tables 23-31.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo

from knxgw.catalogue.codes import ChargingState, FaultCode
from knxgw.catalogue.model import Product, ZeroMeaning
from knxgw.charging import compliance as limit_compliance
from knxgw.charging.compliance import Compliance, LimitCompliance
from knxgw.charging.counter import EnergyCounter, PowerCounter, metered_quantities, new_counter
from knxgw.charging.events import LinkCondition
from knxgw.charging.faults import FaultRegister
from knxgw.charging.limits import CURRENT_STALE_AFTER_S, DRAWS_FROM_MA, FRESH_PERIODS, OBEY_S
from knxgw.charging.precedence import Decision, Limits
from knxgw.charging.quantities import MEASURED_KINDS, PHASE_CURRENTS, Quantity, Value
from knxgw.charging.session import Session
from knxgw.charging.states import (
    Hold,
    Process,
    ProcessInput,
    advance,
    shown_state_of,
    strongest_hold,
)
from knxgw.config.model import ChargingStart, PointSettings

ECHO_PERIODS, POLL_S = 2, 1.0  # polls in which our own pause may still be reported
FRESH_DEFAULT_S = 60.0
FRESH_S: Mapping[Quantity, float] = {
    **dict.fromkeys(Quantity, FRESH_DEFAULT_S),
    Quantity.STATE: 10.0,
    Quantity.CONNECTED: 10.0,
    **dict.fromkeys((Quantity.CURRENT, *PHASE_CURRENTS), CURRENT_STALE_AFTER_S),
    Quantity.TEMPERATURE: 180.0,
    Quantity.SERIAL: float("inf"),
    Quantity.FIRMWARE: float("inf"),
    Quantity.EVCCID: float("inf"),
}
SHORTEST_FRESH_S = min(FRESH_S.values())
FEWEST_SPACINGS, MOST_SPACINGS = 2, 5
USUAL_PERIOD_S = SHORTEST_FRESH_S / FRESH_PERIODS  # a shorter one changes nothing


def measured_currents(settings: PointSettings) -> tuple[Quantity, ...]:
    """Return the phase currents that are measured, in the order of the terminals."""
    phases = PHASE_CURRENTS[: settings.phases]
    return tuple(quantity for quantity in phases if quantity.value in settings.capabilities)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What is installed and configured: fixed while the configuration holds."""

    settings: PointSettings
    limits: Limits
    product: Product
    zone: tzinfo = UTC  # of the charger's clock
    is_blocked: bool = False  # a configuration fault: nothing is written to its charger
    measured_currents: tuple[Quantity, ...] = field(
        init=False
    )  # phase currents, in order of the terminals
    metered_quantities: frozenset[Quantity] = field(
        init=False
    )  # what the meter behind the point supplies

    def __post_init__(self) -> None:
        """Derive once what every reading asks for."""
        object.__setattr__(self, "measured_currents", measured_currents(self.settings))
        object.__setattr__(self, "metered_quantities", metered_quantities(self.settings))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerLink:
    """How the charger can be talked to, and which offer it acknowledged; times are monotonic."""

    condition: LinkCondition = LinkCondition.STARTING
    was_heard: bool = False  # it has reported its state since the start
    acknowledged_ma: int | None = None  # last offer that it acknowledged
    acknowledged_since: float | None = None  # [monotonic s]
    paused_at: float | None = None  # when our own pause was last in force [monotonic s]


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What charger and meter reported last. The only part that most readings change."""

    values: Mapping[Quantity, Value] = field(default_factory=dict)
    read_at: Mapping[Quantity, float] = field(default_factory=dict)  # [monotonic s], also in vain
    spacings_s: Mapping[Quantity, tuple[float, ...]] = field(default_factory=dict)  # on a slow line
    repeated_at: float | None = None  # last reading without news, not followed yet [monotonic s]
    in_error: bool = False  # the charger's own state, as it was last reported
    is_hot: bool = False  # temperature warning by the threshold

    def with_times(
        self,
        read_at: Mapping[Quantity, float],
        spacings_s: Mapping[Quantity, tuple[float, ...]],
        repeated_at: float | None,
    ) -> "Readings":
        """Return the readings with other times; the quick way, see `with_readings`."""
        return Readings(
            values=self.values,
            read_at=read_at,
            spacings_s=spacings_s,
            repeated_at=repeated_at,
            in_error=self.in_error,
            is_hot=self.is_hot,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CardState:
    """Which RFID card enabled charging."""

    enabled_by: str = ""  # the card that enabled charging
    was_requested: bool = False  # the charger waited for one since plug-in
    shown_before: str | None = None  # what the charger showed when the last vehicle left, if known


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingProcess:
    """How far charging is, from plug-in to unplugging."""

    is_connected: bool | None = None  # a vehicle is plugged in; None while unknown
    stage: Process = Process.NO_VEHICLE
    has_charged: bool = False  # since the vehicle was plugged in
    below_s: float = 0.0  # how long the current has been below the "complete" threshold
    counted_until: float | None = None  # `below_s` includes the time until then [monotonic s]
    is_complete: bool = False
    card: CardState = field(default_factory=CardState)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionState:
    """The current session, or the last one, and what the gateway must know to time it."""

    latest: Session | None = None
    began_at: float | None = None  # [monotonic s]
    drew_at: float | None = None  # last above the threshold, in this run [monotonic s]
    is_restored: bool = False  # it began before the gateway's last start
    is_unreported: bool = False  # it is over, but without known times: not in the history yet
    has_duration_restarted: bool = False  # the charger began its duration again in the middle

    @property
    def is_open(self) -> bool:
        """Tell whether a session runs."""
        return self.latest is not None and self.latest.is_open


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyState:
    """What the counters of charger and meter say, and the total of the charging point."""

    lifetime_mwh: int | None = None
    lifetime_counter: EnergyCounter = field(default_factory=EnergyCounter)
    power_counter: PowerCounter = field(default_factory=PowerCounter)  # where only power is read
    counters: Mapping[Quantity, EnergyCounter] = field(default_factory=dict)  # of other registers
    moved_at: datetime | None = None  # when one of them moved last [UTC], if the time was valid
    register_before_mwh: int | None = None  # the charger's register of the session, at plug-in
    is_register_adopted: bool = False  # the energy of the session follows that register


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What was commanded and decided, and whether the vehicle complies."""

    is_interrupted: bool = False
    setpoint_ma: int = 0
    is_setpoint_given: bool = False  # by GO 60; else the setpoint is the maximum
    decision: Decision | None = None
    compliance: LimitCompliance = limit_compliance.NEW
    wake_at: float = 0.0  # when to look again even if nothing happens [monotonic s]

    def with_wake_at(self, wake_at: float) -> "Control":
        """Return the same with another instant to look again; see `ChargingPoint.with_control`."""
        return Control(
            is_interrupted=self.is_interrupted,
            setpoint_ma=self.setpoint_ma,
            is_setpoint_given=self.is_setpoint_given,
            decision=self.decision,
            compliance=self.compliance,
            wake_at=wake_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargingPoint:
    """Everything known about one charging point."""

    installation: Installation
    faults: FaultRegister
    link: ChargerLink = field(default_factory=ChargerLink)
    readings: Readings = field(default_factory=Readings)
    process: ChargingProcess = field(default_factory=ChargingProcess)
    session: SessionState = field(default_factory=SessionState)
    energy: EnergyState = field(default_factory=EnergyState)
    control: Control = field(default_factory=Control)

    @property
    def settings(self) -> PointSettings:
        """Return what is configured for the charging point."""
        return self.installation.settings

    @property
    def limits(self) -> Limits:
        """Return what charger and installation allow."""
        return self.installation.limits

    def with_readings(self, readings: Readings) -> "ChargingPoint":
        """Return the point with other readings, five times as fast as `replace` does it.

        Once per second and charger this is all that happens.
        """
        return ChargingPoint(
            installation=self.installation,
            faults=self.faults,
            link=self.link,
            readings=readings,
            process=self.process,
            session=self.session,
            energy=self.energy,
            control=self.control,
        )

    def with_session_and_process(
        self, session: SessionState, process: ChargingProcess
    ) -> "ChargingPoint":
        """Return the point with another session and process; as fast, for every look at it."""
        return ChargingPoint(
            installation=self.installation,
            faults=self.faults,
            link=self.link,
            readings=self.readings,
            process=process,
            session=session,
            energy=self.energy,
            control=self.control,
        )

    def with_control(self, control: Control) -> "ChargingPoint":
        """Return the point with other commands and decisions; as fast, for every look at it."""
        return ChargingPoint(
            installation=self.installation,
            faults=self.faults,
            link=self.link,
            readings=self.readings,
            process=self.process,
            session=self.session,
            energy=self.energy,
            control=control,
        )

    def value(self, quantity: Quantity) -> Value | None:
        """Return the last value of a quantity."""
        return self.readings.values.get(quantity)

    def is_reported_unavailable(self, quantities: Iterable[Quantity]) -> bool:
        """Tell whether all of them were read last as not available."""
        return all(
            one in self.readings.read_at and one not in self.readings.values for one in quantities
        )

    @property
    def is_current_measured(self) -> bool:
        """Tell whether somebody measures the current, as far as is known."""
        asked = [one for one in MEASURED_KINDS["current"] if one in self.readings.read_at]
        lacks = bool(asked) and self.is_reported_unavailable(asked)
        return "current" in self.settings.capabilities and not lacks

    def number(self, quantity: Quantity) -> int | None:
        """Return the last numeric value of a quantity."""
        value = self.value(quantity)
        return value if isinstance(value, int) else None

    @property
    def measured_currents(self) -> tuple[Quantity, ...]:
        """Return the phase currents that are measured, in the order of the terminals."""
        return self.installation.measured_currents

    def counter(self, quantity: Quantity) -> EnergyCounter:
        """Return the counter of a quantity that is an energy."""
        if quantity is Quantity.ENERGY:
            return self.energy.lifetime_counter
        return self.energy.counters.get(quantity) or new_counter(self.settings, quantity)

    @property
    def has_doubted_counter(self) -> bool:
        """Tell whether one of the counters is not sure of what was read last."""
        energy = self.energy
        lifetime = energy.lifetime_counter
        if lifetime.doubt is not None or (energy.lifetime_mwh is None and lifetime.is_unconfirmed):
            return True
        for counter in energy.counters.values():  # noqa: SIM110 - at each reading: no generator
            if counter.doubt is not None:
                return True
        return False

    @property
    def metered_quantities(self) -> frozenset[Quantity]:
        """Return what the electricity meter behind the charging point supplies.

        Its figures stand for the charger's own of the same kind.
        """
        return self.installation.metered_quantities

    @property
    def is_started_manually(self) -> bool:
        """Tell whether a process begins by GO 54 only."""
        settings = self.settings
        return settings.start is ChargingStart.MANUAL and "start_stop" in settings.capabilities

    @property
    def is_waiting_for_start(self) -> bool:
        """Tell whether no current is offered before GO 54: also the next vehicle shall wait."""
        if self.process.stage is Process.NO_VEHICLE:
            return self.is_started_manually
        return self.process.stage is Process.WAITING


def new_point(
    settings: PointSettings, product: Product, *, is_blocked: bool = False, zone: tzinfo = UTC
) -> ChargingPoint:
    """Return a charging point of which nothing is known yet; `zone` is that of its clock."""
    control = settings.model.control
    if control is None:
        raise ValueError(f"{settings.model.id} is not a charger")
    limits = Limits(
        minimum_ma=settings.minimum_ma,
        maximum_ma=min(settings.maximum_ma, control.maximum_ma),
        resolution_ma=control.resolution_ma,
        is_zero_allowed=control.zero is ZeroMeaning.PAUSES,
    )
    installation = Installation(
        settings=settings, limits=limits, product=product, zone=zone, is_blocked=is_blocked
    )
    counter = new_counter(settings, Quantity.ENERGY)
    return ChargingPoint(
        installation=installation,
        faults=FaultRegister(severities=product.faults.charging_point),
        energy=EnergyState(
            lifetime_counter=counter, power_counter=PowerCounter(most_w=counter.register.most_w)
        ),
        control=Control(setpoint_ma=limits.maximum_ma),
    )


# --- link ----------------------------------------------------------------------------------------


def link_changed(point: ChargingPoint, condition: LinkCondition) -> ChargingPoint:
    """Take a changed link to the charger: what it told goes stale when it is gone."""
    faults = point.faults
    for fault, cause in _LINK_FAULTS.items():
        faults = faults.set(fault, is_present=condition is cause)
    is_lost = condition in (LinkCondition.NOT_REACHABLE, LinkCondition.WRONG_MODEL)
    if is_lost:
        point = _without_values(
            point, [q for q in point.readings.read_at if q not in point.metered_quantities]
        )
    # `connected` stays, so that an unplugging meanwhile is noticed
    return replace(
        point,
        link=replace(point.link, condition=condition),
        process=replace(point.process, counted_until=None),
        faults=faults,
    )


def _without_values(point: ChargingPoint, quantities: Iterable[Quantity]) -> ChargingPoint:
    """Return the point without values that nobody can read any more."""
    values, read_at = dict(point.readings.values), dict(point.readings.read_at)
    for quantity in quantities:
        del read_at[quantity]
        values.pop(quantity, None)
    return replace(point, readings=replace(point.readings, values=values, read_at=read_at))


_LINK_FAULTS = {
    FaultCode.NOT_REACHABLE: LinkCondition.NOT_REACHABLE,
    FaultCode.WRONG_CHARGER: LinkCondition.WRONG_MODEL,
    FaultCode.COMM: LinkCondition.COMM,
}


def meter_link_changed(point: ChargingPoint, condition: LinkCondition) -> ChargingPoint:
    """Take a changed link to the electricity meter."""
    is_lost = condition is LinkCondition.NOT_REACHABLE
    faults = point.faults.set(FaultCode.E_METER_NOT_REACHABLE, is_present=is_lost)
    faults = faults.set(FaultCode.E_METER_COMM, is_present=condition is LinkCondition.COMM)
    if is_lost:
        point = _without_values(
            point, [q for q in point.readings.read_at if q in point.metered_quantities]
        )
    return replace(point, faults=faults)


def offer_acknowledged(point: ChargingPoint, offer_ma: int, now_s: float) -> ChargingPoint:
    """Take the charger's acknowledgement of an offer."""
    paused_at = now_s if offer_ma == 0 or point.link.acknowledged_ma == 0 else point.link.paused_at
    acknowledged_since = (
        now_s if offer_ma != point.link.acknowledged_ma else point.link.acknowledged_since
    )
    return replace(
        point,
        link=replace(
            point.link,
            acknowledged_ma=offer_ma,
            acknowledged_since=acknowledged_since,
            paused_at=paused_at,
        ),
    )


# --- commands ------------------------------------------------------------------------------------


def command_interruption(point: ChargingPoint, *, is_active: bool) -> ChargingPoint:
    """Interrupt the charging point, or end its interruption."""
    return replace(point, control=replace(point.control, is_interrupted=is_active))


def command_setpoint(point: ChargingPoint, wanted_ma: int | None) -> ChargingPoint:
    """Take a setpoint [mA]; None stands for one that is no number or negative."""
    if wanted_ma is None or wanted_ma < 0:
        return replace(point, faults=point.faults.raise_transient(FaultCode.VALUE_OUT_OF_RANGE))
    if not point.limits.allows_setpoint(wanted_ma):
        point = replace(point, faults=point.faults.raise_transient(FaultCode.VALUE_OUT_OF_RANGE))
    setpoint_ma = point.limits.clamp_setpoint(wanted_ma)
    return replace(
        point, control=replace(point.control, setpoint_ma=setpoint_ma, is_setpoint_given=True)
    )


def command_start_stop(
    point: ChargingPoint, now_s: float, *, is_start: bool, is_site_paused: bool = False
) -> ChargingPoint:
    """Start a process that waits for it, or cancel one until the vehicle is plugged in anew."""
    given = ProcessInput.STOP
    if is_start:
        state = shown_state(point, now_s, is_site_paused=is_site_paused)
        waits = state is ChargingState.MANUAL_START
        given = ProcessInput.START if waits else ProcessInput.START_OTHERWISE
    process = advance(point.process.stage, given)
    if process is None:
        faults = point.faults.raise_transient(FaultCode.OPERATION_NOT_POSSIBLE)
        return replace(point, faults=faults)
    return replace(point, process=replace(point.process, stage=process))


def may_unlock(point: ChargingPoint, now_s: float) -> bool:
    """Tell whether the charging process has finished, so that the cable may be released."""
    if point.control.is_interrupted or point.link.condition is not LinkCondition.GOOD:
        return False
    is_finished = point.process.stage is Process.CANCELLED or point.process.is_complete
    current_ma = fresh_current_ma(point, now_s)
    if current_ma is None and point.is_current_measured:
        return False  # it may still draw
    if current_ma is None:
        state = fresh_value(point, Quantity.STATE, now_s)
        return is_finished and not (isinstance(state, ChargingState) and state.is_charging)
    return is_finished and current_ma <= DRAWS_FROM_MA


# --- compliance -----------------------------------------------------------------------------------


def update_compliance(point: ChargingPoint, now_s: float) -> ChargingPoint:
    """Compare what the vehicle draws with what was decided, and raise or clear the faults of it.

    A charger that has not taken a lower offer yet is no fault of its vehicle.
    """
    offer_ma = None if point.control.decision is None else point.control.decision.offer_ma
    if offer_ma is not None and point.link.acknowledged_ma is not None:
        offer_ma = max(offer_ma, point.link.acknowledged_ma)
    is_implausible = (
        FaultCode.DLM_INVALID_CURRENT in point.faults.present
    )  # what cannot be says nothing
    current_ma = None if is_implausible else phase_current_ma(point, now_s)
    compliance = limit_compliance.updated(point.control.compliance, offer_ma, current_ma, now_s)
    if compliance == point.control.compliance:
        return point
    faults = point.faults
    for code, cause in _COMPLIANCE_FAULTS.items():
        faults = faults.set(code, is_present=compliance.verdict is cause)
    return replace(point, control=replace(point.control, compliance=compliance), faults=faults)


_COMPLIANCE_FAULTS = {
    FaultCode.NOT_FOLLOWING: Compliance.EXCEEDS_OFFER,
    FaultCode.NOT_STOPPING: Compliance.DOES_NOT_STOP,
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


def fresh_s(point: ChargingPoint, quantity: Quantity) -> float:
    """Return for how long [s] a reading of a quantity counts: five of the periods it really has."""
    spacings_s = point.readings.spacings_s.get(quantity, ())
    if len(spacings_s) < FEWEST_SPACINGS:  # one alone may be a gap
        return FRESH_S[quantity]
    return max(FRESH_S[quantity], FRESH_PERIODS * _usual_s(spacings_s))


def spacings_with(
    readings: Readings, quantities: Collection[Quantity], now_s: float
) -> Mapping[Quantity, tuple[float, ...]]:
    """Return how far apart the last readings of each quantity were, with those that came now.

    Only on a slow line there is anything to learn.
    """
    known, read_at = readings.spacings_s, readings.read_at
    for quantity in quantities:
        before_at = read_at.get(quantity)
        if before_at is None:
            continue
        spacing_s = now_s - before_at
        if spacing_s > USUAL_PERIOD_S or quantity in known:
            learnt = (*known.get(quantity, ()), spacing_s)[-MOST_SPACINGS:]
            known = {**known, quantity: learnt}
    return known


def fresh_value(point: ChargingPoint, quantity: Quantity, now_s: float) -> Value | None:
    """Return a value that is not stale, else None."""
    value = point.readings.values.get(quantity)
    if value is None or now_s - point.readings.read_at[quantity] > fresh_s(point, quantity):
        return None
    return value


def fresh_values(point: ChargingPoint, now_s: float) -> Mapping[Quantity, Value]:
    """Return all values that are not stale."""
    read_at = point.readings.read_at
    if not read_at or now_s - min(read_at.values()) <= SHORTEST_FRESH_S:
        return point.readings.values
    return {
        quantity: value
        for quantity, value in point.readings.values.items()
        if now_s - read_at[quantity] <= fresh_s(point, quantity)
    }


def fresh_current_ma(point: ChargingPoint, now_s: float) -> int | None:
    """Return the highest phase current [mA], else the sum, else None; stale ones do not count."""
    found = [fresh_value(point, quantity, now_s) for quantity in PHASE_CURRENTS]
    phases = [current for current in found if isinstance(current, int)]
    total = fresh_value(point, Quantity.CURRENT, now_s)
    return max(phases) if phases else total if isinstance(total, int) else None


def shown_state(
    point: ChargingPoint, now_s: float, *, is_site_paused: bool = False
) -> ChargingState | None:
    """Return the value of GO 50, None while the charger's state is not known.

    `paused_all`: grid-supporting control with 0 A, or the overcurrent lock-out, is active.
    """
    own = fresh_value(point, Quantity.STATE, now_s)
    if not isinstance(own, int):
        return None
    hold = strongest_hold(
        point.process.stage,
        is_interrupted=point.control.is_interrupted or is_site_paused,
        is_paused=_is_echo_of_pause(point, now_s),
    )
    return shown_state_of(ChargingState(own), hold)


def intrinsic_state(point: ChargingPoint, now_s: float) -> ChargingState | None:
    """Return the charger's own state without the echo of a pause of ours, None while not known.

    Source: load-management 5.
    """
    own = fresh_value(point, Quantity.STATE, now_s)
    if not isinstance(own, int):
        return None
    return shown_state_of(
        ChargingState(own), Hold.PAUSE if _is_echo_of_pause(point, now_s) else Hold.NONE
    )


def _is_echo_of_pause(point: ChargingPoint, now_s: float) -> bool:
    """Tell whether what the charger reports may still be the echo of our own pause."""
    if point.control.decision is not None and point.control.decision.offer_ma == 0:
        return True
    if point.link.acknowledged_ma == 0:
        return True
    return point.link.paused_at is not None and now_s - point.link.paused_at <= _echo_s(point)


def _echo_s(point: ChargingPoint) -> float:
    """Return how long [s] our own pause may still be reported after its end.

    Source: load-management 5.
    """
    spacings_s = point.readings.spacings_s.get(Quantity.STATE, ())
    period_s = _usual_s(spacings_s) if len(spacings_s) >= FEWEST_SPACINGS else POLL_S
    return OBEY_S + ECHO_PERIODS * period_s


def _usual_s(spacings_s: Sequence[float]) -> float:
    """Return how far apart readings mostly are; of two the lower one, for the other may be a gap."""
    return sorted(spacings_s)[(len(spacings_s) - 1) // 2]


# --- when to look again ---------------------------------------------------------------------------


def unchanged_until(point: ChargingPoint, now_s: float) -> float:
    """Return until when nothing about the point changes by time alone [monotonic s].

    Values grow stale, the echo of a pause fades, a disobedient vehicle uses up its time; and what
    moves slowly, like the length of a session, is looked at every few seconds, each point in its
    own second.
    """
    if point.control.compliance.is_timing_violation:
        return now_s
    slot_s = point.settings.number % LOOK_AGAIN_S
    wake_at = now_s + LOOK_AGAIN_S - (now_s - slot_s) % LOOK_AGAIN_S
    if point.process.counted_until is not None and not point.process.is_complete:
        left_s = point.settings.complete_time_s - point.process.below_s
        wake_at = min(wake_at, point.process.counted_until + left_s)
    if now_s < point.control.compliance.obey_by_at < wake_at:
        wake_at = point.control.compliance.obey_by_at
    paused_at = point.link.paused_at
    if paused_at is not None and now_s <= paused_at + _echo_s(point) < wake_at:
        wake_at = paused_at + _echo_s(point)
    for quantity, read_at in point.readings.read_at.items():
        stale_at = read_at + fresh_s(point, quantity)
        if now_s <= stale_at < wake_at:
            wake_at = stale_at
    return wake_at


LOOK_AGAIN_S = 10
