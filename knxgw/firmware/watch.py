"""How healthy the firmware is, by what it says to its launcher. Of the standard library only, as the launcher."""

import os
import socket
import struct
import sys
from dataclasses import dataclass

from knxgw.firmware.boot_state import Reason
from knxgw.firmware.notify import ALIVE, READY, tell

NOTE_BYTES = 4096
MOST_NOTES = 100  # that are read at once
_SENDER = struct.Struct("iii")  # process, user, group. Source: [linux-man] unix(7)


@dataclass(frozen=True)
class Limits:
    """How long a firmware has for what, and how much."""

    start_s: float = 180.0  # until a firmware on trial is healthy
    start_in_force_s: float = 1800.0  # the one in force may have to mend a state of years
    proved_s: float = 120.0  # that it stays so, until a new one is kept
    watchdog_s: float = 60.0  # without a sign of life
    memory_mib: int = 768
    end_s: float = 15.0  # to end in order
    rest_s: float = 30.0  # when no firmware starts
    pause_s: float = (
        1.0  # after a failure of the one in force; twice as long after each further one
    )


def say(text: str) -> None:
    """Write a line to the log."""
    print(f"knxgw launcher: {text}", file=sys.stderr, flush=True)  # noqa: T201 - its log


class Watch:
    """How healthy a child is, by what it has said; times are monotonic seconds."""

    def __init__(self, limits: Limits, now_s: float, *, is_on_trial: bool = True) -> None:
        self._limits = limits
        self._start_s = limits.start_s if is_on_trial else limits.start_in_force_s
        self.started_at = now_s
        self.ready_at: float | None = None
        self._alive_at = now_s

    def hear(self, note: str, now_s: float) -> None:
        """Take what the child says; every line of it is one `NAME=value`."""
        lines = note.splitlines()
        if READY in lines and self.ready_at is None:
            self.ready_at = self._alive_at = now_s
        if ALIVE in lines:
            self._alive_at = now_s

    def failure(self, now_s: float, memory_mib: int) -> Reason | None:
        """Return why the child is to be ended, None: nothing is wrong."""
        if memory_mib > self._limits.memory_mib:
            return Reason.MEMORY
        if self.ready_at is None:
            late = now_s - self.started_at >= self._start_s
            return Reason.NOT_READY if late else None
        silent = now_s - self._alive_at >= self._limits.watchdog_s
        return Reason.WATCHDOG if silent else None

    def has_proved_itself(self, now_s: float) -> bool:
        """Tell whether it has been healthy for long enough."""
        if self.ready_at is None or self._alive_at == self.ready_at:
            return False  # one that hangs at once has said that it is ready, and nothing since
        return now_s - self.ready_at >= self._limits.proved_s

    def reason_of_end(self) -> Reason:
        """Return what it means that the child ended by itself."""
        return Reason.FAILED_START if self.ready_at is None else Reason.CRASHED


def _sender(more: list[tuple[int, int, bytes]]) -> int | None:
    """Return the user who has sent a note, as the kernel says; None: it does not."""
    for level, kind, content in more:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
            return int(_SENDER.unpack_from(content)[1])
    return None


class NotifySocket:
    """Where the child says how it is, and where systemd is told; both are datagrams."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind("")  # the kernel chooses an abstract name
        self._socket.settimeout(0)
        self.name = "@" + self._socket.getsockname()[1:].decode("ascii")
        self._above = os.environ.get("NOTIFY_SOCKET", "")

    def close(self) -> None:
        """Hear nothing any more."""
        self._socket.close()

    def fileno(self) -> int:
        """Return the number of its descriptor."""
        return self._socket.fileno()

    def read(self) -> list[str]:
        """Return what has come."""
        notes: list[str] = []
        for _ in range(MOST_NOTES):
            try:
                note, more, _, _ = self._socket.recvmsg(NOTE_BYTES, socket.CMSG_SPACE(_SENDER.size))
            except OSError:
                break
            if _sender(more) == os.geteuid():  # anybody on this machine can write to such a socket
                notes.append(note.decode("utf-8", "replace"))
        return notes

    def tell(self, text: str) -> None:
        """Tell systemd something, where it is there."""
        if not self._above:
            return
        try:
            tell(self._above, text)
        except OSError as err:
            say(f"systemd cannot be told: {err}")
