"""The figures of the bench, on curves whose figures are known by hand."""

import math

import pytest

from knxgw.sim.bench.counterfactual import controller_caused_as
from knxgw.sim.bench.curve import Curve, Steps
from knxgw.sim.bench.metrics import (
    energies_as,
    jain,
    longest_s,
    metrics,
    most_in,
    settling_s,
    switch_offs,
    utilisation,
)
from knxgw.sim.bench.oracle import oracle_as
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.recording import PointLog, Recording
from knxgw.sim.bench.runner import Run
from knxgw.sim.bench.scenario import Scenario
from knxgw.sim.bench.stress import B_TYPE, GG_TYPE, safe_s, stress


def flat(load_ma: float) -> Curve:
    return Curve(0.0, load_ma)


def log_of(*offers: tuple[float, int], draw_ma: float = 6000.0) -> PointLog:
    """Return a charging point with a three-phase car and some offers."""
    log = PointLog(
        offers=Steps(0.0, 0),
        limits=Steps(0.0, 0),
        draw=flat(draw_ma),
        used=Steps(0.0, (0, 1, 2)),
        can_use=Steps(0.0, 16_000),
        reserved=Steps(0.0, value=True),
        charge_as=Steps(0.0, 0.0),
    )
    for at_s, offer_ma in offers:
        log.offers.add(at_s, offer_ma)
    return log


def recording_of(*logs: PointLog, base_ma: float = 4000.0, end_s: float = 100.0) -> Recording:
    return Recording(
        started_at=0.0,
        ended_at=end_s,
        points=list(logs),
        base=[flat(base_ma) for _ in range(3)],
        load=[flat(base_ma) for _ in range(3)],
    )


# --- breaker stress --------------------------------------------------------------------------------


def test_the_safe_time_is_that_of_the_knots_and_a_power_law_between() -> None:
    assert safe_s(1.13, B_TYPE) == 3600
    assert safe_s(1.45, B_TYPE) == pytest.approx(40)
    assert safe_s(1.0, B_TYPE) == math.inf
    assert safe_s(9.0, GG_TYPE) == 0.1
    middle = math.sqrt(2.0 * 2.55)
    assert safe_s(middle, B_TYPE) == pytest.approx(math.sqrt(6.0 * 1.0))


def test_a_constant_overload_trips_after_its_safe_time_but_for_the_decay() -> None:
    value = stress(flat(1.45 * 35_000), 35_000, B_TYPE, 0.0, 40.0)
    assert value == pytest.approx(300 / 40 * (1 - math.exp(-40 / 300)))


def test_stress_decays_between_two_overloads() -> None:
    load = Curve(0.0, 0.0)
    for at_s in (100.0, 400.0):
        load.add(at_s, 2.0 * 35_000, 0.0)
        load.add(at_s + 3.0, 0.0, 0.0)
    once = 300 / 6 * (1 - math.exp(-3 / 300))
    value = stress(load, 35_000, B_TYPE, 0.0, 500.0)
    assert value == pytest.approx(once + once * math.exp(-300 / 300))


def test_a_load_within_the_rating_is_no_stress() -> None:
    assert stress(flat(39_000), 35_000, B_TYPE, 0.0, 1e5) == 0


# --- excursions, fairness, writes ------------------------------------------------------------------


def test_the_longest_excursion_is_without_a_break() -> None:
    load = Curve(0.0, 0.0)
    for at_s, length_s in ((10.0, 3.0), (20.0, 7.0), (40.0, 5.0)):
        load.add(at_s, 40_000, 0.0)
        load.add(at_s + length_s, 30_000, 0.0)
    assert longest_s(load, 32_500, 100.0) == pytest.approx(7)


def test_jain_is_1_for_equal_shares_and_1_of_n_for_one_who_has_all() -> None:
    assert jain([5, 5, 5]) == pytest.approx(1)
    assert jain([9, 0, 0]) == pytest.approx(1 / 3)
    assert jain([0, 0]) == 1


