"""The simulated KNX IP interface, asked and used as a real one; nothing of it leaves this computer."""

import asyncio

import pytest
from xknx.cemi import CEMIMessageCode

from knxgw.links.knx_discovery import describe
from knxgw.sim.knx_interface import HERE, NAME, OWN, knx_interface
from tests.knxip.serving import read_of, send, tunnel

pytestmark = pytest.mark.real


@pytest.mark.proves("W47")
async def test_it_describes_itself_and_its_tunnels_speak_with_each_other() -> None:
    interface = knx_interface()
    await interface.start()
    try:
        found = await describe(HERE, interface.port, HERE)
        assert found is not None
        assert (found.name, found.individual_address) == (NAME, str(OWN))
        assert (found.has_udp_tunnels, found.has_tcp_tunnels, found.has_routing) == (
            True,
            True,
            False,
        )
        async with (
            tunnel(interface.port, by_tcp=True) as (one, _),
            tunnel(interface.port, by_tcp=False) as (_, heard_by_other),
        ):
            _, data = await asyncio.gather(
                send(one, read_of("1/2/3")), heard_by_other.wait_for(CEMIMessageCode.L_DATA_IND)
            )
            assert str(data.dst_addr) == "1/2/3"
    finally:
        await interface.stop()
