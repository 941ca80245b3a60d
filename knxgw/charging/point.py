"""One charging point: everything that is known of it. Pure.

Each of its eight values has modules that change it: `link`, `readings`, `session_progress`,
`counting`, `commands`, `point_compliance`. What follows from them is told by `shown_state`, `freshness`
and `publication`. The *terminals* of a point are those of its charger for the phases that it uses, L1 first: to which
phases of the mains connection they are wired does not matter here.
Source: load-management 5, 14.3, 16; [reference-manual] tables 23-31.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from knxgw.catalogue.control import ZeroMeaning
from knxgw.catalogue.product import Product
from knxgw.charging import compliance as limit_compliance
from knxgw.charging.compliance import LimitCompliance
from knxgw.charging.counter import EnergyCounter, new_counter
from knxgw.charging.events import LinkCondition
from knxgw.charging.faults import FaultRegister
from knxgw.charging.power_counter import PowerCounter
from knxgw.charging.precedence import Decision, Limits
from knxgw.charging.quantities import (
    MEASURED_KINDS,
    PHASE_CURRENTS,
    Quantity,
    Value,
    metered_quantities,
)
from knxgw.charging.session import Session
from knxgw.charging.states import Process
from knxgw.config.model import ChargingStart, PointSettings


def measured_currents(settings: PointSettings) -> tuple[Quantity, ...]:
    """Return the phase currents that charger or meter measures, in the order of the charger's terminals.

    That is what the device model says it can; only phases that are configured for the point are among them.
    """
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
    measured_currents: tuple[Quantity, ...] = field(init=False)  # in the order of the terminals
    metered_quantities: frozenset[Quantity] = field(init=False)  # by the meter behind the point

    def __post_init__(self) -> None:
        """Set what the settings say is measured, and what the meter supplies: every reading needs that."""
        object.__setattr__(self, "measured_currents", measured_currents(self.settings))
        object.__setattr__(self, "metered_quantities", metered_quantities(self.settings))


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargerLink:
    """How the charger can be talked to, and which offer it acknowledged; times are monotonic."""

    condition: LinkCondition = LinkCondition.STARTING
    was_heard: bool = False  # it has reported its state since the start
    acknowledged_ma: int | None = None  # last offer that it acknowledged
    acknowledged_since: float | None = None  # [monotonic s]
    # when the charger last acknowledged our pause (0 A), or the offer that ended it [monotonic s]
    paused_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """What charger and meter reported last. The only part that most readings change."""

    values: Mapping[Quantity, Value] = field(default_factory=dict)
    # when each was read last, also if the device then said that it has no value [monotonic s]
    read_at: Mapping[Quantity, float] = field(default_factory=dict)
    # how far apart its last readings were, oldest first; only on a slow line
    spacings_s: Mapping[Quantity, tuple[float, ...]] = field(default_factory=dict)
    repeated_at: float | None = None  # last reading without news, see `catch_up` [monotonic s]
    in_error: bool = False  # the charger's own state, as it was last reported
    is_hot: bool = False  # temperature warning by the threshold

    def with_times(
        self,
        read_at: Mapping[Quantity, float],
        spacings_s: Mapping[Quantity, tuple[float, ...]],
        repeated_at: float | None,
    ) -> "Readings":
        """Return the same values with other times: when each was read, and how far apart its readings came.

        Used for a reading that shows nothing new (`observe_repeated`), and when the session is brought up to it
        (`catch_up`). `repeated_at`: when the reading came [monotonic s]; None: the session has been brought up to
        it. Built directly: that is much faster than `replace`.
        """
        return Readings(
            values=self.values,
            read_at=read_at,
            spacings_s=spacings_s,
            repeated_at=repeated_at,
            in_error=self.in_error,
            is_hot=self.is_hot,
        )

    def with_values(
        self,
        values: Mapping[Quantity, Value],
        read_at: Mapping[Quantity, float],
        spacings_s: Mapping[Quantity, tuple[float, ...]],
    ) -> "Readings":
        """Return the readings with other values and their times; all else stays.

        Built directly: that is much faster than `replace`.
        """
        return Readings(
            values=values,
            read_at=read_at,
            spacings_s=spacings_s,
            repeated_at=self.repeated_at,
            in_error=self.in_error,
            is_hot=self.is_hot,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CardState:
    """Which RFID card enabled charging."""

    enabled_by: str = ""  # the card that enabled charging; empty: none has
    was_requested: bool = False  # the charger has waited for a card since plug-in
    shown_before: str | None = None  # by the charger, when the last vehicle left; None: not known


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
    began_at: float | None = None  # may lie before the gateway's start [monotonic s]
    drew_at: float | None = None  # when it last drew above the threshold, in this run [monotonic s]
    is_restored: bool = False  # it began before the gateway's last start
    is_unreported: bool = False  # it is over, but without known times: not in the history yet
    has_duration_restarted: bool = False  # the charger began its duration again in the middle

    @property
    def is_open(self) -> bool:
        """Tell whether a session is open: its vehicle has begun to charge, and has not been unplugged."""
        return self.latest is not None and self.latest.is_open


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyState:
    """What the counters of charger and meter say, and the total of the charging point."""

    lifetime_mwh: int | None = None  # the total; None: no reading has been confirmed yet
    lifetime_counter: EnergyCounter = field(default_factory=EnergyCounter)
    power_counter: PowerCounter = field(default_factory=PowerCounter)  # where only power is read
    counters: Mapping[Quantity, EnergyCounter] = field(default_factory=dict)  # of other registers
    last_moved: datetime | None = None  # when one of them moved last [UTC]; None: no valid date
    register_before_mwh: int | None = None  # the charger's register of the session, at plug-in
    is_register_adopted: bool = False  # the energy of the session follows that register


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What was commanded and decided, and whether the vehicle complies."""

    is_interrupted: bool = False
    setpoint_ma: int = 0
    is_setpoint_given: bool = False  # by object 60; else the setpoint is the maximum
    decision: Decision | None = None
    compliance: LimitCompliance = limit_compliance.NEW
    wake_at: float = 0.0  # when to look again even if nothing happens [monotonic s]

    def with_wake_at(self, wake_at: float) -> "Control":
        """Return the same with another `wake_at`: when to look at the point again [monotonic s].

        Built directly: that is much faster than `replace`.
        """
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
        """Return the point with other readings; all else stays.

        Built directly, which is five times as fast as `replace`: it happens once per second and charger.
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
        """Return the point with another session and process; all else stays.

        Built directly: that is five times as fast as `replace`.
        """
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
        """Return the point with other commands and decision (`control`); all else stays.

        Built directly: that is five times as fast as `replace`.
        """
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
        """Return the last value of a quantity, however old; None: there is none."""
        return self.readings.values.get(quantity)

    def is_reported_unavailable(self, quantities: Iterable[Quantity]) -> bool:
        """Tell whether each of these quantities was read, and its device said that it has no value for it.

        That tells what is not measured from what was not read yet. True also if no quantities are given.
        """
        readings = self.readings  # a time but no value: the device has none
        return all(one in readings.read_at and one not in readings.values for one in quantities)

    @property
    def is_current_measured(self) -> bool:
        """Tell whether charger or meter measures the current of the point, as far as is known.

        It does if its model says so. But it does not if the device said of each current that was read (sum,
        phases) that it has no value.
        """
        read_currents = [one for one in MEASURED_KINDS["current"] if one in self.readings.read_at]
        has_no_value = bool(read_currents) and self.is_reported_unavailable(read_currents)
        return "current" in self.settings.capabilities and not has_no_value

    def number(self, quantity: Quantity) -> int | None:
        """Return the last value of a quantity, however old; None: there is none, or it is a text."""
        value = self.value(quantity)
        return value if isinstance(value, int) else None

    @property
    def measured_currents(self) -> tuple[Quantity, ...]:
        """Return the phase currents that are measured, in the order of the terminals."""
        return self.installation.measured_currents

    def counter(self, quantity: Quantity) -> EnergyCounter:
        """Return the counter of an energy: of the total, of a phase, or of the session.

        A new one, if this energy has not been read yet.
        """
        if quantity is Quantity.ENERGY:
            return self.energy.lifetime_counter
        return self.energy.counters.get(quantity) or new_counter(self.settings, quantity)

    @property
    def awaits_confirmation(self) -> bool:
        """Tell whether a counter waits for one more reading of an energy, even if it shows the same again.

        It waits while it doubts what was read last, because that does not fit the reading before. The counter
        of the total also waits for a second reading: before that there is no total.
        """
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
        """Return the quantities that the point's electricity meter supplies; empty: it has none.

        For these the charger's own values are left out.
        """
        return self.installation.metered_quantities

    @property
    def is_started_manually(self) -> bool:
        """Tell whether charging begins only by a start command (object 54).

        That is configured, and counts only if the charger's model has such a command.
        """
        settings = self.settings
        return settings.start is ChargingStart.MANUAL and "start_stop" in settings.capabilities

    @property
    def is_waiting_for_start(self) -> bool:
        """Tell whether charging waits for a start command (object 54): until then 0 A is offered.

        Without a vehicle: whether the next one will have to wait for that command.
        """
        if self.process.stage is Process.NO_VEHICLE:  # a vehicle may draw before its plug is read
            return self.is_started_manually
        return self.process.stage is Process.WAITING


def new_point(
    settings: PointSettings, product: Product, *, is_blocked: bool = False, zone: tzinfo = UTC
) -> ChargingPoint:
    """Return a charging point as it is configured, of which nothing has been read or commanded yet.

    Its setpoint is the maximum. `product`: what the product's data say (faults, texts). `is_blocked`: a
    configuration fault forbids every write to its charger. `zone`: time zone of the charger's clock.
    Raises: ValueError, if its model is not a charger.
    """
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
    lifetime_counter = new_counter(settings, Quantity.ENERGY)
    power_counter = PowerCounter(most_w=lifetime_counter.register.most_w)
    return ChargingPoint(
        installation=installation,
        faults=FaultRegister(severities=product.faults.charging_point),
        energy=EnergyState(lifetime_counter=lifetime_counter, power_counter=power_counter),
        control=Control(setpoint_ma=limits.maximum_ma),
    )
