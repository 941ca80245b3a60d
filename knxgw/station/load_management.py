"""The station's side of load management: its inputs, and what it decides for the points. Pure.

Load management (`knxgw/dlm`) knows nothing of KNX, Modbus or sessions. It is given settings, values of the
smart meter, and an *observation* of each charging point. The station keeps the observations that load
management took last (`Station.observations`). A *cycle* allocates the available current again. It is costly, so it
runs only when it may have another result: at once, if what a charging point may *claim* has changed (whether it
takes part, and with which currents), or if the meter shows something urgent; else at the tick from which on it is
*due* (`LoadManagement.due_at`).

Phases are numbered twice. Those of the mains connection are 0 to 2. A charging point has *terminals*, L1 first:
`phase_rotation` says to which phase of the mains connection each one is wired.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from knxgw.catalogue.codes import FaultCode, Reason
from knxgw.catalogue.control import WithoutGateway
from knxgw.charging.events import GridMeterReading, LinkCondition
from knxgw.charging.freshness import fresh_s
from knxgw.charging.point import ChargingPoint
from knxgw.charging.precedence import Constraint, Limits
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
BLOCKED = Constraint(0, Reason.CONFIGURATION)  # a fault of the configuration: 0 A
_CURRENT_SUM = (Quantity.CURRENT,)  # it counts where no phase current is measured
THREE_PHASES = 3
# stands for a missing fuse or limit, with which no configuration is accepted: one vehicle at 6 A
NO_FUSE_MA = 6000


def load_management_settings(configuration: Configuration) -> Settings | None:
    """Return the settings of load management that follow from the configuration; None: it is off.

    There are two ways to run it: with a static limit, where no meter is used, or with a smart meter. What is
    not configured keeps the default of `Settings`. A missing fuse or limit counts as 6 A (`NO_FUSE_MA`), to be
    safe, although no such configuration is accepted.
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
    is_on_knx = meter.meter is None  # it is no device on Modbus: KNX delivers the values
    # the highest value that the datapoint type can express may stand for more
    is_range_limited = is_on_knx and meter.dpt == SATURATING_DPT
    return replace(
        settings,
        phases=meter.phases,
        interval_s=meter.interval_s,
        saturating=is_range_limited,
        monitoring=meter.monitoring,
    )


def mains_phase_count(station: Station) -> int:
    """Return how many phases the mains connection has; three while load management is off.

    Only the settings of load management say it.
    """
    settings = station.load_management_settings
    return THREE_PHASES if settings is None else settings.phases


def wired_phases(point: PointSettings, phase_count: int) -> tuple[int, ...]:
    """Return the phase (0 to 2) of the mains connection that each terminal of a charging point is wired to.

    The terminals that the point uses come in order: a phase rotation of "231" gives (1, 2, 0).
    `phase_count`: how many phases the mains connection has. If it has one, all terminals are on it: (0,).
    """
    if phase_count <= 1:
        return (0,)
    phases_by_terminal = point.phase_rotation[: point.phases]  # "231": the first is on L2
    return tuple(int(phase) - 1 for phase in phases_by_terminal)


