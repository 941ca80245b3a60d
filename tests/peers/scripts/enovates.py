"""enovates-modbus reads and commands an Enovates box, and decodes registers laid out by it."""

import sys
from dataclasses import asdict
from enum import IntEnum

from enovates_modbus import base, eno_one
from enovates_modbus.base import RegisterMap
from enovates_modbus.eno_one import EnoOneClient
from pymodbus.client.mixin import ModbusClientMixin

from tests.peers.scripts.talk import answer

MAPS = {one.__name__: one for one in EnoOneClient.REGISTER_MAPS}


def _plain(values: RegisterMap) -> dict[str, object]:
    named = asdict(values)
    return {key: one.name if isinstance(one, IntEnum) else one for key, one in named.items()}


def _encoded(kind: base.ModbusRegisterType, value: object) -> list[int]:
    if isinstance(kind, base.ModbusRegisterStrType):
        registers = ModbusClientMixin.convert_to_registers(
            str(value), ModbusClientMixin.DATATYPE.STRING
        )
        return (registers + [0] * kind.count)[: kind.count]
    number = int(value) % (1 << 16 * kind.count)  # type: ignore[call-overload]
    return [number >> 16 * (kind.count - 1 - place) & 0xFFFF for place in range(kind.count)]


def encode(values: dict[str, dict[str, object]]) -> list[dict[str, object]]:
    """Return address and registers of whole maps, and what the library makes of them."""
    blocks = []
    for name, given in values.items():
        one = MAPS[name]
        registers: list[int] = []
        for field, kind in one._REGISTER_MAP.items():
            registers += _encoded(kind, given[field])
        decoded = _plain(one.from_registers(list(registers)))
        blocks.append({"address": one.BASE_ADDRESS, "registers": registers, "decoded": decoded})
    return blocks


def states() -> dict[str, int]:
    """Return the states the library knows, each with its number."""
    return {one.name: int(one) for one in eno_one.Mode3State}


def main(port: int) -> None:
    """Serve the questions of a test."""
    client = EnoOneClient("127.0.0.1", port, mb_retries=0, mb_timeout=10)

    async def read(name: str) -> dict[str, object]:
        return _plain(await client.fetch(MAPS[name]))

    answer(
        {
            "read": read,
            "version": client.check_version,
            "limit": client.get_ems_limit,
            "set_limit": client.set_ems_limit,
            "offered": client.get_current_offered,
            "encode": encode,
            "states": states,
        }
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
