"""A driver asks a simulated device, without a bus between them, and what it tells of it is kept."""

from collections.abc import Callable

from knxgw.charging.events import LinkCondition, MeterSeen
from knxgw.charging.quantities import Quantity, Value
from knxgw.modbus.driver import Driver
from knxgw.modbus.requests import Read
from knxgw.sim.registers import RegisterImage
from tests.support.talk import Talk


class Drive(Talk):
    """A meter; `refuse` says which requests get which exception."""

    def __init__(self, driver: Driver, image: RegisterImage) -> None:
        super().__init__(driver, image)
        self.image = image
        self.refuse: Callable[[Read], int | None] = lambda _job: None
        self.reads: list[tuple[int, int]] = []  # address, registers

    def run(self, seconds: float) -> dict[Quantity, Value]:
        """Return what was told last of each quantity within the next `seconds`."""
        self.reads.clear()
        self.events.clear()
        self.until(self.now_s + seconds)
        return {quantity: value for values in self.seen for quantity, value in values.items()}

    @property
    def seen(self) -> list[dict[Quantity, Value]]:
        """Return what was told since the last `run` began, reading by reading."""
        return [dict(event.values) for event in self.events if isinstance(event, MeterSeen)]

    def condition(self) -> LinkCondition:
        """Return what the driver says of its device."""
        return self.driver.condition

    def _refusal(self, request: Read) -> int | None:
        self.reads.append((request.block.address, request.block.count))
        return self.refuse(request)
