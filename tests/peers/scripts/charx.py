"""aiophoenixcontactcharx reads and commands a CHARX SEC, and decodes registers laid out by it."""

import sys
from dataclasses import asdict
from enum import Enum

import aiophoenixcontactcharx.client as charx
from aiophoenixcontactcharx import registers as layout
from aiophoenixcontactcharx.client import CharxClient
from aiophoenixcontactcharx.models import VehicleStatus
from pymodbus.client.mixin import ModbusClientMixin

from tests.peers.scripts.talk import answer

KINDS = {
    1: ModbusClientMixin.DATATYPE.UINT16,
    2: ModbusClientMixin.DATATYPE.UINT32,
    4: ModbusClientMixin.DATATYPE.UINT64,
}
SIGNED = {2: ModbusClientMixin.DATATYPE.INT32, 4: ModbusClientMixin.DATATYPE.INT64}


def _plain(values: dict[str, object]) -> dict[str, object]:
    return {key: one.value if isinstance(one, Enum) else one for key, one in values.items()}


def _encoded(value: float | str, width: int) -> list[int]:
    mixin = ModbusClientMixin
    if isinstance(value, str):
        registers = mixin.convert_to_registers(value, mixin.DATATYPE.STRING)
        return (registers + [0] * width)[:width]
    kind = SIGNED[width] if value < 0 else KINDS[width]
    return mixin.convert_to_registers(value, kind, word_order="big")


def encode(point: int, values: dict[str, int | str]) -> dict[str, object]:
    """Return the registers of a charging point from x232 on, and what the library makes of them."""
    count = layout.CP_STATUS_COUNT
    block = [0] * count
    for name, value in values.items():
        register = getattr(layout, name)
        start = register.address - layout.CP_STATUS_OFFSET
        block[start : start + register.width] = _encoded(value, register.width)
    status, control = charx._decode_cp_status_and_control(point, block)
    return {
        "address": layout.cp_register(point, layout.CP_STATUS_OFFSET),
        "registers": block,
        "decoded": _plain(asdict(status) | asdict(control)),
    }


def main(port: int) -> None:
    """Serve the questions of a test."""

    async def connected() -> CharxClient:
        one = CharxClient("127.0.0.1", port, timeout=10)
        await one.connect()
        return one

    clients: list[CharxClient] = []

    async def client() -> CharxClient:
        if not clients:
            clients.append(await connected())
        return clients[0]

    async def read(point: int) -> dict[str, object]:
        one = await client()
        status, control = await one.get_charging_point_status_and_control(point)
        return _plain(asdict(status) | asdict(control))

    async def station() -> dict[str, object]:
        return _plain(asdict(await (await client()).get_device_info()))

    async def configuration(point: int) -> dict[str, object]:
        return _plain(asdict(await (await client()).get_charging_point_config(point)))

    async def command(name: str, arguments: list[int]) -> None:
        await getattr(await client(), name)(*arguments)

    answer(
        {
            "read": read,
            "station": station,
            "configuration": configuration,
            "command": command,
            "encode": encode,
            "states": lambda: [state.value for state in VehicleStatus],
        }
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
