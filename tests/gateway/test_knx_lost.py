"""While the bus is away everybody is told; when it is back the gateway asks what it missed."""

import logging
from pathlib import Path

import pytest
from xknx.dpt import DPTBinary
from xknx.telegram.apci import GroupValueRead

from tests.support.world import World

SITE = """
knx: {link: routing, individual_address: 1.1.20}
charging_points:
  - {number: 1, model: keba_p30, connection: {host: 10.0.0.1}}
group_objects: {1: 1/0/1, 55: 1/1/55, 56: 1/1/56}
"""


@pytest.mark.proves("H.30")
async def test_a_lost_bus_is_said_once_shown_and_asked_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "knxgw")
    async with World(SITE, tmp_path) as world:
        world.strict = False
        await world.sleep(60)
        world.line.cut()
        await world.sleep(42)
        assert not world.gateway.is_ready
        assert not world.gateway.knx_is_up
        assert not world.gateway.leds().com
        world.answers["1/0/1"] = DPTBinary(1)
        world.line.mend()
        await world._peer.open(world._hear, lambda: None)
        world.skip()
        waited_s = await world.until(lambda: world.gateway.is_ready, 20)
        assert waited_s <= 10.0, "joined again within the time of a link check"
        await world.sleep(3)
        asked = [one.address for one in world.since() if isinstance(one.apci, GroupValueRead)]
        assert asked == ["1/0/1"]
    news = [r.getMessage() for r in caplog.records if r.getMessage().startswith("KNX")]
    assert news[0] == "KNX link is up, individual address 1.1.20"
    assert news[1] == "KNX link lost (the line is cut), trying again"
    assert news[2].startswith("KNX link back after 4")
    assert len(news) == 3
