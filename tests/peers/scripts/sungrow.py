"""sungrow-modbus reads a Sungrow wallbox, and encodes its registers."""

import sys

from modbus_connection import ModbusTcpParams
from modbus_connection.tmodbus import ModbusConnection
from sungrow_modbus.wallbox import SungrowWallbox, probe_units
from sungrow_modbus.wallbox import registers as layout

from tests.peers.scripts.talk import answer

WORDS = ("charging_status", "charging", "stopped", "charger_enabled", "model")


def encode(values: dict[str, object]) -> list[dict[str, object]]:
    """Return table, address and registers of fields, and what the library makes of them."""
    encoded = []
    for name, value in values.items():
        component, field = next(
            (one, one.declared_fields[name])
            for one in layout.COMPONENTS.values()
            if name in one.declared_fields
        )
        registers = field.encode(value)
        encoded.append(
            {
                "table": component.register_space,
                "address": field.address,
                "registers": registers,
                "decoded": field.decode(registers),
            }
        )
    return encoded


def main(port: int, unit: int) -> None:
    """Serve the questions of a test."""
    connection = ModbusConnection(ModbusTcpParams(host="127.0.0.1", port=port), timeout=10.0)

    async def read() -> dict[str, object]:
        box = SungrowWallbox(connection.for_unit(unit), unit)
        report = await box.async_update()
        assert not report.failed, report.failed
        values = {name: box.field(name) for name in box.field_names}
        return values | {word: box.field(word) for word in WORDS}

    async def units() -> object:
        return await probe_units(connection.for_unit)

    answer(
        {"read": read, "units": units, "statuses": lambda: layout.CHARGING_STATUS, "encode": encode}
    )


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
