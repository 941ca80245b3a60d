"""What the website learns of the KNX device of a running gateway, from the first download to the next start."""

import socket
from pathlib import Path

import pytest
from xknx.profile.const import ResourceObjectType

from knxgw.catalogue.interface_objects import LoadState
from knxgw.device.condition import Condition
from knxgw.device.download import UNLOADED_S
from knxgw.device.ip_secure import PASSWORD_HASHES
from knxgw.device.last_download import Ending, LastDownload, Way
from knxgw.device.security import MODE, TOOL_KEY
from knxgw.knx_device_facts import knx_device_facts
from knxgw.knx_server import KnxServer
from knxgw.website.knx_facts import KnxDeviceFacts, ServerState, knx_device_text
from tests.gateway.test_knx_server import served
from tests.gateway.test_programmed_by_ets import BY_ETS, SITE, contents
from tests.knxip.serving import manager, tunnel
from tests.support.knxip_server import eventually
from tests.support.line_tool import LineTool
from tests.support.world import World


def facts_of(world: World) -> KnxDeviceFacts:
    """Return what the website learns now."""
    return knx_device_facts(world.gateway, KnxServer(world.gateway, lambda: "127.0.0.1"))


def download_of(world: World) -> LastDownload:
    """Return the last download."""
    found = facts_of(world).download
    assert found is not None
    return found


async def load(world: World) -> None:
    """Program the device as a whole, until that holds."""
    await LineTool(world.line).download(contents())
    await world.until(lambda: facts_of(world).condition is Condition.ETS, 10.0)


async def test_each_step_of_a_full_download_shows_and_its_end_survives_a_restart(
    tmp_path: Path,
) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        assert facts_of(world).condition is Condition.OWN
        assert facts_of(world).download is None
        loaded, tool = contents(), LineTool(world.line)
        await tool.connect()
        await tool.unload()
        await tool.write(loaded)
        facts = facts_of(world)
        assert facts.condition is Condition.LOADING
        assert facts.tool == "1.1.1"
        assert {one.state for one in facts.loadables} == {LoadState.LOADING}
        await tool.complete(loaded)
        assert facts_of(world).condition is Condition.WAITS
        await tool.restart()
        await world.until(lambda: facts_of(world).condition is Condition.ETS, 10.0)
        facts = facts_of(world)
        assert {one.name: one.entries for one in facts.loadables} == {
            "address_table": 2,
            "association_table": 2,
            "group_object_table": 507,
            "application": None,
        }
        last = download_of(world)
        assert (last.ending, last.is_full) == (Ending.COMPLETED, True)
        assert (last.tool.way, last.tool.address) == (Way.LINE, "1.1.1")
        assert last.octets == sum(map(len, loaded.values()))
        await world.stop_gateway()
        world.start_gateway()
        await world.until(lambda: world.gateway.is_ready, 60.0)
        again = download_of(world)
        assert (again.ending, again.octets, again.tool) == (last.ending, last.octets, last.tool)
        assert facts_of(world).condition is Condition.ETS


