"""A serial line made of two pseudo terminals, as slow as a real one.

Pseudo terminals know no parity, so both ends are used without; how long a character takes is what
the line's settings say. What is on its way arrives as a whole when its last character would.
"""

import asyncio
import os
import tty
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

CHUNK = 4096
KEPT = 100_000  # exchanges


@dataclass(slots=True, kw_only=True)
class Exchange:
    """A request and its answer on the wire."""

    request: bytes
    begun_at: float  # first character of the request
    ended_at: float  # last character of the answer; of the request while there is none


class SerialWire:
    """Two device files, joined."""

    def __init__(self, *, character_s: float, turnaround_s: float = 0.0) -> None:
        self.spoil: Callable[[bytes], bytes] | None = None  # what becomes of an answer on its way
        self.exchanges: list[Exchange] = []  # the last ones
        self._character_s = character_s
        self._turnaround_s = turnaround_s
        self._masters: list[int] = []
        self._slaves: list[int] = []
        self._busy_until = 0.0
        self._link: Path | None = None
        self.open()

    def open(self) -> None:
        """Make the two device files, unless they are there."""
        if self._masters:
            return
        for _ in range(2):
            master, slave = os.openpty()
            tty.setraw(slave)
            os.set_blocking(master, False)
            self._masters.append(master)
            self._slaves.append(slave)
        self.gateway_end, self.device_end = (os.ttyname(slave) for slave in self._slaves)
        if self._link is not None:
            self._link.symlink_to(self.gateway_end)

    def link_to(self, path: Path) -> None:
        """Let the gateway's end also be found under a name of one's own. Raises: FileExistsError."""
        path.symlink_to(self.gateway_end)
        self._link = path

    def start(self) -> None:
        """Carry bytes from now on; needs a running loop."""
        loop = asyncio.get_running_loop()
        gateway, device = self._masters
        loop.add_reader(gateway, self._carry, gateway, device, loop)
        loop.add_reader(device, self._carry, device, gateway, loop)

    def stop(self) -> None:
        """Take the line away, as an adapter that is pulled out."""
        loop = asyncio.get_running_loop()
        for master in self._masters:
            loop.remove_reader(master)
        for end in (*self._masters, *self._slaves):
            os.close(end)
        self._masters, self._slaves = [], []
        if self._link is not None:
            self._link.unlink(missing_ok=True)

    def _carry(self, here: int, there: int, loop: asyncio.AbstractEventLoop) -> None:
        data = os.read(here, CHUNK)
        to_device = here == self._masters[0]
        start_s = max(loop.time(), self._busy_until)
        self._busy_until = start_s + len(data) * self._character_s
        if to_device:
            if len(self.exchanges) >= KEPT:
                del self.exchanges[: KEPT // 2]
            self.exchanges.append(
                Exchange(request=data, begun_at=start_s, ended_at=self._busy_until)
            )
            self._busy_until += self._turnaround_s
        else:
            data = self.spoil(data) if self.spoil is not None else data
        loop.call_at(self._busy_until, self._arrive, there, data)

    def _arrive(self, there: int, data: bytes) -> None:
        if self.exchanges and there in self._masters[:1]:
            self.exchanges[-1].ended_at = asyncio.get_running_loop().time()
        if there in self._masters and data:
            os.write(there, data)
