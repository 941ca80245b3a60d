"""A driver asks a simulated device, without a bus between them."""

from collections.abc import Callable

from knxgw.charging.events import DeviceEvent, MeterSeen
from knxgw.charging.words import LinkCondition, Quantity, Value
from knxgw.errors import PeerRefusedError
from knxgw.modbus.driver import Driver
from knxgw.modbus.jobs import Read
from knxgw.sim.registers import RegisterImage


class Drive:
    """Lets time pass second by second; `refuse` says which requests get which exception."""

    def __init__(self, driver: Driver, image: RegisterImage) -> None:
        self.driver = driver
        self.image = image
        self.refuse: Callable[[Read], int | None] = lambda _job: None
        self.reads: list[tuple[int, int]] = []  # address, registers
        self.seen: list[dict[Quantity, Value]] = []
        self._now_s = 0.0
        driver.opened()

    def run(self, seconds: float) -> dict[Quantity, Value]:
        """Return what was told last of each quantity within the next `seconds`."""
        self.reads.clear()
        self.seen.clear()
        end_s = self._now_s + seconds
        while self._now_s < end_s:
            while isinstance(job := self.driver.next_job(self._now_s), Read):
                self._take(self._ask(job))
                self._now_s += 0.01
            self._now_s += 0.1
        return {quantity: value for values in self.seen for quantity, value in values.items()}

    def condition(self) -> LinkCondition:
        """Return what the driver says of its device."""
        return self.driver.condition

    def _ask(self, job: Read) -> list[DeviceEvent]:
        block = job.block
        self.reads.append((block.address, block.count))
        code = self.refuse(job)
        if code is not None:
            refusal = PeerRefusedError("as the test wants it", code)
            return self.driver.failed(job, refusal, self._now_s)
        try:
            registers = self.image.read(block.unit_id, block.table, block.address, block.count)
        except PeerRefusedError as err:
            return self.driver.failed(job, err, self._now_s)
        return self.driver.read_done(job, registers, self._now_s)

    def _take(self, events: list[DeviceEvent]) -> None:
        self.seen += [dict(event.values) for event in events if isinstance(event, MeterSeen)]
