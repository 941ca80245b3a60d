"""How often values are sent: minimum change, minimum interval and cycle of the parameters."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.everything import models, site
from tests.support.world import World

RULES = (
    ", sending: {current: {min_change_a: 2, min_interval_s: 20, cycle_s: 60},"
    " power: {min_change_w: 500, min_interval_s: 30}, energy: {min_change_wh: 300, min_interval_s: 40},"
    " state_cycle_s: 90}"
)
NO_CYCLE = RULES.replace(", cycle_s: 60", "")
HEAT = ", temperature: {sending: %s, change_k: 3, cycle_s: 50}"


def times(world: World, number: int) -> list[float]:
    """Return when an object was sent since the last account [s]."""
    address = f"5/1/{number}"
    heard = world.heard[world._unexpected_from :]
    return [one.at_s for one in heard if one.address == address and one.is_write]


@pytest.mark.proves("2.68", "2.70")
@pytest.mark.parametrize(
    ("number", "point", "start", "changes"),
    [
        (63, "current_l1", 10, (1.5, 2.5)),
        (66, "power", 3000, (400, 600)),
        (71, "energy_total_l1", 9000, (12, 350)),
    ],
)
async def test_a_moving_value_is_sent_on_its_minimum_change_and_once_it_stands_still(
    number: int, point: str, start: float, changes: tuple[float, float], tmp_path: Path
) -> None:
    small, large = changes
    async with World(site(1, every=NO_CYCLE), tmp_path, models=models()) as world:
        world.strict = False
        box = world.charger()
        box.show(point, start)
        await world.sleep(120)
        world.skip()
        box.show(point, start + large)
        await world.sleep(7)
        assert len(times(world, number)) == 1, "the change is large enough: at once"
        await world.sleep(60)
        world.skip()
        rises = point.startswith("energy")  # what counts never falls
        for turn in range(1, 10):  # it moves, but not by enough
            box.show(point, start + large + small * (2 * turn - 1 if rises else 1))
            await world.sleep(6)
            box.show(point, start + large + small * (2 * turn if rises else 0))
            await world.sleep(6)
        assert times(world, number) == []
        box.show(point, start + large + small * (20 if rises else 1))
        await world.sleep(30)
        assert len(times(world, number)) == 1, "it stands still at last"


@pytest.mark.proves("2.69", "2.70")
@pytest.mark.parametrize(
    ("number", "point", "values", "interval_s"),
    [(63, "current_l1", (6, 16), 20), (66, "power", (1000, 9000), 30), (71, "energy_total_l1", range(0, 90_000, 1500), 40)],
)  # fmt: skip
async def test_a_moving_value_is_sent_no_more_often_than_its_minimum_interval(
    number: int, point: str, values: Sequence[int], interval_s: float, tmp_path: Path
) -> None:
    async with World(site(1, every=NO_CYCLE), tmp_path, models=models()) as world:
        world.strict = False
        box = world.charger()
        for value in itertools.islice(itertools.cycle(values), 60):
            box.show(point, value)
            await world.sleep(7)
        gaps = [later - sooner for sooner, later in itertools.pairwise(times(world, number))]
        assert len(gaps) >= 420 / interval_s / 2
        assert min(gaps) >= interval_s - 0.1


@pytest.mark.proves("2.67", "2.66")
async def test_states_are_sent_cyclically_only_where_the_parameter_says_so(tmp_path: Path) -> None:
    for every, expected_s in ((RULES, [90.0] * 3), ("", [])):
        async with World(site(1, every=every), tmp_path, models=models()) as world:
            world.strict = False
            await world.sleep(330)
            sent = times(world, 50)
            gaps = [later - sooner for sooner, later in itertools.pairwise(sent)]
            assert gaps == pytest.approx(expected_s, abs=2)
            assert len(sent) >= 1


async def test_a_moving_value_is_sent_cyclically_where_the_parameter_says_so(
    tmp_path: Path,
) -> None:
    async with World(site(1, every=RULES), tmp_path, models=models()) as world:
        world.strict = False
        world.charger().show("current_l1", 10)
        await world.sleep(300)
        gaps = [later - sooner for sooner, later in itertools.pairwise(times(world, 63))]
        assert gaps[-3:] == pytest.approx([60] * 3, abs=1)
        assert len(times(world, 66)) <= 2


@pytest.mark.proves("2.38", "GO 82")
@pytest.mark.parametrize(("sending", "expected"), [('"off"', 0), ("on_change", 2), ("cyclic", 6)])
async def test_the_temperature_is_sent_as_its_parameter_says(
    sending: str, expected: int, tmp_path: Path
) -> None:
    every = HEAT % sending
    async with World(site(1, every=every), tmp_path, models=models(), run_gateway=False) as world:
        world.strict = False
        world.charger().show("temperature", 20)
        world.start_gateway()
        await world.sleep(150)
        for temperature in (22, 24, 22):
            world.charger().show("temperature", temperature)
            await world.sleep(60)
        assert len(times(world, 82)) == pytest.approx(expected, abs=int(sending == "cyclic"))
        assert await world.read("5/1/82") is not None, "it can be read in any case"
