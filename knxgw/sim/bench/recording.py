"""What a run of the bench leaves: every offer, limit, state, fault and current, over time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from knxgw.catalogue.codes import FaultCode
from knxgw.charging.publication import Published
from knxgw.sim.bench.curve import Curve, Steps
from knxgw.sim.bench.scenario import CarModel, Scenario
from knxgw.sim.bench.vehicle import Input
from knxgw.station.model import Station

# Group objects whose values are kept.
OF_POINTS = frozenset(
    {"state", "reason", "offer", "point_fault", "last_point_fault", "interruption_state"}
)
WATCHED = OF_POINTS | {"fault", "last_fault", "grid_supporting_control_state", "sharing_state"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault that came or went."""

    changed_at: float
    point: int  # 0: of the whole device
    code: FaultCode
    present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """An invariant that did not hold."""

    found_at: float
    invariant: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedSession:
    """A charging session as the gateway recorded it."""

    closed_at: float
    point: int
    energy_mwh: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterValue:
    """A telegram of the smart meter that arrived."""

    arrived_at: float
    sampled_at: float
    phase: int
    value: float  # as it was told [mA, or W]


@dataclass(slots=True)
class PointLog:
    """One charging point over time."""

    offers: Steps[int]  # the gateway's command [mA]
    limits: Steps[int]  # what the charger announces [mA]
    draw: Curve  # per used phase [mA]
    used: Steps[tuple[int, ...]]  # grid phases the vehicle uses; none without a vehicle
    can_use: Steps[int]  # what the vehicle can use [mA], 0 without one
    reserved: Steps[bool]  # the load management keeps current for it
    charge_as: Steps[float]  # drawn on all phases [A·s]
    # What reached the vehicle: when, what, how much, and when that was decided.
    inputs: list[tuple[float, Input, int, float]] = field(default_factory=list)
    cars: list[CarModel] = field(default_factory=list)  # in the order they were plugged in
    reached: Steps[bool] = field(default_factory=lambda: Steps(0.0, value=True))
    # Its charger or its vehicle does something else than it is told.
    strays: Steps[bool] = field(default_factory=lambda: Steps(0.0, value=False))


@dataclass(slots=True)
class Recording:
    """Everything of one run."""

    started_at: float
    ended_at: float
    points: list[PointLog]
    base: list[Curve]  # of the building, per phase [mA]
    load: list[Curve]  # of the line, per phase [mA]
    objects: dict[tuple[int, str], Steps[Published]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    samples: list[float] = field(default_factory=list)  # when the meter looked
    reported: list[MeterValue] = field(default_factory=list)  # by the meter, in order of arrival
    operations: list[float] = field(default_factory=list)  # when it told that it is in operation
    base_changes: list[float] = field(default_factory=list)
    happenings: list[float] = field(default_factory=list)  # moments of the scenario
    probes: dict[float, Station] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)
    explanation_lag_s: float = 0.0
    telegrams: int = 0  # the smart meter sent
    sessions: list[ClosedSession] = field(default_factory=list)
    failed_writes: int = 0
    configured: list[tuple[float, Scenario]] = field(default_factory=list)  # in the middle
    sent: list[float] = field(default_factory=list)  # when the gateway sent a KNX telegram

    def object_at(self, point: int, key: str, at_s: float) -> Published:
        """Return what a group object said; None before it said anything."""
        line = self.objects.get((point, key))
        return None if line is None else line.at(at_s)

    def is_present(self, code: FaultCode, point: int, at_s: float) -> bool:
        """Tell whether a fault was present at a moment."""
        present = False
        for fault in self.faults:
            if fault.changed_at > at_s:
                break
            if (fault.code, fault.point) == (code, point):
                present = fault.present
        return present

    def end_faults(self, at_s: float) -> None:
        """Note that the faults of the run before are over: what still holds is raised again."""
        known = {(fault.point, fault.code): fault.present for fault in self.faults}
        for (point, code), present in known.items():
            if present:
                self.faults.append(Fault(changed_at=at_s, point=point, code=code, present=False))

    def offers_at(self, at_s: float) -> list[int]:
        """Return the offers [mA]."""
        return [log.offers.at(at_s) for log in self.points]

    def moments(self, from_s: float, to_s: float) -> list[float]:
        """Return when anything that steps changed between two moments, and the first of them."""
        lines: list[Sequence[float]] = [log.offers.times for log in self.points]
        lines += [log.limits.times for log in self.points]
        lines += [log.reserved.times for log in self.points]
        lines += [line.times for line in self.objects.values()]
        lines.append([fault.changed_at for fault in self.faults])
        inside = {at_s for line in lines for at_s in line if from_s < at_s <= to_s}
        return [from_s, *sorted(inside)]

    def configurations(
        self, scenario: Scenario, from_s: float, to_s: float
    ) -> Iterator[tuple[float, float, Scenario]]:
        """Give the times between two moments in which one configuration was in force, and it."""
        changes = [(from_s, scenario), *self.configured, (to_s, scenario)]
        for (start_s, one), (end_s, _) in pairwise(changes):
            if max(start_s, from_s) < min(end_s, to_s):
                yield max(start_s, from_s), min(end_s, to_s), one

    def configuration_at(self, scenario: Scenario, at_s: float) -> Scenario:
        """Return the scenario with the configuration in force at a moment."""
        for changed_at, one in reversed(self.configured):
            if changed_at <= at_s:
                return one
        return scenario
