"""alfen-eve-modbus-tcp reads and commands an Alfen Eve, and encodes its registers."""

import sys

from alfen_eve_modbus_tcp import MODE_3_STATE_MAP, CarCharger

from tests.peers.scripts.talk import answer


def main(port: int) -> None:
    """Serve the questions of a test."""
    charger = CarCharger(host="127.0.0.1", port=port, timeout=5, retries=2)
    charger.connect()

    def read(batches: list[int]) -> object:
        """Return every value of whole blocks, each read in one request."""
        return charger.read_batches(batches)

    def encode(values: dict[str, object]) -> list[tuple[int, int, list[int]]]:
        """Return unit, address and registers of each."""
        encoded = []
        for key, value in values.items():
            unit, address, count, _table, kind, *_ = charger.registers[key]
            registers = charger._encode_value(value, kind)
            encoded.append((unit, address, (registers + [0] * count)[:count]))
        return encoded

    def set_current(amps: float) -> object:
        return charger.set_current(amps, manage_connection=False, verify=False)

    def pause() -> None:
        charger.pause_charging(manage_connection=False)

    def valid_s() -> object:
        return charger.get_fallback_safe_current_time(manage_connection=False)

    answer(
        {
            "read": read,
            "encode": encode,
            "states": lambda: MODE_3_STATE_MAP,
            "set_current": set_current,
            "pause": pause,
            "valid_s": valid_s,
            "applied": lambda: charger.get_applied_current(manage_connection=False),
        }
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
