"""keba-modbus-client reads and commands a KEBA KeContact, and says what it takes registers for."""

import sys
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Literal

from pymodbus.client.mixin import ModbusClientMixin
from python_keba_client import KebaModbusClient

from tests.peers.scripts.talk import answer

UINT32 = ModbusClientMixin.DATATYPE.UINT32


class Asked:
    """In place of a connection: gives one value wherever it is asked, and remembers where."""

    def __init__(self, value: int) -> None:
        self.registers = ModbusClientMixin.convert_to_registers(value, UINT32, word_order="big")
        self.requests: list[tuple[int, int, int]] = []

    def read_holding_registers(
        self, address: int, /, *, count: int, device_id: int
    ) -> SimpleNamespace:
        """Return the value."""
        self.requests.append((device_id, address, count))
        return SimpleNamespace(registers=list(self.registers))

    @staticmethod
    def convert_from_registers(
        registers: Sequence[int], data_type: ModbusClientMixin.DATATYPE, word_order: Literal["big"]
    ) -> object:
        """Convert as pymodbus does."""
        return ModbusClientMixin.convert_from_registers(
            list(registers), data_type, word_order=word_order
        )


def encode(values: dict[str, int]) -> list[dict[str, object]]:
    """Return where the library looks for each of these, its registers, and what it reads there."""
    encoded = []
    for name, value in values.items():
        client = KebaModbusClient.__new__(KebaModbusClient)
        client.slaveid = 255
        client.connection = asked = Asked(value)
        read = getattr(client, name)
        ((unit, address, count),) = asked.requests
        assert count == len(asked.registers)
        encoded.append(
            {"unit": unit, "address": address, "registers": asked.registers, "read": read}
        )
    return encoded


def main(port: int) -> None:
    """Serve the questions of a test."""
    client = KebaModbusClient(address="127.0.0.1", port=port, timeout=10)
    answer(
        {
            "read": client.todict,
            "set_current": client.set_charging_current,
            "set_kwh": client.set_charging_kilowatthours,
            "enable": client.enable_chargingstation,
            "disable": client.disable_chargingstation,
            "unlock": client.unlock_plug,
            "encode": encode,
        }
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