def participant_settings(
    point: PointSettings, limits: Limits, phase_count: int
) -> ParticipantSettings:
    """Return what load management must know of a charging point's installation: limits, wiring, measurement.

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
        fail_safe_ma=_fail_safe_ma(point, limits),
        measures_every_phase=_measures_every_phase(point),
    )


def _measures_every_phase(point: PointSettings) -> bool:
    """Tell whether charger or meter measures the current of each terminal that the charging point uses.

    If not, some of these currents are worked out from the sum, or from the first terminal, and do not tell whether
    the smart meter is right.
    """
    if point.phases == 1 and "current" in point.capabilities:
        return True  # the sum is the current of the only terminal
    terminals = range(1, point.phases + 1)
    return all(f"current_l{terminal}" in point.capabilities for terminal in terminals)


def _fail_safe_ma(point: PointSettings, limits: Limits) -> int:
    """Return the current [mA] that a charger falls back to when it no longer hears from the gateway.

    It is the minimum, whatever was offered before: the gateway sets it as the fail-safe where the model allows
    that. 0: the charger has no fail-safe, and just keeps its last offer. Source: load-management 13.2b.
    """
    keeps_offer = point.model.without_gateway is WithoutGateway.KEEPS_OFFER
    return 0 if keeps_offer else limits.lowest_ma


def observation_of(
    point: ChargingPoint, *, constraints: tuple[Constraint, ...], now_s: float
) -> Observation:
    """Return what load management knows of a charging point at this moment.

    A charger counts as reachable while its link is good, its state is fresh, and the configuration does not
    block it. `constraints`: what limits the point from outside load management, highest rank first.
    """
    # the charger's own state, without the echo of a pause that we ordered; None: its reading is stale
    state = intrinsic_state(point, now_s)
    is_reachable = (
        point.link.condition is LinkCondition.GOOD
        and not point.installation.is_blocked
        and state is not None
    )
    session = point.session.latest
    return Observation(
        state=state,
        is_connected=bool(point.process.is_connected),
        is_reachable=is_reachable,
        constraints=constraints,
        currents_ma=_terminal_currents_ma(point),
        read_at=_currents_read_at(point),
        # `read_at` is that of the oldest current, so the one that may grow oldest decides
        fresh_s=max(
            fresh_s(point, quantity) for quantity in point.measured_currents or _CURRENT_SUM
        ),
        energy_mwh=session.energy_mwh if session is not None and session.is_open else 0,
        acknowledged_ma=point.link.acknowledged_ma,
        acknowledged_at=point.link.acknowledged_since,
    )


def _terminal_currents_ma(point: ChargingPoint) -> tuple[int | None, ...] | None:
    """Return the currents [mA] at the terminals of a charging point, L1 first; None: not all were read yet.

    If only the sum is measured, each terminal gets an equal part. If only some terminals are measured, the
    others are taken to carry what L1 carries. A single current is None if the charger says that it has no
    value for it.
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
    as_on_l1 = measured_ma[:1] * unmeasured_count
    return tuple(measured_ma + as_on_l1)


def _currents_read_at(point: ChargingPoint) -> float | None:
    """Return when the oldest of the measured currents was read [monotonic s]; None: no current ever was.

    Phase currents that were not read yet are left out. If no phase current is measured, or none was read yet,
    the reading of the sum counts. The answer that there is no value counts as a reading, too.
    """
    read_at, currents = point.readings.read_at, point.measured_currents
    if not currents:
        return read_at.get(Quantity.CURRENT)
    try:  # nearly always all of them were read: this is the quick way
        return min(map(read_at.__getitem__, currents))
    except KeyError:
        instants = [read_at[quantity] for quantity in currents if quantity in read_at]
        return min(instants) if instants else read_at.get(Quantity.CURRENT)


# --- what happens ------------------------------------------------------------------------------


def start(
    settings: Settings, points: Mapping[PointNumber, ChargingPoint], now_s: float
) -> LoadManagement:
    """Return load management as it starts, with a participant for each charging point.

    Nothing has been measured or observed yet.
    """
    wanted_participants = settings_of_participants(points, settings)
    return initial_state(settings, wanted_participants, now_s)


def settings_of_participants(
    points: Mapping[PointNumber, ChargingPoint], settings: Settings
) -> list[ParticipantSettings]:
    """Return what load management must know of the installation of each charging point.

    `settings`: those of load management.
    """
    return [
        participant_settings(point.settings, point.limits, settings.phases)
        for point in points.values()
    ]


