"""Tells of the device in every network from which its website is reached, and follows changes.

Whatever happens to it, charging goes on: it is said once and tried again.
"""

import asyncio
import logging
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from knxgw.errors import LinkError
from knxgw.links.discovery.introduction import Introduction
from knxgw.links.discovery.places import Place
from knxgw.links.discovery.ssdp import root_device
from knxgw.links.discovery.ssdp_link import tell_by_ssdp

log = logging.getLogger(__name__)
LOOK_S = 10.0  # how often it is looked for the networks of the machine
ANYWHERE = "anywhere new"
NoteNames = Callable[[frozenset[str]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is to be told, and where."""

    said: Introduction
    places: tuple[Place, ...]
    own_addresses: frozenset[str] = frozenset()  # all of this machine


Teller = Callable[[Place, Situation, NoteNames], Awaitable[object]]
_Announcement = tuple[str, Place, Introduction]


class Discovery:
    """The task that tells of one device; whoever makes it runs it."""

    def __init__(
        self,
        look: Callable[[], Situation | None],
        tellers: Mapping[str, Teller],
        look_s: float = LOOK_S,
    ) -> None:
        """Get ready; `look` says what holds now, None: nothing is told. `tellers`: by protocol."""
        self._look, self._tellers, self._look_s = look, tellers, look_s
        self._running: dict[_Announcement, asyncio.Task[None]] = {}
        self._names: dict[_Announcement, frozenset[str]] = {}
        self._troubles: dict[str, str] = {}  # by protocol and adapter
        self._changed = asyncio.Event()
        self.host_names: frozenset[str] = frozenset()  # announced now; safe from any thread

    def look_again(self) -> None:
        """Follow a change at once."""
        self._changed.set()

    async def run(self) -> NoReturn:
        """Tell until cancelled, and say goodbye then."""
        async with asyncio.TaskGroup() as group:
            while True:
                await self._follow(group)
                try:
                    async with asyncio.timeout(self._look_s):
                        await self._changed.wait()
                except TimeoutError:
                    pass
                self._changed.clear()

    async def _follow(self, group: asyncio.TaskGroup) -> None:
        """Say goodbye where it does not hold any more, then begin where it is new."""
        try:
            situation = self._look()
        except Exception as err:  # noqa: BLE001 - charging goes on, whatever it is
            self._note(ANYWHERE, err)
            return  # what is told goes on
        self._troubles.pop(ANYWHERE, None)
        wanted: dict[_Announcement, Situation] = {}
        if situation is not None:
            for place in situation.places:
                for protocol in self._tellers:
                    wanted[protocol, place, situation.said] = situation
        ending = [
            task for announcement, task in self._running.items() if announcement not in wanted
        ]
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)
        self._running = {
            announcement: task for announcement, task in self._running.items() if not task.done()
        }
        for announcement, situation in wanted.items():
            if announcement not in self._running:
                self._running[announcement] = group.create_task(
                    self._tell(announcement, situation), name=announcement[0]
                )

    async def _tell(self, announcement: _Announcement, situation: Situation) -> None:
        """Tell by one protocol in one network; the next look begins again if it fails."""
        protocol, place, _ = announcement
        where = f"by {protocol} at {place.adapter}"

        def note_names(names: frozenset[str]) -> None:
            self._troubles.pop(where, None)
            self._names[announcement] = names
            self.host_names = frozenset().union(*self._names.values())

        try:
            await self._tellers[protocol](place, situation, note_names)
        except Exception as err:  # noqa: BLE001 - charging goes on, whatever it is
            self._note(where, err)
        finally:
            self._names.pop(announcement, None)
            self.host_names = frozenset().union(*self._names.values())

    def _note(self, where: str, why: Exception) -> None:
        """Log changes, not repetitions; a mistake of ours is an error, the network is not."""
        text = f"{type(why).__name__}: {why}"
        if self._troubles.get(where) == text:
            return
        self._troubles[where] = text
        is_network = isinstance(why, OSError | LinkError)
        log.log(
            logging.WARNING if is_network else logging.ERROR,
            "the device is not announced %s (%s); charging goes on, it is tried again every %.0f s",
            where,
            text,
            self._look_s,
        )


def real_tellers(now: Callable[[], datetime]) -> Mapping[str, Teller]:
    """Return the protocols, on the real network; `now` tells one start from the next."""

    async def by_ssdp(place: Place, situation: Situation, note_names: NoteNames) -> None:
        said = situation.said
        words = f"{said.shown_name}\0{said.serial}".encode()
        device = root_device(said, place, int(now().timestamp()), zlib.crc32(words))
        await tell_by_ssdp(place, device, lambda: note_names(frozenset()))

    async def by_mdns(place: Place, situation: Situation, note_names: NoteNames) -> None:
        tell = await asyncio.to_thread(_mdns)
        await tell(place, situation.said, situation.own_addresses, note_names)

    return {"SSDP": by_ssdp, "mDNS": by_mdns}


def _mdns() -> Callable[..., Awaitable[object]]:
    """Load zeroconf, which takes a while and 3 MiB: only a device that is announced needs it."""
    from knxgw.links.discovery.mdns import tell_by_mdns  # noqa: PLC0415

    return tell_by_mdns
