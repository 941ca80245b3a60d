"""Reads one device again and again, as the gateway would, and writes nothing. Sans-IO.

A `Watching` takes the place of a driver on a bus, for somebody who sets the device up and looks at its values.
"""

from collections.abc import Sequence

from knxgw.catalogue.device_model import DeviceModel
from knxgw.charging.events import ChargerSeen, DeviceEvent, LinkCondition, MeterSeen
from knxgw.charging.quantities import Quantity, Value
from knxgw.errors import LinkError, PeerError
from knxgw.modbus.driver import Driver
from knxgw.modbus.requests import Read, Request
from knxgw.modbus.writing import Write


class Watching:
    """Watches one device, until whoever has begun that ends it; `values` are the newest."""

    is_done = False

    def __init__(self, driver: Driver) -> None:
        """Watch with a driver that may not write."""
        self.name = driver.name
        self.values: dict[Quantity, Value] = {}
        self._driver = driver

    @property
    def is_heard(self) -> bool:
        """Tell whether the device answers as its model does."""
        return self._driver.condition is LinkCondition.GOOD and bool(self.values)

    # --- as a driver on a bus

    @property
    def model(self) -> DeviceModel:
        """Return the model whose timeout and gaps apply."""
        return self._driver.model

    @property
    def unit_ids(self) -> frozenset[int]:
        """Return the units that it addresses."""
        return self._driver.unit_ids

    def opened(self) -> None:
        """Start over on a new connection."""
        self._driver.opened()

    def was_away(self) -> None:
        """Note that the device was unreachable for some seconds."""
        self._driver.was_away()

    def due_at(self, now_s: float) -> float:
        """Return when the next request is due [monotonic s]."""
        return self._driver.due_at(now_s)

    def priority(self, _now_s: float) -> int:
        """Return the priority of a read: nothing is ever written."""
        return 2

    def next_request(self, now_s: float) -> Request | None:
        """Return the read that is due now."""
        request = self._driver.next_request(now_s)
        if isinstance(request, Write):
            raise TypeError(f"who watches never writes, not {request.point}")
        return request

    def read_done(self, request: Read, registers: Sequence[int], now_s: float) -> list[DeviceEvent]:
        """Take the registers of an answer."""
        return self._noted(self._driver.read_done(request, registers, now_s))

    def write_done(self, request: Write, now_s: float) -> list[DeviceEvent]:
        """Refuse: nothing is ever written."""
        raise TypeError(f"who watches never writes, not {request.point} at {now_s}")

    def failed(
        self, request: Request, error: PeerError | LinkError, now_s: float
    ) -> list[DeviceEvent]:
        """Take a failed request."""
        return self._noted(self._driver.failed(request, error, now_s))

    def lost(self, now_s: float) -> list[DeviceEvent]:
        """Note that the connection was lost, or could not be made."""
        return self._noted(self._driver.lost(now_s))

    def _noted(self, events: Sequence[DeviceEvent]) -> list[DeviceEvent]:
        """Keep what was read; nobody else hears of it."""
        for event in events:
            if isinstance(event, ChargerSeen | MeterSeen):
                self.values.update(event.values)
        return []
