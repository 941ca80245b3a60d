"""Every scenario of the catalogue, run once; load management specification, section 23."""

from dataclasses import replace
from pathlib import Path

import pytest

from knxgw.sim.bench.read_scenario import load_scenario
from knxgw.sim.bench.report import run_scenario
from knxgw.sim.bench.runner import Run

FILES = sorted(Path(__file__).parent.glob("S*.yaml"))


OPEN = {"S31": "the queue with rotation (18.1) is not built yet"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_scenario_goes_as_expected(path: Path) -> None:
    if path.stem in OPEN:
        pytest.skip(OPEN[path.stem])
    result = run_scenario(load_scenario(path))
    assert not result.failures, "\n".join(result.failures)


def test_every_scenario_says_what_it_is_about_and_expects_something() -> None:
    scenarios = [load_scenario(path) for path in FILES]
    assert all(scenario.about and scenario.expectations for scenario in scenarios)


def test_the_catalogue_is_complete() -> None:
    wanted = {f"S{number:02}" for number in (*range(1, 32), 40)}
    assert wanted <= {path.stem for path in FILES}


@pytest.mark.parametrize("name", ["S03", "S08"])
def test_the_order_of_charging_points_does_not_matter(name: str) -> None:
    scenario = load_scenario(Path(__file__).parent / f"{name}.yaml")
    turned = replace(scenario, points=scenario.points[::-1])
    offers = [log.offers.last for log in Run(scenario).run().points]
    assert [log.offers.last for log in Run(turned).run().points] == offers[::-1]
