"""Answers that are none: never published, told apart from silence, and the connection heals."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.charging.events import LinkCondition
from knxgw.links.modbus_endpoint import TcpEndpoint
from tests.support.devices import driver as make_driver
from tests.support.modbus_rig import CP1, BusRig

pytestmark = pytest.mark.real

MODES = ("short", "long", "fewer", "garbage", "unit", "function", "transaction", "empty")


def answer(mode: str, request: bytes) -> bytes:
    """Return what a broken device sends for a read request; all registers are 0."""
    transaction, _, _, unit, function, _, count = struct.unpack(">HHHBBHH", request[:12])
    data = bytes(2 * count)
    pdus = {
        "short": bytes((function, len(data))) + data[:-3],  # ends before its own byte count
        "long": bytes((function, len(data) - 4)) + data,
        "fewer": bytes((function, len(data) - 2)) + data[:-2],
        "function": bytes((4, len(data))) + data,
        "empty": bytes((function,)),
    }
    pdu = pdus.get(mode, bytes((function, len(data))) + data)
    if mode == "garbage":
        return b"\xde\xad\xbe\xef" * 10
    unit = 9 if mode == "unit" else unit
    transaction = (transaction + 7) & 0xFFFF if mode == "transaction" else transaction
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


class Device(asyncio.Protocol):
    """One connection of a device that answers as `mode` says."""

    mode = "honest"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(answer(Device.mode, data))


@asynccontextmanager
async def listening(mode: str) -> AsyncIterator[int]:
    Device.mode = mode
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Device, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@pytest.mark.long
@pytest.mark.proves("H.17", "7.68")
@pytest.mark.parametrize("mode", MODES)
async def test_a_wrong_answer_is_comm_and_never_published_and_heals(mode: str) -> None:
    model = replace(catalogue().chargers["abb_terra_ac"], response_timeout_s=0.2)
    async with listening(mode) as port:
        endpoint = TcpEndpoint(host="127.0.0.1", port=port)
        rig = BusRig(endpoint, [make_driver(CP1, model, unit_id=1)])
        async with rig.asking(last_delay_s=1.0):
            await rig.until(lambda: rig.conditions()[-1:] == [LinkCondition.COMM], 8.0)
            assert not rig.readings()
            Device.mode = "honest"
            await rig.until(lambda: rig.conditions()[-1] is LinkCondition.GOOD, 8.0)
            assert rig.readings()
