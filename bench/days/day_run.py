"""Runs one day at random: the gateway, and what it is compared with, on the same plant and seed."""

import gc
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from bench.days.acceptance import needs_reference
from bench.days.day import day
from bench.days.day_figures import DayFigures, day_figures, stress_b
from bench.days.day_picture import Picture, picture
from bench.days.reference import AllOff
from bench.days.series import Series
from bench.days.yardsticks.evcc import Evcc
from bench.days.yardsticks.openwb import OpenWb
from bench.days.yardsticks.simple import FirstCome, StaticShare
from bench.days.yardsticks.warp import Warp
from knxgw.sim.bench.controller import Controller, Gateway
from knxgw.sim.bench.oracle import ideal
from knxgw.sim.bench.recording import Recording
from knxgw.sim.bench.runner import Run
from knxgw.sim.bench.scenario import Scenario
from knxgw.sim.bench.telegram_count import TelegramCount

GATEWAY = "gateway"
OPENWB, WARP, EVCC = PORTS = ("openWB", "WARP", "evcc")  # what people run
TYPICAL_BUILDING_MA = 16_000  # leaves five charging points 6 A each
YARDSTICKS: Mapping[str, Callable[[Scenario], Controller]] = {
    "static share, safe": StaticShare,
    "static share, 6 A each": lambda scenario: StaticShare(
        scenario, building_ma=TYPICAL_BUILDING_MA
    ),
    "first come, first served": FirstCome,
    OPENWB: OpenWb,
    WARP: Warp,
    EVCC: Evcc,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One day to run."""

    seed: int
    series: Series
    hours: float
    counts_telegrams: bool = False
    compares: bool = True  # with the yardsticks
    draws: bool = False  # the day as a picture


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResult:
    """What a day came to for everybody who ran it."""

    job: Job
    figures: Mapping[str, DayFigures]  # by who decided
    run_s: float  # how long the gateway's run took, without its figures
    picture: Picture | None = None


def collect_seldom() -> None:
    """Let Python look for cycles of dead objects seldom; for a process that does nothing but run days.

    A day makes millions of objects and hardly a cycle among them: to look for these took a tenth of the time.
    PyPy collects in another way, and has none of this.
    """
    if platform.python_implementation() != "CPython":
        return
    gc.freeze()  # what is there stays
    gc.set_threshold(50_000, 50, 100)


def run_day(job: Job) -> DayResult:
    """Run a day, in a process of its own."""
    scenario = day(job.seed, job.series, job.hours)
    gateway = Gateway(scenario)
    count = TelegramCount(gateway.configuration) if job.counts_telegrams else None
    started_s = time.perf_counter()
    recording = Run(scenario, controller=gateway, telegrams=count).run()
    run_s = time.perf_counter() - started_s
    possible = ideal(scenario, recording, 0.0, recording.ended_at)
    own = day_figures(scenario, recording, possible)
    if needs_reference(job.series, own):
        own = replace(own, stress_reference=_reference_stress(scenario, recording))
    figures = {GATEWAY: own}
    if job.compares:
        for name, make in YARDSTICKS.items():
            other = Run(scenario, controller=make(scenario)).run()
            figures[name] = day_figures(scenario, other, possible)
    shown = picture(scenario, recording) if job.draws else None
    return DayResult(job=job, figures=figures, run_s=run_s, picture=shown)


def _reference_stress(scenario: Scenario, recording: Recording) -> float:
    """Return the stress with the fastest reaction there is."""
    reference = Run(scenario, controller=AllOff(scenario, recording)).run()
    return stress_b(scenario, reference)
