"""xknx as the tool: its management procedures over routing on 127.0.0.1, up to a whole download."""

import asyncio
import itertools
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from xknx import XKNX
from xknx.io import ConnectionConfig, ConnectionType
from xknx.management.management import P2PConnection
from xknx.management.procedures import (
    dm_restart,
    dmp_authorize2_r_co,
    dmp_authorize_r_co,
    dmp_connect_r_co,
    dmp_interface_object_read_r,
    dmp_interface_object_scan_r,
    dmp_interface_object_verify_r,
    dmp_interface_object_write_r,
    dmp_mem_read_r_co,
    dmp_mem_verify_r_co,
    dmp_mem_write_r_co,
    dmp_user_mem_read_r_co,
    dmp_user_mem_write_r_co,
    nm_individual_address_check,
    nm_individual_address_read,
    nm_individual_address_serial_number_read,
    nm_individual_address_serial_number_write,
    nm_individual_address_write,
)
from xknx.telegram.address import IndividualAddress

from knxgw.catalogue.load import catalogue
from knxgw.config.model import KnxLinkKind
from knxgw.device.download import Stage
from knxgw.device.identity import Identity, serial_number_of
from knxgw.device.kept_state import restore
from knxgw.device.knx_device import KnxDevice
from knxgw.device.model import DeviceModel, Outside
from knxgw.links.knx_factory import make_link
from knxgw.links.knx_management import KnxManagement
from tests.support.knx_ports import at_port
from tests.support.knxip_server import LOCALHOST, settings

pytestmark = pytest.mark.real
SERIAL = serial_number_of(bytes.fromhex("0a0b0c0d"))
DEVICE, TOOL = IndividualAddress("1.1.20"), "1.1.9"
LONG = 254  # octets of an APDU
_groups = itertools.count(1)
PARAMETERS = bytes(range(256)) * 3
OBJECTS = bytes.fromhex("0200") + bytes.fromhex("5708") * 512
ADDRESSES = (200).to_bytes(2, "big") + b"".join(
    number.to_bytes(2, "big") for number in range(0x0801, 0x0801 + 200)
)
ASSOCIATIONS = (200).to_bytes(2, "big") + b"".join(
    number.to_bytes(2, "big") * 2 for number in range(1, 201)
)
CONTENTS = {4: PARAMETERS, 3: OBJECTS, 1: ADDRESSES, 2: ASSOCIATIONS}


@dataclass
class Device:
    """A device on the line, with what it has stored."""

    state: bytes = b""
    segments: dict[int, bytes] = field(default_factory=dict)
    is_programming: bool = False
    stages: list[Stage] = field(default_factory=list)
    restarts: int = 0
    store_takes_s: float = 0.0

    def __post_init__(self) -> None:
        self.model = DeviceModel(
            catalogue().interface_objects,
            Identity(serial_number=SERIAL),
            Outside(is_programming=lambda: self.is_programming, set_programming=self._set),
        )
        restore(self.model, self.state, lambda index: self.segments.get(index, b""))
        self.model.configure_address(str(DEVICE))

    def _set(self, is_on: bool) -> None:  # noqa: FBT001 - as the model calls it
        self.is_programming = is_on

    def note_restart(self) -> None:
        self.restarts += 1

    async def store(self, state: bytes, segments: Mapping[int, bytes]) -> None:
        await asyncio.sleep(self.store_takes_s)
        self.segments |= segments
        self.state = state


@asynccontextmanager
async def on_routing(device: Device) -> AsyncGenerator[XKNX, None]:
    """Put a device and xknx on a multicast group of their own."""
    pid = os.getpid()
    multicast = f"239.{(pid >> 8 & 0x7F) + 0x80}.{pid & 0xFF}.{next(_groups)}"
    attachment = make_link(settings(KnxLinkKind.ROUTING, multicast_group=multicast))
    assert attachment is not None
    loop = asyncio.get_running_loop()
    served = KnxManagement(
        KnxDevice(device.model, chance=lambda: 0.0, switched_on_at=loop.time()),
        device.store,
        device.stages.append,
    )
    served.on_restart = device.note_restart
    config = ConnectionConfig(
        connection_type=ConnectionType.ROUTING,
        local_ip=LOCALHOST,
        multicast_group=multicast,
        individual_address=TOOL,
    )
    async with at_port(attachment) as (port, _ear):
        served.join(port)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(served.run())
            try:
                async with XKNX(connection_config=config) as xknx:
                    yield xknx
            finally:
                running.cancel()


@pytest.mark.proves("8.17")
async def test_xknx_finds_and_addresses_a_device_in_programming_mode() -> None:
    device = Device()
    async with on_routing(device) as xknx:
        assert await nm_individual_address_read(xknx, timeout=0.3) == []
        device.is_programming = True
        assert await nm_individual_address_read(xknx, timeout=0.3) == [DEVICE]
        await nm_individual_address_write(xknx, "1.1.30")
        assert device.model.individual_address == IndividualAddress("1.1.30").raw
        assert not device.is_programming, "it has restarted"
        assert await nm_individual_address_check(xknx, "1.1.30")
    assert device.restarts == 1
    assert Device(device.state).model.individual_address == IndividualAddress("1.1.30").raw


