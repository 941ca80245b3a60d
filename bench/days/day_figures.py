"""The figures of one day at random. Currents inside are mA, what is reported is A·s, s and kWh.

Source: load-management 22, 24.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.days.excursions import worst_overrun_s
from bench.days.waiting import locked_out_s, waits
from knxgw.sim.bench.counterfactual import controller_caused
from knxgw.sim.bench.metrics import (
    EXCURSION_FROM_MA,
    HOUR_S,
    MINUTE_S,
    energy_as,
    jain,
    longest_s,
    most_in,
)
from knxgw.sim.bench.oracle import Ideal
from knxgw.sim.bench.plant import ENERGY_S, MWH_PER_AS
from knxgw.sim.bench.recording import PointLog, Recording
from knxgw.sim.bench.scenario import Scenario
from knxgw.sim.bench.stress import B_TYPE, GG_TYPE, stress

SHORT_STAY_S = 1800.0  # who stays shorter may leave unserved: others had their turn
RECORDED = 0.95  # of a stay's energy must be in its session
UNREAD_AS = 3 * 16 * ENERGY_S  # but for what flows after its register was read last, of all phases
LATE_S = 600.0  # a session is closed at the latest so long after its vehicle left


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigures:
    """What a day came to; `None`: not measured, or there is no such thing."""

    energy_kwh: float
    utilisation: float
    caused_as: float  # by raises that were wrong by what was known, above the limit + 0.5 A
    part_as: float  # what raises had a part in, whatever was known
    excursion_limit_s: float
    excursion_fuse_s: float
    overrun_s: float  # worst excursion beyond what load-management 22, 24 allow
    overcurrent_limit_as: float
    overcurrent_fuse_as: float
    stress_b: float
    stress_gg: float
    fairness: float  # of the energies by what was fairly possible
    worst_served: float  # the least of them, as part of their mean
    longest_wait_s: float  # wanting, and 0 A
    wait_overrun_s: float  # of the wait that was most too long
    locked_out_s: float  # somebody wants, and has 0 A because of an overcurrent
    switch_offs_per_h: float  # mean of the charging points
    switch_offs_peak: int  # in an hour, of one charging point
    writes_per_h: float  # mean of the charging points
    writes_peak: int  # in a minute, of one charging point
    stays: int
    unserved: int  # stays that got nothing
    lost_sessions: int
    violations: tuple[str, ...]
    telegrams_per_min: float | None = None
    stress_reference: float | None = None  # of the fastest reaction, where it matters


def day_figures(scenario: Scenario, recording: Recording, ideal: Ideal) -> DayFigures:
    """Return the figures of a day; `ideal`: what an oracle gives each charging point."""
    end_s, connection = recording.ended_at, scenario.connection
    limit_ma, fuse_ma = connection.limit_ma, connection.fuse_ma
    taken = [energy_as(log, 0.0, end_s) for log in recording.points]
    possible_as = sum(ideal.possible_as)
    shares = shares_of_fair(taken, ideal)
    waited = waits(scenario, recording)
    writes = [_moments(log, end_s) for log in recording.points]
    offs = [list(_switch_offs(log, end_s)) for log in recording.points]
    caused = controller_caused(scenario, recording, limit_ma + EXCURSION_FROM_MA)
    stays = [stay for log in recording.points for stay in _stays(log, end_s)]
    point_hours = len(recording.points) * end_s / HOUR_S
    return DayFigures(
        energy_kwh=sum(taken) * MWH_PER_AS / 1e6,
        utilisation=sum(taken) / possible_as if possible_as else 1.0,
        caused_as=sum(one.caused_as for one in caused),
        part_as=sum(one.part_as for one in caused),
        excursion_limit_s=_longest_s(recording, limit_ma),
        excursion_fuse_s=_longest_s(recording, fuse_ma),
        overrun_s=max(worst_overrun_s(scenario, recording, ma) for ma in (limit_ma, fuse_ma)),
        overcurrent_limit_as=_overcurrent_as(recording, limit_ma),
        overcurrent_fuse_as=_overcurrent_as(recording, fuse_ma),
        stress_b=stress_b(scenario, recording),
        stress_gg=max(stress(load, fuse_ma, GG_TYPE, 0.0, end_s) for load in recording.load),
        fairness=jain(shares),
        worst_served=worst_served(shares),
        longest_wait_s=max((one.length_s for one in waited), default=0.0),
        wait_overrun_s=max((one.overrun_s for one in waited), default=0.0),
        locked_out_s=locked_out_s(recording),
        switch_offs_per_h=sum(map(len, offs)) / point_hours,
        switch_offs_peak=max(most_in(HOUR_S, one) for one in offs),
        writes_per_h=sum(map(len, writes)) / point_hours,
        writes_peak=max(most_in(MINUTE_S, one) for one in writes),
        stays=len(stays),
        unserved=sum(stay.charge_as <= 0 and stay.length_s >= SHORT_STAY_S for stay in stays),
        lost_sessions=lost_sessions(recording),
        violations=tuple(
            f"{one.invariant} at {one.found_at:.1f} s: {one.words}" for one in recording.violations
        ),
        telegrams_per_min=len(recording.sent) * MINUTE_S / end_s if recording.sent else None,
    )


def shares_of_fair(taken: Sequence[float], ideal: Ideal) -> list[float]:
    """Return what each charging point got, by what was fairly possible for it."""
    return [got / could for got, could in zip(taken, ideal.fair_as, strict=True) if could > 0]


def worst_served(shares: Sequence[float]) -> float:
    """Return the least share as part of the mean one; of nothing it is 1."""
    mean = sum(shares) / len(shares) if shares else 0.0
    return min(shares) / mean if mean else 1.0


def stress_b(scenario: Scenario, recording: Recording) -> float:
    """Return the highest stress of a B-type breaker."""
    fuse_ma, end_s = scenario.connection.fuse_ma, recording.ended_at
    return max(stress(load, fuse_ma, B_TYPE, 0.0, end_s) for load in recording.load)


def _longest_s(recording: Recording, limit_ma: float) -> float:
    return max(
        longest_s(load, limit_ma + EXCURSION_FROM_MA, recording.ended_at) for load in recording.load
    )


def _overcurrent_as(recording: Recording, limit_ma: float) -> float:
    return (
        sum(load.integral_above(limit_ma, 0.0, recording.ended_at) for load in recording.load) / 1e3
    )


def _moments(log: PointLog, end_s: float) -> list[float]:
    return [at_s for at_s, _ in log.offers.changes(0.0, end_s)]


def _switch_offs(log: PointLog, end_s: float) -> Iterator[float]:
    """Give when a charging point with a vehicle was taken its current."""
    offers = zip(log.offers.times, log.offers.values, strict=True)
    for (_, before_ma), (at_s, offer_ma) in pairwise(offers):
        if before_ma > 0 == offer_ma and 0.0 < at_s <= end_s and log.used.at(at_s):
            yield at_s


# --- stays and sessions --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """A vehicle at a charging point, from plugging in to leaving or the end of the day."""

    left_s: float | None  # None: it is still there
    length_s: float
    charge_as: float  # drawn on all phases


def _stays(log: PointLog, end_s: float) -> list[Stay]:
    plugs = [(at_s, word) for at_s, word, _, _ in log.inputs if word in ("plug", "unplug")]
    stays = []
    for (from_s, word), (to_s, _) in pairwise([*plugs, (end_s, "")]):
        if word == "plug":
            charge_as = log.charge_as.at(to_s) - log.charge_as.before(from_s)
            left_s = to_s if to_s < end_s else None
            stays.append(Stay(left_s=left_s, length_s=to_s - from_s, charge_as=charge_as))
    return stays


def lost_sessions(recording: Recording) -> int:
    """Count the stays that ended and of which no session tells, or one with too little energy."""
    lost = 0
    for number, log in enumerate(recording.points, 1):
        closed = [one for one in recording.sessions if one.point == number]
        times = [one.closed_at for one in closed]
        for stay in _stays(log, recording.ended_at):
            if (
                stay.left_s is None
                or stay.left_s > recording.ended_at - LATE_S
                or not stay.charge_as
            ):
                continue
            place = bisect_left(times, stay.left_s)
            is_there = place < len(times) and times[place] <= stay.left_s + LATE_S
            least_as = min(RECORDED * stay.charge_as, stay.charge_as - UNREAD_AS)
            least_mwh = least_as * MWH_PER_AS
            lost += not is_there or closed[place].energy_mwh < least_mwh
    return lost
