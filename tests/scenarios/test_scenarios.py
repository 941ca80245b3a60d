"""Every scenario of the catalogue, run once; load management specification, section 23."""

import random
from pathlib import Path

import pytest

from knxgw.sim.bench.expectation import OffersAre, When
from knxgw.sim.bench.read_scenario import load_scenario
from knxgw.sim.bench.report import run_scenario
from tests.scenarios.variations import (
    FILES,
    OFFSETS,
    ORDERS,
    Variation,
    broken,
    orders_of,
    variations,
    varied,
)

SHORT_S = 400.0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_scenario_goes_as_expected(path: Path) -> None:
    result = run_scenario(load_scenario(path))
    assert not result.failures, "\n".join(result.failures)


def test_every_scenario_says_what_it_is_about_and_expects_something() -> None:
    scenarios = [load_scenario(path) for path in FILES]
    assert all(scenario.about and scenario.expectations for scenario in scenarios)


def test_the_catalogue_is_complete() -> None:
    wanted = {f"S{number:02}" for number in (*range(1, 32), 40)}
    assert wanted <= {path.stem for path in FILES}


def _sample() -> list[tuple[str, Variation]]:
    """Return some variations of short scenarios, the same each time; `make scenarios` runs all."""
    scenarios = [load_scenario(path) for path in FILES]
    every = [
        (scenario.name, variation)
        for scenario in scenarios
        if scenario.duration_s <= SHORT_S
        for variation in variations(scenario, orders=ORDERS, offsets=OFFSETS, seed=0)
    ]
    return random.Random(0).sample(every, 40)  # noqa: S311 - to be the same each time


@pytest.mark.parametrize(
    ("name", "variation"),
    [
        pytest.param(name, one, id=f"{name}-{''.join(map(str, one.order))}-{one.shift_s:g}s")
        for name, one in _sample()
    ],
)
def test_a_scenario_goes_as_expected_in_any_order_and_whenever_the_meter_looks(
    name: str, variation: Variation
) -> None:
    found = broken(load_scenario(Path(__file__).parent / f"{name}.yaml"), variation)
    assert not found, "\n".join(found)


def test_the_variation_that_changes_nothing_expects_what_the_file_says() -> None:
    for path in FILES:
        scenario = load_scenario(path)
        first = next(variations(scenario, orders=1, offsets=1, seed=0))
        assert varied(scenario, first).expectations == scenario.expectations


def test_another_order_expects_the_same_of_the_same_charging_points() -> None:
    scenario = load_scenario(Path(__file__).parent / "S04.yaml")
    turned = varied(scenario, Variation(order=(3, 2, 1)))
    assert turned.connection.priority == 3
    last = turned.expectations[-1].subject
    assert isinstance(last, OffersAre)
    assert last.offers_ma == (7000, 7000, 16_000)


def test_a_later_sample_moves_deadlines_but_no_amounts() -> None:
    scenario = load_scenario(Path(__file__).parent / "S10.yaml")
    turned = varied(scenario, Variation(order=(1, 2), shift_s=0.5))
    pairs = list(zip(scenario.expectations, turned.expectations, strict=True))
    assert all((two.early_s, two.late_s) == (1.5, 1.5) for _, two in pairs)
    deadlines = [(one.subject, two.subject) for one, two in pairs if one.when is When.BY]
    assert deadlines
    assert all(one == two for one, two in deadlines)


def test_of_more_than_three_charging_points_some_orders_are_looked_at() -> None:
    scenario = load_scenario(Path(__file__).parent / "S16.yaml")
    orders = orders_of(scenario)
    assert len(set(orders)) == 24
    assert orders == orders_of(scenario)
    assert len(orders_of(load_scenario(Path(__file__).parent / "S08.yaml"))) == 6
