"""Reads a device once that somebody is about to configure, so that a mistake is seen before it is applied.

It is looked at as `check --online` does, and nothing is written. Where the running gateway has the connection
already, the gateway asks, behind its own polls; where it cannot, it is said why. Source: website 64.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import TypeVar

from knxgw.catalogue.called import called
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import Message, message
from knxgw.charging.events import LinkCondition
from knxgw.config.connection_words import place_of
from knxgw.config.device_address import device_address
from knxgw.config.devices import DeviceId
from knxgw.config.one_device import OneDevice
from knxgw.errors import FileLine, LinkError, PeerError, PeerRefusedError, RejectedError
from knxgw.host.on_loop import wait_on
from knxgw.links.modbus_buses import ModbusBuses, endpoint_of
from knxgw.links.modbus_endpoint import ModbusEndpoint, framing_of
from knxgw.modbus.driver import Driver
from knxgw.modbus.examination import Examination
from knxgw.modbus.requests import ILLEGAL_ADDRESS, Read
from knxgw.monitoring.online_check import OPEN
from knxgw.online.check import name_of
from knxgw.online.held_connections import NOT_ASKED, Addresses, HeldConnections, addresses_in
from knxgw.online.modbus_devices import EndpointLook, ExaminedDevice, examined_device
from knxgw.online.ports import Examine, Ports
from knxgw.online.progress import Board
from knxgw.website.trials import Trial, Trials

log = logging.getLogger(__name__)
T = TypeVar("T")
LIMIT_S = 10.0
FINISHED_S = 5.0  # beyond that, for the end of what was cancelled
KEPT = 20  # reads whose outcome can still be asked for
LONGEST_WAIT_S = 0.5  # between two looks whether the next request is due


@dataclass(slots=True)
class _Running:
    """A read, from its beginning to its outcome."""

    wanted: OneDevice
    address: str  # of the endpoint: one read at a time
    board: Board
    examined: ExaminedDevice
    is_through_gateway: bool = False
    task: "asyncio.Task[None] | None" = None
    is_over: bool = False

    def trial(self) -> Trial:
        """Return what pages see of it."""
        seen = self.board.seen[self.wanted.device.id]
        return Trial(
            is_running=not self.is_over,
            words=seen.words,
            values=dict(self.examined.examination.values),
            findings=tuple(map(self.wanted.in_draft, seen.findings)),
            is_through_gateway=self.is_through_gateway,
        )


class TrialReads:
    """The reads of one running device; on its loop, unless a method says something else."""

    def __init__(
        self,
        buses: Callable[[], ModbusBuses | None],
        group: asyncio.TaskGroup,
        ports: Ports | None = None,
        refuses: Callable[[str | None], Message | None] = lambda _host: None,
    ) -> None:
        """Read beside the `buses` of the running gateway; each read is a task of the group.

        `refuses`: why a host, or None: a serial line, is not reached from here.
        """
        self._buses = buses
        self._group = group
        self._ports = ports or Ports()
        self._refuses = refuses
        self._loop = asyncio.get_running_loop()
        self._numbers = count(1)
        self._reads: dict[int, _Running] = {}

    def for_pages(self) -> Trials:
        """Return what pages may ask; safe from any thread."""
        return Trials(
            start=lambda wanted: wait_on(self._loop, self._start(wanted), LIMIT_S),
            progress=self.progress,
            cancel=self._cancel_soon,
            finished=lambda number: wait_on(self._loop, self._ended(number), LIMIT_S + FINISHED_S),
        )

    def progress(self, number: int) -> Trial | None:
        """Return how far a read is; safe from any thread."""
        found = self._reads.get(number)
        return None if found is None else found.trial()

    def start(self, wanted: OneDevice, addresses: Addresses = NOT_ASKED) -> int:
        """Begin to read a device, or note why that cannot be; return the number to ask by.

        `addresses`: of hosts, which the running configuration may spell otherwise.
        """
        device, configuration = wanted.device, wanted.configuration
        endpoint = _endpoint_of(wanted)
        board = Board(lambda key: FileLine("", 0, key), lambda _seen: None)
        board.add(device.id, name_of(device))
        examined = examined_device(device, configuration, tuple(catalogue().models), endpoint)
        read = _Running(wanted=wanted, address=endpoint.name, board=board, examined=examined)
        is_busy = any(
            not one.is_over and one.address == endpoint.name for one in self._reads.values()
        )
        number = next(self._numbers)
        self._reads[number] = read
        for old in [one for one, kept in self._reads.items() if kept.is_over][:-KEPT]:
            del self._reads[old]
        if is_busy:
            self._refuse(read, message("trial_runs", address=read.address))
            return number
        if (why := self._refuses(device.connection.host)) is not None:
            self._refuse(read, why)
            return number
        way = self._way(endpoint, read, addresses)
        if way is None:
            self._refuse(read, message("trial_in_use", address=read.address))
            return number
        read.task = self._group.create_task(
            self._run(EndpointLook(endpoint, [examined], board, way), read), name="trial read"
        )
        return number

    def _cancel_soon(self, number: int) -> None:
        self._loop.call_soon_threadsafe(self.cancel, number)

    def cancel(self, number: int) -> None:
        """End a read."""
        found = self._reads.get(number)
        if found is not None and found.task is not None:
            found.task.cancel()

    def end(self) -> None:
        """End all reads: the device ends."""
        for number in tuple(self._reads):
            self.cancel(number)

    # --- inside

    def _refuse(self, read: _Running, words: Message) -> None:
        device = read.wanted.device
        read.board.find(device.id, f"{read.examined.key}.connection", words)
        read.board.skip(device.id, words)
        read.is_over = True

    def _way(self, endpoint: ModbusEndpoint, read: _Running, addresses: Addresses) -> Ports | None:
        """Return how the device is reached: over a connection of its own, through the gateway, or not at all."""
        buses, device = self._buses(), read.wanted.device
        if buses is None:
            return self._ports
        held = HeldConnections((at for at, _ in buses.served), addresses)
        wanted = held.canonical(endpoint)
        all_served = ((held.canonical(at), driver) for at, driver in buses.served)
        served = [(at, driver) for at, driver in all_served if at.name == wanted.name]
        if not served:
            return self._ports
        unit = device_address(device.connection, device.model).unit
        same = next(
            (driver for at, driver in served if at == wanted and driver.unit_id == unit), None
        )
        if same is not None and same.condition is LinkCondition.GOOD:
            read.is_through_gateway = True
            return replace(self._ports, resolve=_known, examine=_through(buses, same))
        is_up = any(driver.condition is LinkCondition.GOOD for _, driver in served)
        takes_one = any(model.max_clients == 1 for model in (
            device.model, *(driver.model for _, driver in served)
        ))  # fmt: skip
        if endpoint.is_serial or (takes_one and is_up):
            return None
        return self._ports

    async def _run(self, look: EndpointLook, read: _Running) -> None:
        """Read. An error of its own is no reason to end the device."""
        device_id, board = read.wanted.device.id, read.board
        try:
            async with asyncio.timeout(LIMIT_S):
                await look.look()
        except TimeoutError:
            self._note_time(read)
        except asyncio.CancelledError:
            board.end_all(message("trial_cancelled"))
            raise
        except Exception:
            log.exception("a trial read failed: please report this")
            board.find(device_id, f"{read.examined.key}.connection", message("trial_failed"))
            board.end_all(message("online_not_reached"))
        finally:
            if board.seen[device_id].state in OPEN:
                board.end_all(message("online_not_finished"))
            read.is_over = True

    @staticmethod
    def _note_time(read: _Running) -> None:
        """Say what is known when the time is over: all but whether somebody else sets the limit, perhaps."""
        examined, device, board = read.examined, read.wanted.device, read.board
        examination, connection = examined.examination, f"{examined.key}.connection"
        if examination.is_watching:
            where = place_of(device.connection)
            words = message("online_answers", model=called(device.model), where=where)
            board.end(device.id, words)
            return
        if not examination.has_asked:
            words = message("online_no_answer", address=read.address)
            board.find(device.id, f"{connection}.host", words)
        elif not examination.values:
            words = message("online_unit_silent", unit=examined.unit, address=read.address)
            board.find(device.id, f"{connection}.unit", words)
        board.end_all(message("online_not_finished"))

    async def _start(self, wanted: OneDevice) -> int:
        buses = self._buses()
        used = () if buses is None else [at for at, _ in buses.served]
        return self.start(wanted, await addresses_in(used, [_endpoint_of(wanted)]))

    async def _ended(self, number: int) -> None:
        found = self._reads.get(number)
        if found is not None and found.task is not None:
            await asyncio.wait([found.task])


def _endpoint_of(wanted: OneDevice) -> ModbusEndpoint:
    device = wanted.device
    return endpoint_of(device, wanted.configuration, framing_of([device.model]))


async def _known(_host: str) -> None:
    """Ask nobody: there is a connection."""


def _through(buses: ModbusBuses, driver: Driver) -> Examine:
    """Return what examines a device by reads of the running gateway, behind its polls."""

    async def examine(
        endpoint: ModbusEndpoint,
        askers: Sequence[Examination],
        on_progress: Callable[[], None],
        limit_s: float,
    ) -> bool:
        async with asyncio.timeout(limit_s):
            for asker in askers:
                await _examined(buses, driver, asker, on_progress)
        return True

    return examine


async def _examined(
    buses: ModbusBuses, driver: Driver, asker: Examination, on_progress: Callable[[], None]
) -> None:
    """Ask until that is enough. Raises: LinkError."""
    loop = asyncio.get_running_loop()
    asker.opened()
    while not asker.is_done:
        on_progress()
        pause_s = asker.due_at(loop.time()) - loop.time()
        request = asker.next_request(loop.time()) if pause_s <= 0 else None
        if isinstance(request, Read):
            await _asked(buses, driver, asker, request)
        elif not asker.is_done:
            await asyncio.sleep(min(max(pause_s, 0.02), LONGEST_WAIT_S))


async def _asked(buses: ModbusBuses, driver: Driver, asker: Examination, request: Read) -> None:
    """Pass on one read to the gateway, and its answer. Raises: LinkError."""
    block, loop = request.block, asyncio.get_running_loop()
    device = DeviceId(driver.device)
    try:
        if block.unit_id != driver.unit_id:
            raise PeerRefusedError("another unit is not asked through the gateway", ILLEGAL_ADDRESS)
        registers = await buses.read_once(device, block.table, block.address, block.count)
    except RejectedError as err:
        raise LinkError(str(err)) from err
    except (PeerError, LinkError) as err:
        asker.failed(request, err, loop.time())
    else:
        asker.read_done(request, registers, loop.time())
