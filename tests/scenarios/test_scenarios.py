"""Every scenario of the catalogue, run once; load-management 23."""

import random
from functools import cache

import pytest

from knxgw.sim.bench.expectation import OffersAre, When
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.report import run_scenario
from tests.scenarios.variations import (
    FILES,
    OFFSETS,
    ORDERS,
    Variation,
    broken,
    orders_of,
    scenario_of,
    variations,
    varied,
)

SHORT_S = 400.0
# What shows in another way what a quicker scenario shows, and takes the time of three others.
LONG = pytest.mark.long
CATALOGUE = [
    pytest.param("S01", marks=pytest.mark.proves("6.2", "D9.4a")),
    pytest.param("S02", marks=pytest.mark.proves("6.7", "D9.3c")),
    pytest.param("S03", marks=pytest.mark.proves("6.7", "D8d")),
    pytest.param("S04", marks=pytest.mark.proves("6.6", "D8a", "D9.4c")),
    pytest.param("S05", marks=pytest.mark.proves("6.5", "D8a")),
    pytest.param("S06", marks=pytest.mark.proves("D8b")),
    pytest.param("S07", marks=pytest.mark.proves("D4.1", "D4.2", "D4.3")),
    pytest.param("S08", marks=pytest.mark.proves("D8e")),
    pytest.param("S09", marks=pytest.mark.proves("D8.1a", "D8.1b")),
    pytest.param("S09b", marks=pytest.mark.proves("D8.1a")),
    pytest.param("S10", marks=pytest.mark.proves("D7.3a", "D9.3a")),
    pytest.param("S11", marks=pytest.mark.proves("D9.4e")),
    pytest.param("S12", marks=pytest.mark.proves("D9.4d")),
    pytest.param("S13"),
    pytest.param("S14", marks=pytest.mark.proves("6.8", "6.9", "D6.9", "D10.1", "D10.2", "D10.6")),
    pytest.param("S15", marks=pytest.mark.proves("D6.11", "D14.1a", "D14.1b")),
    pytest.param("S16", marks=pytest.mark.proves("D14.2a", "D14.2b")),
    pytest.param("S17", marks=pytest.mark.proves("6.10", "7.61", "D6.9", "D11.1", "D11.2")),
    pytest.param("S18", marks=pytest.mark.proves("D3.2b")),
    pytest.param("S19", marks=pytest.mark.proves("6.11", "7.62", "D12.2a", "D12.3", "D12.4a")),
    pytest.param("S20", marks=pytest.mark.proves("D12.2b")),
    pytest.param("S20b", marks=pytest.mark.proves("D12.2b")),
    pytest.param("S21", marks=pytest.mark.proves("D12.2c")),
    pytest.param(
        "S22", marks=pytest.mark.proves("6.12", "7.63", "D6.3", "D13.1a", "D13.1b", "D13.1c")
    ),
    pytest.param("S23", marks=pytest.mark.proves("D6.3", "D7.1c", "D13.2a", "D13.2b")),
    pytest.param("S24", marks=pytest.mark.proves("7.67", "D13.3a", "D13.4")),
    pytest.param("S25", marks=pytest.mark.proves("D3.1a")),
    pytest.param("S26", marks=pytest.mark.proves("D15.5", "D9.3f")),
    pytest.param("S27", marks=pytest.mark.proves("5.14", "D15.1")),
    pytest.param("S28", marks=pytest.mark.proves("5.7")),
    pytest.param("S28b", marks=pytest.mark.proves("5.8", "5.9")),
    pytest.param("S29", marks=pytest.mark.proves("D17.1", "D17.2")),
    pytest.param("S30", marks=pytest.mark.proves("5.18")),
    pytest.param("S31", marks=pytest.mark.proves("D18.1a", "D18.1g")),
    pytest.param("S40", marks=pytest.mark.proves("6.4", "D3.1a", "D3.1b")),
    pytest.param("S40b", marks=pytest.mark.proves("D7.1b")),
    pytest.param("S40c", marks=pytest.mark.proves("D3.1a")),
    # situations that the catalogue does not have
    pytest.param("charger-ignores", marks=pytest.mark.proves("D13.3a", "D13.3b")),
    pytest.param("charger-refuses"),
    pytest.param("charger-reports-its-own-state", marks=pytest.mark.proves("D5.4")),
    pytest.param("charger-starts-anew", marks=pytest.mark.proves("D13.3c")),
    pytest.param("charger-without-power-loses-its-place", marks=pytest.mark.proves("D13.2c")),
    pytest.param("configuration-lowered-and-raised", marks=[pytest.mark.proves("D9.5c"), LONG]),
    pytest.param("export-7012-hides-room", marks=pytest.mark.proves("D3.1a")),
    pytest.param("in-operation-returns-one-phase-silent", marks=pytest.mark.proves("D11.6")),
    pytest.param("feeder-with-unreachable-charger", marks=pytest.mark.proves("D7.1d")),
    pytest.param("in-operation-pauses", marks=pytest.mark.proves("D11.6")),
    pytest.param("interrupted-car-does-not-stop", marks=pytest.mark.proves("D13.4")),
    pytest.param("limit-cycle-uneven-delays", marks=[pytest.mark.proves("D7.2e"), LONG]),
    pytest.param("long-line-poll-12s", marks=pytest.mark.proves("D3.3c")),
    pytest.param("meter-follows-export-without-sign", marks=[pytest.mark.proves("D13.5e"), LONG]),
    pytest.param("meter-follows-hob-in-step", marks=[pytest.mark.proves("D13.5c"), LONG]),
    pytest.param("meter-follows-load-against-the-cars", marks=pytest.mark.proves("D13.5c")),
    pytest.param("meter-follows-lost-telegrams", marks=[pytest.mark.proves("D13.5e"), LONG]),
    pytest.param("meter-follows-unmeasured-charger", marks=[pytest.mark.proves("D13.5c"), LONG]),
    pytest.param("meter-follows-values-on-change", marks=[pytest.mark.proves("D13.5e"), LONG]),
    pytest.param("meter-frozen", marks=pytest.mark.proves("7.77", "D13.5b", "D13.5d")),
    pytest.param("meter-frozen-on-one-phase", marks=[pytest.mark.proves("D13.5b"), LONG]),
    pytest.param("meter-frozen-values-on-change", marks=[pytest.mark.proves("D13.5b"), LONG]),
    pytest.param("meter-with-jitter-told-too-early", marks=pytest.mark.proves("D7.2e")),
    pytest.param("one-lost-telegram-is-answered", marks=pytest.mark.proves("D11.5", "D9.1b")),
    pytest.param("one-telegram-lost-while-one-waits", marks=pytest.mark.proves("D11.3")),
    pytest.param("overdraw-ends-with-the-next-reading", marks=pytest.mark.proves("D13.4")),
    pytest.param("overload-on-fresh-phase", marks=pytest.mark.proves("D12.2e")),
    pytest.param("peaks-behind-slow-polls", marks=pytest.mark.proves("D7.2e", "D7.3c")),
    pytest.param("phases-told-apart", marks=pytest.mark.proves("D3.1h")),
    pytest.param("queue-turns-of-two-unmeasured", marks=pytest.mark.proves("D18.1i", "D18.1g")),
    pytest.param("queue-turns-of-unmeasured", marks=pytest.mark.proves("D18.1i", "D18.1n")),
    pytest.param("raise-needs-recent-values", marks=pytest.mark.proves("D3.1h", "D11.1")),
    pytest.param("raise-is-no-building-load", marks=[pytest.mark.proves("D7.2e"), LONG]),
    pytest.param("rare-values-then-large-consumer", marks=pytest.mark.proves("D2.3", "D7.3c")),
    pytest.param("restart-as-many-as-fit", marks=[pytest.mark.proves("D12.4a"), LONG]),
    pytest.param("return-counts-once", marks=pytest.mark.proves("D13.2a", "D7.1a")),
    pytest.param("slow-charger-slow-meter", marks=pytest.mark.proves("D13.4")),
    pytest.param("static-idle-cars-resume", marks=pytest.mark.proves("D17.6")),
    pytest.param("static-limit-lowered", marks=pytest.mark.proves("D17.6", "D16.71")),
    pytest.param("static-plugged-in-while-off", marks=pytest.mark.proves("D17.6")),
    pytest.param("static-restart-slow-polls", marks=pytest.mark.proves("D17.6")),
    pytest.param("static-restart-while-one-waits", marks=pytest.mark.proves("D17.6")),
    pytest.param("transformer-of-one-phase-reversed", marks=[pytest.mark.proves("D13.5a"), LONG]),
    pytest.param("transformers-put-right", marks=[pytest.mark.proves("7.76", "D13.5d"), LONG]),
    pytest.param("transformers-reversed", marks=pytest.mark.proves("7.76", "D13.5a", "D13.5d")),
    pytest.param(
        "transformers-reversed-single-phase-cars", marks=[pytest.mark.proves("D13.5a"), LONG]
    ),
    pytest.param(
        "transformers-reversed-while-the-sun-feeds-in", marks=[pytest.mark.proves("D13.5a"), LONG]
    ),
    pytest.param("type-7012-large-limit", marks=[pytest.mark.proves("D3.1b"), LONG]),
    pytest.param("whole-ampere-flicker", marks=pytest.mark.proves("D9.3d")),
    pytest.param("prioritised-among-whole-amperes", marks=pytest.mark.proves("D9.3k")),
    pytest.param("newcomer-fits-by-tenths"),
    pytest.param("newcomer-fits-by-one-ampere"),
    pytest.param("rise-while-cars-obey-on-change", marks=pytest.mark.proves("D7.2g")),
    pytest.param("load-between-slow-readings", marks=pytest.mark.proves("D7.2f")),
    pytest.param("unmeasured-cars-take-less", marks=pytest.mark.proves("D9.3j")),
    pytest.param("maximum-lowered-while-a-car-draws", marks=pytest.mark.proves("D13.1a")),
    pytest.param("over-range-stays", marks=pytest.mark.proves("D3.1b")),
    pytest.param("restart-on-change-after-slow-readings", marks=pytest.mark.proves("D12.4d")),
    pytest.param("offer-moves-between-free-points", marks=pytest.mark.proves("D5.5")),
    pytest.param("offer-withdrawn-and-given-again", marks=pytest.mark.proves("D7.2h")),
    pytest.param("two-plug-in-at-once", marks=pytest.mark.proves("D5.5")),
    pytest.param("overcurrent-of-two-that-overdraw", marks=[pytest.mark.proves("D12.4f"), LONG]),
    pytest.param("overdraw-is-remembered", marks=pytest.mark.proves("D13.4")),
    pytest.param(
        "overdraw-is-remembered-through-a-stop", marks=[pytest.mark.proves("D13.4b"), LONG]
    ),
    pytest.param("unmeasured-late-chargers"),
    pytest.param("unmeasured-gives-way-in-vain", marks=[pytest.mark.proves("D9.2e"), LONG]),
    pytest.param("unmeasured-gives-way-to-nobody", marks=[pytest.mark.proves("D9.2e"), LONG]),
    pytest.param("unmeasured-car-takes-little", marks=pytest.mark.proves("D14.1d")),
    pytest.param("interrupted-just-after-a-raise", marks=pytest.mark.proves("D9.2c")),
    pytest.param("plugged-in-just-before-a-raise", marks=pytest.mark.proves("D5.5")),
    pytest.param("narrow-headroom-comes-to-rest", marks=pytest.mark.proves("D14.1c")),
    pytest.param("unmeasured-newcomer-gets-what-was-seen-to-be-free"),
    pytest.param("unmeasured-vehicle-of-one-phase", marks=LONG),
    pytest.param("quick-meter-seldom-polls", marks=LONG),
    pytest.param("long-line-after-restart"),
    pytest.param("answer-replaces-lost-phase", marks=pytest.mark.proves("D11.5")),
    pytest.param("answers-among-the-first-telegrams", marks=pytest.mark.proves("D2.3", "D3.1h")),
    pytest.param("car-replaced-in-lockout", marks=pytest.mark.proves("D12.4a")),
    pytest.param("charger-ignores-through-a-restart", marks=pytest.mark.proves("D13.3c")),
    pytest.param("coil-contactors-overload", marks=pytest.mark.proves("D12.3")),
    pytest.param("configuration-in-lockout", marks=pytest.mark.proves("D12.4a")),
    pytest.param("deaf-car-and-silence", marks=pytest.mark.proves("D11.1", "D13.3a")),
    pytest.param("finished-cars-resume-in-emergency", marks=pytest.mark.proves("D14.2b")),
    pytest.param("gateway-restarts-while-meter-silent", marks=pytest.mark.proves("D11.4")),
    pytest.param("high-power-and-silence", marks=pytest.mark.proves("D10.3", "D11.3")),
    pytest.param("high-power-newcomers-rotated", marks=pytest.mark.proves("D10.3")),
    pytest.param("high-power-repeated-in-emergency", marks=pytest.mark.proves("D10.2")),
    pytest.param("jitter-10s-meter-late-untold", marks=pytest.mark.proves("D7.2e")),
    pytest.param("lost-telegram-at-start", marks=pytest.mark.proves("D3.1h")),
    pytest.param("meter-returns-with-more-load", marks=pytest.mark.proves("D11.2", "D12.2a")),
    pytest.param("meter-returns-with-more-load-one-waits", marks=pytest.mark.proves("D11.3")),
    pytest.param("one-phase-lost-forever", marks=pytest.mark.proves("D3.2a", "D11.3")),
    pytest.param("overcurrent-on-l2-others-wait", marks=pytest.mark.proves("D12.4a")),
    pytest.param("phases-told-far-apart", marks=pytest.mark.proves("D3.1k")),
    pytest.param("phases-told-over-most-of-a-second", marks=pytest.mark.proves("D3.1k")),
    pytest.param("restart-on-change-unanswered", marks=pytest.mark.proves("D3.1i")),
    pytest.param("silent-meter-fault-in-charger", marks=pytest.mark.proves("D11.1")),
    pytest.param("static-coil-contactors-newcomer", marks=pytest.mark.proves("D17.5")),
    pytest.param("static-ignores-then-newcomer", marks=pytest.mark.proves("D17.4")),
    pytest.param("static-reboots-maximum", marks=pytest.mark.proves("D13.3c")),
    pytest.param("static-unreachable-overdraw", marks=pytest.mark.proves("D13.1c", "D17.5")),
    pytest.param(
        "two-lost-chargers-return-one-after-other", marks=pytest.mark.proves("D13.2a", "D13.2b")
    ),
]


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_scenario_goes_as_expected(name: str) -> None:
    result = run_scenario(scenario_of(name))
    assert not result.failures, "\n".join(result.failures)


