"""The KNXnet/IP server of a running gateway, and real clients of it on 127.0.0.1."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from xknx import XKNX
from xknx.cemi import CEMIFrame, CEMIMPropReadResponse
from xknx.exceptions import CommunicationError
from xknx.io import ConnectionConfig, ConnectionType
from xknx.profile.const import ResourceObjectType
from xknx.secure.security_primitives import (
    derive_device_authentication_password,
    derive_user_password,
)

from knxgw.catalogue.interface_objects import LoadState
from knxgw.catalogue.load import catalogue
from knxgw.device.ip_secure import DEVICE_CODE, PASSWORD_HASHES, SECURED_SERVICES, USERS
from knxgw.device.security import MODE as MODE_NAME
from knxgw.gateway import Gateway, World
from knxgw.knx_server import KnxServer, LocalManagement
from knxgw.knxip.ports import PropertyAddress
from knxgw.store.database import Database
from knxgw.website.knx_facts import ServerState
from tests.knxip.serving import manager
from tests.knxip.test_secure_sessions import secured_client
from tests.support.knxip_server import eventually
from tests.support.processes import free_port
from tests.support.world import configure

pytestmark = pytest.mark.real
KNX = "{{link: none, individual_address: 1.1.20, server_port: {port}}}"
SITE = """
knx: {knx}
load_management: {{mode: "off"}}
charging_points: []
"""
DEVICE = ResourceObjectType.OBJECT_DEVICE
PARAMETER = ResourceObjectType.OBJECT_KNXNETIP_PARAMETER
MODE, NAME = 54, 76  # properties


@asynccontextmanager
async def served(
    directory: Path, port: int = 0, knx: str = "", *, is_up: bool = True
) -> AsyncGenerator[tuple[Gateway, KnxServer, int]]:
    """Run a gateway with its server; `knx`: its settings, `is_up`: wait until it listens."""
    port, database = port or free_port(), Database(directory)
    configuration = configure(SITE.format(knx=knx or KNX.format(port=port)))
    gateway = Gateway(configuration, catalogue(), World(link=None, database=database))
    server = KnxServer(gateway, lambda: "127.0.0.1")
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(gateway.run()), group.create_task(server.run())]
        if is_up:
            await eventually(lambda: server.facts().state is ServerState.LISTENS, "the server")
        await eventually(lambda: gateway.knx_is_up, "the line")
        yield gateway, server, port
        for one in tasks:
            one.cancel()
    database.close()


class Watcher:
    """What a device management client is told."""

    def __init__(self) -> None:
        self.reported: list[tuple[int, int, bytes]] = []

    def hear(self, frame: CEMIFrame) -> None:
        """Note a message."""
        data = frame.data
        assert isinstance(data, CEMIMPropReadResponse)
        info = data.property_info
        self.reported.append(
            (int(info.object_type.value), info.property_id, bytes(data.data or b""))
        )

    def of(self, number: int) -> list[bytes]:
        """Return the values of a property that were told."""
        return [data for _, property_id, data in self.reported if property_id == number]


async def test_a_client_is_told_once_that_a_page_or_a_button_has_switched_the_programming_mode(
    tmp_path: Path,
) -> None:
    watcher = Watcher()
    async with (
        served(tmp_path) as (gateway, _, port),
        manager(port, by_tcp=True, indication_callback=watcher.hear),
    ):
        await asyncio.to_thread(gateway.set_programming, True)  # as a page does
        await eventually(lambda: watcher.of(MODE) == [b"\1"], "news")
        gateway.panel.press()
        gateway.panel.release()
        await eventually(lambda: watcher.of(MODE) == [b"\1", b"\0"], "news")
        await asyncio.sleep(0.1)
        assert len(watcher.reported) == 2


async def test_who_writes_a_property_has_its_answer_and_all_others_are_told(
    tmp_path: Path,
) -> None:
    writing, watching = Watcher(), Watcher()
    async with (
        served(tmp_path) as (_, _, port),
        manager(port, by_tcp=False, indication_callback=writing.hear) as client,
        manager(port, by_tcp=True, indication_callback=watching.hear),
    ):
        await client.write_property(PARAMETER, NAME, b"Yard", number_of_elements=4)
        await eventually(lambda: watching.of(NAME) == [b"Yard".ljust(15, b"\0")], "news")
        await client.write_property(DEVICE, MODE, b"\1")
        await eventually(lambda: watching.of(MODE) == [b"\1"], "news")
        assert writing.reported == []


async def test_a_client_is_told_of_an_individual_address_and_of_what_is_loaded(
    tmp_path: Path,
) -> None:
    watcher = Watcher()
    async with (
        served(tmp_path) as (_, _, port),
        manager(port, by_tcp=False) as client,
        manager(port, by_tcp=True, indication_callback=watcher.hear),
    ):
        await client.write_property(PARAMETER, 52, bytes.fromhex("1206"))
        await eventually(lambda: watcher.of(52) == [bytes.fromhex("1206")], "news")
        assert (0, 57, b"\x12") in watcher.reported
        start = b"\1" + bytes(9)
        await client.write_property(ResourceObjectType.OBJECT_ADDRESS_TABLE, 5, start)
        await eventually(lambda: watcher.of(5) == [b"\2"], "news")


async def test_what_ets_writes_of_ip_secure_lets_its_users_in_and_plain_clients_out(
    tmp_path: Path,
) -> None:
    hashes = derive_user_password("manage") + derive_user_password("secret")
    code = derive_device_authentication_password("trustme")
    async with served(tmp_path) as (gateway, server, port):
        model = gateway.programmed.model
        for name, value in (
            (DEVICE_CODE, code),
            (PASSWORD_HASHES, hashes),
            (USERS, bytes((2, 2))),
            (SECURED_SERVICES, bytes((0, 1 << 4))),
        ):
            model.keep(name, value)
        async with secured_client(port) as client:
            assert str(client.current_address) == "1.1.242", "the second tunnel"
            assert [one.client for one in server.facts().tunnels if one.client]
        plain = XKNX(
            connection_config=ConnectionConfig(
                connection_type=ConnectionType.TUNNELING_TCP,
                gateway_ip="127.0.0.1",
                gateway_port=port,
                auto_reconnect=False,
            )
        )
        with pytest.raises(CommunicationError):
            await plain.start()
        await plain.stop()


async def test_once_security_mode_is_on_nobody_without_a_key_has_the_ip_side_start_again(
    tmp_path: Path,
) -> None:
    async with served(tmp_path) as (gateway, _, _):
        management = gateway.programmed.management
        local = LocalManagement(gateway)
        assert await local.reset()
        gateway.programmed.model.keep(MODE_NAME, b"\1")
        management.on_restart = lambda: pytest.fail("the IP side restarts")
        assert not await local.reset()


async def test_a_function_that_is_called_without_a_line_is_stored_before_its_answer(
    tmp_path: Path,
) -> None:
    families = PropertyAddress(object_type=11, instance=1, property_id=94)
    keys = PropertyAddress(object_type=17, instance=1, property_id=5)
    table = PropertyAddress(object_type=1, instance=1, property_id=5)
    async with served(tmp_path) as (gateway, _, _):
        local, model = LocalManagement(gateway), gateway.programmed.model
        for address in (families, keys, table):  # it has no tool key
            answer = await local.command(address, bytes.fromhex("01" + "00" * 9))
            assert answer is None
        assert not model.unsaved
        assert {one.state for one in model.loadables.values()} == {LoadState.UNLOADED}
