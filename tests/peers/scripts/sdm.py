"""sdm-modbus reads meters over TCP and serial lines, and encodes their registers."""

import sdm_modbus
from pymodbus.constants import Endian  # type: ignore[attr-defined]  # of its pymodbus

from tests.peers.scripts.talk import answer

# The library asks for the name that pymodbus gave it before version 3.5.
Endian.Little = Endian.LITTLE
INPUT, HOLDING = sdm_modbus.registerType.INPUT, sdm_modbus.registerType.HOLDING
TABLES = {INPUT: "input", HOLDING: "holding"}


def _unconnected(model: str) -> sdm_modbus.Meter:
    """Return a meter of a model; what it is told to connect to refuses."""
    return getattr(sdm_modbus, model)(host="127.0.0.1", port=1, timeout=0.1, retries=1)


def main() -> None:
    """Serve the questions of a test."""
    meters: dict[str, sdm_modbus.Meter] = {}

    def connect(model: str, **where: object) -> bool:
        """Connect to a meter: `host`, `port`, `framer`, or `device`, `baud`, `parity`."""
        meters["now"] = getattr(sdm_modbus, model)(timeout=10, retries=1, **where)
        return bool(meters["now"].connected())

    def fields(model: str) -> dict[str, object]:
        """Return table, address, registers, kind, unit and scale of every value of a meter."""
        return {
            key: {
                "table": TABLES[row[2]],
                "address": row[0],
                "count": row[1],
                "kind": row[3].name,
                "unit": row[6],
                "scale": row[8],
            }
            for key, row in _unconnected(model).registers.items()
        }

    def read(keys: list[str]) -> dict[str, object]:
        """Return single values, each read by itself."""
        return {key: meters["now"].read(key, scaling=True) for key in keys}

    def read_all() -> object:
        """Return every value, read in a few large blocks."""
        return meters["now"].read_all(INPUT, scaling=True)

    def encode(model: str, values: dict[str, float]) -> list[tuple[int, list[int]]]:
        """Return address and registers of values in the units the library gives them."""
        meter = _unconnected(model)
        encoded = []
        for key, value in values.items():
            address, _count, _table, kind, *_, scale = meter.registers[key]
            amount = round(value / scale) if scale != 1 else value
            encoded.append((address, meter._encode_value(amount, kind)))
        return encoded

    answer(
        {"connect": connect, "fields": fields, "read": read, "read_all": read_all, "encode": encode}
    )


if __name__ == "__main__":
    main()