def test_every_scenario_says_what_it_is_about_and_expects_something() -> None:
    scenarios = [scenario_of(path.stem) for path in FILES]
    assert all(scenario.about and scenario.expectations for scenario in scenarios)


def test_the_catalogue_is_complete() -> None:
    wanted = {f"S{number:02}" for number in (*range(1, 32), 40)}
    assert wanted <= {path.stem for path in FILES}
    assert {one.values[0] for one in CATALOGUE} == {path.stem for path in FILES}


SAMPLES = 40


@cache
def _sample() -> list[tuple[str, Variation]]:
    """Return some variations of short scenarios, the same each time; `make scenarios` runs all."""
    scenarios = [scenario_of(path.stem) for path in FILES]
    every = [
        (scenario.name, variation)
        for scenario in scenarios
        if scenario.duration_s <= SHORT_S
        for variation in variations(scenario, orders=ORDERS, offsets=OFFSETS, seed=0)
    ]
    return random.Random(0).sample(every, SAMPLES)  # noqa: S311 - to be the same each time


@pytest.mark.long
@pytest.mark.parametrize("sample", range(SAMPLES))
def test_a_scenario_goes_as_expected_in_any_order_and_whenever_the_meter_looks(sample: int) -> None:
    name, variation = _sample()[sample]
    found = broken(scenario_of(name), variation)
    assert not found, "\n".join([f"{name} as {variation}", *found])


