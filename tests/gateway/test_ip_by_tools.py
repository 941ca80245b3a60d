"""IP settings that a tool writes over KNX reach the host once the device restarts, and the way back stays."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from xknx.cemi import CEMIFlags, CEMILData, CEMIPriority
from xknx.telegram.address import IndividualAddress
from xknx.telegram.tpci import TDataBroadcast

from knxgw.device.identity import IpState
from knxgw.device.ip_settings import IpSettings
from knxgw.device.knx_device import BROADCAST
from knxgw.errors import RejectedError
from knxgw.host.answer import Failure, NetworkAnswer
from knxgw.host.network_change import ChangeByTool, Phase
from knxgw.ip_by_tools import IpByTools
from knxgw.knx.raw_service import RawService
from tests.support.line_tool import LineTool
from tests.support.virtual_time import InlineExecutor
from tests.support.world import World

SITE = """
device: {name: Garage, language: en}
load_management: {mode: "off"}
charging_points:
  - {number: 1, name: One, model: goe_charger, connection: {host: 127.0.0.1}}
group_objects: {50: [1/1/50]}
"""
CHANGE = "c" * 32
GATEWAY = IPv4Address("192.168.1.1")
WANTED = IpSettings(
    is_permanent=True,
    address=IPv4Address("192.168.1.50"),
    mask=IPv4Address("255.255.255.0"),
    gateway=GATEWAY,
)


@dataclass
class Host:
    """A machine that takes other settings, and waits for somebody to keep them."""

    refusal: str = ""
    failure: Failure | None = None
    wanted: list[IpSettings] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    waiting: ChangeByTool | None = None
    own: set[str] = field(default_factory=lambda: {"192.168.1.77"})
    while_asked: Callable[[], None] = lambda: None

    def change_by_tool(self, wanted: IpSettings) -> NetworkAnswer | None:
        self.while_asked()
        if self.refusal:
            raise RejectedError(self.refusal)
        self.wanted.append(wanted)
        if self.failure is not None:
            return NetworkAnswer(id=CHANGE, phase=Phase.FAILED, failure=self.failure)
        address = wanted.address if wanted.is_permanent else None
        self.waiting = ChangeByTool(id=CHANGE, address=address)
        return NetworkAnswer(id=CHANGE, phase=Phase.WAITING)

    def waiting_by_tool(self) -> ChangeByTool | None:
        return self.waiting

    def addresses(self) -> set[str]:
        return self.own

    def take(self) -> None:
        """Have the address that is wanted."""
        self.own = {str(self.wanted[-1].address)}

    def keep(self, change: str) -> NetworkAnswer:
        self.kept.append(change)
        self.waiting = None
        return NetworkAnswer(id=change, phase=Phase.KEPT)


class Site:
    """A running gateway, a tool, and the machine."""

    def __init__(self, world: World, host: Host) -> None:
        self.world, self.host = world, host
        self.noted: list[str] = []
        leased = IpState(is_dhcp=True, address=IPv4Address("192.168.1.77"), is_settable=True)
        world.gateway.programmed.model.outside.ip = lambda: leased
        self.by_tools = IpByTools(
            world.gateway.programmed, host, self.noted.append, InlineExecutor()
        )

    async def look(self, times: int = 1) -> None:
        """Let it look, as often as in so many seconds."""
        for _ in range(times):
            await self.by_tools.look()
            await self.world.sleep(1.0)

    async def speak(self, apdu: str = "03D506391001") -> None:
        """Let a tool ask the device something."""
        tool = LineTool(self.world.line)
        await tool.connect()
        await tool.ask(apdu)
        await tool.leave()

    async def write(self) -> LineTool:
        """Let a tool write settings; they hold after its restart."""
        tool = LineTool(self.world.line)
        await tool.connect()
        for number, octets in ((0x3C, "C0A80132"), (0x3D, "FFFFFF00"), (0x3E, "C0A80101")):
            assert (await tool.ask(f"03D706{number:02X}1001{octets}"))[12:] == octets.lower()
        await tool.ask("03D706371001" + "01")
        return tool

    async def written(self) -> None:
        """Let a tool write settings and have the device restart."""
        await self.look()  # the start of the program
        tool = await self.write()
        await self.look()
        assert self.host.wanted == [], "not before the restart"
        await tool.restart()
        await self.world.sleep(1.0)
        await self.look()


@asynccontextmanager
async def site(folder: Path, host: Host | None = None) -> AsyncGenerator[Site, None]:
    async with World(SITE, folder) as world:
        world.strict = False
        yield Site(world, host or Host())


@pytest.mark.proves("9.6")
async def test_what_a_tool_writes_holds_after_the_restart_and_not_before(tmp_path: Path) -> None:
    async with site(tmp_path) as one:
        await one.written()
        assert one.host.wanted == [WANTED]
        assert one.noted == ["network_by_tool"]
        assert one.world.gateway.programmed.model.written_ip_settings is None
        await one.look(10)
        assert one.host.wanted == [WANTED], "once"


async def test_what_holds_is_not_written_again_by_a_power_cut(tmp_path: Path) -> None:
    async with site(tmp_path) as one:
        await one.written()
        await one.world.stop_gateway()
        one.world.start_gateway()
        await one.world.until(lambda: one.world.gateway.is_ready, 60.0)
        after = Site(one.world, Host())
        await after.look(10)
        assert after.host.wanted == [], "somebody may have set other ones meanwhile"


async def test_a_start_of_the_program_is_a_restart_too(tmp_path: Path) -> None:
    async with site(tmp_path) as one:
        await one.write()
        await one.world.stop_gateway()
        one.world.start_gateway()
        await one.world.until(lambda: one.world.gateway.is_ready, 60.0)
        after = Site(one.world, Host())
        await after.look()
        assert after.host.wanted == [WANTED]


async def test_what_is_written_after_the_restart_waits_for_the_next_one(tmp_path: Path) -> None:
    async with site(tmp_path) as one:
        tool = await one.write()
        await tool.restart()
        await one.world.sleep(0.2)
        await one.speak("03D7063C1001C0A80163")  # .99, before anybody has looked
        await one.look(3)
        assert one.host.wanted == [WANTED]
        found = one.world.gateway.programmed.model.written_ip_settings
        assert found is not None
        assert str(found.address) == "192.168.1.99"


async def test_what_a_tool_writes_while_the_host_is_asked_stays(tmp_path: Path) -> None:
    async with site(tmp_path) as one:
        model = one.world.gateway.programmed.model
        one.host.while_asked = lambda: model.keep("ip_parameter.ip", bytes((192, 168, 1, 99)))
        await one.written()
        found = model.written_ip_settings
        assert found is not None
        assert str(found.address) == "192.168.1.99"


@pytest.mark.proves("9.6")
async def test_they_are_kept_once_a_tool_speaks_to_the_device_at_its_new_address(
    tmp_path: Path,
) -> None:
    async with site(tmp_path) as one:
        await one.written()
        await one.speak()
        await one.look(3)
        assert one.host.kept == [], "it has the old address yet"
        one.host.take()
        await one.look(3)
        assert one.host.kept == [], "what was said before proves nothing"
        await one.speak()
        await one.look()
        assert one.host.kept == [CHANGE]


async def test_a_question_to_all_devices_keeps_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as one:
        await one.written()
        one.host.take()
        await one.look(3)
        tool = LineTool(one.world.line)
        await tool._link.open(lambda _data: None, lambda: None)
        await tool._link.send(everybody())
        await one.look(3)
        assert one.host.kept == []


def everybody() -> CEMILData:
    return CEMILData(
        flags=CEMIFlags(priority=CEMIPriority.SYSTEM),
        src_addr=IndividualAddress("1.1.1"),
        dst_addr=BROADCAST,
        tpci=TDataBroadcast(),
        payload=RawService(bytes.fromhex("0100")),
    )


async def test_a_change_that_waits_is_watched_after_a_restart_of_the_program(
    tmp_path: Path,
) -> None:
    waiting = ChangeByTool(id=CHANGE, address=None)
    async with site(tmp_path, Host(waiting=waiting)) as one:
        await one.look(15)
        assert one.host.kept == []
        await one.speak()
        await one.look()
        assert one.host.kept == [CHANGE]


@pytest.mark.proves("9.5")
async def test_where_no_tool_reaches_the_device_nothing_is_kept_from_here(tmp_path: Path) -> None:
    async with site(tmp_path) as one:
        await one.written()
        one.host.take()
        await one.look(200)
        assert one.host.kept == []


@pytest.mark.parametrize(
    "host", [Host(refusal="the host manages it"), Host(failure=Failure.ADDRESS_TAKEN)]
)
async def test_settings_that_the_host_does_not_take_are_said_and_forgotten(
    tmp_path: Path, host: Host
) -> None:
    async with site(tmp_path, host) as one:
        await one.written()
        assert one.noted == ["network_of_tool_refused"]
        assert one.world.gateway.programmed.model.written_ip_settings is None
