"""Notes the requests of the buses, as the Modbus monitor shows them."""

from array import array
from collections.abc import Callable
from datetime import datetime
from functools import partial

from knxgw.links.modbus import Came, OnExchange
from knxgw.modbus.driver import Driver
from knxgw.modbus.requests import Request
from knxgw.monitoring.requests import Exchange


class RequestTap:
    """Hears of every exchange; each costs about a microsecond."""

    def __init__(
        self, note: Callable[[Exchange], None], wall_clock: Callable[[], datetime]
    ) -> None:
        self._note = note
        self._wall_clock = wall_clock

    def of_bus(self, bus: str) -> OnExchange[Driver]:
        """Return who notes the requests of a bus."""
        return partial(self._take, bus)

    def _take(self, bus: str, driver: Driver, request: Request, came: Came) -> None:
        registers, took_s, error = came
        at, kept = self._wall_clock(), array("H", registers)  # a tenth of the memory of a list
        self._note(Exchange(at, bus, driver.device, request, kept, took_s, error))