def test_the_variation_that_changes_nothing_expects_what_the_file_says() -> None:
    for path in FILES:
        scenario = scenario_of(path.stem)
        first = next(variations(scenario, orders=1, offsets=1, seed=0))
        assert varied(scenario, first).expectations == scenario.expectations


def test_another_order_expects_the_same_of_the_same_charging_points() -> None:
    scenario = scenario_of("S04")
    turned = varied(scenario, Variation(order=(3, 2, 1)))
    assert turned.connection.priority == 3
    last = turned.expectations[-1].subject
    assert isinstance(last, OffersAre)
    assert last.offers_ma == (7000, 7000, 16_000)


def test_a_later_sample_moves_deadlines_but_no_amounts() -> None:
    scenario = scenario_of("S10")
    turned = varied(scenario, Variation(order=(1, 2), shift_s=0.5))
    pairs = list(zip(scenario.expectations, turned.expectations, strict=True))
    assert all((two.early_s, two.late_s) == (1.5, 1.5) for _, two in pairs)
    deadlines = [(one.subject, two.subject) for one, two in pairs if one.when is When.BY]
    assert deadlines
    assert all(one == two for one, two in deadlines)


WORDS = """
duration_s: 300
points: 2
events: [{at: 120.1, until: 240.1, base_added_a: 10}]
expect:
  - {becomes: 30, to: 120, offers_a: 14}
  - {becomes: [122, 124.5], to: 240, offers_a: [9, 9]}
  - {becomes: [120.2, 126.5], to: 240, load_a: 32}  # as it was before
  - {from: 241, to: 290, rise_a: [[240.1, 9], [252, 11], [257, 13], [262, 14]]}
"""


