"""The KNX port: every frame of a link goes to those who registered for its kind, and theirs go out.

The port owns the session on a link. Between the two stands Data Secure, where the installation uses
it: frames come to receivers verified and decrypted, with a word about how they were secured.

Two ways to send: a receiver hands over single frames (`send`) and learns what became of each; a
source is asked for its next frame when the line is free, so that it can always send its newest
value. The frame with the highest KNX priority goes first; at equal priority sources take turns.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from xknx.cemi import CEMILData, CEMIPriority
from xknx.telegram.address import IndividualAddress
from xknx.telegram.apci import SecureAPDU

from knxgw.errors import Finding, LinkError
from knxgw.knx.flow_counts import FlowCounts
from knxgw.knx.frames import RANK, FrameKind, Outcome, Outgoing, Security, kind_of
from knxgw.links.knx import ALIVE_CHECK_S, ROUTING_SLOT_S, KnxLink
from knxgw.links.knx_data_secure import WITH_TOOL_KEY, DataSecureStage
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.links.knx_send_queue import SendQueue
from knxgw.links.link_log import LinkLog
from knxgw.objects.outbox import ResponseLimits

log = logging.getLogger(__name__)
wire = logging.getLogger("knxgw.wire.knx")


@dataclass(frozen=True, slots=True, kw_only=True)
class BusAttachment:
    """How this device is attached to KNX: a link, and what a keyring secures on it."""

    link: KnxLink
    data_secure: DataSecureStage = field(default_factory=DataSecureStage)
    risks: tuple[Finding, ...] = ()  # what is not secured although a keyring is there
    secrets: tuple[str | bytes, ...] = field(default=(), repr=False)  # that no log may show
    overhear: Callable[[CEMILData], None] | None = None  # every frame, whoever it is for

    @property
    def response_limits(self) -> ResponseLimits:
        """Return how many answers may wait on this link."""
        return self.link.response_limits

    def keep_numbers(self, numbers: SecureNumbers) -> None:
        """Hear where secure numbers are kept; before the port runs."""
        self.link.keep_numbers(numbers)
        self.data_secure.keep_numbers(numbers)


class Tap(Protocol):
    """Sees every frame in plain, whoever it is for; called in the receive path, so it only notes."""

    def received(self, data: CEMILData, security: Security) -> None:
        """See a frame that has come."""

    def refused(self, data: CEMILData) -> None:
        """See a frame that Data Secure has refused, as it came; nobody else gets it."""

    def sent(self, data: CEMILData, outcome: Outcome, *, is_secure: bool) -> None:
        """See a frame that has gone out."""


class Receiver(Protocol):
    """Takes the frames of a kind; called from the link's receive path, so it only queues."""

    def take(self, data: CEMILData, security: Security) -> None:
        """Take a frame."""

    def link_up(self) -> None:
        """Hear that frames can be sent from now on."""

    def link_down(self) -> None:
        """Hear that the link is lost: whoever waits for an answer has given up."""


class Source(Protocol):
    """Has frames to send when the line is free."""

    def due(self, now_s: float, *, requested_only: bool) -> CEMIPriority | None:
        """Return the priority of the frame that may be sent now, None without one.

        `requested_only`: there is room only for what somebody waits for.
        """

    def next_frame(self, now_s: float, *, requested_only: bool) -> Outgoing | None:
        """Return the frame that is sent now; `finished` follows. None: it is not wanted any more."""

    def finished(self, outcome: Outcome) -> None:
        """Hear what became of the frame."""

    def wait_s(self, now_s: float) -> float:
        """Return how long until something may have to be sent [s]."""


