"""The bus behind one Modbus endpoint: shares the wire between its devices, writes first.

`modbus_connection` decides what a timeout or a wrong answer means for the connection. A connection
that is renewed within `RECONNECT_S` is not reported as lost, and nothing counts as unwritten unless
the device was unreachable in between; anything else that it lost shows in its read-back.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Collection, Sequence
from typing import Generic, NamedTuple, NoReturn, Protocol, TypeVar

from knxgw.catalogue.device_model import DeviceModel
from knxgw.charging.events import DeviceEvent
from knxgw.errors import LinkError, LinkTimeoutError, PeerError, PeerRefusedError
from knxgw.links.keep_alive import end_if_cancelled
from knxgw.links.link_log import LinkLog
from knxgw.links.modbus_connection import RECONNECT_S, Connection, ConnectionNeeds
from knxgw.links.modbus_endpoint import (
    ENDED_AT_ONCE,
    ModbusEndpoint,
    Trouble,
    UnconnectedError,
)
from knxgw.links.modbus_exchange import DoubtfulAnswerError, EndedError, WrongAnswerError, carry_out
from knxgw.links.modbus_stale_answers import StaleAnswerGuard
from knxgw.modbus.requests import Read, Request, describe
from knxgw.modbus.writing import Write

log = logging.getLogger(__name__)
wire = logging.getLogger("knxgw.wire.modbus")
LOSSES_AT_ONCE, LOSSES_EVERY_S = 2.0, 43_200.0  # lines about losses of one endpoint in the log
LEAST_TURN_S, LONGEST_TURN_S = (
    0.001,
    0.5,
)  # the shortest and longest time that is counted for a request
ALL_SILENT_S = 3.5  # without any answer for so long, the whole endpoint is silent


def quiet_pymodbus() -> None:
    """Keep pymodbus from logging an ERROR per timeout: the bus logs changes itself."""
    logging.getLogger("pymodbus").setLevel(logging.CRITICAL)
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)


class Pollable(Protocol):
    """What a bus polls: returns the next request and takes its outcome."""

    @property
    def model(self) -> DeviceModel:
        """Return the model whose timeout and gaps apply."""

    def opened(self) -> None:
        """Start over on a new connection."""

    def due_at(self, now_s: float, /) -> float:
        """Return when the next request may start [monotonic s]."""

    @property
    def unit_ids(self) -> frozenset[int]:
        """Return the units that it addresses."""

    def priority(self, now_s: float, /) -> int:
        """Return the priority of its next request: 0 an urgent write, 1 another write, 2 a read."""

    def next_request(self, now_s: float, /) -> Request | None:
        """Return the request that is due now."""

    def read_done(
        self, request: Read, registers: Sequence[int], now_s: float, /
    ) -> Sequence[DeviceEvent]:
        """Take the registers of an answer."""

    def write_done(self, request: Write, now_s: float, /) -> Sequence[DeviceEvent]:
        """Take an acknowledged write."""

    def failed(
        self, request: Request, error: PeerError | LinkError, now_s: float, /
    ) -> Sequence[DeviceEvent]:
        """Take a failed request."""

    def lost(self, now_s: float, /) -> Sequence[DeviceEvent]:
        """Note that the connection was lost, or that none could be made."""

    def was_away(self) -> None:
        """Note that the device was unreachable for some seconds: it may have restarted."""


D = TypeVar("D", bound=Pollable)


class Came(NamedTuple):
    """What came of a request."""

    registers: Sequence[int]
    took_s: float
    error: str = ""  # "": it was answered


OnExchange = Callable[[D, Request, Came], None]  # hears of a device and its request


def needs_of(drivers: Sequence[Pollable]) -> ConnectionNeeds:
    """Return the strictest needs of the devices behind one endpoint."""
    models = [driver.model for driver in drivers]
    return ConnectionNeeds(
        timeout_s=max(model.response_timeout_s for model in models),
        delay_s=max(model.connect_delay_s for model in models),
        lifetime_s=min(
            (m.connection_s for m in models if m.connection_s is not None), default=None
        ),
    )


class ModbusBus(Generic[D]):
    """Polls the devices behind one endpoint, one request at a time."""

    def __init__(
        self,
        endpoint: ModbusEndpoint,
        *,
        drivers: Sequence[D],
        on_event: Callable[[DeviceEvent], None],
        on_exchange: OnExchange[D] | None = None,
    ) -> None:
        """Serve devices; `on_exchange` hears of every request and only notes it."""
        self.name = endpoint.name
        self.drivers = tuple(drivers)
        self.requests = 0
        self._endpoint = endpoint
        self._on_event = on_event
        self._on_exchange = on_exchange
        self._wake = asyncio.Event()
        self._stale_answers = StaleAnswerGuard(numbered=endpoint.numbers_answers)
        self._is_numbered = endpoint.numbers_answers
        self._silence_s = endpoint.silence_s
        self._used_s: dict[D, float] = {}  # time on the wire, with that of idle devices raised
        self._served_used_s = 0.0  # of the device that was served last, before its request
        self._silent_since: dict[D, float] = {}  # devices that timed out since the last answer
        self._timed_out_at = -math.inf  # the last timeout
        self._leaving: frozenset[D] = frozenset()
        self._new: set[D] = set()  # devices that have not been served on a connection yet
        self.connection = Connection(endpoint, needs_of(self.drivers))
        self._link_log = LinkLog(self.name, log, at_once=LOSSES_AT_ONCE, every_s=LOSSES_EVERY_S)
        self._is_silent = False  # connected, but no device answers
        self._closing_since: dict[D, float] = {}  # devices whose requests close the connection
        self._answered_at = -math.inf  # the last answer
        self._request_ended_at = -math.inf  # the end of the last request
        self._gap_s = 0.0  # the gap that the last device needs

    def wake(self) -> None:
        """Look for a due request: the station wants something new."""
        self._wake.set()

    def serve(self, drivers: Sequence[D], *, leaving: Collection[D] = ()) -> None:
        """Serve other devices behind the endpoint; those that stay are not affected.

        Devices in `leaving` still get their pending writes, but their events are dropped.
        """
        before, wanted = set(self.drivers), (*drivers, *leaving)
        self.drivers, self._leaving = wanted, frozenset(leaving)
        for gone in before.difference(wanted):
            self._forget(gone)
        self._new.update(one for one in drivers if one not in before)
        self.connection.update_needs(needs_of(wanted))
        self._wake.set()

    def _begin_with_new(self) -> None:
        """Let devices start over that have not been served on this connection yet."""
        while self._new:
            self._new.pop().opened()

    def _forget(self, gone: D) -> None:
        """Drop the notes about a device that is not served any more."""
        self._new.discard(gone)
        for notes in (self._used_s, self._silent_since, self._closing_since):
            notes.pop(gone, None)

    async def run(self) -> NoReturn:
        """Connect and serve the devices. Raises: LinkError when the connection is lost."""
        loop = asyncio.get_running_loop()
        connection = self.connection
        try:
            await connection.open()
            self._link_log.up(loop.time(), self._served)
            self._new.update(self.drivers)
            while True:
                end_if_cancelled()
                if connection.needs_renewal(loop.time()):
                    await self._reopen()
                self._begin_with_new()
                turn = self._next_turn(loop.time())
                if turn is None:
                    await self._wait(loop)
                else:
                    await self._serve_request(*turn, loop)
        except LinkError:
            for driver in self.drivers:
                self._emit(driver, driver.lost(loop.time()))
            raise
        finally:
            connection.close()

    @property
    def _served(self) -> str:
        count = len(self.drivers)
        return "one device" if count == 1 else f"{count} devices"

    def failed(self, error: LinkError) -> None:
        """Log that the connection was lost, or cannot be made."""
        self._link_log.failed(str(error), asyncio.get_running_loop().time())

    async def _reopen(self) -> None:
        if await self.connection.reopen():
            for driver in self.drivers:
                driver.was_away()

    def _next_turn(self, now_s: float) -> tuple[D, Request] | None:
        """Return the next device and request: by priority, then the device that used the wire least.

        So a slow device is served again when the others have had as much time, or nothing to request.
        An idle device saves up no time.
        """
        order = list(self.drivers)
        if len(order) > 1:
            order.sort(key=lambda driver: self._turn_order(driver, now_s))
        for driver in order:
            if now_s < self._free_at(driver):
                continue
            request = driver.next_request(now_s)
            if request is not None:
                return driver, request
        return None

    def _turn_order(self, driver: D, now_s: float) -> tuple[bool, int, float]:
        """Return the sort key of a device; one whose requests close the connection comes last."""
        is_closing = driver in self._closing_since
        return is_closing, driver.priority(now_s), self._fair_used_s(driver)

    def _fair_used_s(self, driver: D) -> float:
        return max(self._served_used_s, self._used_s.get(driver, 0.0))

    async def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        now_s = loop.time()
        due_at = min(max(self._free_at(driver), driver.due_at(now_s)) for driver in self.drivers)
        due_at = min(due_at, self.connection.renew_at)
        self._wake.clear()
        timeout_s = None if due_at == math.inf else max(0.0, due_at - now_s)
        try:
            async with asyncio.timeout(timeout_s):
                await self._wake.wait()
        except TimeoutError:
            return

    def _free_at(self, driver: D) -> float:
        """Return when a device may be addressed, after the silence that wire and devices need."""
        gap_s = driver.model.request_gap_s
        silent_at = self._request_ended_at + max(self._silence_s, self._gap_s, gap_s)
        if self._is_numbered:
            return silent_at
        return max(
            [silent_at, *(self._stale_answers.free_at(unit_id) for unit_id in driver.unit_ids)]
        )

    async def _serve_request(
        self, driver: D, request: Request, loop: asyncio.AbstractEventLoop
    ) -> None:
        """Carry out one request, pass on its outcome, and renew the connection if necessary."""
        must_reopen, begun_at = False, loop.time()
        try:
            registers = await self._exchange(driver, request, loop)
            if self._on_exchange is not None:
                self._on_exchange(driver, request, Came(registers, loop.time() - begun_at))
            if isinstance(request, Read):
                events = driver.read_done(request, registers, loop.time())
            else:
                events = driver.write_done(request, loop.time())
        except DoubtfulAnswerError as err:  # discarded: the request is repeated at its next turn
            self._trace_failure(driver, request, err, begun_at)
            must_reopen = self._may_lag_behind
        except EndedError as err:
            self._trace_failure(driver, request, err, begun_at)
            self._handle_closed(driver, request, loop.time())
            must_reopen = True
        except (PeerError, LinkTimeoutError) as err:
            self._trace_failure(driver, request, err, begun_at)
            self._emit(driver, driver.failed(request, err, loop.time()))
            must_reopen = await self._handle_failure(driver, err, begun_at)
        else:
            self._handle_answer(driver)
            self._emit(driver, events)
        finally:
            self._request_ended_at, self._gap_s = loop.time(), driver.model.request_gap_s
            self._served_used_s = self._fair_used_s(driver)
            took_s = self._request_ended_at - begun_at + max(self._silence_s, self._gap_s)
            counted_s = min(max(took_s, LEAST_TURN_S), LONGEST_TURN_S)
            if driver in self.drivers:
                self._used_s[driver] = self._served_used_s + counted_s
            else:  # it was removed during the request
                self._forget(driver)
        if must_reopen:
            await self._reopen()

    @property
    def _may_lag_behind(self) -> bool:
        """Tell whether the other end may stay one answer behind.

        A serial server, and some devices, then do so until the connection ends. Timeouts before this
        connection do not count.
        """
        return not self._endpoint.is_serial and self._timed_out_at > self.connection.opened_at

    def _trace_failure(
        self, driver: D, request: Request, err: PeerError | LinkError, begun_at: float
    ) -> None:
        wire.debug("%s: %s: %s", self.name, describe(request), err)
        if self._on_exchange is not None:
            took_s = asyncio.get_running_loop().time() - begun_at
            self._on_exchange(driver, request, Came((), took_s, str(err)))

    def _handle_closed(self, driver: D, request: Request, now_s: float) -> None:
        """Handle a connection that was closed during a request: the request is repeated later.

        A device that serves one client only may accept a second connection and close it at once.
        Raises: LinkError when that lasts too long and no device answers.
        """
        since = self._closing_since.setdefault(driver, now_s)
        if now_s - since < RECONNECT_S:
            return
        if self._answered_at < since:
            raise UnconnectedError(ENDED_AT_ONCE, Trouble.ENDED_AT_ONCE)
        self._emit(driver, driver.failed(request, LinkTimeoutError(ENDED_AT_ONCE), now_s))

    def _handle_answer(self, driver: D) -> None:
        self._closing_since.pop(driver, None)
        self._answered_at = asyncio.get_running_loop().time()
        if self._is_silent:
            self._is_silent = False
            self._link_log.up(asyncio.get_running_loop().time(), self._served)
        self._silent_since.clear()
        self.connection.note_answer()

    async def _handle_failure(self, driver: D, err: PeerError | LinkError, begun_at: float) -> bool:
        """Handle a failed request; return True when the connection must be renewed."""
        now_s = asyncio.get_running_loop().time()
        if not isinstance(err, LinkTimeoutError | WrongAnswerError):
            self._handle_answer(driver)  # a refusal is an answer: the connection is good
            return False
        if isinstance(err, WrongAnswerError):
            self._silent_since.clear()
        else:
            self._timed_out_at = now_s
            self._silent_since.setdefault(driver, begun_at)
            self._check_all_silent(now_s)
        if self.connection.note_failure():
            return True
        await self.connection.wait_for_silence()
        return False

    def _check_all_silent(self, now_s: float) -> None:
        """Report all devices as lost when each of several has timed out: one by one takes too long."""
        if not 1 < len(self.drivers) == len(self._silent_since):
            return
        if now_s - min(self._silent_since.values()) >= ALL_SILENT_S:
            self._is_silent = True
            self._link_log.failed(f"none of {len(self.drivers)} devices answers", now_s)
            for driver in self.drivers:
                self._emit(driver, driver.lost(now_s))

    async def _exchange(
        self, driver: D, request: Request, loop: asyncio.AbstractEventLoop
    ) -> Sequence[int]:
        """Return what was read; repeat a request that a sleeping device may have missed."""
        unit_id, wake_after_s = request.unit_id, driver.model.wake_after_s
        if wake_after_s is None:
            return await self._send(request)
        idle_s = self._stale_answers.idle_s(unit_id, loop.time())
        try:
            return await self._send(request)
        except LinkTimeoutError:
            if idle_s < wake_after_s or not self._endpoint.is_serial:
                raise
        await self.connection.wait_for_silence()
        return await self._send(request, repeated=True)

    async def _send(self, request: Request, *, repeated: bool = False) -> Sequence[int]:
        self.requests += 1
        if isinstance(request, Write):
            wire.debug("%s: %s: %s", self.name, describe(request), list(request.registers))
        client = self.connection.client
        if self._is_numbered:  # answers name their request
            return await carry_out(client, request, numbered=True)
        now_s = asyncio.get_running_loop().time
        self._stale_answers.requested(request.unit_id, now_s())
        registers: Sequence[int] = ()
        refusal: PeerRefusedError | None = None
        try:
            registers = await carry_out(client, request, numbered=False)
        except PeerRefusedError as err:
            refusal = err
        except (PeerError, LinkError):
            self._stale_answers.unanswered(request.unit_id, now_s())
            raise
        if not self._stale_answers.answered(request.unit_id, now_s(), same_request=repeated):
            raise DoubtfulAnswerError("perhaps the answer to an earlier request")
        if refusal is not None:
            raise refusal
        return registers

    def _emit(self, driver: D, events: Sequence[DeviceEvent]) -> None:
        """Pass events on, unless the device was removed during the request."""
        if driver in self._leaving or driver not in self.drivers:
            return
        for event in events:
            self._on_event(event)