async def test_a_partial_download_is_told_apart_from_a_full_one(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        await load(world)
        tool = LineTool(world.line)
        await tool.connect()
        await tool.write({4: contents()[4]})
        await tool.complete((4,))
        await tool.restart()
        await world.until(lambda: facts_of(world).condition is Condition.ETS, 10.0)
        last = download_of(world)
        assert (last.ending, last.is_full, last.objects) == (Ending.COMPLETED, False, (4,))


@pytest.mark.parametrize("is_restarted", [False, True])
async def test_a_download_that_is_cut_off_says_so_also_after_a_power_cut(
    tmp_path: Path,
    is_restarted: bool,  # noqa: FBT001 - a parameter
) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        tool = LineTool(world.line)
        await tool.connect()
        await tool.unload()
        await tool.write({4: contents()[4]})
        if is_restarted:
            await world.stop_gateway()
            world.start_gateway()
            await world.sleep(1)
        else:
            await tool.leave()
            await world.sleep(UNLOADED_S - 1)
            assert facts_of(world).condition is Condition.LOADING
            await world.sleep(2)
        assert facts_of(world).condition is Condition.CUT_OFF
        assert download_of(world).ending is Ending.CUT_OFF


async def test_an_unloaded_device_says_that_it_is_and_goes_back_to_its_own_file(
    tmp_path: Path,
) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        await load(world)
        tool = LineTool(world.line)
        await tool.connect()
        await tool.unload()
        await tool.leave()
        await world.sleep(1)
        assert facts_of(world).condition is Condition.UNLOADED
        await world.sleep(UNLOADED_S + 1)
        assert facts_of(world).condition is Condition.OWN
        assert download_of(world).ending is Ending.UNLOADED


async def test_what_cannot_run_names_the_parameter(tmp_path: Path) -> None:
    wrong = BY_ETS.replace('mode: "off"', "mode: dynamic, fuse_a: 5000")
    async with World(SITE, tmp_path) as world:
        world.strict = False
        await LineTool(world.line).download(contents(wrong))
        await world.until(lambda: facts_of(world).condition is Condition.CANNOT_RUN, 10.0)
        assert any("fuse_a" in one.key for one in facts_of(world).findings)
        assert world.gateway.facts().cannot_run
        await load(world)
        assert not any("fuse_a" in one.key for one in facts_of(world).findings)
        assert not world.gateway.facts().cannot_run


@pytest.mark.real
async def test_the_server_names_its_clients_and_counts(tmp_path: Path) -> None:
    async with (
        served(tmp_path) as (_, server, port),
        tunnel(port, by_tcp=False),
        manager(port, by_tcp=True),
    ):
        facts = server.facts()
        assert (facts.state, facts.address, facts.port) == (ServerState.LISTENS, "127.0.0.1", port)
        assert [bool(one.client) for one in facts.tunnels] == [True, False, False, False]
        assert facts.tunnels[0].client.startswith("127.0.0.1:")
        assert len(facts.managers) == 1
        assert facts.counters["connections"] == 2


@pytest.mark.real
async def test_a_download_over_device_management_names_its_client(tmp_path: Path) -> None:
    async with served(tmp_path) as (gateway, server, port), manager(port, by_tcp=True) as client:
        start = b"\1" + bytes(9)
        await client.write_property(ResourceObjectType.OBJECT_ADDRESS_TABLE, 5, start)
        last = gateway.programmed.management.last_download()
        assert last is not None
        assert last.tool.way is Way.MANAGEMENT
        assert last.tool.client == server.facts().managers[0]


@pytest.mark.real
async def test_a_server_whose_port_is_taken_says_so(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = int(other.getsockname()[1])
        async with served(tmp_path, port, is_up=False) as (_, server, _):
            await eventually(lambda: server.facts().state is ServerState.PORT_TAKEN, "the reason")
            assert server.facts().port == port


@pytest.mark.real
@pytest.mark.parametrize(
    ("knx", "state"),
    [
        ('{link: none, server_port: "off"}', ServerState.SWITCHED_OFF),
        ("{link: tunnelling, gateway: 127.0.0.1}", ServerState.BEHIND_TUNNEL),
    ],
)
async def test_a_server_that_is_not_to_listen_says_why(
    tmp_path: Path, knx: str, state: ServerState
) -> None:
    async with served(tmp_path, knx=knx, is_up=False) as (_, server, _):
        await eventually(lambda: server.facts().state is state, "the reason")
        assert server.facts().address == ""


async def test_the_website_learns_of_security_and_of_no_key(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        model, key = world.gateway.programmed.model, bytes(range(0x40, 0x50))
        before = facts_of(world).security
        assert (before.can_be_commissioned, before.is_commissioned, before.is_on) == (
            True,
            False,
            False,
        )
        model.keep(TOOL_KEY, key)
        model.keep(MODE, b"\1")
        model.keep(PASSWORD_HASHES, key)
        after = facts_of(world)
        assert (after.security.is_commissioned, after.security.is_on) == (True, True)
        assert after.security.session_users == 1
        text = knx_device_text(after)
        for secret in (key, model.identity.fdsk):
            assert secret.hex() not in text
            assert secret.hex() not in repr(after)
