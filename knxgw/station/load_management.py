"""The station's side of load management: its inputs, and what it decides for the points. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from knxgw.catalogue.codes import FaultCode, LoadManagementState, Reason
from knxgw.catalogue.control import WithoutGateway
from knxgw.charging.events import GridMeterReading, LinkCondition
from knxgw.charging.freshness import fresh_s
from knxgw.charging.point import ChargingPoint
from knxgw.charging.precedence import Constraint, Limits
from knxgw.charging.publication import Published
from knxgw.charging.quantities import PHASE_CURRENTS, PHASE_POWERS, Quantity, Value
from knxgw.charging.scope import PointNumber
from knxgw.charging.shown_state import intrinsic_state
from knxgw.config.model import Configuration, LoadManagementMode, Measurement, PointSettings
from knxgw.dlm.cycle import cycle
from knxgw.dlm.inputs import (
    after_high_power,
    after_in_operation,
    after_meter_value,
    initial_state,
    is_urgent,
    observe_charger,
)
from knxgw.dlm.meter import age_s
from knxgw.dlm.participant import Observation, ParticipantSettings
from knxgw.dlm.settings import Settings
from knxgw.dlm.state import LoadManagement
from knxgw.station.control_inputs import constraints_of
from knxgw.station.model import HighPowerStarted, InOperationSeen, LoadManagementEvent, Station

DEVICE_FAULTS = (  # faults of the whole device that each cycle raises or clears
    FaultCode.SMART_METER_TIMEOUT,
    FaultCode.CT_DIRECTION,
    FaultCode.METER_FROZEN,
    FaultCode.OVER_CURRENT,
    FaultCode.DLM_INVALID_CURRENT,
)
SATURATING_DPT = "7.012"  # it ends at 65.535 A: the true current may be higher
BLOCKED = Constraint(0, Reason.CONFIGURATION)  # the configuration leaves its charger alone
_CURRENT = (Quantity.CURRENT,)  # the sum: it is what counts where no phase current is measured
THREE_PHASES = 3
# for a missing fuse or limit, with which no configuration is accepted: the least that makes sense
NO_FUSE_MA = 6000


def load_management_settings(configuration: Configuration) -> Settings | None:
    """Return the settings of load management by the configuration, None: it is off.

    Those that are not configured keep the defaults of `Settings`. With a static limit the meter is not used.
    `NO_FUSE_MA` (6 A) stands for a missing fuse or limit, with which no configuration is accepted.
    """
    given = configuration.load_management
    if given.mode is LoadManagementMode.OFF:
        return None
    if given.mode is LoadManagementMode.STATIC:
        limit_ma = given.static_limit_ma or NO_FUSE_MA
        return Settings(
            fuse_ma=given.fuse_ma or limit_ma,  # a static limit may come without a fuse
            reserve_ma=given.reserve_ma,
            static_limit_ma=limit_ma,
            priority=given.priority,
            queue=given.has_queue,
        )
    settings = Settings(
        fuse_ma=given.fuse_ma or NO_FUSE_MA,
        reserve_ma=given.reserve_ma,
        priority=given.priority,
        queue=given.has_queue,
        high_power_s=given.high_power_wait_s,
    )
    meter = given.smart_meter
    if meter is None:
        return settings
    is_on_bus = meter.meter is None  # no device on Modbus: KNX delivers the values
    return replace(
        settings,
        phases=meter.phases,
        interval_s=meter.interval_s,
        saturating=is_on_bus and meter.dpt == SATURATING_DPT,  # `dpt` means nothing on Modbus
        monitoring=meter.monitoring,
    )


def mains_phases(station: Station) -> int:
    """Return how many phases the mains connection has: three, unless load management knows better."""
    settings = station.load_management_settings
    return THREE_PHASES if settings is None else settings.phases


def wired_phases(point: PointSettings, phase_count: int) -> tuple[int, ...]:
    """Return the phases (0 to 2) of the mains connection at the terminals of a charging point, by terminal.

    If the mains connection has only one phase (`phase_count`), that one stands for all terminals: (0,).
    """
    terminals = point.phase_rotation[: point.phases]  # "231": the first terminal is on L2
    return tuple(int(phase) - 1 for phase in terminals) if phase_count > 1 else (0,)


def participant_settings(
    point: PointSettings, limits: Limits, phase_count: int
) -> ParticipantSettings:
    """Return what load management must know of a charging point.

    `phase_count`: how many phases the mains connection has. If it has one, all charging points are on it,
    however their terminals are wired.
    """
    return ParticipantSettings(
        number=point.number,
        minimum_ma=limits.lowest_ma,
        maximum_ma=limits.maximum_ma,
        resolution_ma=limits.resolution_ma,
        wired_phases=wired_phases(point, phase_count),
        measures_current="current" in point.capabilities,
        fallback_ma=_fallback_ma(point, limits),
        measures_every_phase=_measures_every_phase(point),
    )


def _measures_every_phase(point: PointSettings) -> bool:
    """Tell whether the current of each terminal is measured.

    False: that of some terminal is taken from a sum, taken to be that of L1, or assumed.
    """
    if point.phases == 1 and "current" in point.capabilities:
        return True  # the sum is the current of the only terminal
    terminals = range(1, point.phases + 1)
    return all(f"current_l{terminal}" in point.capabilities for terminal in terminals)


def _fallback_ma(point: PointSettings, limits: Limits) -> int:
    """Return the current [mA] that a charger may fall back to without the gateway, whatever it was offered.

    0: the charger keeps its last offer, and has no fail-safe current. Otherwise the minimum, which the
    gateway sets as the fail-safe where the model allows that. Source: load-management 13.2b.
    """
    keeps_offer = point.model.without_gateway is WithoutGateway.KEEPS_OFFER
    return 0 if keeps_offer else limits.lowest_ma


def observation_of(
    point: ChargingPoint, *, constraints: tuple[Constraint, ...], now_s: float
) -> Observation:
    """Return a charging point as load management sees it now.

    `constraints`: what limits the point from outside load management, highest rank first. A charger whose
    link is not good, whose state is not fresh, or which the configuration blocks counts as unreachable.
    """
    state = intrinsic_state(point, now_s)
    session = point.session.latest
    return Observation(
        state=state,
        is_connected=bool(point.process.is_connected),
        is_reachable=point.link.condition is LinkCondition.GOOD
        and not point.installation.is_blocked
        and state is not None,
        constraints=constraints,
        currents_ma=_currents(point),
        read_at=_read_at(point),
        # `read_at` is that of the oldest current, so the one that is read least often decides; `_CURRENT`
        # (the sum) counts where no phase current is measured
        fresh_s=max(fresh_s(point, quantity) for quantity in point.measured_currents or _CURRENT),
        energy_mwh=session.energy_mwh if session is not None and session.is_open else 0,
        acknowledged_ma=point.link.acknowledged_ma,
        acknowledged_at=point.link.acknowledged_since,
    )


def _currents(point: ChargingPoint) -> tuple[int | None, ...] | None:
    """Return the currents [mA] at the terminals of a charging point, L1 first; None: some were not read yet.

    The current of a terminal is None where the charger says that it has no value for it. Where only the
    sum is measured, it is split evenly; a terminal that is not measured is taken to carry what L1 carries.
    """
    terminal_count = point.settings.phases
    if "current_l1" not in point.settings.capabilities:  # at most the sum is measured
        if Quantity.CURRENT not in point.readings.read_at:
            return None
        total_ma = point.number(Quantity.CURRENT)
        each_ma = None if total_ma is None else total_ma // terminal_count
        return (each_ma,) * terminal_count
    if not all(quantity in point.readings.read_at for quantity in point.measured_currents):
        return None
    measured_ma = [point.number(quantity) for quantity in point.measured_currents]
    unmeasured_count = terminal_count - len(measured_ma)
    return tuple(measured_ma + measured_ma[:1] * unmeasured_count)


def _read_at(point: ChargingPoint) -> float | None:
    """Return when the oldest of the phase currents was read [monotonic s]; None: no current ever was.

    Phase currents that were not read yet are left out. Where none is measured, or none was read yet, the
    reading of the sum counts. A current counts as read also if the charger said that it has no value for it.
    """
    read_at, currents = point.readings.read_at, point.measured_currents
    if not currents:
        return read_at.get(Quantity.CURRENT)
    try:  # nearly always all of them were read: this is the quick way
        return min(map(read_at.__getitem__, currents))
    except KeyError:
        times = [read_at[quantity] for quantity in currents if quantity in read_at]
        return min(times) if times else read_at.get(Quantity.CURRENT)


# --- what happens ------------------------------------------------------------------------------


def start(
    settings: Settings, points: Mapping[PointNumber, ChargingPoint], now_s: float
) -> LoadManagement:
    """Return load management as it starts, with a participant for each charging point."""
    participants = [
        participant_settings(point.settings, point.limits, settings.phases)
        for point in points.values()
    ]
    return initial_state(settings, participants, now_s)


def apply_event(station: Station, event: LoadManagementEvent, now_s: float) -> Station:
    """Return the station after load management has noted an event, without running a cycle.

    The event is a value of the smart meter, its sign of life, or the start of a large consumer. With load
    management off nothing changes.
    """
    load_management, settings = station.load_management, station.load_management_settings
    if load_management is None or settings is None:
        return station
    observations = station.observations
    match event:
        case GridMeterReading():
            # with the reading times of now: the base load counts with a draw only as far as it was read
            observations = _observations(station)
            load_management = after_meter_value(
                load_management, settings, event, now_s, observations
            )
        case InOperationSeen():
            observations = _observations(station)
            load_management = after_in_operation(load_management, settings, now_s, observations)
        case HighPowerStarted():
            load_management = after_high_power(load_management, settings, now_s)
    return station.with_load_management(load_management, observations)


def apply_grid_meter(
    station: Station, values: Mapping[Quantity, Value], now_s: float
) -> "GridMeterApplied":
    """Return the station after a reading of a smart meter on Modbus, and the phases (0 to 2) that it had.

    `values`: all that was read. Only the phase currents count, or the phase powers if the configuration says
    so (`Measurement.POWER`). A phase without a value is left out. No cycle runs here.
    """
    meter = station.configuration.load_management.smart_meter
    is_power = meter is not None and meter.measurement is Measurement.POWER
    quantities: tuple[Quantity, ...] = PHASE_POWERS if is_power else PHASE_CURRENTS
    if meter is not None and meter.phases == 1 and quantities[0] not in values:
        # a meter of one phase may report the sum only: it is what L1 carries
        quantities = (Quantity.POWER if is_power else Quantity.CURRENT,)
    new_phases = []
    for phase, quantity in enumerate(quantities):
        value = values.get(quantity)
        if isinstance(value, int):
            event = GridMeterReading(phase=phase, value=value, is_power=is_power)
            station = apply_event(station, event, now_s)
            new_phases.append(phase)
    return GridMeterApplied(station, tuple(new_phases))


class GridMeterApplied(NamedTuple):
    """The station after values of its smart meter, and the phases (0 to 2) that have a new one."""

    station: Station
    new_phases: tuple[int, ...]


def may_wait_for_tick(
    before: Station, station: Station, new_phases: Iterable[int], now_s: float
) -> bool:
    """Tell whether new values of some phases (0 to 2) can wait until the next tick, at most a second.

    `before`: the station without these values. They cannot wait: during an emergency, which they may end;
    if one leaves too little room, or comes while something is timed or all are held at the minimum
    (`is_urgent`); if they complete the values of all phases, which arrive one after the other, and a cycle is
    due (`due_at`). With load management off nothing is urgent. Source: load-management 9.1.
    """
    load_management, settings = station.load_management, station.load_management_settings
    if load_management is None or settings is None or before.load_management is None:
        return True
    meter = load_management.meter
    is_set_complete_now = meter.sets.completed_at == now_s and meter.phases_arrive_apart
    if is_set_complete_now and load_management.due_at <= now_s:
        # raising needs a complete set, and by the next tick the first value of another may have arrived
        return False
    return not before.load_management.is_emergency and not any(
        is_urgent(load_management, settings, phase, now_s)
        for phase in new_phases
        if 0 <= phase < settings.phases  # a value of a phase that is not configured was left out
    )


def after_quiet_reading(station: Station, point: ChargingPoint) -> Station:
    """Return the station after a reading that showed nothing new; `point`: with the new reading times.

    What load management knows stays as it is: it looks up these times when it needs them (`_observations`).
    """
    return station.with_points({**station.points, PointNumber(point.settings.number): point})


def _observations(station: Station) -> Mapping[int, Observation]:
    """Return the observations by number, each with the instant of the last reading of its charger.

    Readings that showed nothing new have changed that instant in the point, but not in
    `station.observations`. The rest of an observation stays as load management took it last.
    """
    renewed = {}
    for number, observation in station.observations.items():
        read_at = _read_at(station.points[PointNumber(number)])
        if read_at != observation.read_at:
            renewed[number] = observation.read_again(read_at)
    return {**station.observations, **renewed} if renewed else station.observations


def update_point(station: Station, number: PointNumber, now_s: float) -> Station:
    """Return the station after load management has looked at a charging point that may have changed.

    If nothing that concerns load management has changed, or it is off, the station is returned as it is. If
    only the point's draw has changed, the draw is noted. A cycle runs if the point's part in the allocation
    has changed, if its last draw counts as the building's from now on, or if none has run yet.
    """
    load_management, settings = station.load_management, station.load_management_settings
    if load_management is None or settings is None:
        return station
    if not station.observations:  # no cycle has run yet
        return run_cycle(station, now_s)
    observation = _observation_of(station, station.points[number], now_s)
    known = station.observations.get(number)
    # from this instant on even the same observation means something else, because time has passed
    unchanged_until = load_management.participants[number].unchanged_until
    if known is not None and now_s < unchanged_until and known.differs_only_in_age(observation):
        return station
    observed = observe_charger(load_management, settings, number, observation, now_s)
    if observed is None:  # only a whole cycle can take the observation
        return run_cycle(station, now_s, changed_points=(number,))
    return station.with_load_management(observed, {**station.observations, number: observation})


def run_cycle(
    station: Station,
    now_s: float,
    new_phases: Iterable[int] = (),
    *,
    changed_points: Iterable[PointNumber] | None = None,
) -> Station:
    """Return the station after a cycle of load management: offers, reasons, faults.

    `new_phases`: the phases (0 to 2) with a value of the meter that no cycle has taken yet.
    `changed_points`: the charging points that have changed since the last cycle; None: any may have. They
    are observed again, and so are those whose currents have gone stale; the first cycle observes all.
    With load management off nothing changes.
    """
    load_management, settings = station.load_management, station.load_management_settings
    if load_management is None or settings is None:
        return station
    observations = dict(_observations(station))
    to_observe: Iterable[PointNumber] = station.points
    if changed_points is not None and observations:
        to_observe = (*changed_points, *_points_with_stale_currents(observations, now_s))
    for number in to_observe:  # the others stay as they were observed last
        observations[number] = _observation_of(station, station.points[number], now_s)
    load_management = cycle(
        load_management, settings, observations, now_s, new_phases=tuple(new_phases)
    )
    return _with_faults_of_cycle(station.with_load_management(load_management, observations))


def _with_faults_of_cycle(station: Station) -> Station:
    """Return the station with the faults that the last cycle found: of the device, and of each point.

    Faults that a cycle can find (`DEVICE_FAULTS`), but this one did not, are cleared. If no fault changes,
    the same station is returned, not a copy.
    """
    load_management, faults = station.load_management, station.faults
    if load_management is None:
        return station
    for code in DEVICE_FAULTS:
        faults = faults.set(code, is_present=code in load_management.outcome.faults)
    points = _with_invalid_points(station.points, load_management)
    if faults is station.faults and points is station.points:
        return station
    return replace(station, faults=faults, points=points)


def _points_with_stale_currents(
    observations: Mapping[int, Observation], now_s: float
) -> list[PointNumber]:
    """Return the reachable charging points whose currents were read too long ago to count.

    No event tells of that: the charger is silent, or its readings lack the currents.
    """
    return [
        PointNumber(number)
        for number, one in observations.items()
        if one.is_reachable and one.read_at is not None and now_s - one.read_at > one.fresh_s
    ]


def run_cycle_if_due(station: Station, now_s: float) -> Station:
    """Return the station after a cycle, if time alone may have changed something; else as it is.

    Without observations no cycle has run yet: the first one is always due.
    """
    load_management = station.load_management
    if load_management is None or (station.observations and now_s < load_management.due_at):
        return station
    return run_cycle(station, now_s, changed_points=())


def _observation_of(station: Station, point: ChargingPoint, now_s: float) -> Observation:
    """Return what load management knows of a charging point, with what limits the point from outside.

    The lock-out is left out: it comes from load management itself. A point that the configuration blocks has
    that as its first limit (`BLOCKED`: 0 A).
    """
    outside = [one for one in constraints_of(station, point) if one.reason is not Reason.LOCK_OUT]
    if point.installation.is_blocked:
        outside.insert(0, BLOCKED)  # first: it has the highest rank
    return observation_of(point, constraints=tuple(outside), now_s=now_s)


def _with_invalid_points(
    points: Mapping[PointNumber, ChargingPoint], load_management: LoadManagement
) -> Mapping[PointNumber, ChargingPoint]:
    """Return the charging points with the fault `DLM_INVALID_CURRENT` set or cleared after a cycle.

    It is set where a charger that can be reached has invalid currents by that cycle, else cleared. If no
    fault changes, the same mapping is returned, not a copy.
    """
    for number, point in points.items():
        participant = load_management.participants[number]
        is_invalid = participant.is_reachable and not participant.has_valid_currents
        faults = point.faults.set(FaultCode.DLM_INVALID_CURRENT, is_present=is_invalid)
        if faults is not point.faults:
            points = {**points, number: replace(point, faults=faults)}
    return points


# --- publish -----------------------------------------------------------------------------------


def load_management_state(station: Station, now_s: float) -> LoadManagementState:
    """Return the state of load management that group object 500 shows, the most serious that applies."""
    load_management = station.load_management
    if load_management is None:
        return LoadManagementState.OFF
    if FaultCode.DLM_ASSOCIATION in station.faults.present:
        return LoadManagementState.NOT_ASSOCIATED
    if load_management.overcurrent.is_locked_out:
        return LoadManagementState.LOCK_OUT
    if load_management.is_emergency:
        return LoadManagementState.EMERGENCY
    if now_s < load_management.high_power_until:
        return LoadManagementState.HIGH_POWER
    return LoadManagementState.NORMAL


def published(station: Station, now_s: float) -> dict[str, Published]:
    """Return the values of group objects 500 to 505, by key [mA, s]; load management off: only its state.

    Phases that the mains connection does not have are left out. None: the available current, or the age of
    the meter's values, is not known.
    """
    load_management, settings = station.load_management, station.load_management_settings
    values: dict[str, Published] = {"sharing_state": int(load_management_state(station, now_s))}
    if load_management is None or settings is None:
        return values
    available_ma = load_management.outcome.available_ma
    for phase in range(settings.phases):
        values[f"available_l{phase + 1}"] = (
            # below 0: more is drawn or held back than the limit, so that nothing is available
            None if available_ma is None else max(0, available_ma[phase])
        )
    meter_age_s = age_s(load_management.meter, settings, now_s)
    values["limit"] = settings.limit_ma
    values["smart_meter_age"] = None if meter_age_s is None else round(meter_age_s)
    return values
