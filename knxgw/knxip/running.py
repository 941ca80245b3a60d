"""The server from its start to its stop: sockets around the endpoint, and a worker for each connection.

A worker carries out what its client asks, in order: a frame onto the line, a property of the device. What a
client has asked before it leaves is still done.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from xknx.cemi import CEMILData
from xknx.telegram.address import IndividualAddress

from knxgw.knx.frames import Outcome
from knxgw.knx.ip_security import IpSecurity
from knxgw.knx.line import Line
from knxgw.knxip.cemi import Reset, WriteProperty
from knxgw.knxip.channel import Channel
from knxgw.knxip.clients import Clients
from knxgw.knxip.device_management import perform
from knxgw.knxip.effects import Closed, Effect, Manage, Opened, Send, Transmit
from knxgw.knxip.endpoint import KnxIpEndpoint
from knxgw.knxip.numbered import TUNNEL_PATIENCE, Sender
from knxgw.knxip.ports import Description, PropertyServer
from knxgw.knxip.sockets import Hooks, Sockets
from knxgw.knxip.statistics import Statistics
from knxgw.knxip.wire import Place

log = logging.getLogger(__name__)
SHORTEST_WAIT_S = TUNNEL_PATIENCE.timeout_s  # of all that the server waits for
LAST_REQUESTS_S = 1.0  # in which what clients have asked is still done at the end


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """The device that is served."""

    line: Line
    describe: Callable[[], Description]
    properties: PropertyServer
    secure: Callable[[], IpSecurity] = IpSecurity


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is taken at once."""

    streams: int  # TCP connections
    management: int  # device management connections


