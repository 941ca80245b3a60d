"""The Modbus buses of a site at run time: one task per endpoint, and a driver for each device.

A new configuration keeps as much as possible. An endpoint that stays keeps its connection; a device
that stays keeps its driver with all its state. A charger that is no longer polled still gets its last
offer: its driver goes on for a moment, but its events are dropped.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from knxgw.catalogue.device_model import Framing
from knxgw.catalogue.points import Table
from knxgw.charging.events import DeviceEvent, LinkCondition
from knxgw.charging.scope import PointNumber
from knxgw.config.device_address import device_address
from knxgw.config.devices import Device, DeviceId, DeviceRole, devices
from knxgw.config.model import Configuration, ConnectionKind
from knxgw.errors import LinkError, LinkTimeoutError, PeerError, RejectedError
from knxgw.links.keep_alive import keep_alive
from knxgw.links.modbus import ModbusBus, OnExchange
from knxgw.links.modbus_endpoint import ModbusEndpoint, SerialEndpoint, TcpEndpoint, framing_of
from knxgw.modbus.driver import Driver
from knxgw.modbus.spare_reads import Answer

log = logging.getLogger(__name__)
LAST_DELAY_S = 15.0  # between two tries to reach an endpoint
LAST_WRITES_S = 0.8  # for the last writes to a charger
CHECK_EVERY_S = 0.02  # how often their end is checked
READ_ONCE_S = 15.0  # that a person waits for registers
NOT_POLLED = (LinkCondition.NOT_REACHABLE, LinkCondition.WRONG_MODEL)
MOST_TURNS = 7


def devices_by_endpoint(
    configuration: Configuration,
) -> Mapping[ModbusEndpoint, tuple[Device, ...]]:
    """Return the devices to poll, by the endpoint that they share.

    All devices on the serial line share one endpoint. Devices of a charging point that is blocked by
    a fault of the configuration are left out.
    """
    blocked = {number for fault in configuration.faults for number in fault.blocked_points}
    all_devices = tuple(devices(configuration))
    on_line = [
        device.model for device in all_devices if device.connection.kind is ConnectionKind.SERIAL
    ]
    framing = framing_of(on_line)
    shared: dict[ModbusEndpoint, tuple[Device, ...]] = {}
    for device in all_devices:
        if device.point in blocked:
            continue
        endpoint = endpoint_of(device, configuration, framing)
        shared[endpoint] = (*shared.get(endpoint, ()), device)
    return shared


def endpoint_of(device: Device, configuration: Configuration, framing: Framing) -> ModbusEndpoint:
    """Return where a device is reached; `framing`: of the serial line, if it is there."""
    connection = device.connection
    if connection.kind is ConnectionKind.SERIAL and configuration.serial is not None:
        return SerialEndpoint(line=configuration.serial, framing=framing)
    address = device_address(connection, device.model)
    return TcpEndpoint(host=address.host, port=address.port, kind=connection.kind)


@dataclass(frozen=True, slots=True)
class _Served:
    """A device with its endpoint and its driver."""

    endpoint: ModbusEndpoint
    device: Device
    driver: Driver

    @property
    def place(self) -> tuple[ModbusEndpoint, int, int]:
        """Return the address that no two drivers may write to."""
        address = device_address(self.device.connection, self.device.model)
        return self.endpoint, address.unit, address.register_offset

    @property
    def charging_point(self) -> PointNumber | None:
        """Return the charging point whose charger it is."""
        if self.device.role is not DeviceRole.CHARGER or self.device.point is None:
            return None
        return PointNumber(self.device.point)


class ModbusBuses:
    """All buses of a site. Use `configure`, then `run`; `configure` again at any time."""

    def __init__(
        self,
        on_event: Callable[[DeviceEvent], None],
        on_exchange: Callable[[str], OnExchange[Driver]] | None = None,
    ) -> None:
        """Pass on events; `on_exchange` returns who notes the requests of the bus of that name."""
        self._on_event = on_event
        self._on_exchange = on_exchange
        self._buses: dict[ModbusEndpoint, ModbusBus[Driver]] = {}
        self._served: dict[tuple[ModbusEndpoint, DeviceId], _Served] = {}
        self._chargers: dict[PointNumber, _Served] = {}
        self._leaving: dict[PointNumber, tuple[ModbusBus[Driver], Driver]] = {}
        self._tasks: dict[ModbusEndpoint, asyncio.Task[None]] = {}
        self._endings: set[asyncio.Task[None]] = (
            set()
        )  # of buses and drivers of the previous configuration
        self._group: asyncio.TaskGroup | None = None  # while it runs

    def __iter__(self) -> Iterator[ModbusBus[Driver]]:
        """Yield the buses."""
        return iter(self._buses.values())

    @property
    def drivers(self) -> tuple[Driver, ...]:
        """Return the drivers of all devices."""
        return tuple(served.driver for served in self._served.values())

    @property
    def is_polled(self) -> bool:
        """Tell whether the first poll of every device that can be reached is done."""
        return all(
            driver.is_first_cycle_done or driver.condition in NOT_POLLED for driver in self.drivers
        )

    @property
    def is_acknowledged(self) -> bool:
        """Tell whether every reachable charger has acknowledged its offer."""
        return all(driver.is_acknowledged for driver in self.drivers)

    # --- what is polled

    def configure(self, configuration: Configuration) -> frozenset[PointNumber]:
        """Poll the devices of a configuration from now on.

        Returns the charging points whose chargers have a new driver, which has no offer yet. `ended`
        waits until the chargers of the previous configuration have their last offer.
        """
        wanted = devices_by_endpoint(configuration)
        before, now = self._served, dict[tuple[ModbusEndpoint, DeviceId], _Served]()
        for endpoint, shared in wanted.items():
            for device in shared:
                old = before.get((endpoint, device.id))
                kept = old is not None and old.device == device
                now[endpoint, device.id] = (
                    old
                    if old is not None and kept
                    else _Served(endpoint, device, driver_of(device))
                )
        self._served = now
        self._chargers = {
            served.charging_point: served
            for served in now.values()
            if served.charging_point is not None
        }
        self._leaving = self._left_behind(before.values())
        for endpoint in [endpoint for endpoint in self._buses if endpoint not in wanted]:
            self._end(endpoint)
        for endpoint, shared in wanted.items():
            self._serve(endpoint, [now[endpoint, device.id].driver for device in shared])
        before_drivers = {served.driver for served in before.values()}
        return frozenset(
            number
            for number, served in self._chargers.items()
            if served.driver not in before_drivers
        )

    def _left_behind(
        self, before: Iterable[_Served]
    ) -> dict[PointNumber, tuple[ModbusBus[Driver], Driver]]:
        """Return the chargers that no driver serves any more, by their former charging point."""
        places = {served.place for served in self._served.values()}
        return {
            served.charging_point: (self._buses[served.endpoint], served.driver)
            for served in before
            if served.charging_point is not None and served.place not in places
        }

    def _serve(self, endpoint: ModbusEndpoint, drivers: list[Driver]) -> None:
        bus = self._buses.get(endpoint)
        if bus is None:
            note = None if self._on_exchange is None else self._on_exchange(endpoint.name)
            self._buses[endpoint] = ModbusBus(
                endpoint, drivers=drivers, on_event=self._on_event, on_exchange=note
            )
            self._start(endpoint)
            return
        leaving = [driver for of, driver in self._leaving.values() if of is bus]
        if tuple(drivers) != bus.drivers:
            bus.serve(drivers, leaving=leaving)
        if leaving and self._group is not None:
            self._note_ending(self._group.create_task(self._without(bus, drivers, leaving)))

    # --- what is wanted of a charger

    def want(self, point: PointNumber, offer_ma: int) -> None:
        """Take the newest offer of a charging point [mA]; a blocked one has no charger."""
        served = self._chargers.get(point)
        if served is not None:
            served.driver.want(offer_ma)
            self._buses[served.endpoint].wake()

    def leave_behind(self, point: PointNumber, offer_ma: int) -> None:
        """Take the last offer [mA] of the charger that a charging point had."""
        leaving = self._leaving.get(point)
        if leaving is not None:
            bus, driver = leaving
            driver.want(offer_ma)
            bus.wake()

    def unlock(self, point: PointNumber) -> None:
        """Release the cable at a charging point."""
        served = self._chargers.get(point)
        if served is not None:
            served.driver.unlock()
            self._buses[served.endpoint].wake()

    # --- what a person asks

    @property
    def served(self) -> tuple[tuple[ModbusEndpoint, Driver], ...]:
        """Return the drivers of all devices with their endpoints."""
        return tuple((one.endpoint, one.driver) for one in self._served.values())

    def driver_of(self, device: DeviceId) -> Driver | None:
        """Return the driver of a device, None: there is none of it; safe from any thread."""
        served = tuple(self._served.values())
        return next((one.driver for one in served if one.device.id == device), None)

    async def read_once(
        self, device: DeviceId, table: Table, address: int, count: int
    ) -> Sequence[int]:
        """Read registers of a device once, behind all of its polls.

        Raises: RejectedError, it cannot be asked so; PeerError, LinkError, what came instead.
        """
        served = next((one for one in self._served.values() if one.device.id == device), None)
        if served is None:
            raise RejectedError("there is no such device")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()

        def done(what: Answer) -> None:
            if not answer.done():
                answer.set_result(what)

        served.driver.read_spare(table, address, count, done, loop.time())
        self._buses[served.endpoint].wake()
        try:
            async with asyncio.timeout(READ_ONCE_S):
                what = await answer
        except TimeoutError as err:
            raise LinkTimeoutError("the bus was too busy to read that") from err
        if isinstance(what, PeerError | LinkError):
            raise what
        return what

    # --- tasks

    async def run(self) -> NoReturn:
        """Serve all buses until cancelled; each finds its link again by itself."""
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                for endpoint in self._buses:
                    self._start(endpoint)
                await asyncio.Event().wait()
        finally:
            self._group = None
        raise AssertionError("it waits for ever")

    async def ended(self) -> None:
        """Wait until chargers that are no longer polled have acknowledged their last offer."""
        while self._endings:
            await asyncio.wait(self._endings)
        self._leaving = {}

    def _start(self, endpoint: ModbusEndpoint) -> None:
        if self._group is not None:
            bus, before = self._buses[endpoint], frozenset(self._endings)
            task = self._group.create_task(_kept_alive(bus, before), name=endpoint.name)
            self._tasks[endpoint] = task

    def _end(self, endpoint: ModbusEndpoint) -> None:
        """End a bus that is no longer needed, after the last writes to its chargers."""
        bus, task = self._buses.pop(endpoint), self._tasks.pop(endpoint, None)
        leaving = [driver for of, driver in self._leaving.values() if of is bus]
        if task is None or self._group is None:
            return
        bus.serve((), leaving=leaving or bus.drivers)
        self._note_ending(self._group.create_task(_ended(task, leaving)))

    def _note_ending(self, task: asyncio.Task[None]) -> None:
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)

    async def _without(
        self, bus: ModbusBus[Driver], drivers: list[Driver], leaving: list[Driver]
    ) -> None:
        """Remove chargers from a bus that goes on, once they have acknowledged their last offer."""
        await _acknowledged(leaving)
        bus.serve(drivers)


async def _kept_alive(bus: ModbusBus[Driver], before: Collection[asyncio.Task[None]]) -> None:
    """Serve one bus, once the previous configuration has released the wires."""
    if before:
        await asyncio.wait(before)
    await keep_alive(bus.name, bus.run, last_delay_s=LAST_DELAY_S, on_failure=bus.failed)


async def _ended(task: asyncio.Task[None], leaving: list[Driver]) -> None:
    await _acknowledged(leaving)
    task.cancel()
    await asyncio.wait([task])


async def _acknowledged(drivers: list[Driver]) -> None:
    """Wait until chargers have acknowledged their offers, at most `LAST_WRITES_S`."""
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + LAST_WRITES_S
    while loop.time() < give_up_at and not all(driver.is_acknowledged for driver in drivers):  # noqa: ASYNC110 - many parts
        await asyncio.sleep(CHECK_EVERY_S)


def driver_of(device: Device, *, may_write: bool = True) -> Driver:
    """Return the driver of a device of a configuration."""
    address = device_address(device.connection, device.model)
    return Driver(
        device.id,
        device.model,
        name=device.name,
        unit_id=address.unit,
        register_offset=address.register_offset,
        minimum_ma=device.minimum_ma,
        phases=device.phases,
        poll_phase=_poll_phase(device),
        may_write=may_write,
    )


def _poll_phase(device: Device) -> float:
    """Return the phase of a device within the poll period, 0…1."""
    ahead = (device.point or 0) / MOST_TURNS
    return ahead if device.role is DeviceRole.CHARGER else ahead + 0.5
