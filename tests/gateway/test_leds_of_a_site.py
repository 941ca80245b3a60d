"""The front panel of a running gateway: what its LEDs do while things happen to the site."""

from pathlib import Path

import pytest
from xknx.dpt import DPTBinary
from xknx.telegram.apci import GroupValueWrite

from knxgw.charging.scope import PointNumber
from tests.device.watching import LOOK_S, WATCH_S, in_words
from tests.support.everything import models, site
from tests.support.world import World


async def shown(world: World, *, traffic_s: float | None = None) -> tuple[str, str, str]:
    """Watch APP, COM and Programming for a while, perhaps with a telegram every so often."""
    await world.sleep(LOOK_S / 2)  # between the edges
    seen, next_s = [], 0.0
    for look in range(round(WATCH_S / LOOK_S)):
        if traffic_s is not None and look * LOOK_S >= next_s:
            await world.send("7/7/7", GroupValueWrite(DPTBinary(1)))
            next_s += traffic_s
        seen.append(world.gateway.leds())
        await world.sleep(LOOK_S)
    return in_words(seen, "app"), in_words(seen, "com"), in_words(seen, "programming")


@pytest.mark.proves("8.3", "8.4", "8.13")
async def test_app_and_com_tell_that_it_starts_and_that_it_is_ready(tmp_path: Path) -> None:
    async with World(site(1), tmp_path, models=models(), run_gateway=False) as world:
        world.strict = False
        world.start_gateway()
        assert not world.gateway.is_ready
        assert (world.gateway.leds().app, world.gateway.leds().com) == (False, True)
        await world.sleep(30)
        assert await shown(world) == ("on", "on", "off")


@pytest.mark.proves("8.11")
async def test_com_tells_traffic(tmp_path: Path) -> None:
    async with World(site(1), tmp_path, models=models()) as world:
        world.strict = False
        await world.sleep(30)
        assert await shown(world, traffic_s=0.3) == ("on", "rapid flash", "off")
        await world.sleep(5)
        assert await shown(world) == ("on", "on", "off")


@pytest.mark.proves("8.12")
async def test_com_tells_a_lost_connection_and_app_stays(tmp_path: Path) -> None:
    async with World(site(1), tmp_path, models=models()) as world:
        world.strict = False
        await world.sleep(30)
        world.line.cut()
        await world.sleep(10)
        assert await shown(world) == ("on", "off", "off")
        world.line.mend()
        await world.sleep(60)
        app, com, _ = await shown(world)
        assert app == "on"
        assert com in ("on", "rapid flash"), "there may be telegrams just now"


@pytest.mark.proves("7.18", "7.15", "8.9", "8.10")
async def test_app_tells_the_most_severe_fault_of_all_scopes(tmp_path: Path) -> None:
    twice = site(1, 2, 3).replace("port: 5022", "port: 5021")
    async with World(twice, tmp_path, models=models()) as world:
        world.strict = False
        await world.site.endpoint_of(PointNumber(3)).stop()
        await world.sleep(30)
        assert (await shown(world))[0] == "5 slow flashes, pause", "Conf Charger, 120"
    async with World(site(1, 2), tmp_path, models=models()) as world:
        world.strict = False
        world.charger(1).show("error_1", 1)
        await world.sleep(10)
        assert (await shown(world))[0] == "on", "ChargerError, 50"
        server = world.site.endpoint_of(PointNumber(2))
        await server.stop()
        await world.sleep(30)
        assert (await shown(world))[0] == "3 slow flashes, pause", "NotReachable, 80"
        await server.start()
        await world.sleep(60)
        assert (await shown(world))[0] == "on"
