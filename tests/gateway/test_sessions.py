"""Sessions in the running gateway: energy over pauses and restarts, and the time it was off."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from xknx.dpt import DPTArray

from knxgw.sim.vehicle import Vehicle
from tests.support.virtual_time import VirtualWallClock
from tests.support.world import World, from_payload

SITE = """
knx: {{link: none}}
charging_points:
  - {{number: 1, name: One, model: {model}, connection: {{host: 127.0.0.1}}}}
group_objects: {{50: [1/1/50], 55: [1/1/55], 74: [1/1/74], 75: [1/1/75], 76: [1/1/76],
  77: [1/1/77], 78: [1/1/78]}}
"""


async def wh(world: World, number: int) -> int:
    value = from_payload("13.010", await world.read(f"1/1/{number}"))
    assert isinstance(value, int)
    return value


@pytest.mark.long
@pytest.mark.proves("H.83", "3.51", "2.32")
async def test_a_charger_that_counts_anew_with_each_start_keeps_its_session(
    tmp_path: Path,
) -> None:
    async with World(SITE.format(model="sungrow_ac"), tmp_path) as world:
        world.strict = False
        charger = world.charger()
        charger.plug(Vehicle())
        await world.sleep(240)
        await world.write("1/1/55", True)
        await world.sleep(60)
        before_wh = await wh(world, 74)
        assert before_wh == pytest.approx(charger.session_wh, abs=2)
        charger.session_wh = 0.0  # the start command that ends the pause
        await world.write("1/1/55", False)
        await world.sleep(240)
        charger.unplug()
        await world.sleep(30)
        assert before_wh > 500
        assert await wh(world, 74) == pytest.approx(before_wh + charger.session_wh, abs=2)
        rows = world.gateway.world.database.sessions()
        assert [row.energy_mwh // 1000 for row in rows] == [await wh(world, 74)]


# --- the clock comes late ------------------------------------------------------------------------

FIFTY_YEARS_S = 50 * 365 * 86_400.0


async def seconds(world: World) -> int:
    value = from_payload("13.100", await world.read("1/1/78"))
    assert isinstance(value, int)
    return value


async def clock_of(world: World, number: int) -> str:
    payload = await world.read(f"1/1/{number}")
    assert isinstance(payload, DPTArray)
    hour, minute, second = payload.value
    return f"{hour & 31:02d}:{minute:02d}:{second:02d}"


@asynccontextmanager
async def in_the_past(tmp_path: Path) -> AsyncIterator[World]:
    """Give a world whose gateway was off for 10 min in the middle of a session."""
    site = SITE.format(model="alfen_eve")
    async with World(site, tmp_path, run_gateway=False) as world:
        world.strict = False
        world.clock = VirtualWallClock(
            asyncio.get_running_loop(), datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
        )
        world.start_gateway()
        await world.sleep(10)
        world.charger().plug(Vehicle())
        await world.sleep(300)
        await world.stop_gateway()
        await world.sleep(600)
        world.clock.shift(-FIFTY_YEARS_S)
        world.start_gateway()
        await world.sleep(15)
        yield world


@pytest.mark.proves("H.84", "3.57", "3.56")
async def test_the_time_the_gateway_was_off_is_in_the_duration_once_the_clock_is_known(
    tmp_path: Path,
) -> None:
    async with in_the_past(tmp_path) as world:
        assert 280 <= await seconds(world) <= 330, "nobody knows how long it was off"
        await world.sleep(120)
        world.clock.shift(FIFTY_YEARS_S)
        await world.sleep(15)
        assert await seconds(world) == pytest.approx(300 + 600 + 150, abs=15)
        world.charger().unplug()
        await world.sleep(15)
        assert await seconds(world) == pytest.approx(300 + 600 + 150, abs=15)
        assert await clock_of(world, 76) == "10:00:10"
        assert (await clock_of(world, 77)).startswith("10:17:")


@pytest.mark.proves("H.84", "3.57", "3.56")
async def test_a_session_that_ended_before_the_clock_was_known_is_dated_when_it_is(
    tmp_path: Path,
) -> None:
    async with in_the_past(tmp_path) as world:
        await world.sleep(60)
        world.charger().unplug()
        await world.sleep(300)
        world.clock.shift(FIFTY_YEARS_S)
        await world.sleep(15)
        assert await seconds(world) == pytest.approx(300 + 600 + 75, abs=15)
        assert await clock_of(world, 76) == "10:00:10"
        assert (await clock_of(world, 77)).startswith("10:16:")
        (row,) = world.gateway.world.database.sessions()
        assert row.duration_s == pytest.approx(300 + 600 + 75, abs=15), "in the history, too"


async def test_a_session_that_never_has_a_clock_is_in_the_history_at_the_end(
    tmp_path: Path,
) -> None:
    async with World(SITE.format(model="alfen_eve"), tmp_path, run_gateway=False) as world:
        world.strict = False
        world.clock = VirtualWallClock(
            asyncio.get_running_loop(), datetime(1976, 6, 1, 10, 0, tzinfo=UTC)
        )
        world.start_gateway()
        for _ in range(2):
            world.charger().plug(Vehicle())
            await world.sleep(120)
            world.charger().unplug()
            await world.sleep(30)
        assert len(world.gateway.world.database.sessions()) == 1, "the next one had begun"
        await world.stop_gateway()
        world.start_gateway()
        await world.sleep(10)
        rows = world.gateway.world.database.sessions()
        assert [row.started_at for row in rows] == [None, None]
        assert [row.duration_s for row in rows] == pytest.approx([118, 118], abs=6)


@pytest.mark.proves("3.57")
async def test_a_session_that_ended_while_the_gateway_was_off_ends_when_it_was_last_seen(
    tmp_path: Path,
) -> None:
    site = SITE.format(model="alfen_eve")
    async with World(site, tmp_path, run_gateway=False) as world:
        world.strict = False
        world.start_gateway()
        await world.sleep(10)
        world.charger().plug(Vehicle())
        await world.sleep(600)
        await world.stop_gateway()
        world.charger().unplug()
        await world.sleep(600)
        world.clock.shift(-FIFTY_YEARS_S)
        world.start_gateway()
        await world.sleep(60)
        world.clock.shift(FIFTY_YEARS_S)
        await world.sleep(15)
        assert await seconds(world) == pytest.approx(598, abs=5)


async def test_a_session_begun_and_ended_without_a_clock_has_its_times_later(
    tmp_path: Path,
) -> None:
    async with World(SITE.format(model="alfen_eve"), tmp_path, run_gateway=False) as world:
        world.strict = False
        world.clock = VirtualWallClock(
            asyncio.get_running_loop(), datetime(1976, 6, 1, 10, 0, tzinfo=UTC)
        )
        world.start_gateway()
        await world.sleep(10)
        world.charger().plug(Vehicle())
        await world.sleep(300)
        world.charger().unplug()
        await world.sleep(50)
        assert await world.read("1/1/76") is None
        world.clock.shift(FIFTY_YEARS_S)
        await world.sleep(15)
        assert (await clock_of(world, 76)).startswith("10:00:1")
        assert (await clock_of(world, 77)).startswith("10:05:")
        assert await seconds(world) == pytest.approx(298, abs=5)


async def test_an_orderly_end_stores_the_energy_of_the_last_moment(tmp_path: Path) -> None:
    async with World(SITE.format(model="alfen_eve"), tmp_path) as world:
        world.strict = False
        world.charger().plug(Vehicle())
        await world.sleep(607)
        before_wh = await wh(world, 74)
        await world.stop_gateway()
        world.start_gateway()
        await world.sleep(8)
        assert await wh(world, 74) >= before_wh