def apply_event(station: Station, event: LoadManagementEvent, now_s: float) -> Station:
    """Return the station after load management has noted an event, without running a cycle.

    The event is a value of the smart meter, its sign of life, or the announcement of a large consumer. While
    load management is off, nothing changes.
    """
    load_management, settings = station.load_management, station.load_management_settings
    if load_management is None or settings is None:
        return station
    observations = station.observations
    match event:
        case GridMeterReading():
            # the base load is the meter's value less the draws, so it matters up to when draws were read
            observations = _observations_with_reading_times(station)
            load_management = after_meter_value(
                load_management, settings, event, now_s, observations
            )
        case InOperationSeen():
            observations = _observations_with_reading_times(station)
            load_management = after_in_operation(load_management, settings, now_s, observations)
        case HighPowerStarted():
            load_management = after_high_power(load_management, settings, now_s)
    return station.with_load_management(load_management, observations)


def apply_grid_meter(
    station: Station, values: Mapping[Quantity, Value], now_s: float
) -> "GridMeterApplied":
    """Return the station after a reading of a smart meter on Modbus, and which phases (0 to 2) have a value.

    `values`: all that was read. Only the phase currents count; or the phase powers, if the meter is configured
    to measure power; or, if a meter for one phase reports no value of that phase, the sum. A phase without a value
    is left out. No cycle runs here.
    """
    meter = station.configuration.load_management.smart_meter
    is_power = meter is not None and meter.measurement is Measurement.POWER
    quantities: tuple[Quantity, ...] = PHASE_POWERS if is_power else PHASE_CURRENTS
    if meter is not None and meter.phases == 1 and quantities[0] not in values:
        # a meter for one phase may report the sum only, which is what L1 carries
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
    """Tell whether new values of the smart meter can wait for the cycle of the next tick, a second at most.

    They cannot wait during an emergency, which they may end; if one of them is urgent, for example because its
    phase carries too much; or if they complete a set that a due cycle needs. With load management off they
    can. `before`: the station without these values. `new_phases`: the phases (0 to 2) they are of.
    Source: load-management 9.1.
    """
    load_management, settings = station.load_management, station.load_management_settings
    if load_management is None or settings is None or before.load_management is None:
        return True
    meter = load_management.meter
    is_set_complete_now = meter.sets.completed_at == now_s and meter.phases_arrive_apart
    if is_set_complete_now and load_management.due_at <= now_s:
        # raising needs a complete set, and the phases report one after the other: by the next tick, the first
        # value of another set may have arrived
        return False
    if before.load_management.is_emergency:
        return False
    return not any(
        is_urgent(load_management, settings, phase, now_s)
        for phase in new_phases
        if 0 <= phase < settings.phases  # a value of a phase that is not configured was left out
    )


def after_repeated_reading(station: Station, point: ChargingPoint) -> Station:
    """Return the station after a reading that showed nothing new; `point`: with the new instants of reading.

    What load management knows stays as it is. It looks these instants up when it needs them
    (`_observations_with_reading_times`).
    """
    return station.with_points({**station.points, PointNumber(point.settings.number): point})


def _observations_with_reading_times(station: Station) -> Mapping[int, Observation]:
    """Return the kept observations, by charging point, with the present instants of reading.

    A reading that shows nothing new moves its instant in the point only (`after_repeated_reading`). Here the
    observations catch up, because the instant tells how long the draw is proven. Their values stay as load
    management took them last.
    """
    read_again = {}
    for number, observation in station.observations.items():
        read_at = _currents_read_at(station.points[PointNumber(number)])
        if read_at != observation.read_at:
            read_again[number] = observation.read_again(read_at)
    return {**station.observations, **read_again} if read_again else station.observations


