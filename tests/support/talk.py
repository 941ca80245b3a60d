"""A driver that talks to a simulated device without a wire: request by request, in its own time."""

from collections.abc import Callable

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.charging.events import ChargerConditionChanged, DeviceEvent, LinkCondition
from knxgw.errors import PeerRefusedError
from knxgw.modbus.driver import Driver
from knxgw.modbus.requests import Read
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.registers import RegisterImage
from knxgw.sim.vehicle import Vehicle

REQUEST_S = 0.02
NO_TARGET = 11  # Modbus exception: nobody answers for this unit


class Talk:
    """One driver and the device that answers it; `device` may be exchanged at any time."""

    def __init__(self, driver: Driver, device: RegisterImage) -> None:
        self.driver = driver
        self.device = device
        self.refuses: Callable[[int], int | None] = lambda _address: None  # exception by address
        self.refuses_write: Callable[[int], int | None] = lambda _address: None
        self.now_s = 0.0
        self.events: list[DeviceEvent] = []
        self.writes: list[tuple[float, int]] = []  # when, register
        self.requests = 0
        driver.opened()

    @property
    def conditions(self) -> list[LinkCondition]:
        """Return how the driver found the device, one after the other."""
        changes = [e for e in self.events if isinstance(e, ChargerConditionChanged)]
        return [change.condition for change in changes]

    def until(self, until_s: float) -> None:
        """Let them talk until a time [s]."""
        while self.now_s < until_s:
            due_s = self.driver.due_at(self.now_s)
            if due_s > self.now_s:
                self.now_s = min(max(due_s, self.now_s + 1e-6), until_s)
                continue
            self._one_request()
            self.now_s += REQUEST_S

    def _one_request(self) -> None:
        request = self.driver.next_request(self.now_s)
        if request is None:
            return
        self.requests += 1
        try:
            if isinstance(request, Read):
                block = request.block
                _refuse(self._refusal(request))
                self._heard(block.unit_id)
                registers = self.device.read(block.unit_id, block.table, block.address, block.count)
                self.events += self.driver.read_done(request, registers, self.now_s)
            else:
                self.writes.append((self.now_s, request.address))
                _refuse(self.refuses_write(request.address))
                self._heard(request.unit_id)
                self.device.write(
                    request.unit_id,
                    request.table,
                    request.address,
                    request.function,
                    request.registers,
                )
                self.events += self.driver.write_done(request, self.now_s)
        except PeerRefusedError as err:
            self.events += self.driver.failed(request, err, self.now_s)

    def _refusal(self, request: Read) -> int | None:
        """Return the exception a read gets before the device sees it."""
        return self.refuses(request.block.address)

    def _heard(self, unit: int) -> None:
        if unit not in self.device.unit_ids:
            raise PeerRefusedError("no such unit", NO_TARGET)
        self.device.note_request(self.now_s)


def _refuse(code: int | None) -> None:
    if code is not None:
        raise PeerRefusedError("refused", code)


def name_of(model: DeviceModel) -> str:
    """Return what a test calls a model in its own name."""
    return str(model.id)


def settled_s(model: DeviceModel) -> float:
    """Return when a charger with a vehicle has taken its first offer [s].

    Where the offer is a power, the phases in use have to be found out first.
    """
    by_power = model.control is not None and model.control.is_power
    return 150.0 if by_power else 40.0


def box_in_use() -> SimulatedCharger:
    """Return a charger that gives a vehicle 10 A on each phase, for a meter to stand before."""
    box = SimulatedCharger(catalogue().chargers["goe_charger"], 1)
    box.plug(Vehicle(maximum_ma=10_000))
    box.advance(30.0)
    return box
