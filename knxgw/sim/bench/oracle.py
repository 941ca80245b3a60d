"""What an all-knowing allocation without ramps would have given: the yardstick of utilisation.

It applies solve() to the true base load at every moment, with the true limits of the vehicles. Where
not all minima fit, it admits those the run itself served at that moment, then the others by their
number, as far as their minimum fits: it is judged how well the current is used, not who waits.
Source: load management specification, section 22. Currents are mA per phase, times s.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from knxgw.dlm.allocation import Share, solve
from knxgw.sim.bench.recording import PointLog, Recording
from knxgw.sim.bench.scenario import ConnectionModel, PointModel, Scenario


def oracle_as(scenario: Scenario, recording: Recording, from_s: float, to_s: float) -> float:
    """Return what all charging points together would have been given [A·s of all phases]."""
    return sum(oracle_of_points_as(scenario, recording, from_s, to_s))


def oracle_of_points_as(
    scenario: Scenario, recording: Recording, from_s: float, to_s: float
) -> list[float]:
    """Return what each charging point would have been given [A·s of all phases]."""
    lines: list[Sequence[float]] = [curve.times for curve in recording.base]
    lines += [log.used.times for log in recording.points]
    lines += [log.can_use.times for log in recording.points]
    lines += [_turns(log) for log in recording.points]
    lines.append([at_s for at_s, _ in recording.configured])
    inside = {
        at_s
        for line in lines
        for at_s in line[bisect_right(line, from_s) :]
        if from_s < at_s < to_s
    }
    totals = [0.0] * len(recording.points)
    for start_s, end_s in pairwise([from_s, *sorted(inside), to_s]):
        for index, current_ma in _ideal_ma(
            recording.configuration_at(scenario, start_s), recording, start_s
        ):
            totals[index] += current_ma * (end_s - start_s) / 1000
    return totals


def _turns(log: PointLog) -> list[float]:
    """Return when a charging point got current or lost it."""
    offers = zip(log.offers.times, log.offers.values, strict=True)
    return [at_s for (_, one), (at_s, two) in pairwise(offers) if (one > 0) != (two > 0)]


def _ideal_ma(scenario: Scenario, recording: Recording, at_s: float) -> list[tuple[int, int]]:
    """Return who is given what at a moment: index, sum of its phase currents."""
    connection = scenario.connection
    available = [_available_ma(connection, base.at(at_s)) for base in recording.base]
    room = list(available)
    admitted: list[tuple[int, int]] = []  # index, what the vehicle can use
    shares: list[Share] = []
    for index in _order(recording, at_s):
        model, log = scenario.points[index], recording.points[index]
        used, maximum_ma = log.used.at(at_s), log.can_use.at(at_s)
        if not used or not maximum_ma or any(room[phase] < model.minimum_ma for phase in used):
            continue
        for phase in used:
            room[phase] -= model.minimum_ma
        admitted.append((index, maximum_ma))
        shares.append(_share(model, maximum_ma, used, first=index + 1 == connection.priority))
    given = solve(available, shares) if shares else []
    return [
        (index, min(ma, most) * len(share.constraints))
        for (index, most), ma, share in zip(admitted, given, shares, strict=True)
    ]


def _order(recording: Recording, at_s: float) -> list[int]:
    """Return in which order they are admitted."""
    waits = [log.offers.at(at_s) == 0 for log in recording.points]
    return sorted(range(len(waits)), key=waits.__getitem__)


def _share(model: PointModel, maximum_ma: int, used: tuple[int, ...], *, first: bool) -> Share:
    return Share(
        minimum_ma=model.minimum_ma,
        cap_ma=max(model.minimum_ma, min(model.maximum_ma, maximum_ma)),
        constraints=used,
        prioritised=first,
    )


def _available_ma(connection: ConnectionModel, base_ma: float) -> int:
    feeder_ma = connection.limit_ma if connection.feeder_ma is None else connection.feeder_ma
    base = 0.0 if connection.load_management == "static" else base_ma
    return round(min(connection.limit_ma - base, feeder_ma))
