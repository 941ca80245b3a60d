"""A building that switches its loads at random, as the line sees it. Same seed, same day.

Source: load-management 24. Currents are mA per phase, times s.
What that section leaves open, and what is taken here: sizes, lengths and phases are uniform; loads
come as Poisson processes; the noise is redrawn each 2 s (the spacing of the faster smart meter),
between two samples, and cut at three sigma; a load that would take the building above 40 A with
everything that still runs is redrawn a little later, so that there are as many as there should be.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, merge
from random import Random

from knxgw.sim.bench.invariants import NOISE_MOST_MA
from knxgw.sim.bench.scenario import BaseChanged

STILL_MA = (1500, 1000, 800)  # what always runs
NOISE_MA = 150  # sigma
NOISE_S, NOISE_OFFSET_S = 2.0, 0.7
HIGHEST_MA = 40_000  # of the building alone, on a phase
LATER_S = (10.0, 120.0)  # a load that does not fit is redrawn so much later
PHASES = (0, 1, 2)
Change = tuple[int, tuple[int, ...]]  # how much more [mA], on which phases


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of load: how often, how big, how long."""

    spacing_s: float  # mean of a Poisson process
    current_ma: tuple[int, int]  # uniform
    length_s: tuple[float, float]  # uniform
    three_phase: bool


KINDS = (
    Kind(  # appliances
        spacing_s=300.0, current_ma=(1000, 10_000), length_s=(30.0, 600.0), three_phase=False
    ),
    Kind(spacing_s=3600.0, current_ma=(6000, 14_000), length_s=(300.0, 2400.0), three_phase=True),
    Kind(  # instantaneous heater
        spacing_s=7200.0, current_ma=(26_000, 26_000), length_s=(60.0, 300.0), three_phase=True
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A load while it is on."""

    on_s: float
    off_s: float
    current_ma: int
    phases: tuple[int, ...]


def loads(seed: int, duration_s: float) -> list[Load]:
    """Return every load of a day in the order they are switched on."""
    luck = Random(f"loads {seed}")  # noqa: S311 - to be the same each time
    waiting = [moment for kind in KINDS for moment in _moments(kind, luck, duration_s)]
    heapify(waiting)
    running: list[Load] = []
    found = []
    while waiting:
        at_s, kind = heappop(waiting)
        running = [load for load in running if load.off_s > at_s]
        load = _fitting(KINDS[kind], at_s, running, luck)
        if load is not None:
            running.append(load)
            found.append(load)
        elif at_s < duration_s:
            heappush(waiting, (round(at_s + luck.uniform(*LATER_S), 2), kind))
    return found


def _moments(kind: Kind, luck: Random, duration_s: float) -> list[tuple[float, int]]:
    moments = []
    at_s = luck.expovariate(1 / kind.spacing_s)
    while at_s < duration_s:
        moments.append((round(at_s, 2), KINDS.index(kind)))
        at_s += luck.expovariate(1 / kind.spacing_s)
    return moments


def _fitting(kind: Kind, at_s: float, running: list[Load], luck: Random) -> Load | None:
    """Draw a load that fits beside what runs; None: this one does not."""
    load = Load(
        on_s=at_s,
        off_s=round(at_s + luck.uniform(*kind.length_s), 2),
        current_ma=luck.randint(*kind.current_ma),
        phases=PHASES if kind.three_phase else (luck.choice(PHASES),),
    )
    # What runs now only ends while the new one is on, so the beginning is the highest.
    fits = all(_sum_ma([*running, load], phase) <= HIGHEST_MA for phase in load.phases)
    return load if fits else None


def _sum_ma(running: list[Load], phase: int) -> int:
    own_ma = STILL_MA[phase] + NOISE_MOST_MA
    return own_ma + sum(load.current_ma for load in running if phase in load.phases)


def base_load(seed: int, duration_s: float, share: float = 1.0) -> Iterator[BaseChanged]:
    """Give every change of what the building draws, or a `share` of it, in order of time."""
    luck = Random(f"noise {seed}")  # noqa: S311 - to be the same each time
    level = list(STILL_MA)
    noise = [_noise_ma(luck) for _ in PHASES]
    switched = _switched(loads(seed, duration_s))
    for at_s, change in merge(switched, _noise_moments(duration_s), key=lambda one: one[0]):
        if change is None:
            noise = [_noise_ma(luck) for _ in PHASES]
        else:
            for phase in change[1]:
                level[phase] += change[0]
        drawn = [round((level[phase] + noise[phase]) * share) for phase in PHASES]
        yield BaseChanged(
            happens_at=at_s, load_ma=(drawn[0], drawn[1], drawn[2]), is_noise=change is None
        )


def _noise_ma(luck: Random) -> int:
    return round(max(-NOISE_MOST_MA, min(NOISE_MOST_MA, luck.gauss(0.0, NOISE_MA))))


def _noise_moments(duration_s: float) -> Iterator[tuple[float, Change | None]]:
    return ((NOISE_OFFSET_S + NOISE_S * n, None) for n in range(int(duration_s / NOISE_S)))


def _switched(found: list[Load]) -> Iterator[tuple[float, Change | None]]:
    """Give when loads go on and off, in order of time."""
    ends: list[tuple[float, int, tuple[int, ...]]] = []
    for load in found:
        while ends and ends[0][0] <= load.on_s:
            at_s, current_ma, phases = heappop(ends)
            yield at_s, (-current_ma, phases)
        yield load.on_s, (load.current_ma, load.phases)
        heappush(ends, (load.off_s, load.current_ma, load.phases))
    while ends:
        at_s, current_ma, phases = heappop(ends)
        yield at_s, (-current_ma, phases)
