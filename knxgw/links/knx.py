"""The KNX link port: carries cEMI frames both ways, whatever the wire is.

A link is opened, used and closed by one session; when it is lost, `send` and `check` raise
LinkError and the session ends. xknx's own transports do the work; its reconnecting, its queues and
`XKNX.start()` are not used. What Data Secure makes of a frame is decided above, in the port.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Protocol

from xknx import XKNX
from xknx.cemi import CEMIFrame, CEMILData, CEMIMessageCode
from xknx.core import XknxConnectionState
from xknx.exceptions import (
    CommunicationError,
    ConversionError,
    UnsupportedCEMIMessage,
    XKNXException,
)
from xknx.telegram.address import IndividualAddress
from xknx.telegram.tpci import TDataConnected

from knxgw.errors import LinkError
from knxgw.knx.flow_counts import FlowCounts
from knxgw.knx.frames import Outcome
from knxgw.knx.group_telegram import read_group_telegram
from knxgw.knx.raw_service import as_can_be_written, with_unread_service
from knxgw.links.knx_guard import Hooks
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.links.network_adapter import AdapterWatch
from knxgw.objects.outbox import ResponseLimits

log = logging.getLogger(__name__)
wire = logging.getLogger("knxgw.wire.knx")
CONFIRMATION_TIMEOUT_S = 3.0
ALIVE_CHECK_S = 10.0  # far below the 60 s of the standard: a dead interface must be noticed
ROUTING_SLOT_S = 0.02  # a routing sender may send one telegram each 20 ms

_DATA_INDICATION = bytes([CEMIMessageCode.L_DATA_IND.value])

OnFrame = Callable[[CEMILData], None]


class KnxLink(Protocol):
    """What the gateway needs of a KNX link."""

    response_limits: ResponseLimits  # how many answers may wait on this link
    malformed: int  # frames that could not be read, counted since the start
    flow: FlowCounts  # what came or went too fast

    @property
    def individual_address(self) -> IndividualAddress:
        """Return our address on this link."""

    def take_address(self, address: IndividualAddress) -> bool:
        """Use another address; tell whether this link can: that of a tunnel belongs to its interface."""

    def keep_numbers(self, numbers: SecureNumbers) -> None:
        """Hear where the timer of IP Secure routing is kept; before `open`."""

    async def open(self, on_frame: OnFrame, on_lost: Callable[[], None]) -> None:
        """Connect. Raises: LinkError."""

    async def send(self, data: CEMILData) -> Outcome:
        """Send one frame and wait for its confirmation. Raises: LinkError."""

    @property
    def sends_at_once(self) -> bool:
        """Tell whether a frame may be sent now, and nobody confirms it: then `send_at_once` does."""

    def send_at_once(self, data: CEMILData) -> Outcome:
        """Send one frame while `sends_at_once`; one that does not get out is dropped, and `check` says why."""

    async def check(self) -> None:
        """Make sure that the other side is still there. Raises: LinkError."""

    @property
    def has_room(self) -> bool:
        """Tell whether a telegram that was not requested may be sent now without delaying answers.

        Always, unless a link with a limit of telegrams per second says otherwise.
        """

    def note_backlog(self, waiting: int, now_s: float) -> None:
        """Hear how many answers wait, so that senders can be asked to slow down."""

    def note_lost(self, count: int) -> None:
        """Hear that telegrams could not be taken, so that senders can be told."""

    async def until_ready(self) -> bool:
        """Wait until a frame would be sent at once; return whether that took any time."""

    async def close(self) -> None:
        """Disconnect; never raises."""


class XknxLink(ABC):
    """A link on one of xknx's interfaces."""

    response_limits = ResponseLimits()

    def __init__(self) -> None:
        self.malformed = 0
        self.flow = FlowCounts()
        self.strangers = 0
        self.confirmations_missed = 0
        self.confirmations_negative = 0
        self._numbers: SecureNumbers | None = None
        self._xknx = XKNX()
        self._hooks = Hooks(
            received=self._received,
            malformed=self._malformed,
            stranger=self._stranger,
            failed=self._failed,
        )
        self._on_frame: OnFrame | None = None
        self._on_lost: Callable[[], None] | None = None
        self._confirmed = asyncio.Event()
        self._outcome = Outcome.CONFIRMED  # of the last confirmation
        self._lost: str | None = None
        self._failure: str | None = None  # why the system does not send
        self._adapter: AdapterWatch | None = None  # of the connection that there is

    def counted(self) -> Mapping[str, int]:
        """Return what was counted since the start, by name."""
        return {
            "malformed": self.malformed,
            "strangers": self.strangers,
            "confirmations_missed": self.confirmations_missed,
            "confirmations_negative": self.confirmations_negative,
        }

    def keep_numbers(self, numbers: SecureNumbers) -> None:
        """Hear where the timer of IP Secure routing is kept; before `open`."""
        self._numbers = numbers

    @property
    def individual_address(self) -> IndividualAddress:
        """Return our address on this link."""
        return self._xknx.current_address

    def take_address(self, address: IndividualAddress) -> bool:
        """Use another address; tell whether this link can."""
        return False

    @property
    def has_room(self) -> bool:
        """Tell whether a telegram that was not requested may be sent now without delaying answers.

        Always, unless a link with a limit of telegrams per second says otherwise.
        """
        return True

    @abstractmethod
    async def _connect(self) -> None:
        """Connect the interface. Raises: xknx's exceptions, OSError."""

    @abstractmethod
    async def _send(self, frame: CEMIFrame) -> None:
        """Send through the interface."""

    @abstractmethod
    async def _disconnect(self) -> None:
        """Close the interface."""

    async def open(self, on_frame: OnFrame, on_lost: Callable[[], None]) -> None:
        """Connect. Raises: LinkError."""
        self._on_frame, self._on_lost, self._lost = on_frame, on_lost, None
        self._failure = None
        self._xknx = XKNX()
        self._xknx.connection_manager.register_connection_state_changed_cb(self._state_changed)
        try:
            await self._connect()
        except (XKNXException, OSError) as err:
            self._raise_failure()
            raise LinkError(str(err)) from err
        self._raise_failure()

    def _raise_failure(self) -> None:
        """Raise LinkError when the system has not sent something: that is the cause."""
        if self._failure is not None:
            raise LinkError(self._failure)

    async def send(self, data: CEMILData) -> Outcome:
        """Send one frame and wait for its confirmation. Raises: LinkError."""
        if self._lost is not None:
            raise LinkError(self._lost)
        self._confirmed.clear()
        try:
            await self._send(CEMIFrame(code=CEMIMessageCode.L_DATA_REQ, data=data))
        except (CommunicationError, OSError) as err:
            raise LinkError(f"sending failed: {err}") from err
        except ConversionError:  # it is too long: that must not end the link, nor the program
            log.warning("a frame to %s cannot be written and is dropped", data.dst_addr)
            return Outcome.DROPPED
        if not self._confirmed.is_set():
            await self._wait_confirmed(data)
        if self._lost is not None:  # it may have got lost on its way
            raise LinkError(self._lost)
        return self._outcome if self._confirmed.is_set() else Outcome.UNCONFIRMED

    @property
    def sends_at_once(self) -> bool:
        """Tell whether a frame may be sent now without a word of anybody: not where frames are confirmed."""
        return False

    def send_at_once(self, data: CEMILData) -> Outcome:
        """Send one frame, on a link that can."""
        raise NotImplementedError

    async def _wait_confirmed(self, data: CEMILData) -> None:
        try:
            async with asyncio.timeout(CONFIRMATION_TIMEOUT_S):
                await self._confirmed.wait()
        except TimeoutError:
            self.confirmations_missed += 1
            wire.warning("no confirmation for a telegram to %s", data.dst_addr)

    async def check(self) -> None:
        """Make sure that the other side is still there. Raises: LinkError."""
        if self._lost is not None:
            raise LinkError(self._lost)
        why = self._adapter.trouble() if self._adapter is not None else None
        if why is not None:
            raise LinkError(why)

    def note_backlog(self, waiting: int, now_s: float) -> None:  # noqa: B027 - nothing to do here
        """Hear how many answers wait; a tunnel's acknowledgements slow its client down already."""

    def note_lost(self, count: int) -> None:
        """Count telegrams that could not be taken; in a tunnel nobody can be told."""
        self.flow.lost_here += count

    async def until_ready(self) -> bool:
        """Wait until a frame would be sent at once; return whether that took any time.

        It takes none, unless a link with a limit of telegrams per second says otherwise.
        """
        return False

    async def close(self) -> None:
        """Disconnect; never raises."""
        self._on_frame = self._on_lost = None
        try:
            async with asyncio.timeout(1.0):
                await self._disconnect()
        except (XKNXException, OSError, TimeoutError) as err:
            log.debug("closing the KNX link: %s", err)

    def _state_changed(self, state: XknxConnectionState) -> None:
        if state is XknxConnectionState.DISCONNECTED:
            self._note_lost("connection closed")

    def _note_lost(self, why: str) -> None:
        if self._lost is None:
            self._lost = why
            self._confirmed.set()
            if self._on_lost is not None:
                self._on_lost()

    def _failed(self, error: Exception) -> None:
        """Hear that the system does not send: no route, no adapter, forbidden."""
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        self._failure = f"sending failed: {reason}"
        self._note_lost(self._failure)

    def _stranger(self, raw: bytes) -> None:
        self.strangers += 1
        if self.strangers == 1:
            log.warning(
                "frame of an unknown sender in our tunnel dropped (further ones are only counted)"
            )
        wire.debug("of an unknown sender: %s", raw.hex())

    def _malformed(self, raw: bytes) -> None:
        self.malformed += 1
        if self.malformed == 1:
            log.warning("malformed KNXnet/IP frame dropped (further ones are only counted)")
        wire.debug("malformed: %s", raw.hex())

    def _received(self, raw: bytes) -> None:
        """Take cEMI bytes from xknx; nothing that comes from the network may raise here."""
        telegram = read_group_telegram(raw) if raw[:1] == _DATA_INDICATION else None
        if telegram is not None:
            if self._on_frame is not None:
                self._on_frame(telegram)
            return
        try:
            frame = CEMIFrame.from_knx(raw)
        except UnsupportedCEMIMessage as err:  # well formed, but a service nobody here speaks
            wire.debug("not for us: %s", err)
            self._unread(raw)
            return
        except (XKNXException, IndexError, ValueError):
            self._malformed(raw)
            self._unread(raw)
            return
        if not isinstance(frame.data, CEMILData):
            return
        if frame.code is CEMIMessageCode.L_DATA_CON:
            if frame.data.flags.confirm_error:  # the line did not take it; nobody repeats it
                self.confirmations_negative += 1
            is_refused = frame.data.flags.confirm_error
            self._confirm(Outcome.REFUSED if is_refused else Outcome.CONFIRMED)
        elif frame.code is CEMIMessageCode.L_DATA_IND and self._on_frame is not None:
            self._on_frame(as_can_be_written(frame.data, raw[2 + raw[1] :]))

    def _confirm(self, outcome: Outcome) -> None:
        """Note what the line says of the frame that was sent."""
        self._outcome = outcome
        self._confirmed.set()

    def _unread(self, raw: bytes) -> None:
        """Hand on a frame whose service cannot be read: a device acknowledges it all the same."""
        if raw[:1] == _DATA_INDICATION and len(raw) > 1 and self._on_frame is not None:
            data = with_unread_service(raw[2 + raw[1] :])
            if data is not None and isinstance(data.tpci, TDataConnected):
                self._on_frame(data)