def observe_point(station: Station, number: PointNumber, now_s: float) -> Station:
    """Return the station after load management has observed a charging point that may have changed.

    A cycle is costly, so one runs only if it must: if what the point may claim has changed, for example because a
    vehicle wants to charge or a charger is lost; if its draw moves into the base load, because it is not known any
    more; or if no cycle has run yet. Another draw is noted, and the next tick runs the cycle. If nothing has
    changed, and time alone gives the old observation no other meaning (`unchanged_until`), or if load management is
    off, the station is returned as it is.
    """
    load_management, settings = station.load_management, station.load_management_settings
    if load_management is None or settings is None:
        return station
    if not station.observations:  # no cycle has run yet
        return run_cycle(station, now_s)
    observation = _present_observation(station, station.points[number], now_s)
    known = station.observations.get(number)
    # from this instant on, even the same observation has another meaning, because time has passed
    unchanged_until = load_management.participants[number].unchanged_until
    if known is not None and now_s < unchanged_until and known.differs_only_in_age(observation):
        return station
    observed = observe_charger(load_management, settings, number, observation, now_s)
    if observed is None:  # more than the draw has changed: only a cycle can take that in
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

    Before the cycle, the charging points are observed again that have changed (`changed_points`; None: all),
    and those whose currents have gone stale. The first cycle observes all. `new_phases`: the phases (0 to 2)
    with a meter value that no cycle has taken yet. While load management is off, nothing changes.
    """
    load_management, settings = station.load_management, station.load_management_settings
    if load_management is None or settings is None:
        return station
    # a reading that repeats another one has changed its age only, by which stale currents are found
    observations = dict(_observations_with_reading_times(station))
    to_observe: Iterable[PointNumber] = station.points
    has_run_before = bool(observations)
    if changed_points is not None and has_run_before:
        to_observe = (*changed_points, *_points_with_stale_currents(observations, now_s))
    for number in to_observe:  # the values of the others stay as they were observed last
        observations[number] = _present_observation(station, station.points[number], now_s)
    load_management = cycle(
        load_management, settings, observations, now_s, new_phases=tuple(new_phases)
    )
    return _with_faults_of_cycle(station.with_load_management(load_management, observations))


def _with_faults_of_cycle(station: Station) -> Station:
    """Return the station with the faults that the last cycle found, of the device and of each charging point.

    A fault that a cycle can find (`DEVICE_FAULTS`), but the last one did not find, is cleared. If no fault
    changes, the same station is returned, not a copy.
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

    No event tells of that, because nothing was read: the charger is silent, or its readings lack the currents.
    So each cycle looks for them.
    """
    return [
        PointNumber(number)
        for number, one in observations.items()
        if one.is_reachable and one.read_at is not None and now_s - one.read_at > one.fresh_s
    ]


def run_cycle_if_due(station: Station, now_s: float) -> Station:
    """Return the station after a cycle, if one is due; else as it is.

    A cycle is due from the instant `due_at` on. The last cycle has set that to when time may change something;
    what was noted since, such as another draw or meter value, may have set it to now. The first cycle is always
    due. While load management is off, none is.
    """
    load_management = station.load_management
    if load_management is None:
        return station
    has_run_before = bool(station.observations)
    if has_run_before and now_s < load_management.due_at:
        return station
    return run_cycle(station, now_s, changed_points=())


def _present_observation(station: Station, point: ChargingPoint, now_s: float) -> Observation:
    """Return a charging point as load management may observe it now, with the constraints from outside.

    The lock-out is left out, because it comes from load management itself. A point that the configuration
    blocks has that as its first constraint (0 A).
    """
    constraints = [
        one for one in constraints_of(station, point) if one.reason is not Reason.LOCK_OUT
    ]
    if point.installation.is_blocked:
        constraints.insert(0, BLOCKED)  # first, because it has the highest rank
    return observation_of(point, constraints=tuple(constraints), now_s=now_s)


def _with_invalid_points(
    points: Mapping[PointNumber, ChargingPoint], load_management: LoadManagement
) -> Mapping[PointNumber, ChargingPoint]:
    """Return the charging points with the fault `DLM_INVALID_CURRENT` set or cleared after a cycle.

    It is set at each reachable charger whose currents the cycle has found invalid, and cleared at all others.
    If no fault changes, the same mapping is returned, not a copy.
    """
    for number, point in points.items():
        participant = load_management.participants[number]
        is_invalid = participant.is_reachable and not participant.has_valid_currents
        faults = point.faults.set(FaultCode.DLM_INVALID_CURRENT, is_present=is_invalid)
        if faults is not point.faults:
            points = {**points, number: replace(point, faults=faults)}
    return points
