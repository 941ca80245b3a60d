"""elli-2-modbus reads and commands an Elli Charger 2, and simulates one."""

import sys
from dataclasses import asdict

from elli2modbus import ElliCharger, ModbusExceptionResponse
from elli2modbus.simulator import ElliSim

from tests.peers.scripts.talk import answer


class Simulator:
    """The library's own simulated charger."""

    def __init__(self) -> None:
        self._simulator = ElliSim(vehicle=False)

    async def start(self) -> int:
        """Listen; return the port."""
        server = await self._simulator.start()
        return int(server.sockets[0].getsockname()[1])

    def show(self) -> dict[str, object]:
        """Return what it is in, and what was written to it."""
        one = self._simulator
        one.tick()
        return {
            "state": one.state(),
            "holding": one.holding,
            "amps": one.amps,
            "energy_vah": one.energy_vah,
            "writes": one.writes,
        }

    def plug(self, *, vehicle: bool) -> None:
        """Plug a vehicle in, or unplug it."""
        self._simulator.vehicle = vehicle


def main(port: int) -> None:
    """Serve the questions of a test."""
    charger = ElliCharger("127.0.0.1", port, timeout=10.0)
    simulator = Simulator()

    async def read() -> dict[str, object]:
        info, status = await charger.read_info(), await charger.read_status()
        words = {
            "connected": status.vehicle_connected,
            "charging": status.charging,
            "problem": status.problem,
            "allowed": status.charging_allowed,
        }
        return asdict(info) | asdict(status) | words

    async def write(address: int, value: int) -> object:
        """Write past the library's own checks; return the exception of the device, 0: none."""
        try:
            await charger.client.write_register(address, value)
        except ModbusExceptionResponse as err:
            return err.code
        return 0

    answer(
        {
            "read": read,
            "set_current": charger.set_current,
            "stop": charger.stop,
            "set_failsafe_current": charger.set_failsafe_current,
            "set_watchdog_timeout": charger.set_watchdog_timeout,
            "write": write,
            "simulate": simulator.start,
            "show": simulator.show,
            "plug": simulator.plug,
        }
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