@pytest.mark.long
async def test_a_tool_that_connects_at_once_to_the_address_it_has_given_is_heard() -> None:
    device = Device(store_takes_s=0.3)  # a slow card
    async with on_routing(device) as xknx:
        device.is_programming = True
        await nm_individual_address_write(xknx, "1.1.30")
        assert not device.is_programming, "it has restarted"


async def test_xknx_addresses_a_device_by_its_serial_number() -> None:
    device = Device()
    async with on_routing(device) as xknx:
        found = await nm_individual_address_serial_number_read(xknx, SERIAL, timeout=1)
        assert found == DEVICE
        await nm_individual_address_serial_number_write(xknx, SERIAL, "1.1.31")
        assert device.model.individual_address == IndividualAddress("1.1.31").raw


async def test_xknx_reads_and_writes_properties_and_memory() -> None:
    device = Device()
    async with on_routing(device) as xknx, xknx.management.connection(DEVICE) as tool:
        assert await dmp_connect_r_co(tool) == 0x57B0
        assert await dmp_authorize_r_co(tool, 0xFFFFFFFF) == 0
        assert await dmp_authorize2_r_co(tool, 0xFFFFFFFF) == 0
        scanned = await dmp_interface_object_scan_r(tool)
        types = [int.from_bytes(one.object_type.to_bytes(2, "big"), "big") for one in scanned]
        assert types == [0, 1, 2, 9, 3, 4, 11, 8, 17]
        assert await dmp_interface_object_read_r(tool, 0, 11) == SERIAL
        name = b"Garage".ljust(30, b"\0")
        await dmp_interface_object_write_r(
            tool, 6, 76, name, count=30, max_apdu_length=LONG, verify=True
        )
        await dmp_interface_object_verify_r(tool, 6, 76, name, count=30, max_apdu_length=LONG)
        await allocate(tool, 1, 64)
        await dmp_mem_write_r_co(tool, 0xA000, bytes(range(64)), max_apdu_length=LONG)
        await dmp_mem_verify_r_co(tool, 0xA000, bytes(range(64)), max_apdu_length=LONG)
        assert await dmp_mem_read_r_co(tool, 0xA010, 8) == bytes(range(16, 24))
        await dmp_user_mem_write_r_co(tool, 0xA000, b"\7\7")
        assert await dmp_user_mem_read_r_co(tool, 0xA000, 3) == b"\7\7\2"


async def allocate(tool: P2PConnection, index: int, octets: int) -> None:
    """Begin to load an object, with memory filled with 0."""
    control = f"030b{octets:08x}01000000"
    for value in ("01" + "00" * 9, control):
        assert await dmp_interface_object_write_r(tool, index, 5, bytes.fromhex(value)) == b"\2"


async def download(xknx: XKNX) -> None:
    """Load everything: unload, allocate, write, verify, complete, restart."""
    async with xknx.management.connection(DEVICE) as tool:
        await dmp_connect_r_co(tool)
        await dmp_authorize_r_co(tool, 0xFFFFFFFF)
        for index in (4, 3, 2, 1):
            await dmp_interface_object_write_r(tool, index, 5, b"\4" + bytes(9))
        for index, content in CONTENTS.items():
            await allocate(tool, index, len(content))
            where = int.from_bytes(await dmp_interface_object_read_r(tool, index, 7), "big")
            await dmp_mem_write_r_co(tool, where, content, max_apdu_length=LONG)
            await dmp_mem_verify_r_co(tool, where, content, max_apdu_length=LONG)
        await dmp_interface_object_write_r(tool, 4, 13, bytes.fromhex("00fa250010"))
        for index in CONTENTS:
            done = await dmp_interface_object_write_r(tool, index, 5, b"\2" + bytes(9))
            assert done == b"\1"
    await dm_restart(xknx, DEVICE)


@pytest.mark.long
async def test_xknx_downloads_a_device_as_a_whole() -> None:
    device = Device()
    async with on_routing(device) as xknx:
        await download(xknx)
    assert device.stages == [Stage.LOADING, Stage.LOADED]
    again = Device(device.state, device.segments)
    assert again.model.is_configured
    assert {index: again.model.loadables[index].segment.content for index in CONTENTS} == CONTENTS


async def test_xknx_resets_a_device() -> None:
    device = Device()
    async with on_routing(device) as xknx:
        said = await dm_restart(xknx, DEVICE, master_reset=True, erase_code=7)
        assert said is not None
        assert said.error_code == 0
        said = await dm_restart(xknx, DEVICE, master_reset=True, erase_code=2)
        assert device.model.individual_address == 0xFFFF
