"""The KNX device on the port: what tools ask of it goes in, its answers go out, changes are stored before that.

One request after the other: the answer to what was written leaves once it survives a power cut.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from xknx.cemi import CEMILData
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import IndividualAddressRead, ReturnCode

from knxgw.device.access import WITHOUT_LINE
from knxgw.device.download import Download, Stage, is_empty, stage_of
from knxgw.device.function_result import FunctionResult
from knxgw.device.ip_settings import IpSettings
from knxgw.device.kept_state import state_bytes
from knxgw.device.knx_device import KnxDevice, Output, Restart, Send
from knxgw.device.last_download import DownloadLog, LastDownload, Tool, Way
from knxgw.device.model import Elements, PropertyError, Unsaved
from knxgw.device.secured_groups import secured_groups, security_of
from knxgw.device.security import SENDING_NUMBER, Refused
from knxgw.device.services import EraseCode
from knxgw.knx.frames import FrameKind, Outcome, Security
from knxgw.knx.secure_apdu import Failure
from knxgw.links.knx_data_secure import NO_GROUPS
from knxgw.links.knx_delayed_answers import DelayedAnswers
from knxgw.links.knx_port import KnxPort
from knxgw.links.knx_secure_groups import GroupKeys
from knxgw.links.knx_tool_key import ToolAccess

log = logging.getLogger(__name__)
MOST_WAITING = 64  # frames; a tool sends one after the other
SENT_S = 3.0  # for the last answers, before the device restarts
_SOONEST_S = 0.001

StoreDevice = Callable[
    [bytes, Mapping[int, bytes]], Awaitable[None]
]  # state, memory. Raises: OSError


@dataclass(frozen=True, slots=True)
class Local:
    """An APDU of a tool that manages the device without a line."""

    apdu: bytes
    answer: Callable[[bytes], None]


@dataclass(frozen=True, slots=True)
class LocalWrite:
    """Elements of a property that such a tool writes."""

    elements: Elements
    data: bytes
    outcome: asyncio.Future[ReturnCode]


@dataclass(frozen=True, slots=True)
class LocalCall:
    """A function property that such a tool calls."""

    function: Elements
    data: bytes
    is_command: bool
    outcome: asyncio.Future[FunctionResult | None]  # None: there is no such function


@dataclass(frozen=True, slots=True)
class Settled:
    """IP settings that hold now, or cannot."""

    settings: IpSettings
    done: asyncio.Future[None]


@dataclass(frozen=True, slots=True)
class OnLine:
    """A frame that has come on the line, opened."""

    data: CEMILData
    security: Security


Request = OnLine | Local | LocalWrite | LocalCall | Settled


class KnxManagement:
    """Serves whoever manages the device, over whichever port there is."""

    def __init__(
        self,
        device: KnxDevice,
        store: StoreDevice,
        on_stage: Callable[[Stage], None],
        last: LastDownload | None = None,
        now: Callable[[], datetime | None] = lambda: None,
    ) -> None:
        """Serve a device; `on_stage`: what ETS has made of it has changed, and holds from now on.

        `last`: the last download that was stored. `now`: the time of day, None while it is not valid.
        """
        self.device = device
        self.client_of: Callable[[IndividualAddress | None], str | None] = lambda _address: None
        self._downloads, self._now = DownloadLog(device.model, last), now
        self.download = Download(stage_of(device.model))
        self.requests = 0  # of tools, to this device
        # that were written before the last restart, and do not hold yet; whoever sets them takes them
        self.ip_settings = device.model.written_ip_settings
        self.on_key: Callable[[bytes], None] = lambda _key: None  # of now; no log may show it
        self.on_restart: Callable[[], None] = lambda: None  # of the device or its IP side
        self.on_served: Callable[[], None] = lambda: None  # the device may be another now
        self._store = store
        self._on_stage = on_stage
        self._port: KnxPort | None = None
        self._keyring_groups = NO_GROUPS  # of the port; what ETS has loaded comes before them
        self._tool_access: ToolAccess | None = None  # of the port
        self._security_in_force = security_of(device.model)
        self._waiting: asyncio.Queue[Request] = asyncio.Queue(MOST_WAITING)
        self.delayed = DelayedAnswers(self._send_now)
        self.dropped = 0  # frames that were too many

    # --- the port

    def join(self, port: KnxPort | None) -> None:
        """Use a port from now on, None: there is none."""
        if self._port is not None:
            self._port.unregister(self)
            self.device.model.address.of_interface = None
        self.delayed.clear()
        self._port = port
        if port is not None:
            self._keyring_groups, self._tool_access = port.data_secure.keyring, None
            port.data_secure.on_refused = self._note_refused
            self._use_tool_key()
            self._use_group_keys()
            port.register(self, FrameKind.BROADCAST, FrameKind.INDIVIDUAL, FrameKind.CONTROL)
            self._use_address()

    def link_up(self) -> None:
        """Have the address that the link can have."""
        self._use_address()
        self.on_served()

    def link_down(self) -> None:
        """Forget the connection of a tool that cannot be reached."""
        self.device.link_lost()
        self.delayed.clear()

    def _use_address(self) -> None:
        """Use the address of the device on the link, or that of the link in the device."""
        if self._port is None:
            return
        address = self.device.model.address
        address.of_interface = None
        if not self._port.take_address(self.device.individual_address) and self._port.is_up:
            address.of_interface = self._port.individual_address.raw
        self.delayed.keep_only(self.device.individual_address)

    def _use_tool_key(self) -> None:
        """Let the port use the tool key of now: an answer is secured with the one that was just written."""
        if self._port is None:
            return
        key, serial_number = self.device.model.tool_key, self.device.model.identity.serial_number
        access = None if key is None else ToolAccess(key, serial_number)
        if access == self._tool_access:
            return
        self._tool_access = access
        for one in (self.device.model.identity.fdsk, key):
            if one:
                self.on_key(one)
        self._port.data_secure.use_tool(access)

    def _use_group_keys(self) -> None:
        """Let the port secure group telegrams as the configuration that holds from now on says."""
        if self._port is None:
            return
        model = self.device.model
        is_of_ets = self.download.stage is not Stage.UNTOUCHED
        groups = secured_groups(model) if is_of_ets else None
        self._security_in_force = security_of(model)
        for key in () if groups is None else groups.keys.values():
            self.on_key(key)
        first_own = int.from_bytes(model.kept[SENDING_NUMBER], "big")
        self._port.data_secure.use_groups(
            self._keyring_groups if groups is None else GroupKeys.loaded(groups, first_own)
        )

    def _note_refused(self, failure: Failure, data: CEMILData, number: int) -> None:
        refused = Refused(
            failure=failure,
            source=data.src_addr.raw,
            destination=data.dst_addr.raw,
            is_group=isinstance(data.dst_addr, GroupAddress),
            number=number,
        )
        self.device.model.note_refused(refused)

    @property
    def sending_number(self) -> int:
        """Return the number of the next secured group telegram, 0: not known."""
        return 0 if self._port is None else self._port.data_secure.sending_number

    def take(self, data: CEMILData, security: Security) -> None:
        """Queue a frame for the device."""
        if self._is_forbidden(data, security):
            return
        try:
            self._waiting.put_nowait(OnLine(data, security))
        except asyncio.QueueFull:
            self.dropped += 1
            if self._port is not None:
                self._port.note_lost()

    def _is_forbidden(self, data: CEMILData, security: Security) -> bool:
        """Tell whether a frame may not be served: where a keyring secures the site, tools have to be secured, too.

        While security mode is on, the device itself knows who may ask what. Opening and acknowledging a connection
        is no service: it cannot be secured.
        """
        is_plain = security is Security.PLAIN and not data.tpci.control
        if not is_plain or self.device.model.is_secure or not self._keyring_groups.keys:
            return False
        return not isinstance(data.payload, IndividualAddressRead)

    def take_local(self, apdu: bytes, answer: Callable[[bytes], None]) -> None:
        """Queue an APDU of a tool that manages the device without a line."""
        try:
            self._waiting.put_nowait(Local(apdu, answer))
        except asyncio.QueueFull:
            self.dropped += 1

    async def write_locally(self, elements: Elements, data: bytes) -> ReturnCode:
        """Write a property for a tool without a line, in turn with all requests; it is stored then."""
        written = LocalWrite(elements, data, asyncio.get_running_loop().create_future())
        try:
            self._waiting.put_nowait(written)
        except asyncio.QueueFull:
            self.dropped += 1
            return ReturnCode.E_TEMPORARILY_NOT_AVAILABLE
        return await written.outcome

    async def call_locally(
        self, function: Elements, data: bytes, *, is_command: bool
    ) -> FunctionResult | None:
        """Call a function property for a tool without a line, in turn; what it has changed is stored then.

        None: there is no such function, or too much waits.
        """
        called = LocalCall(function, data, is_command, asyncio.get_running_loop().create_future())
        try:
            self._waiting.put_nowait(called)
        except asyncio.QueueFull:
            self.dropped += 1
            return None
        return await called.outcome

    def last_download(self) -> LastDownload | None:
        """Return the last download, None: there was none."""
        return self._downloads.last(asyncio.get_running_loop().time())

    # --- life

    async def run(self) -> NoReturn:
        """Serve until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            asked = await self._next(loop)
            try:
                await self._serve(asked, loop.time())
                self.on_served()
            except Exception:  # a mistake in here must not end charging
                log.exception("a tool's request was not served")

    async def _serve(self, asked: "Request | None", now_s: float) -> None:
        out: list[Output] = []
        self.requests += self._is_for_us(asked)
        if isinstance(asked, Settled):
            await self._forget(asked)
        elif isinstance(asked, LocalWrite):
            await self._write(asked)
        elif isinstance(asked, LocalCall):
            await self._call(asked)
        elif isinstance(asked, Local):
            out = await self._serve_locally(asked)
        elif asked is None:
            out = self.device.tick(now_s)
        else:
            out = self.device.receive(asked.data, now_s, asked.security)
            self._use_address()  # a tool connects to the address that it has given before that is stored
            if asked.security is not Security.REFUSED:
                self._note(asked)
        has_restarted = any(isinstance(one, Restart) for one in out)
        if await self._carry_out(out):
            if asked is not None and has_restarted:  # it may have erased what was loaded
                self._note(asked)
            self._look_at_stage(has_restarted=has_restarted)
            await self._store_changes()

    def note_restart(self) -> None:
        """Note that the device, or its IP side, has restarted: what was written before is to hold."""
        self.on_restart()
        self.ip_settings = self.device.model.written_ip_settings

    async def forget_ip_settings(self, settled: IpSettings) -> None:
        """Forget what was written once it holds, or cannot, unless a tool has written others; in turn, and stored."""
        done = asyncio.get_running_loop().create_future()
        await self._waiting.put(Settled(settled, done))
        await done

    async def _forget(self, asked: "Settled") -> None:
        if self.device.model.written_ip_settings == asked.settings:
            self.device.model.forget_ip_settings()
            await self._store_changes()
        if not asked.done.done():
            asked.done.set_result(None)

    def _is_for_us(self, asked: "Request | None") -> bool:
        """Tell whether a tool has asked this device, and not all of them."""
        if isinstance(asked, OnLine):
            return asked.data.dst_addr == self.device.individual_address
        return isinstance(asked, Local | LocalWrite | LocalCall)

    def _note(self, asked: "Request") -> None:
        """Let the download know who has asked something; before it is stored."""
        now_s = asyncio.get_running_loop().time()
        self._downloads.asked(self._tool_of(asked), now_s, self._now())

    def _tool_of(self, asked: "Request") -> Tool:
        if not isinstance(asked, OnLine):
            return Tool(way=Way.MANAGEMENT, client=self.client_of(None) or "")
        source = asked.data.src_addr
        client = self.client_of(source)
        way = Way.LINE if client is None else Way.TUNNEL
        return Tool(way=way, address=str(source), client=client or "")

    async def _write(self, asked: "LocalWrite") -> None:
        code = ReturnCode.E_ERROR
        try:
            self.device.model.write(asked.elements, asked.data, WITHOUT_LINE)
            self._note(asked)
            is_stored = await self._store_changes()
            code = ReturnCode.E_SUCCESS if is_stored else ReturnCode.E_MEMORY_ERROR
        except PropertyError as err:
            code = err.code
        finally:
            if not asked.outcome.done():
                asked.outcome.set_result(code)

    async def _call(self, asked: "LocalCall") -> None:
        result = None
        try:
            found = self.device.call_function(
                asked.function, asked.data, is_command=asked.is_command
            )
            self._note(asked)
            result = found if await self._store_changes() else None
        except PropertyError:
            pass  # it is none, or not for whoever asks
        finally:
            if not asked.outcome.done():
                asked.outcome.set_result(result)

    async def _serve_locally(self, asked: "Local") -> list[Output]:
        """Serve an APDU without a line; what it has changed is stored before the answer."""
        answer = self.device.serve_locally(asked.apdu)
        self._note(asked)
        if await self._store_changes() and answer.apdu is not None:
            asked.answer(answer.apdu)
        return [] if answer.restart is None else [Restart(answer.restart)]

    async def _next(self, loop: asyncio.AbstractEventLoop) -> "Request | None":
        """Wait for a frame; None: time asks for something."""
        due_at = min(self.device.due_at(), self.download.due_at())
        wait_s = None if due_at == float("inf") else max(_SOONEST_S, due_at - loop.time())
        try:
            async with asyncio.timeout(wait_s):
                return await self._waiting.get()
        except TimeoutError:
            return None

    async def _carry_out(self, out: Iterable[Output]) -> bool:
        """Store what has changed, and send; tell whether it is stored. Without that nothing leaves, nothing restarts."""
        if not await self._store_changes():
            return False
        self._use_tool_key()
        sent = [self._send(one) for one in out if isinstance(one, Send)]
        self._use_address()
        for restart in (one for one in out if isinstance(one, Restart)):
            with suppress(TimeoutError):
                async with asyncio.timeout(SENT_S):
                    await asyncio.gather(*(one for one in sent if one is not None))
            self.delayed.clear()
            self.device.restart(restart.erases, asyncio.get_running_loop().time())
            if restart.erases is not EraseCode.CONFIRMED_RESTART:
                self.download.note_change()
            self.note_restart()
            await self._store_changes()
            self._use_tool_key()
            self._use_address()
        return True

    def _look_at_stage(self, *, has_restarted: bool) -> None:
        now_s = asyncio.get_running_loop().time()
        model = self.device.model
        if is_empty(model):
            self.download.note_empty()
        is_other = security_of(model) != self._security_in_force
        if is_other and stage_of(model) is Stage.LOADED:
            self.download.note_change()  # other addresses are secured, or with other keys
        # whoever looks for the device by its programming mode goes on in a moment
        is_connected = self.device.is_connected or model.outside.is_programming()
        if self.download.seen(
            stage_of(model),
            now_s,
            is_connected=is_connected,
            has_restarted=has_restarted,
        ):
            self._downloads.ended(self.download.stage)
            if (
                self.download.stage is not Stage.LOADING
            ):  # what runs until then has the previous keys
                self._use_group_keys()
            self._on_stage(self.download.stage)

    async def _store_changes(self) -> bool:
        """Store what has changed; tell whether it is stored. Without that a tool gets no answer.

        While memory is being stored, its objects count as being loaded on the disk.
        """
        model = self.device.model
        if not model.unsaved:
            return True
        unsaved, model.unsaved = model.unsaved, Unsaved()
        segments = {index: model.loadables[index].segment.content for index in unsaved.segments}
        last = self.last_download()
        try:
            await self._store_numbers()
            if segments:
                await self._store(state_bytes(model, unsure=segments, last=last), {})
            await self._store(state_bytes(model, last=last), segments)
        except OSError as err:
            log.warning("what a tool has written is not stored, and not answered: %s", err)
            model.unsaved.add(unsaved)
            return False
        return True

    async def _store_numbers(self) -> None:
        """Store up to where telegrams of tools were taken: else one could be played again after a power cut.

        Raises: OSError.
        """
        if self._port is not None and not await self._port.data_secure.secure_tools():
            raise OSError("the number of the tool's telegram is not stored")

    def _send(self, one: Send) -> asyncio.Future[Outcome] | None:
        if one.wait is None:
            return self._send_now(one.data, one.security)
        self.delayed.add(one.data, one.wait.asker, one.wait.delay_s, one.security)
        return None

    def _send_now(
        self, data: CEMILData, security: Security = Security.PLAIN
    ) -> asyncio.Future[Outcome] | None:
        return None if self._port is None else self._port.send(data, security)
