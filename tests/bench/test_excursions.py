"""How long a line may be above its limit, on recordings whose answer is known by hand."""

from dataclasses import replace

import pytest

from bench.days.excursions import worst_overrun_s
from knxgw.sim.bench.curve import Curve, Steps
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.recording import Recording
from knxgw.sim.bench.scenario import (
    ChargerReboots,
    ChargerTroubled,
    LostTelegrams,
    Scenario,
    Trouble,
)
from tests.sim.test_bench_metrics import log_of, recording_of

LIMIT_MA = 32_000
OVER_MA, BACK_S, OVER_UNTIL_S, END_S = 36_000.0, 200.0, 230.0, 400.0


def scenario() -> Scenario:
    text = "base_a: 4\npoints: 1\nexpect: [{load_at_most_a: 32}]\n"
    return parse_scenario(text, name="one.yaml")


def overloaded(base_ma: float, *, reached: bool) -> Recording:
    """Return a line that is overloaded until half a minute after a charger can be reached again."""
    log = log_of(draw_ma=16_000.0)
    log.reached = Steps(0.0, reached)
    log.reached.add(BACK_S, value=True)
    recording = recording_of(log, base_ma=base_ma, end_s=END_S)
    recording.load = [Curve(0.0, OVER_MA) for _ in range(3)]
    for load in recording.load:
        load.add(OVER_UNTIL_S, 4000.0, 0.0)
    return recording


def test_nobody_is_blamed_while_who_cannot_be_reached_is_too_much_beside_the_building() -> None:
    assert worst_overrun_s(scenario(), overloaded(20_000.0, reached=False), LIMIT_MA) == 0.0


def test_one_that_could_be_reached_should_have_been_lowered() -> None:
    assert worst_overrun_s(scenario(), overloaded(20_000.0, reached=True), LIMIT_MA) > 100.0


def test_one_that_cannot_be_reached_is_no_excuse_where_the_building_leaves_room_for_it() -> None:
    assert worst_overrun_s(scenario(), overloaded(10_000.0, reached=False), LIMIT_MA) > 100.0


def test_nobody_is_blamed_before_a_silent_meter_speaks_again() -> None:
    lost = (LostTelegrams(begins_at=0.0, ends_at=BACK_S),)
    silent = replace(scenario(), meter=replace(scenario().meter, lost=lost))
    recording = overloaded(20_000.0, reached=True)
    late_s = worst_overrun_s(scenario(), recording, LIMIT_MA)
    assert worst_overrun_s(silent, recording, LIMIT_MA) == pytest.approx(late_s - BACK_S)


def test_one_that_ignores_what_it_is_told_is_an_excuse_as_long_as_it_does() -> None:
    ignores = ChargerTroubled(happens_at=0.0, point=1, trouble=Trouble.IGNORES, holds_until=BACK_S)
    unruly = replace(scenario(), happenings=(ignores,))
    recording = overloaded(20_000.0, reached=True)
    late_s = worst_overrun_s(scenario(), recording, LIMIT_MA)
    assert worst_overrun_s(unruly, recording, LIMIT_MA) == pytest.approx(late_s - BACK_S)
    roomy = overloaded(10_000.0, reached=True)
    assert worst_overrun_s(unruly, roomy, LIMIT_MA) == pytest.approx(late_s)


def test_one_that_forgets_what_it_was_told_begins_the_time_again() -> None:
    forgets = ChargerReboots(happens_at=BACK_S, point=1, to_ma=16_000)
    unruly = replace(scenario(), happenings=(forgets,))
    recording = overloaded(20_000.0, reached=True)
    late_s = worst_overrun_s(scenario(), recording, LIMIT_MA)
    assert worst_overrun_s(unruly, recording, LIMIT_MA) == pytest.approx(late_s - BACK_S)


def test_the_minimum_of_one_that_draws_more_than_it_is_told_is_higher() -> None:
    """25.8 A of the building and 6 A fit into 32 A, with 0.3 A more they do not."""
    recording = overloaded(25_800.0, reached=True)
    recording.points[0].offers = Steps(-1.0, 6000)
    late_s = worst_overrun_s(scenario(), recording, LIMIT_MA)
    point = scenario().points[0]
    greedy = replace(point, car=replace(point.car, overdraw_ma=300))
    late_too_s = worst_overrun_s(replace(scenario(), points=(greedy,)), recording, LIMIT_MA)
    assert late_too_s == pytest.approx(late_s - 60.0 - 3.0)  # the confirmation, and the stop
