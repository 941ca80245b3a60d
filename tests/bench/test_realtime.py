"""The whole gateway against the scenario bench: the same events, the same setpoints.

`make bench` does it for half an hour with a gateway process, Modbus TCP and a tunnel; here the first
ten minutes, which have something of everything, pass in virtual time.
"""

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from bench.realtime import garage
from bench.realtime.check import play
from bench.realtime.comparison import Agreement, Setpoints, compare
from bench.realtime.player import Player
from knxgw.charging.scope import PointNumber
from knxgw.config.model import Configuration
from knxgw.sim.bench.curve import Steps
from knxgw.sim.bench.scenario import ChargerTroubled, Scenario, Trouble
from tests.support.virtual_time import run_virtual
from tests.support.world import World

MINUTES = 10
ONE, TWO = PointNumber(1), PointNumber(2)


def site_text(scenario: Scenario) -> str:
    website, ports = 'listen: "127.0.0.1:8080"', range(5021, 5021 + garage.ENDPOINTS)
    return garage.site_text(scenario, knx="link: none", website=website, ports=ports)


@cache
def configuration() -> Configuration:
    return garage.configuration_of(site_text(garage.events(MINUTES)))


@cache
def held() -> Setpoints:
    """Return what chargers hold while the events happen to the whole gateway."""
    scenario = garage.events(MINUTES)

    async def happen(state: Path) -> Setpoints:
        async with World(site_text(scenario), state) as world:
            world.strict = False
            async with Player(scenario, world.site, world.line, configuration()) as player:
                await player.play(player.next_beginning_s(), lambda now_s: None)
            return player.held

    with tempfile.TemporaryDirectory(prefix="knxgw-test-") as name:
        return run_virtual(happen(Path(name)))


@pytest.mark.long
@pytest.mark.proves("H.95")
def test_the_whole_gateway_does_what_the_bench_predicts() -> None:
    scenario = garage.events(MINUTES)
    found = compare(scenario, configuration(), held(), garage.prediction(scenario, configuration()))
    assert found.is_good, found.differences
    assert found.seconds == MINUTES * 60 + 1
    assert found.same_share > 0.9
    assert found.near_share > 0.9
    assert all(len(steps.times) > 10 for steps in held().values()), "they were told a lot"


@pytest.mark.long
def test_another_building_than_the_real_one_is_found() -> None:
    scenario = garage.events(MINUTES)
    other = replace(scenario, base_ma=(16_000, 15_000, 14_000))
    found = compare(scenario, configuration(), held(), garage.prediction(other, configuration()))
    assert not found.is_good
    assert found.near_share < 0.7


@pytest.mark.long
@pytest.mark.real
async def test_a_gateway_process_begins_as_predicted(tmp_path: Path) -> None:
    """A car comes after 5.3 s; the rest of the half hour is for `make bench`."""
    figures = await play(replace(garage.events(0.2), idle_s=2.0), tmp_path)
    assert figures.agreement.is_good, figures.agreement.differences
    assert figures.agreement.seconds == 13
    assert figures.minutes == 0.2


# --- what is a difference --------------------------------------------------------------------------


def steps(*changes: tuple[float, int]) -> Steps[int]:
    """Return a setpoint of 10 A that changes."""
    line = Steps(-30.0, 10_000)
    for at_s, setpoint_ma in changes:
        line.add(at_s, setpoint_ma)
    return line


def agreement(real: Steps[int], bench: Steps[int], *troubles: ChargerTroubled) -> Agreement:
    """Compare for two minutes; a second charging point is always as predicted."""
    scenario = replace(garage.events(2), happenings=troubles)
    return compare(scenario, configuration(), {ONE: real, TWO: steps()}, {ONE: bench, TWO: steps()})


@pytest.mark.parametrize("late_s", [-4.0, 0.0, 4.0])
def test_what_clocks_may_differ_by_is_no_difference(late_s: float) -> None:
    found = agreement(steps((60.0 + late_s, 0)), steps((60.0, 0)))
    assert (found.largest_ma, found.near_share, found.is_good) == (0, 1.0, True)
    assert found.same_share == pytest.approx(1 - abs(late_s) / found.seconds / 2)


@pytest.mark.parametrize("late_s", [-9.0, 9.0])
def test_what_comes_sooner_or_later_than_that_is_a_difference(late_s: float) -> None:
    found = agreement(steps((60.0 + late_s, 0)), steps((60.0, 0)))
    assert not found.is_good
    [difference] = found.differences
    assert (difference.point, difference.largest_ma) == (1, 10_000)
    assert difference.to_s - difference.from_s <= 9.0


@pytest.mark.parametrize(("by_ma", "is_good"), [(2000, True), (2100, False), (-2100, False)])
def test_one_step_is_no_difference_and_more_is(by_ma: int, is_good: bool) -> None:  # noqa: FBT001 - it is expected
    found = agreement(steps((-10.0, 10_000 + by_ma)), steps())
    assert (found.largest_ma, found.is_good) == (abs(by_ma), is_good)
    assert found.near_share == 0.5


def test_a_change_that_only_one_of_them_made_is_found() -> None:
    short = steps((60.0, 0), (63.0, 10_000))
    for real, bench in ((short, steps()), (steps(), short)):
        [difference] = agreement(real, bench).differences
        assert (difference.from_s, difference.to_s) == (60.0, 62.0)
        assert difference.largest_ma == 10_000


@pytest.mark.parametrize(
    ("trouble", "late_s", "is_good"),
    [
        (Trouble.UNREACHABLE, 8.0, True),
        (Trouble.UNREACHABLE, 20.0, False),
        (Trouble.GOOD, 20.0, True),
        (Trouble.GOOD, 40.0, False),
    ],
)
def test_a_link_has_its_own_time_to_notice_that_a_charger_is_gone_or_back(
    trouble: Trouble,
    late_s: float,
    is_good: bool,  # noqa: FBT001 - it is expected
) -> None:
    troubled = ChargerTroubled(happens_at=60.0, point=2, trouble=trouble)
    found = agreement(steps((60.0 + late_s, 6000)), steps((60.0, 6000)), troubled)
    assert found.is_good is is_good