def test_the_most_moments_within_a_minute() -> None:
    assert most_in(60.0, [0.0, 30.0, 59.0, 90.0, 200.0]) == 3
    assert most_in(60.0, []) == 0


def test_switch_offs_are_counted_only_with_a_vehicle() -> None:
    log = log_of((10.0, 6000), (20.0, 0), (30.0, 6000), (40.0, 0))
    log.used.add(35.0, ())
    assert switch_offs(log, 100.0) == 1


def test_settling_ends_when_all_offers_stay_within_1_a() -> None:
    log = log_of((5.0, 14_000), (23.0, 9000), (52.0, 11_000), (57.0, 13_000), (62.0, 14_000))
    recording = recording_of(log)
    recording.happenings += [20.0, 40.0]
    assert settling_s(recording) == {"lowering": 3.0, "raising": 17.0}


# --- utilisation -----------------------------------------------------------------------------------


def two_points() -> Scenario:
    return parse_scenario("points: 2")


def test_the_oracle_shares_what_the_true_base_load_leaves() -> None:
    recording = recording_of(log_of(), log_of())
    assert oracle_as(two_points(), recording, 0.0, 10.0) == pytest.approx(2 * 14 * 3 * 10)


def test_the_oracle_leaves_out_whose_minimum_does_not_fit() -> None:
    recording = recording_of(log_of(), log_of(), base_ma=24_000)
    assert oracle_as(two_points(), recording, 0.0, 10.0) == pytest.approx(8 * 3 * 10)


def test_utilisation_is_what_was_drawn_of_what_was_possible() -> None:
    recording = recording_of(log_of(draw_ma=7000), log_of(draw_ma=14_000))
    assert energies_as(recording, 10.0) == pytest.approx([7 * 3 * 10, 14 * 3 * 10])
    assert utilisation(two_points(), recording, 0.0, 10.0) == pytest.approx(0.75)


# --- who caused it ---------------------------------------------------------------------------------

STEP = "duration_s: 160\npoints: 2\nevents: [{at: 120.1, base_a: 14}]"


def test_an_excess_by_the_building_is_not_the_controllers() -> None:
    scenario = parse_scenario(STEP)
    recording = Run(scenario).run()
    assert recording.load[0].integral_above(32_000, 0.0, 160.0) > 0
    assert controller_caused_as(scenario, recording, 32_000) == pytest.approx(0, abs=1e-6)


def test_an_excess_by_raised_offers_is_the_controllers() -> None:
    text = (
        "duration_s: 60\nbase_a: 20\nconnection: {load_management: off}\n"
        "events: [{at: -30, point: 1, setpoint_a: 6}, {at: 20, point: 1, setpoint_a: 16}]"
    )
    scenario = parse_scenario(text)
    recording = Run(scenario).run()
    recording.samples += [0.0, 10.0]
    excess_as = 3 * recording.load[0].integral_above(32_000, 0.0, 60.0) / 1000
    assert excess_as > 3 * 4 * 30
    assert controller_caused_as(scenario, recording, 32_000) == pytest.approx(excess_as)


def test_every_figure_of_a_run_is_there() -> None:
    scenario = parse_scenario(STEP)
    figures = metrics(scenario, Run(scenario).run())
    assert figures["highest_load_a"] == [42.0, 42.0, 42.0]
    assert figures["controller_caused_as"] == {"limit": 0.0, "fuse": 0.0}
    assert figures["switch_offs"] == [0, 0]
    overcurrent = figures["overcurrent_as"]
    assert isinstance(overcurrent, dict)
    held_as = 10 * (124.5 - 120.1)  # until the vehicles react
    falls_as = 10 * 0.5 / 2  # 5 A each, 10 A/s each
    assert overcurrent["limit"] == pytest.approx(3 * (held_as + falls_as), abs=0.01)
