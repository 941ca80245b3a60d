"""Clients of xknx that use the server on 127.0.0.1."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from xknx import XKNX
from xknx.cemi import CEMIFrame, CEMILData, CEMIMessageCode
from xknx.io.device_management_connection import (
    TCPDeviceManagementConnection,
    UDPDeviceManagementConnection,
)
from xknx.io.tunnel import TCPTunnel, UDPTunnel
from xknx.telegram.address import GroupAddress
from xknx.telegram.apci import GroupValueRead
from xknx.telegram.tpci import TDataGroup

from tests.support.knxip_device import LOCALHOST, OWN

Tunnel = UDPTunnel | TCPTunnel
Manager = UDPDeviceManagementConnection | TCPDeviceManagementConnection


class Ear:
    """What a client hears through its tunnel."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[CEMIFrame] = asyncio.Queue()

    def take(self, raw: bytes) -> None:
        """Note a message."""
        self.heard.put_nowait(CEMIFrame.from_knx(raw))

    async def wait_for(self, code: CEMIMessageCode) -> CEMILData:
        """Return the next message of that kind; others are passed over. Raises: TimeoutError."""
        async with asyncio.timeout(5.0):
            while (frame := await self.heard.get()).code is not code:
                pass
        assert isinstance(frame.data, CEMILData)
        return frame.data


@asynccontextmanager
async def tunnel(
    port: int, *, by_tcp: bool, **settings: Any
) -> AsyncGenerator[tuple[Tunnel, Ear], None]:
    """Open a tunnel with xknx."""
    ear, xknx = Ear(), XKNX()
    where: dict[str, Any] = {"gateway_ip": LOCALHOST, "gateway_port": port, "auto_reconnect": False}
    client: Tunnel
    if by_tcp:
        client = TCPTunnel(xknx, ear.take, **where, **settings)
    else:
        client = UDPTunnel(xknx, ear.take, local_ip=LOCALHOST, **where, **settings)
    await client.connect()
    try:
        yield client, ear
    finally:
        await client.disconnect()


def manager(port: int, *, by_tcp: bool, **settings: Any) -> Manager:
    """Return a device management connection of xknx, to be entered."""
    if by_tcp:
        return TCPDeviceManagementConnection(LOCALHOST, port, **settings)
    return UDPDeviceManagementConnection(LOCALHOST, port, LOCALHOST, **settings)


def read_of(address: str) -> CEMIFrame:
    """Return the request to read a group address."""
    return CEMIFrame(
        code=CEMIMessageCode.L_DATA_REQ,
        data=CEMILData(
            src_addr=OWN,
            dst_addr=GroupAddress(address),
            tpci=TDataGroup(),
            payload=GroupValueRead(),
        ),
    )


async def send(client: Tunnel, frame: CEMIFrame) -> None:
    """Send through a tunnel."""
    await client.send_cemi(frame)
