"""IP settings that tools write into the KNX device: they hold from its next restart on, by way of the host room.

Like those of the website they go back after two minutes unless it shows that the device is reached with them: a
tool speaks to it, its gateway answers, or somebody keeps them on the website. Source: product 9.6.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import NoReturn, Protocol, TypeVar, TypeVarTuple, Unpack

from knxgw.device.ip_settings import IpSettings
from knxgw.errors import RejectedError
from knxgw.host.answer import NetworkAnswer
from knxgw.host.neighbours import is_there, knock
from knxgw.host.network_change import Phase
from knxgw.programmed import Programmed

T = TypeVar("T")
A = TypeVarTuple("A")
log = logging.getLogger(__name__)
LOOK_S = 1.0  # how often it is looked for a restart, and whether the device is reached


class Host(Protocol):
    """The machine, whose network may be changed; each may take half a minute, in a thread."""

    def change_by_tool(self, wanted: IpSettings) -> NetworkAnswer | None:
        """Have other settings; None: they hold already. Raises: RejectedError, with the reason."""

    def last_change(self) -> NetworkAnswer | None:
        """Return what became of the last change, None: there was none."""

    def keep(self, change: str) -> NetworkAnswer:
        """Keep a change that waits for that. Raises: RejectedError."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """How it is seen whether another machine is there."""

    knock: Callable[[IPv4Address], None] = knock
    is_there: Callable[[IPv4Address], bool] = is_there


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    """A change that nobody has confirmed yet."""

    id: str
    gateway: IPv4Address | None
    asked_before: int  # requests of tools


class IpByTools:
    """Looks after the settings that tools write; in the event loop only."""

    def __init__(
        self,
        programmed: Programmed,
        host: Host,
        note: Callable[[str], None],
        neighbours: Neighbours | None = None,
        executor: Executor | None = None,
    ) -> None:
        """Take settings of tools to the host.

        `note`: what became of them, for the audit. `executor`: who waits for the host, None: threads of the loop.
        """
        self._executor = executor
        self._programmed = programmed
        self._host = host
        self._note = note
        self._neighbours = neighbours or Neighbours()
        self._restarts = (
            -1
        )  # of the device, when it was looked last; the first look comes after a start
        self._waiting: _Waiting | None = None

    async def look_after(self) -> NoReturn:
        """Do so until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Take what was written before the last restart, and keep it once the device is reached."""
        management = self._programmed.management
        if management.restarts != self._restarts:
            self._restarts = management.restarts
            await self._take()
        elif self._waiting is not None:
            await self._confirm(self._waiting)

    async def _take(self) -> None:
        model, management = self._programmed.model, self._programmed.management
        wanted = model.written_ip_settings
        if wanted is None:
            return
        try:
            answer = await self._in_thread(self._host.change_by_tool, wanted)
        except RejectedError as err:
            log.warning("the IP settings that a tool has written do not hold: %s", err)
            self._note("network_of_tool_refused")
            return
        finally:
            if model.written_ip_settings == wanted:  # and no tool has written others meanwhile
                model.forget_ip_settings()
        if answer is None:
            return
        if answer.failure is not None:
            log.warning("the IP settings that a tool has written do not hold: %s", answer.failure)
            self._note("network_of_tool_refused")
            return
        self._note("network_by_tool")
        if answer.phase is Phase.WAITING:
            gateway = wanted.gateway if wanted.is_permanent and int(wanted.gateway) else None
            self._waiting = _Waiting(
                id=answer.id, gateway=gateway, asked_before=management.requests
            )

    def _in_thread(self, do: Callable[[Unpack[A]], T], *arguments: *A) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._executor, do, *arguments)

    async def _confirm(self, waiting: _Waiting) -> None:
        last = await self._in_thread(self._host.last_change)
        if last is None or last.id != waiting.id or last.phase is not Phase.WAITING:
            self._waiting = None  # somebody has kept it, or it has returned: the host says so
            return
        if not await self._is_reached(waiting):
            return
        try:
            await self._in_thread(self._host.keep, waiting.id)
        except RejectedError as err:
            log.warning("the IP settings that a tool has written are not kept yet: %s", err)

    async def _is_reached(self, waiting: _Waiting) -> bool:
        if self._programmed.management.requests > waiting.asked_before:
            return True
        if waiting.gateway is None:
            return False
        if await self._in_thread(self._neighbours.is_there, waiting.gateway):
            return True
        self._neighbours.knock(waiting.gateway)
        return False
