"""What is drawn of a day: currents of one phase at even moments. Currents are A, times h."""

from collections.abc import Sequence
from dataclasses import dataclass

from knxgw.sim.bench.recording import Recording
from knxgw.sim.bench.scenario import Scenario

DAY_STEP_S, HOUR_STEP_S, HOUR_S = 60.0, 2.0, 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """One phase of the line over a time, all lists of the same length."""

    at_h: Sequence[float]
    base_a: Sequence[float]
    points_a: Sequence[Sequence[float]]  # what the vehicle at each charging point draws
    load_a: Sequence[float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A day and its most interesting hour."""

    name: str
    phase: int
    limit_a: float
    fuse_a: float
    day: Lines
    hour: Lines


def picture(
    scenario: Scenario, recording: Recording, hour: tuple[float, float] | None = None
) -> Picture:
    """Return what is drawn: the phase that was most above the limit, in the day or in an `hour`.

    Without one it is the hour in which that phase was most above it.
    """
    limit_ma, end_s = scenario.connection.limit_ma, recording.ended_at
    from_s, to_s = (0.0, end_s) if hour is None else hour
    phases = range(len(recording.load))
    phase = max(phases, key=lambda one: recording.load[one].integral_above(limit_ma, from_s, to_s))
    load = recording.load[phase]
    if hour is None:
        hours = [n * HOUR_S for n in range(max(1, int(end_s / HOUR_S)))]
        from_s = max(hours, key=lambda at_s: load.integral_above(limit_ma, at_s, at_s + HOUR_S))
        to_s = min(end_s, from_s + HOUR_S)
    return Picture(
        name=scenario.name,
        phase=phase,
        limit_a=limit_ma / 1000,
        fuse_a=scenario.connection.fuse_ma / 1000,
        day=_lines(recording, phase, (0.0, end_s, DAY_STEP_S)),
        hour=_lines(recording, phase, (from_s, to_s, HOUR_STEP_S)),
    )


def _lines(recording: Recording, phase: int, times: tuple[float, float, float]) -> Lines:
    from_s, to_s, step_s = times
    moments = [from_s + n * step_s for n in range(int((to_s - from_s) / step_s) + 1)]

    def drawn_a(index: int, at_s: float) -> float:
        log = recording.points[index]
        return round(log.draw.at(at_s) / 1000, 2) if phase in log.used.at(at_s) else 0.0

    return Lines(
        at_h=[at_s / HOUR_S for at_s in moments],
        base_a=[round(recording.base[phase].at(at_s) / 1000, 2) for at_s in moments],
        points_a=[
            [drawn_a(index, at_s) for at_s in moments] for index in range(len(recording.points))
        ],
        load_a=[round(recording.load[phase].at(at_s) / 1000, 2) for at_s in moments],
    )
