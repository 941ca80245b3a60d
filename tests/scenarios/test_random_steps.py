"""Vehicles that begin and end to charge while the building takes a step: nobody is given too much.

The current of a vehicle that moves hides what the building does. Each scenario lets vehicles come and go within
seconds, and the building change up to four times meanwhile; the meter is slow or fast, and its delay may not
be the one that the gateway was told. Judged is what the controller caused. Source: load-management 7.2, 22.
"""

from collections.abc import Mapping
from random import Random

import pytest
import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from knxgw.sim.bench.counterfactual import controller_caused_as
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.runner import Run
from tests.scenarios.test_random_mixes import FUZZ

METERS: Mapping[str, Mapping[str, object]] = {
    "fast": {},
    "5 s": {"sample_s": 5},
    "10 s": {"sample_s": 10},
    "on change": {"min_change_a": 0.5, "in_operation_s": 20, "monitoring_s": 60},
}
EXAMPLES = (settings().max_examples if FUZZ else 64) // len(METERS)
ABOVE_MA = 500  # above the limit, from where an excess is judged
# A sample that moving vehicles left open is not remembered, and a delay that was told wrong moves samples by a
# second: a step of 2 A may rest on either until the next sample. In 1300 scenarios of a fast meter that
# happened three times. A start on a hidden step is 6 A for a minute: it shows as a hundred.
MOST_AS = 6.0


def vehicle(random: Random, *, arrives_s: float | None) -> dict[str, object]:
    """Return a vehicle; `arrives_s`: None if it is there from the beginning."""
    car: dict[str, object] = {
        "delay_s": random.choice([0.5, 1, 2, 3]),
        "rise_a_per_s": random.choice([1, 1.5, 2, 3]),
        "phases": random.choice([1, 2, 3, 3, 3]),
        "maximum_a": random.choice([8, 10, 13, 16, 16, 16]),
    }
    if arrives_s is not None:
        car["plug_s"] = round(arrives_s, 1)
    elif random.random() < 0.2:
        car["unplug_s"] = round(random.uniform(30, 40), 1)
    return car


def scenario_text(meter: str, random: Random) -> str:
    """Return a scenario in which vehicles come together, and the building changes meanwhile."""
    together_s = random.uniform(30, 34)
    points = [
        {
            "rotation": random.choice(["123", "231", "312"]),
            "resolution_a": random.choice([0.1, 0.1, 1]),
            "poll_s": random.choice([1, 1, 1, 3, 5]),
            "car": vehicle(
                random,
                arrives_s=together_s + random.choice([0, 0, 2, 5, 8])
                if number and random.random() < 0.8
                else None,
            ),
        }
        for number in range(random.choice([2, 3, 4, 5]))
    ]
    base_a, at_s, steps = random.choice([8.0, 10.0, 12.0, 15.0]), together_s, []
    begins_with_a = base_a
    for _ in range(random.choice([1, 2, 3, 4])):
        at_s += random.uniform(0.5, 8)
        base_a = max(2.0, base_a + random.uniform(-3, 5))
        steps.append({"at": round(at_s, 1), "base_a": round(base_a, 1)})
    delay_s = random.choice([0.1, 0.5, 1.0, 2.0])
    return yaml.safe_dump(
        {
            "duration_s": 110,
            "points": points,
            "connection": {"fuse_a": random.choice([32, 35, 40, 50])},
            "settings": {"queue": random.random() < 0.3},
            "base_a": begins_with_a,
            "meter": {
                "sample_s": random.choice([1, 2, 3]),
                "first_s": random.randrange(10) / 10,
                "delay_s": delay_s,
                "told_delay_s": random.choice([delay_s, 1.0]),
                **METERS[meter],
            },
            "events": steps,
        }
    )


@pytest.mark.long
@pytest.mark.proves("D7.2d")
@pytest.mark.parametrize("meter", METERS)
@settings(max_examples=EXAMPLES, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(seed=st.integers(0, 2**32))
def test_nobody_is_given_what_the_building_took_while_vehicles_moved(meter: str, seed: int) -> None:
    text = scenario_text(meter, Random(seed))  # noqa: S311 - a scenario, no secret
    scenario = parse_scenario(text)
    above_ma = scenario.connection.limit_ma + ABOVE_MA
    assert controller_caused_as(scenario, Run(scenario).run(), above_ma) < MOST_AS, text
