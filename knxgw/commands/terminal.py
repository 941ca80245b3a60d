"""Output that somebody may stop reading at any time: `knxgw demo | head`."""

import errno
import os
import select
import sys
from collections.abc import Callable

import click

STATUS_NOBODY_READS = 128 + 13  # as a program that SIGPIPE ends
OUTPUT_ERRORS = (errno.ENOSPC, errno.EIO)  # the disk is full, the terminal is gone
STDOUT, STDERR = 1, 2


def nobody_reads() -> None:
    """Throw away whatever is still to be written, so that the end of the program is quiet."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (STDOUT, STDERR):
        if descriptor == STDOUT or not _is_open(descriptor):
            os.dup2(devnull, descriptor)
    os.close(devnull)


def give_closed_streams_a_place() -> None:
    """Let a program that was started without output (`>&-`) write into nothing."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the end
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - until the end


def _is_open(descriptor: int) -> bool:
    """Tell whether somebody could still read what is written there."""
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    bad = select.POLLERR | select.POLLHUP | select.POLLNVAL
    return not any(event & bad for _, event in poll.poll(0))


class Screen:
    """Says things to a person until nobody reads them any more."""

    def __init__(self, gone: Callable[[], None]) -> None:
        self._gone = gone
        self._is_gone = False

    def say(self, text: str) -> None:
        """Write a text and a line end; `gone` is called once when it cannot be written."""
        self.do(lambda: click.echo(text))

    def do(self, write: Callable[[], None]) -> None:
        """Write in a way of one's own."""
        if self._is_gone:
            return
        try:
            write()
        except OSError:  # the pipe is closed, the terminal is gone
            self._end()

    def look(self) -> None:
        """See whether somebody still reads, where nothing is written for a long time."""
        if not self._is_gone and not _is_open(STDOUT):
            self._end()

    def _end(self) -> None:
        self._is_gone = True
        nobody_reads()
        self._gone()
