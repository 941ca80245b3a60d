"""Starts a process that reads a file of a stranger, hands in a question, and takes the answer.

The file goes to the child as an open one, everything else over the standard input. Whatever the child
does, it is gone when this returns.
"""

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Timer

from knxgw.catalogue.messages import message
from knxgw.ets.project import EtsFileError

PYTHON_VARIABLE = "KNXGW_ETS_PYTHON"  # a Python that has xknxproject, where ours has not
_HANDED_ON = ("HOME", PYTHON_VARIABLE)  # packages of the user stand in the first one


class Stop:
    """Ends the reading of a file from another thread."""

    def __init__(self) -> None:
        """Begin without anything to end."""
        self._lock = Lock()
        self._end: Callable[[], None] | None = None
        self._is_called = False

    def call(self) -> None:
        """End the process that reads, now or as soon as there is one."""
        with self._lock:
            self._is_called = True
            if self._end is not None:
                self._end()

    def watch(self, end: Callable[[], None]) -> None:
        """Take what ends the process that has started."""
        with self._lock:
            self._end = end
            if self._is_called:
                end()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a child may take."""

    memory: int = 2**30  # bytes of addresses
    cpu_s: int = 120  # of the processor
    time_s: int = 300  # until it is ended: where others are busy, it waits
    stop: Stop = field(default_factory=Stop)  # whoever has asked may end it before


def asked(  # noqa: PLR0913 - all but the first three are named
    python: str,
    module: str,
    question: bytes,
    *,
    file: int,
    time_s: float,
    largest: int,
    stop: Stop,
) -> bytes:
    """Return what the child answers; empty: nothing, or more than the `largest`.

    `file`: the descriptor that it gets. `stop` may end it before. Raises: EtsFileError, it cannot be started.
    """
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    try:
        child = subprocess.Popen(  # noqa: S603 - our own module, no word of it from outside
            [python, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(file,),
            env=environment,
            cwd="/",
        )
    except OSError as err:
        raise EtsFileError(message("ets_python_missing", python=python)) from err
    with child:
        timer = Timer(time_s, child.kill)
        timer.start()
        stop.watch(child.kill)
        try:
            return _exchange(child, question, largest)
        finally:
            timer.cancel()
            child.kill()


def _exchange(child: "subprocess.Popen[bytes]", question: bytes, largest: int) -> bytes:
    """Hand in the question and return the answer; empty: there is none."""
    stdin, stdout = child.stdin, child.stdout
    if stdin is None or stdout is None:
        return b""
    try:
        stdin.write(question)
        stdin.close()
    except BrokenPipeError:
        return b""
    answer = stdout.read(largest + 1)
    return answer if len(answer) <= largest else b""