@pytest.mark.parametrize("shift_s", [0.3, 1.0, 1.9])
def test_what_becomes_so_or_rises_for_a_while_moves_with_the_samples(shift_s: float) -> None:
    scenario = parse_scenario(WORDS)
    assert not broken(scenario, Variation(order=(2, 1), shift_s=shift_s))
    early = parse_scenario(WORDS.replace("[122, 124.5]", "[110, 118]"))
    (found,) = broken(early, Variation(order=(2, 1), shift_s=shift_s))
    assert "offers are 14/14 A" in found


def test_what_belongs_to_samples_goes_along_with_them_and_nothing_else() -> None:
    spans = "[{from: 10, to: 20, late_s: 1}]"
    meter = f"{{lost: {spans}, slow: {spans}, answers_s: 1, unanswered: [{{from: 10, to: 20}}], "
    meter += "in_operation_s: 5, in_operation_pauses: [{from: 10, to: 20}], jitter_s: 0.2, "
    meter += "frozen: [{from: 10, to: 20}]}"
    text = f"meter: {meter}\nexpect: [{{by: 30, offers_a: 6}}]\nevents: [{{at: 15, base_a: 5}}]"
    turned = varied(parse_scenario(text), Variation(order=(1,), shift_s=0.5))
    moved = turned.meter
    for one in (*moved.lost, *moved.slow, *moved.unanswered, *moved.frozen):
        assert (one.begins_at, one.ends_at) == (10.5, 20.5)
    assert moved.in_operation_pauses[0].begins_at == 10.0
    assert turned.happenings[0].happens_at == 15.0
    (expected,) = turned.expectations
    assert expected.early_s == pytest.approx(2.0 - 0.5 + 2 * 0.2)
    assert expected.late_s == pytest.approx(0.5 + 1.0 + 2 * 0.2)


def test_of_more_than_three_charging_points_some_orders_are_looked_at() -> None:
    scenario = scenario_of("S16")
    orders = orders_of(scenario)
    assert len(set(orders)) == 24
    assert orders == orders_of(scenario)
    assert len(orders_of(scenario_of("S08"))) == 6
