"""What holds after a restart of the gateway, of the bus, of a charger, and of a configuration."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from xknx.dpt import DPTArray, DPTBinary
from xknx.telegram.apci import GroupValueResponse

from knxgw.sim.vehicle import Vehicle
from tests.support.everything import links, models, site
from tests.support.world import World, configure, on_null_modem

Event = Callable[[World], Awaitable[None]]


async def gateway_restarts(world: World) -> None:
    await world.stop_gateway()
    await world.sleep(30)
    world.start_gateway()
    await world.until(lambda: world.gateway.is_ready)


async def bus_returns(world: World) -> None:
    world.line.cut()
    await world.sleep(30)
    world.line.mend()
    await world._peer.open(world._hear, lambda: None)
    await world.until(lambda: world.gateway.knx_is_up, 60)


async def charger_returns(world: World) -> None:
    """Cut the power of both chargers: all that was written to them is forgotten."""
    for point, server in ((1, world.site.endpoint_of(1)), (2, world.site.endpoint_of(2))):  # type: ignore[arg-type]
        await server.stop()
        world.charger(point).restart()
        await world.sleep(30)
        await server.start()
    await world.until(lambda: world.gateway.is_ready, 60)


async def charger_forgets(world: World) -> None:
    """Restart both chargers so fast that no connection is lost."""
    world.charger(1).restart()
    world.charger(2).restart()
    await world.sleep(1)


async def configuration_changes(world: World) -> None:
    await world.stop_gateway()
    changed = site(1, 2, every=", name: New, minimum_a: 7").replace("5/1/74", "5/1/7")
    world.configuration = on_null_modem(configure(changed, models()))
    world.start_gateway()
    await world.until(lambda: world.gateway.is_ready)


EVENTS = [gateway_restarts, bus_returns, charger_returns, charger_forgets, configuration_changes]


async def offered(world: World, *offers_ma: int, seconds: float = 30) -> None:
    chargers = world.site.chargers.values()
    await world.until(lambda: [one.offer_ma for one in chargers] == list(offers_ma), seconds)


@pytest.mark.proves(
    "5.10", "5.11", "5.18", "5.19", "5.20", "3.34", "D16.4", "D16.10", "D16.13", "D16.20",
    "D16.22", "D16.30", "D16.32", "D16.40",
)  # fmt: skip
@pytest.mark.parametrize("event", EVENTS)
async def test_interruption_setpoint_and_cancel_hold_after_anything(
    event: Event, tmp_path: Path
) -> None:
    async with World(site(1, 2), tmp_path, models=models()) as world:
        world.strict = False
        await world.write("5/1/60", 12.0, "14.019")
        await world.write("5/1/55", True)
        await world.write("5/1/60", 9.0, "14.019")
        await world.write("5/2/60", 10.0, "14.019")
        await offered(world, 0, 10_000)
        await event(world)
        await offered(world, 0, 10_000)
        await world.sleep(10)
        await offered(world, 0, 10_000, seconds=0.1)
        assert await world.read("5/1/56") == DPTBinary(1)
        assert await world.read("5/1/50") == DPTArray((11,))
        await world.write("5/1/55", False)
        await offered(world, 9000, 10_000)
        world.charger(2).plug(Vehicle())
        await world.sleep(20)
        await world.write("5/2/54", False)
        await offered(world, 9000, 0)
        await event(world)
        await world.sleep(20)
        assert await world.read("5/2/50") == DPTArray((4,)), "cancelled until plugged in again"
        await offered(world, 9000, 0, seconds=0.1)


@pytest.mark.proves("5.18", "5.19", "5.20", "D16.31")
@pytest.mark.parametrize("event", EVENTS[:4])
async def test_grid_supporting_control_holds_after_anything_when_nobody_says_otherwise(
    event: Event, tmp_path: Path
) -> None:
    async with World(site(1, 2), tmp_path, models=models()) as world:
        world.strict = False
        await world.write("5/2/60", 10.0, "14.019")
        await world.write("5/0/1", True)
        await offered(world, 6000, 6000)
        await event(world)
        await offered(world, 6000, 6000)
        await world.sleep(10)
        assert await world.read("5/0/2") == DPTBinary(1)
        await world.write("5/0/1", False)
        await offered(world, 16_000, 10_000)


@pytest.mark.proves("D16.21")
async def test_the_bus_is_asked_for_grid_supporting_control_when_it_returns(tmp_path: Path) -> None:
    async with World(site(1, 2), tmp_path, models=models()) as world:
        world.strict = False
        await offered(world, 16_000, 16_000)
        world.skip()
        await bus_returns(world)
        await world.sleep(5)
        asked = [type(one.apci).__name__ for one in world.since() if one.address == "5/0/1"]
        assert asked == ["GroupValueRead"]
        await world.send("5/0/1", GroupValueResponse(DPTBinary(1)))
        await offered(world, 6000, 6000)


@pytest.mark.proves("D16.42")
async def test_a_setpoint_is_clamped_anew_when_the_limits_have_changed(tmp_path: Path) -> None:
    async with World(site(1, 2), tmp_path, models=models()) as world:
        world.strict = False
        await world.write("5/1/60", 9.0, "14.019")
        await world.write("5/2/60", 15.0, "14.019")
        await offered(world, 9000, 15_000)
        await world.stop_gateway()
        text = site(1, 2, every=", maximum_a: 11")
        world.configuration = on_null_modem(configure(text, models()))
        world.start_gateway()
        await offered(world, 9000, 11_000)


# --- the chargers of the catalogue at the start and the end of the gateway


def one_charger(model: str) -> str:
    unit = models().chargers[model].unit_id
    connection = f"connection: {{host: 127.0.0.1, port: 5021, unit: {unit}}}"
    entry = f"  - {{number: 1, model: {model}, {connection}}}\n"
    return f"knx: {{link: none}}\ncharging_points:\n{entry}{links(1)}"


@pytest.mark.proves("D16.65", "5.20")
@pytest.mark.parametrize("model", ["keba_p30", "alfen_eve", "abb_terra_ac", "goe_charger"])
async def test_every_charger_has_its_safe_command_within_10_s_of_the_start(
    model: str, tmp_path: Path
) -> None:
    async with World(one_charger(model), tmp_path) as world:
        world.strict = False
        await world.write("5/1/55", True)
        await world.until(lambda: world.charger().offer_ma == 0, 10)
        await world.stop_gateway()
        world.charger().restart()
        await world.sleep(100)
        assert world.charger().offer_ma > 0, "it knows nothing of the interruption"
        world.start_gateway()
        await world.until(lambda: world.charger().offer_ma == 0, 10)


@pytest.mark.proves("D16.60")
@pytest.mark.parametrize("model", ["keba_p30", "alfen_eve", "abb_terra_ac"])
async def test_the_watchdog_of_a_charger_stays_armed_when_the_gateway_ends(
    model: str, tmp_path: Path
) -> None:
    async with World(one_charger(model), tmp_path) as world:
        world.strict = False
        await world.sleep(30)
        assert world.charger().offer_ma == 16_000
        await world.stop_gateway()
        await asyncio.sleep(120)
        assert world.charger().offer_ma == 6000, "it has fallen back by itself"
