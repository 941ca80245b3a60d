"""One session on a KNX link: frames in to the object server, its telegrams out."""

import asyncio
import logging
from collections.abc import Callable
from typing import NoReturn

from xknx.cemi import CEMILData
from xknx.telegram.address import GroupAddress
from xknx.telegram.apci import APCI
from xknx.telegram.tpci import TDataGroup

from knxgw.errors import LinkError
from knxgw.links.knx import ALIVE_CHECK_S, ROUTING_SLOT_S, KnxLink
from knxgw.links.link_news import LinkNews
from knxgw.objects.server import ObjectServer
from knxgw.station.model import BusAsked, Command

log = logging.getLogger(__name__)
wire = logging.getLogger("knxgw.wire.knx")


class KnxSession:
    """Connects the object server with a link, as long as the link lasts."""

    def __init__(
        self, link: KnxLink, server: ObjectServer, on_command: Callable[[Command], None]
    ) -> None:
        self._link = link
        self._server = server
        self._on_command = on_command
        self._wake = asyncio.Event()
        self._check_s = 0.0  # when the link is to be checked [monotonic s]
        self._news = LinkNews("KNX", log)
        self.is_up = False
        self.lost_s: float | None = None  # when the link went [monotonic s]
        self.telegram_s: float | None = None  # when the last telegram came or went [monotonic s]
        self.received = 0
        self.sent = 0

    def wake(self) -> None:
        """Look for something to send: a value has changed."""
        self._wake.set()

    async def run(self) -> NoReturn:
        """Open the link and serve it. Raises: LinkError when it is lost."""
        loop = asyncio.get_running_loop()
        try:
            await self._link.open(self._on_frame, self._note_lost)
            self.is_up = True
            detail = f"individual address {self._link.individual_address}"
            self._news.up(loop.time(), detail)
            self._server.bus_ready()
            self._on_command(BusAsked())
            self._check_s = loop.time() + ALIVE_CHECK_S
            while True:
                await self._send_due(loop)
                if loop.time() >= self._check_s:
                    self._check_s = loop.time() + ALIVE_CHECK_S
                    await self._link.check()
                await self._wait(loop)
        finally:
            if self.is_up:
                self.lost_s = loop.time()
            self.is_up = False
            self._server.outbox.drop_responses()
            await self._link.close()

    def failed(self, error: LinkError) -> None:
        """Hear that a session has ended, or has not begun."""
        self._news.failed(str(error), asyncio.get_running_loop().time())

    async def _send_due(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            answers_only = not self._link.has_room
            telegram = self._server.next_telegram(loop.time(), answers_only=answers_only)
            if telegram is None:
                return
            due, apci = telegram
            try:
                await self._link.send(self._frame(due.address, apci))
            except LinkError:
                self._server.unsent(due)
                raise
            self.sent += 1
            self.telegram_s = loop.time()
            wire.debug("sent %s %s", due.address, apci)
            for command in self._server.sent(due, apci):
                self._on_command(command)

    async def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        now_s = loop.time()
        timeout_s = min(self._server.wait_s(now_s), self._check_s - now_s)
        if not self._link.has_room:
            timeout_s = max(timeout_s, ROUTING_SLOT_S)
        try:
            async with asyncio.timeout(max(0.0, timeout_s)):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    def _note_lost(self) -> None:
        """Check the link in the next turn: it says that it is lost."""
        self._check_s = 0.0
        self._wake.set()

    def _on_frame(self, data: CEMILData) -> None:
        """Take a frame from the link; called from its receive path, so it only queues."""
        if not isinstance(data.dst_addr, GroupAddress) or data.payload is None:
            return
        self.received += 1
        self.telegram_s = asyncio.get_running_loop().time()
        wire.debug("received %s -> %s %s", data.src_addr, data.dst_addr, data.payload)
        for command in self._server.received(data.dst_addr, data.payload):
            self._on_command(command)
        waiting = self._server.outbox.waiting_responses
        if waiting:
            self._wake.set()
            if waiting >= self._server.outbox.limits.merge_at:
                self._link.note_backlog(waiting, asyncio.get_running_loop().time())

    def _frame(self, address: GroupAddress, apci: APCI) -> CEMILData:
        return CEMILData(
            src_addr=self._link.individual_address,
            dst_addr=address,
            tpci=TDataGroup(),
            payload=apci,
        )