class RunningServer:
    """Between `open` and `close`; used once. It hears sockets only while it has an endpoint."""

    def __init__(self, device: Device, limits: Limits, statistics: Statistics) -> None:
        self._device, self._limits, self._statistics = device, limits, statistics
        self._clients = Clients(limits.streams, self, statistics)
        self._sockets = Sockets()
        self._endpoint: KnxIpEndpoint | None = None
        self._workers: dict[Channel, _Worker] = {}
        self._group = asyncio.TaskGroup()
        self._busy: set[asyncio.Task[None]] = set()
        self._serving: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._now_s: Callable[[], float] = float  # the clock of the loop, once it runs

    @property
    def port(self) -> int:
        """Return the port it listens at."""
        return self._sockets.own.port

    @property
    def streams(self) -> int:
        """Return how many TCP connections there are."""
        return len(self._clients)

    @property
    def endpoint(self) -> KnxIpEndpoint | None:
        """Return what decides; None: it does not run."""
        return self._endpoint

    async def open(self, wanted: Place, *, hears_searches: bool) -> None:
        """Listen there. Raises: LinkError, nothing is open then."""
        hooks = Hooks(
            received=self._received,
            searched=self._searched if hears_searches else None,
            failed=self._not_sent,
            stream=self._clients.protocol,
        )
        await self._sockets.open(wanted, hooks)
        self._endpoint = KnxIpEndpoint(
            self._sockets.own,
            self._device.describe,
            self._statistics,
            self._limits.management,
            self._device.secure,
        )
        is_ready = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._now_s = loop.time
        self._serving = loop.create_task(self._serve(is_ready), name="KNXnet/IP server")
        await is_ready.wait()

    async def failed(self) -> None:
        """Wait until a worker has raised; `close` says what."""
        if self._serving is not None:
            await asyncio.wait({self._serving})

    async def close(self) -> None:
        """Say goodbye and close. Raises: what a worker has raised."""
        if self._endpoint is not None:
            self.apply(self._endpoint.end())
        self._endpoint = None
        self._schedule()
        self._sockets.close()
        await self._clients.close()
        if self._busy:
            await asyncio.wait(self._busy, timeout=LAST_REQUESTS_S)
        if self._serving is not None:
            self._serving.cancel()
            await asyncio.wait({self._serving})
            if not self._serving.cancelled() and (err := self._serving.exception()) is not None:
                raise err

    def apply(self, effects: list[Effect]) -> None:
        """Carry out what the endpoint wants."""
        for effect in effects:
            match effect:
                case Send():
                    self._send(effect)
                case Transmit():
                    self._begin(effect)
                case Manage():
                    self._workers[effect.channel].put(effect)
                case Opened(channel):
                    self._start_worker(channel)
                case Closed(channel):
                    self._end_worker(channel)
        self._schedule()

    def streams_in_use(self) -> frozenset[int]:
        """Return the TCP connections that have connections open."""
        return frozenset() if self._endpoint is None else self._endpoint.streams_in_use

    def stream_opened(self) -> None:
        """Take note of a new TCP connection."""
        self._schedule()

    def stream_said(self, raw: bytes, source: Place) -> None:
        """Take a frame that came by TCP."""
        self._received(raw, source)

    def stream_held(self, stream: int, *, is_held: bool) -> None:
        """Send nothing to the tunnels of a slow client, or go on."""
        if self._endpoint is None:
            return
        if is_held:
            self._endpoint.hold(stream)
        else:
            self.apply(self._endpoint.release(stream, self._now_s()))

    def stream_closed(self, stream: int) -> None:
        """End what was open in a TCP connection."""
        if self._endpoint is not None:
            self.apply(self._endpoint.lose_stream(stream))

    def _received(self, raw: bytes, source: Place) -> None:
        if self._endpoint is not None:
            self.apply(self._endpoint.take(raw, source, self._now_s()))

    def _searched(self, raw: bytes, source: Place) -> None:
        if self._endpoint is not None:
            self.apply(self._endpoint.take(raw, source, self._now_s(), by_multicast=True))

    def _not_sent(self) -> None:
        self._statistics.not_sent += 1

    def _send(self, effect: Send) -> None:
        if effect.to.stream is not None:
            raw = effect.raw if effect.to.session is None else self._sealed(effect)
            if raw is not None:
                self._clients.send(raw, effect.to.stream)
        elif not self._sockets.send(effect.raw, effect.to):
            self._not_sent()

    def _sealed(self, effect: Send) -> bytes | None:
        """Return what goes into a session, None: that is no more."""
        return None if self._endpoint is None else self._endpoint.sealed(effect)

    def _start_worker(self, channel: Channel) -> None:
        tunnel = None
        if channel.address is not None:
            tunnel = _Tunnel(
                channel.address, channel.sender, lambda data: self._indicate(channel, data)
            )
            self._device.line.join(tunnel)
        worker = self._workers[channel] = _Worker(tunnel)
        task = self._group.create_task(self._carry_out(worker), name=f"channel {channel.number}")
        self._busy.add(task)
        task.add_done_callback(self._busy.discard)

    def _end_worker(self, channel: Channel) -> None:
        worker = self._workers.pop(channel)
        if worker.tunnel is not None:
            self._device.line.leave(worker.tunnel)
        worker.put(None)

    def _indicate(self, channel: Channel, data: CEMILData) -> None:
        if self._endpoint is not None:
            self.apply(self._endpoint.indicate(channel, data, self._now_s()))

    def _say(self, channel: Channel, cemi: bytes) -> None:
        if self._endpoint is not None:
            self.apply(self._endpoint.say(channel, cemi, self._now_s()))

    async def _serve(self, is_ready: asyncio.Event) -> None:
        async with self._group:
            is_ready.set()
            await asyncio.Event().wait()  # until it is cancelled

    def _begin(self, asked: Transmit) -> None:
        """Send a frame on the line: at once, unless it or an earlier one has to wait for the wire.

        Its client hears that it is on the line before the line has it: so it can acknowledge that while others
        take the frame.
        """
        worker, line = self._workers[asked.channel], self._device.line
        tunnel = worker.tunnel
        outcome = None
        if tunnel is not None and worker.is_idle:
            outcome = line.outcome_at_once(tunnel, asked.data)
        if tunnel is None or outcome is None:
            worker.put(asked)
            return
        self._transmitted(asked, outcome)
        if outcome is Outcome.CONFIRMED:
            try:
                line.carry(tunnel, asked.data)
            except Exception as err:  # noqa: BLE001 - a mistake of ours: the worker raises it, not the socket
                worker.put(err)

    async def _carry_out(self, worker: "_Worker") -> None:
        while (asked := await worker.requests.get()) is not None:
            if isinstance(asked, Exception):
                raise asked
            if isinstance(asked, Manage):
                await self._manage(asked)
            elif worker.tunnel is not None:
                outcome = await self._device.line.send(worker.tunnel, asked.data)
                self._transmitted(asked, outcome)
            worker.unfinished -= 1

    def _transmitted(self, asked: Transmit, outcome: Outcome) -> None:
        if self._endpoint is not None:
            now_s = self._now_s()
            self.apply(self._endpoint.transmitted(asked.channel, asked.cemi, outcome, now_s))

    async def _manage(self, asked: Manage) -> None:
        channel, request = asked.channel, asked.request
        channel.writes = request.address if isinstance(request, WriteProperty) else None
        answer = await perform(
            request, self._device.properties, lambda cemi: self._say(channel, cemi)
        )
        channel.writes = None
        is_ending = isinstance(request, Reset) and await self._device.properties.reset()
        if self._endpoint is None:
            return
        self.apply(self._endpoint.managed(channel, answer, self._now_s()))
        if is_ending:
            log.info("KNXnet/IP server: a client restarts the IP side; connections end")
            self.apply(self._endpoint.end())

    def _tick(self) -> None:
        self._timer = None
        self._clients.tick(self._now_s())
        if self._endpoint is not None:
            self.apply(self._endpoint.tick(self._now_s()))

    def _schedule(self) -> None:
        """Have `_tick` called when something is due.

        What becomes due later than that does so `SHORTEST_WAIT_S` from now or later, so that one look in that
        time is enough: not each frame has to ask everybody.
        """
        if self._endpoint is None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            return
        if self._timer is not None:
            return
        due_at = self._due_at(self._endpoint)
        if due_at is not None:
            loop = asyncio.get_running_loop()
            at = min(due_at, loop.time() + SHORTEST_WAIT_S)
            self._timer = loop.call_at(at, self._tick)

    def _due_at(self, endpoint: KnxIpEndpoint) -> float | None:
        moments = (endpoint.due_at(), self._clients.due_at())
        return min((one for one in moments if one is not None), default=None)


class _Tunnel:
    """An open tunnel as the line sees it."""

    def __init__(
        self, address: IndividualAddress, sender: Sender, take: Callable[[CEMILData], None]
    ) -> None:
        self._address, self._sender, self._take = address, sender, take

    @property
    def individual_address(self) -> IndividualAddress:
        return self._address

    @property
    def is_behind(self) -> bool:
        return self._sender.waiting > 0

    def take(self, data: CEMILData) -> None:
        self._take(data)


_Asked = Transmit | Manage | Exception | None


class _Worker:
    """What a connection has to do, and as whom."""

    def __init__(self, tunnel: _Tunnel | None) -> None:
        self.tunnel = tunnel
        self.requests: asyncio.Queue[_Asked] = asyncio.Queue()  # few: see the channel
        self.unfinished = 0

    @property
    def is_idle(self) -> bool:
        """Tell whether everything is done that was asked before."""
        return not self.unfinished

    def put(self, asked: "_Asked") -> None:
        """Have a request carried out after all before, or an error raised; None: that was the last one."""
        self.unfinished += 1
        self.requests.put_nowait(asked)
