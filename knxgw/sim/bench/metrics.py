"""The figures of a run. Currents inside are mA, what is reported is A, A·s, s and kWh.

Source: load-management 22.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from knxgw.sim.bench.counterfactual import controller_caused_as
from knxgw.sim.bench.curve import Curve, Steps
from knxgw.sim.bench.oracle import oracle_as
from knxgw.sim.bench.plant import MWH_PER_AS
from knxgw.sim.bench.recording import PointLog, Recording
from knxgw.sim.bench.scenario import ConnectionModel, Scenario
from knxgw.sim.bench.stress import B_TYPE, GG_TYPE, stress

EXCURSION_FROM_MA = 500
SETTLED_MA = 1000
MINUTE_S, HOUR_S = 60.0, 3600.0
Metrics = dict[str, object]
# What the line may carry; each by the configuration in force.
_LEVELS: Mapping[str, Callable[[ConnectionModel], int]] = {
    "limit": lambda connection: connection.limit_ma,
    "fuse": lambda connection: connection.fuse_ma,
}


def metrics(scenario: Scenario, recording: Recording) -> Metrics:
    """Return every figure of a run, from 0 s to its end."""
    connection, end_s = scenario.connection, recording.ended_at
    spans = list(recording.configurations(scenario, 0.0, end_s))
    highest = {name: max(of(one.connection) for _, _, one in spans) for name, of in _LEVELS.items()}
    writes = [log.offers.changes(0.0, end_s) for log in recording.points]
    return {
        "highest_load_a": [_round(load.highest(0.0, end_s) / 1000) for load in recording.load],
        "excursion_s": {
            name: _round(
                max(
                    longest_s(load, of(one.connection) + EXCURSION_FROM_MA, to_s, from_s)
                    for load in recording.load
                    for from_s, to_s, one in spans
                )
            )
            for name, of in _LEVELS.items()
        },
        "overcurrent_as": {
            name: _round(
                sum(
                    load.integral_above(of(one.connection), from_s, to_s)
                    for load in recording.load
                    for from_s, to_s, one in spans
                )
                / 1000
            )
            for name, of in _LEVELS.items()
        },
        "controller_caused_as": {
            name: _round(controller_caused_as(scenario, recording, ma + EXCURSION_FROM_MA))
            for name, ma in highest.items()
        },
        "breaker_stress": {
            name: _round(
                max(stress(load, connection.fuse_ma, safe, 0.0, end_s) for load in recording.load)
            )
            for name, safe in (("b", B_TYPE), ("gg", GG_TYPE))
        },
        "utilisation": _round(utilisation(scenario, recording, 0.0, end_s)),
        "settling_s": settling_s(recording),
        "fairness": {
            "current": _round(jain(_last_offers(recording))),
            "energy": _round(jain(energies_as(recording, end_s))),
        },
        "switch_offs": [switch_offs(log, end_s) for log in recording.points],
        "writes": [len(changes) for changes in writes],
        "writes_per_hour": _round(max(map(len, writes)) * HOUR_S / end_s),
        "writes_peak_per_minute": max(most_in(MINUTE_S, [at for at, _ in one]) for one in writes),
        "explanation_lag_s": _round(recording.explanation_lag_s),
        "energy_kwh": [_round(one * MWH_PER_AS / 1e6) for one in energies_as(recording, end_s)],
        "meter_telegrams": recording.telegrams,
    }


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def longest_s(load: Curve, limit_ma: float, end_s: float, begin_s: float = 0.0) -> float:
    """Return the longest time without a break above a limit [s]."""
    times = load.above(limit_ma, begin_s, end_s)
    return max((to_s - from_s for from_s, to_s in times), default=0.0)


def jain(values: Sequence[float]) -> float:
    """Return Jain's index: 1 is perfectly fair; of nothing it is 1."""
    total, squares = sum(values), sum(value * value for value in values)
    return total * total / (len(values) * squares) if squares else 1.0


def _last_offers(recording: Recording) -> list[int]:
    """Return the last offers of those who have a vehicle."""
    return [log.offers.last for log in recording.points if log.used.last]


def energy_as(log: PointLog, from_s: float, to_s: float) -> float:
    """Return what a vehicle drew on all its phases [A·s]."""
    total = 0.0
    for start_s, end_s, used in _stretches(log.used, from_s, to_s):
        if used:
            total += len(used) * log.draw.integral(start_s, end_s)
    return total / 1000


def energies_as(recording: Recording, to_s: float) -> list[float]:
    """Return what was drawn at each charging point since the start [A·s]."""
    return [energy_as(log, recording.started_at, to_s) for log in recording.points]


def _stretches(
    line: Steps[tuple[int, ...]], from_s: float, to_s: float
) -> list[tuple[float, float, tuple[int, ...]]]:
    moments = [from_s, *(at_s for at_s, _ in line.changes(from_s, to_s)), to_s]
    return [
        (start_s, end_s, line.at(start_s))
        for start_s, end_s in pairwise(moments)
        if end_s > start_s
    ]


# --- how much of what was possible ---------------------------------------------------------------


def utilisation(
    scenario: Scenario, recording: Recording, from_s: float, to_s: float
) -> float | None:
    """Return the share of what an all-knowing allocation without ramps would have given.

    None where there was nothing to give, or nothing is shared.
    """
    if scenario.connection.load_management == "off":
        return None
    possible = oracle_as(scenario, recording, from_s, to_s)
    taken = sum(energy_as(log, from_s, to_s) for log in recording.points)
    return taken / possible if possible else None


# --- how calmly ------------------------------------------------------------------------------------


def settling_s(recording: Recording) -> dict[str, float]:
    """Return the longest time from an event until all offers stay within 1 A of the final ones."""
    moments = sorted({at_s for at_s in recording.happenings if 0.0 <= at_s < recording.ended_at})
    longest = {"lowering": 0.0, "raising": 0.0}
    for at_s, next_s in pairwise([*moments, recording.ended_at]):
        before = sum(log.offers.before(at_s) for log in recording.points)
        final = [log.offers.before(next_s) for log in recording.points]
        settled_s = at_s
        for log, final_ma in zip(recording.points, final, strict=True):
            settled_s = max(settled_s, _settled_s(log.offers, final_ma, at_s, next_s))
        kind = "lowering" if sum(final) < before else "raising"
        longest[kind] = max(longest[kind], round(settled_s - at_s, 3))
    return longest


def _settled_s(offers: Steps[int], final_ma: int, from_s: float, to_s: float) -> float:
    """Return from when on the offers stay near the final one."""
    settled_s = from_s
    was_near = abs(offers.before(from_s) - final_ma) <= SETTLED_MA
    for at_s, offer_ma in [(from_s, offers.at(from_s)), *offers.changes(from_s, to_s)]:
        if at_s >= to_s:
            break
        is_near = abs(offer_ma - final_ma) <= SETTLED_MA
        if is_near and not was_near:
            settled_s = at_s
        was_near = is_near
    return settled_s


def switch_offs(log: PointLog, end_s: float) -> int:
    """Return how often a charging point with a vehicle was taken its current."""
    count = 0
    for at_s, offer_ma in log.offers.changes(0.0, end_s):
        if offer_ma == 0 and log.offers.before(at_s) > 0 and log.used.at(at_s):
            count += 1
    return count


def most_in(length_s: float, moments: Sequence[float]) -> int:
    """Return the highest number of moments within a time of this length."""
    return max(
        (index + 1 - bisect_left(moments, at_s - length_s) for index, at_s in enumerate(moments)),
        default=0,
    )
