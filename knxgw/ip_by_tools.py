"""IP settings that tools write into the KNX device: they hold from its next restart on, by way of the host room.

Like those of the website they go back after two minutes unless it shows that the device is reached with them. The
side with the rights sees whether the gateway that was written answers; here it is seen whether a tool speaks to the
device once it has its new address; and somebody may keep them on the website. Source: product 9.6.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NoReturn, Protocol, TypeVar, TypeVarTuple, Unpack

from knxgw.device.ip_settings import IpSettings
from knxgw.errors import RejectedError
from knxgw.host.answer import Failure, NetworkAnswer
from knxgw.host.network_change import ChangeByTool
from knxgw.programmed import Programmed

T = TypeVar("T")
A = TypeVarTuple("A")
log = logging.getLogger(__name__)
LOOK_S = 1.0  # how often it is looked for a restart, and whether the device is reached
SETTLED_S = 10.0  # after it, an automatic address is the new one


class Host(Protocol):
    """The machine, whose network may be changed; each is called in a thread, and may take half a minute."""

    def change_by_tool(self, wanted: IpSettings) -> NetworkAnswer | None:
        """Have other settings; None: they hold already. Raises: RejectedError, with the reason."""

    def waiting_by_tool(self) -> ChangeByTool | None:
        """Return the change of a tool that waits for somebody to keep it, None: there is none."""

    def addresses(self) -> Collection[str]:
        """Return the addresses that the machine has now."""

    def keep(self, change: str) -> NetworkAnswer:
        """Keep a change that waits for that. Raises: RejectedError."""


@dataclass(slots=True, kw_only=True)
class _Watched:
    """The change that waits, and since when a tool counts that speaks to the device."""

    id: str
    seen_at: float  # [monotonic s]
    asked_before: int | None = (
        None  # requests of tools when the new address was there; None: it is not
    )


class IpByTools:
    """Looks after the settings that tools write; in the event loop only."""

    def __init__(
        self,
        programmed: Programmed,
        host: Host,
        note: Callable[[str], None],
        executor: Executor | None = None,
    ) -> None:
        """Take settings of tools to the host.

        `note`: what became of them, for the audit. `executor`: who waits for the host, None: threads of the loop.
        """
        self._executor = executor
        self._management = programmed.management
        self._host = host
        self._note = note
        self._watched: _Watched | None = None

    async def look_after(self) -> NoReturn:
        """Do so until cancelled."""
        while True:
            try:
                await self.look()
            except Exception:  # a mistake in here must not end charging
                log.exception("the IP settings of tools were not looked after")
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Take what was written before the last restart, and keep it once a tool reaches the device."""
        wanted, self._management.ip_settings = self._management.ip_settings, None
        if wanted is not None:
            await self._take(wanted)
            await self._management.forget_ip_settings(wanted)
        waiting = await self._in_thread(self._host.waiting_by_tool)
        if waiting is None:
            self._watched = None
        elif self._is_reached(await self._watch(waiting)):
            await self._keep(waiting)

    async def _take(self, wanted: IpSettings) -> None:
        answer: NetworkAnswer | None = None
        refusal: RejectedError | Failure | None
        try:
            answer = await self._in_thread(self._host.change_by_tool, wanted)
            refusal = None if answer is None else answer.failure
        except RejectedError as err:
            refusal = err
        if refusal is not None:
            log.warning("the IP settings that a tool has written do not hold: %s", refusal)
            self._note("network_of_tool_refused")
        elif answer is not None:
            self._note("network_by_tool")

    async def _watch(self, waiting: ChangeByTool) -> _Watched:
        """Return what is known of the change that waits, noted if its address is there."""
        now_s, watched = asyncio.get_running_loop().time(), self._watched
        if watched is None or watched.id != waiting.id:
            watched = self._watched = _Watched(id=waiting.id, seen_at=now_s)
        if watched.asked_before is None and await self._is_there(waiting, now_s - watched.seen_at):
            watched.asked_before = self._management.requests
        return watched

    def _is_reached(self, watched: _Watched) -> bool:
        """Tell whether a tool has spoken to the device since it has the new address."""
        before = watched.asked_before
        return before is not None and self._management.requests > before

    async def _is_there(self, waiting: ChangeByTool, waited_s: float) -> bool:
        if waiting.address is None:
            return waited_s >= SETTLED_S
        return str(waiting.address) in await self._in_thread(self._host.addresses)

    async def _keep(self, waiting: ChangeByTool) -> None:
        try:
            await self._in_thread(self._host.keep, waiting.id)
        except RejectedError as err:
            log.warning("the IP settings that a tool has written are not kept yet: %s", err)

    def _in_thread(self, do: Callable[[Unpack[A]], T], *arguments: *A) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(self._executor, do, *arguments)
