"""Programming mode: switched by the page, seen on the panel and on KNX."""

from pathlib import Path

import pytest
from xknx.cemi import CEMIFlags, CEMILData, CEMIPriority
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import IndividualAddressRead, IndividualAddressResponse
from xknx.telegram.tpci import TDataBroadcast

from knxgw.device.panel import Led
from tests.support.world import PEER, World

SITE = """
load_management: {mode: "off"}
charging_points:
  - {number: 1, name: One, model: goe_charger, connection: {host: 127.0.0.1}}
group_objects: {50: [1/1/50]}
"""
ASKED = CEMILData(
    flags=CEMIFlags(priority=CEMIPriority.SYSTEM),
    src_addr=IndividualAddress(PEER),
    dst_addr=GroupAddress("0/0/0"),
    tpci=TDataBroadcast(),
    payload=IndividualAddressRead(),
)


@pytest.mark.proves("W30", "8.16")
async def test_a_device_in_programming_mode_answers_who_asks_for_one(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False

        async def answers() -> int:
            before = len(world.heard)
            await world.say(ASKED)
            await world.sleep(1)
            return sum(
                isinstance(one.apci, IndividualAddressResponse) for one in world.heard[before:]
            )

        assert await answers() == 0
        world.gateway.set_programming(True)
        assert world.gateway.facts().panel.programming is Led.ON
        assert await answers() == 1
        world.gateway.set_programming(False)
        assert world.gateway.facts().panel.programming is Led.OFF
        assert await answers() == 0
