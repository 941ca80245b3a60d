"""A deadline for every test with a browser: what Playwright waits for has none of its own.

`evaluate`, `new_page` and `close` wait for ever where the browser no longer answers, and the whole run with
them. After the deadline the run says where it hangs (the test, what it called, the pages, the processes) and
ends the browser: what waits for it fails, and the test is run once more in a browser of its own.
"""

import gc
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from greenlet import greenlet  # type: ignore[import-untyped]
from playwright.sync_api import Browser, Playwright

from tests.browser.site import ARGUMENTS, CHROMIUM

DEADLINE_S = 420.0  # the longest test takes 100 s where nothing else runs, 240 s where much does
SECOND_CHANCE_S = 30.0  # for Playwright itself to see that its browser has gone


class Browsers:
    """One browser for all tests, and another one in its place once it has gone."""

    def __init__(self, playwright: Playwright) -> None:
        self._playwright = playwright
        self._browser: Browser | None = None

    @property
    def browser(self) -> Browser:
        """Return a browser that is there."""
        if self._browser is None or not self._browser.is_connected():
            self._browser = self._playwright.chromium.launch(
                executable_path=CHROMIUM, args=list(ARGUMENTS)
            )
        return self._browser

    @property
    def pages(self) -> list[str]:
        """Return the addresses of all pages that are open."""
        contexts = [] if self._browser is None else self._browser.contexts
        return [page.url for context in contexts for page in context.pages]

    def close(self) -> None:
        """End the browser."""
        if self._browser is not None and self._browser.is_connected():
            self._browser.close()


def descendants() -> dict[int, str]:
    """Return the processes below this one, by their numbers, each with its state, its time and its command."""
    shown = subprocess.run(
        ["ps", "-eo", "pid,ppid,stat,time,args"], capture_output=True, text=True, check=True
    )
    lines = [line.split(None, 2) for line in shown.stdout.splitlines()[1:]]
    found: dict[int, str] = {}
    parents = {os.getpid()}
    for pid, ppid, what in lines:  # a child's number may be the lower one, but hardly ever is
        if int(ppid) in parents:
            parents.add(int(pid))
            found[int(pid)] = what
    return found


def where_it_hangs(test: str, browsers: Browsers | None) -> str:
    """Return what a run that hangs can say of itself."""
    waiting = [one for one in gc.get_objects() if isinstance(one, greenlet) and one.gr_frame]
    stacks = ["".join(traceback.format_stack(one.gr_frame)[-8:]) for one in waiting]
    return "\n".join(
        [
            f"{test} has not ended after {DEADLINE_S:.0f} s",
            *stacks,
            f"pages: {[] if browsers is None else browsers.pages}",
            *(f"{pid} {what[:150]}" for pid, what in descendants().items()),
        ]
    )


@dataclass
class Watched:
    """What became of a block with a deadline."""

    is_late: bool = False  # its browser was ended


@contextmanager
def deadline(test: str, browsers: list[Browsers]) -> Iterator[Watched]:
    """End the browser if a block takes too long, and this process if that does not help."""
    watched = Watched()

    def end(_number: int, _frame: FrameType | None) -> None:
        report = where_it_hangs(test, browsers[0] if browsers else None)
        os.write(2 if sys.__stderr__ is None else sys.__stderr__.fileno(), f"{report}\n".encode())
        if watched.is_late:
            os._exit(3)
        watched.is_late = True
        for pid, what in descendants().items():
            if "chrom" in what and "--type=" not in what:
                os.kill(pid, signal.SIGKILL)
        signal.setitimer(signal.ITIMER_REAL, SECOND_CHANCE_S)

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, DEADLINE_S)
    try:
        yield watched
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
