"""`knxgw` as somebody at a terminal has it: lines typed to it, a screen of some size, a reader that leaves."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.waiting import wait_until

KNXGW = (sys.executable, "-m", "knxgw")
CHUNK = 65536
ERASE_LINE, UP = "\x1b[2K", "\x1b[1A"


class Session:
    """A running command, what is typed to it, and what it says."""

    def __init__(self, process: subprocess.Popen[bytes], source: int, sink: int | None) -> None:
        self.process = process
        self._source, self._sink = source, sink
        self._open = {source} if sink is None else {source, sink}
        self._heard = bytearray()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        with suppress(OSError):  # a terminal whose other side has gone
            while data := os.read(self._source, CHUNK):
                self._heard += data

    @property
    def said(self) -> str:
        """Return everything it has said."""
        return self._heard.decode("utf-8", "replace")

    def wait_to_say(self, text: str, seconds: float = 20.0) -> None:
        """Wait until it has said a text."""
        wait_until(lambda: text in self.said, seconds, lambda: f"{text!r} in {self.said}")

    def type(self, text: str) -> None:
        """Type or paste something."""
        assert self._sink is not None
        os.write(self._sink, text.encode())

    def end(self, number: signal.Signals = signal.SIGINT, seconds: float = 10.0) -> int:
        """Send a signal; return the exit status."""
        self.process.send_signal(number)
        return self.wait(seconds)

    def wait(self, seconds: float = 20.0) -> int:
        """Wait for the end and everything that is still said; return the exit status."""
        status = self.process.wait(seconds)
        self._thread.join(5.0)
        return status

    def close(self) -> None:
        """End it, however it is."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._thread.join(5.0)
        for descriptor in self._open:
            os.close(descriptor)
        self._open = set()  # the numbers may be somebody else's by now


@contextmanager
def typed(*arguments: str, directory: Path | None = None) -> Iterator[Session]:
    """Run `knxgw` with a pipe to type into; both outputs are heard together."""
    keys, typing = os.pipe()
    hearing, voice = os.pipe()
    process = subprocess.Popen(
        [*KNXGW, *arguments], stdin=keys, stdout=voice, stderr=voice, cwd=directory
    )
    os.close(keys)
    os.close(voice)
    session = Session(process, hearing, typing)
    try:
        yield session
    finally:
        session.close()


@contextmanager
def at_terminal(
    *arguments: str, columns: int = 80, lines: int = 24, term: str = "xterm"
) -> Iterator[Session]:
    """Run `knxgw` at a terminal of some size."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [*KNXGW, *arguments], stdin=its, stdout=its, stderr=its, env=environment | {"TERM": term}
    )
    os.close(its)
    session = Session(process, ours, ours)
    try:
        yield session
    finally:
        session.close()


def screen_of(said: str, lines: int = 24) -> list[str]:
    """Return what a terminal shows at last of a program that writes lines and goes up over them."""
    shown, at = [""], 0
    for piece in re.split(r"(\x1b\[2K|\x1b\[1A|\r|\n)", said):
        if piece == "\n":
            at += 1
            if at == len(shown):
                shown.append("")
        elif piece == UP:
            at = max(0, at - 1)
        elif piece == ERASE_LINE:
            shown[at] = ""
        elif piece != "\r":
            shown[at] += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", piece)
    return shown[-lines:]