class KnxPort:
    """The one place where frames of this device come in and go out."""

    def __init__(self, attachment: BusAttachment, tap: Tap | None = None) -> None:
        self._link = attachment.link
        self._tap = tap
        self.data_secure = attachment.data_secure
        self._overhear = attachment.overhear
        self._receivers: dict[FrameKind, list[Receiver]] = {kind: [] for kind in FrameKind}
        self._queue = SendQueue()
        self._sources: list[Source] = [self._queue]  # who has sent last stands last
        self._wake = asyncio.Event()
        self._is_waiting = False  # for something to send: nothing is being sent
        self._alarm: asyncio.TimerHandle | None = None  # when it is looked again, at the latest
        self._check_at = 0.0  # when the link is to be checked [monotonic s]
        self._link_log = LinkLog("KNX", log)
        self.is_up = False
        self.up_since: float | None = None  # when the link came up last [monotonic s]
        self.lost_at: float | None = None  # when the link went [monotonic s]
        self.telegram_at: float | None = None  # when the last frame came or went [monotonic s]
        self.received = 0
        self.sent = 0
        self.unclaimed = 0  # frames to somebody else, or of a kind that nobody has registered for

    @property
    def is_secure(self) -> bool:
        """Tell whether group telegrams are secured."""
        return self.data_secure.has_groups

    @property
    def individual_address(self) -> IndividualAddress:
        """Return our address on the link."""
        return self._link.individual_address

    def take_address(self, address: IndividualAddress) -> bool:
        """Use another address on the link; tell whether it can."""
        return self._link.take_address(address)

    # --- those who speak here

    def register(self, receiver: Receiver, *kinds: FrameKind) -> None:
        """Hand all frames of these kinds to `receiver` from now on."""
        for kind in kinds:
            self._receivers[kind].append(receiver)
        if self.is_up:
            receiver.link_up()

    def unregister(self, receiver: Receiver) -> None:
        """Hand nothing more to `receiver`."""
        for receivers in self._receivers.values():
            if receiver in receivers:
                receivers.remove(receiver)

    def add_source(self, source: Source) -> None:
        """Ask `source` for frames from now on."""
        self._sources.append(source)
        self._wake.set()

    def remove_source(self, source: Source) -> None:
        """Ask `source` no more."""
        self._sources.remove(source)

    def send(self, data: CEMILData, security: Security = Security.PLAIN) -> asyncio.Future[Outcome]:
        """Send a frame as soon as its priority allows; return what will have become of it.

        A frame that still waits is taken back when its future is cancelled.
        """
        outcome = self._queue.add(Outgoing(data, security), is_open=self.is_up)
        self._wake.set()
        return outcome

    def note_backlog(self, waiting: int) -> None:
        """Hear how many answers wait, so that senders can be asked to slow down."""
        self._link.note_backlog(waiting, asyncio.get_running_loop().time())

    def note_lost(self, count: int = 1) -> None:
        """Hear that telegrams could not be taken, so that senders can be told."""
        self._link.note_lost(count)

    @property
    def flow(self) -> FlowCounts:
        """Return what came or went too fast on the link."""
        return self._link.flow

    @property
    def overflowed(self) -> int:
        """Return how many single frames were dropped as too many waited."""
        return self._queue.overflowed

    def wake(self) -> None:
        """Look for something to send: a value has changed."""
        self._wake.set()

    # --- life

    async def run(self) -> NoReturn:
        """Open the link and serve it. Raises: LinkError when it is lost."""
        loop = asyncio.get_running_loop()
        try:
            await self.data_secure.begin()
            await self._link.open(self._on_frame, self._note_lost)
            self.is_up, self.up_since = True, loop.time()
            self._link_log.up(loop.time(), f"individual address {self.individual_address}")
            for receiver in self._all_receivers():
                receiver.link_up()
            self._check_at = loop.time() + ALIVE_CHECK_S
            while True:
                await self._send_due(loop)
                if loop.time() >= self._check_at:
                    self._check_at = loop.time() + ALIVE_CHECK_S
                    await self._check()
                await self._wait(loop)
        finally:
            if self.is_up:
                self.lost_at = loop.time()
            self.is_up = False
            self._silence()
            self._queue.drop()
            for receiver in self._all_receivers():
                receiver.link_down()
            await self._link.close()

    def failed(self, error: LinkError) -> None:
        """Hear that a session has ended, or has not begun."""
        self._link_log.failed(str(error), asyncio.get_running_loop().time())

    def _all_receivers(self) -> list[Receiver]:
        """Return each receiver once, in the order they have registered."""
        return list(dict.fromkeys(one for some in self._receivers.values() for one in some))

    async def _check(self) -> None:
        self.data_secure.settle()
        await self._link.check()

    def _note_lost(self) -> None:
        """Check the link in the next turn: it says that it is lost."""
        self._check_at = 0.0
        self._wake.set()

    # --- out

    def answer(self) -> None:
        """Send what somebody waits for: now, without a turn of the loop, where that needs no waiting."""
        now_s = asyncio.get_running_loop().time()
        while self._is_waiting and not self.is_secure and self._link.sends_at_once:
            source = self._next_source(now_s, requested_only=True)
            if source is None:
                return
            if source is self._queue:
                break  # a single frame may have to be secured
            outgoing = self._take(source, now_s, requested_only=True)
            if outgoing is None:
                continue
            outcome = Outcome.DROPPED
            try:
                outcome = self._link.send_at_once(outgoing.data)
                self._note_sent(outgoing, outgoing.data, outcome)
            finally:
                self._finish(source, outcome)
        self._wake.set()

    async def _send_due(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            requested_only = not self._link.has_room
            if self._next_source(loop.time(), requested_only=requested_only) is None:
                return
            if await self._link.until_ready():
                continue  # what is newest now is sent
            source = self._next_source(loop.time(), requested_only=requested_only)
            if source is None:
                continue
            outgoing = self._take(source, loop.time(), requested_only=requested_only)
            if outgoing is None:
                continue
            outcome = Outcome.DROPPED
            try:
                outcome = await self._send(outgoing)
            finally:
                self._finish(source, outcome)

    def _take(self, source: Source, now_s: float, *, requested_only: bool) -> Outgoing | None:
        """Return what a source sends next; None: it is not wanted any more. Others come before it then."""
        outgoing = source.next_frame(now_s, requested_only=requested_only)
        if outgoing is not None:
            self._sources.remove(source)
            self._sources.append(source)
        return outgoing

    def _finish(self, source: Source, outcome: Outcome) -> None:
        if outcome is not Outcome.DROPPED:
            self.sent += 1
            self.telegram_at = asyncio.get_running_loop().time()
        source.finished(outcome)

    def _next_source(self, now_s: float, *, requested_only: bool) -> Source | None:
        """Return who sends next: the highest priority, of equal ones who has waited longest."""
        best: Source | None = None
        best_rank = len(RANK)
        for source in self._sources:
            priority = source.due(now_s, requested_only=requested_only)
            if priority is not None and RANK[priority] < best_rank:
                best, best_rank = source, RANK[priority]
        return best

    async def _send(self, outgoing: Outgoing) -> Outcome:
        """Secure a frame and send it. Raises: LinkError."""
        data = await self.data_secure.outgoing(outgoing)
        if data is None:  # what is to be secured never goes out plain
            wire.warning(
                "frame to %s dropped: no key or number to secure it", outgoing.data.dst_addr
            )
            return Outcome.DROPPED
        outcome = await self._link.send(data)
        self._note_sent(outgoing, data, outcome)
        return outcome

    def _note_sent(self, outgoing: Outgoing, data: CEMILData, outcome: Outcome) -> None:
        if self._tap is not None:
            self._tap.sent(outgoing.data, outcome, is_secure=isinstance(data.payload, SecureAPDU))
        if wire.isEnabledFor(logging.DEBUG):
            shown = _shown(outgoing.data, outgoing.security)
            wire.debug("sent %s %s", outgoing.data.dst_addr, shown)

    async def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        """Wait until something is to be sent or checked, or may be: then it is looked again."""
        now_s = loop.time()
        timeout_s = min(source.wait_s(now_s) for source in self._sources)
        if not self._link.has_room:
            timeout_s = max(timeout_s, ROUTING_SLOT_S)
        due_at = min(now_s + max(0.0, timeout_s), self._check_at)
        if self._alarm is None or due_at < self._alarm.when():  # an earlier alarm is good enough
            self._silence()
            self._alarm = loop.call_at(due_at, self._rouse)
        self._is_waiting = True
        try:
            await self._wake.wait()
        finally:
            self._is_waiting = False
        self._wake.clear()

    def _rouse(self) -> None:
        self._alarm = None
        self._wake.set()

    def _silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    # --- in

    def _on_frame(self, data: CEMILData) -> None:
        """Take a frame from the link."""
        if self._overhear is not None:
            self._overhear(data)
        kind = kind_of(data, self._link.individual_address)
        if kind is None:
            self.unclaimed += 1
            return
        # also what nobody takes: otherwise a recording of it would pass for new later
        verified = self.data_secure.received(data)
        if verified is None:
            if self._tap is not None:
                self._tap.refused(data)
            return
        data, security = verified
        self.received += 1
        self.telegram_at = asyncio.get_running_loop().time()
        if self._tap is not None:
            self._tap.received(data, security)
        if wire.isEnabledFor(logging.DEBUG):
            wire.debug("received %s -> %s %s", data.src_addr, data.dst_addr, _shown(data, security))
        receivers = self._receivers[kind]
        if not receivers:
            self.unclaimed += 1
        for receiver in tuple(receivers):
            receiver.take(data, security)


def _shown(data: CEMILData, security: Security) -> object:
    """Return what the log shows of a frame: of what only a tool may know, the kind and no more."""
    if data.payload is None:
        return data.tpci
    return security.value if security in WITH_TOOL_KEY else data.payload
