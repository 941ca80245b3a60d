"""IP settings that a tool writes over KNX reach the host once the device starts anew, and the way back stays."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from knxgw.device.identity import IpState
from knxgw.device.ip_settings import IpSettings
from knxgw.errors import RejectedError
from knxgw.host.answer import Failure, NetworkAnswer
from knxgw.host.network_change import Phase
from knxgw.ip_by_tools import IpByTools, Neighbours
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
    answer: NetworkAnswer | None = None

    def change_by_tool(self, wanted: IpSettings) -> NetworkAnswer | None:
        if self.refusal:
            raise RejectedError(self.refusal)
        self.wanted.append(wanted)
        phase = Phase.WAITING if self.failure is None else Phase.FAILED
        self.answer = NetworkAnswer(id=CHANGE, phase=phase, failure=self.failure)
        return self.answer

    def last_change(self) -> NetworkAnswer | None:
        return self.answer

    def keep(self, change: str) -> NetworkAnswer:
        assert self.answer is not None
        self.kept.append(change)
        self.answer = replace(self.answer, phase=Phase.KEPT)
        return self.answer


class Site:
    """A running gateway, a tool, and the machine."""

    def __init__(self, world: World, host: Host) -> None:
        self.world, self.host = world, host
        self.noted: list[str] = []
        self.there: set[IPv4Address] = set()
        self.knocked: list[IPv4Address] = []
        leased = IpState(is_dhcp=True, address=IPv4Address("192.168.1.77"), is_settable=True)
        world.gateway.programmed.model.outside.ip = lambda: leased
        self.by_tools = IpByTools(
            world.gateway.programmed,
            host,
            self.noted.append,
            Neighbours(knock=self.knocked.append, is_there=lambda one: one in self.there),
            InlineExecutor(),
        )

    async def write(self) -> LineTool:
        """Let a tool write settings; they hold after its restart."""
        tool = LineTool(self.world.line)
        await tool.connect()
        for number, octets in ((0x3C, "C0A80132"), (0x3D, "FFFFFF00"), (0x3E, "C0A80101")):
            assert (await tool.ask(f"03D706{number:02X}1001{octets}"))[12:] == octets.lower()
        await tool.ask("03D706371001" + "01")
        return tool

    async def written(self) -> None:
        """Let a tool write settings and have the device start anew."""
        await self.by_tools.look()  # the start of the program
        tool = await self.write()
        await self.by_tools.look()
        assert self.host.wanted == [], "not before the restart"
        await tool.restart()
        await self.world.sleep(1.0)
        await self.by_tools.look()


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
        await one.by_tools.look()
        assert one.host.wanted == [WANTED], "once"


@pytest.mark.proves("9.6")
async def test_they_are_kept_once_a_tool_speaks_to_the_device(tmp_path: Path) -> None:
    async with site(tmp_path) as one:
        await one.written()
        await one.by_tools.look()
        assert one.host.kept == []
        tool = LineTool(one.world.line)
        await tool.connect()
        await tool.ask("03D506391001")
        await one.by_tools.look()
        assert one.host.kept == [CHANGE]


@pytest.mark.proves("9.6")
async def test_they_are_kept_once_the_gateway_of_the_network_answers(tmp_path: Path) -> None:
    async with site(tmp_path) as one:
        await one.written()
        await one.by_tools.look()
        assert one.knocked == [GATEWAY]
        assert one.host.kept == []
        one.there.add(GATEWAY)
        await one.by_tools.look()
        assert one.host.kept == [CHANGE]


@pytest.mark.proves("9.5")
async def test_where_nobody_reaches_the_device_nothing_is_kept(tmp_path: Path) -> None:
    async with site(tmp_path) as one:
        await one.written()
        for _ in range(200):
            await one.by_tools.look()
            await asyncio.sleep(1.0)
        assert one.host.kept == []
        assert one.host.answer is not None
        one.host.answer = replace(one.host.answer, phase=Phase.RETURNED)
        one.there.add(GATEWAY)
        await one.by_tools.look()
        assert one.host.kept == [], "it has returned"


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


async def test_a_start_of_the_program_is_a_restart_too(tmp_path: Path) -> None:
    async with site(tmp_path) as one:
        await one.write()
        await one.world.stop_gateway()
        one.world.start_gateway()
        await one.world.until(lambda: one.world.gateway.is_ready, 60.0)
        after = Site(one.world, Host())
        await after.by_tools.look()
        assert after.host.wanted == [WANTED]
