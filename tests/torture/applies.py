"""A gateway that is killed while somebody applies a configuration on its website.

Whatever the moment, the file is the old or the new text, byte by byte, every version that is kept can be
read, and after the next start a change that nobody has confirmed is gone.
"""

import random
import re
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from time import perf_counter, sleep

from knxgw.master_file import BEFORE_NAME
from knxgw.store.configurations import FOLDER_NAME, Configurations
from tests.support.editor import Editor
from tests.support.processes import GOOD, Running, free_port, health
from tests.support.waiting import wait_until
from tests.torture.journal import BrokenStateError

READY_TIMEOUT_S, KEPT_TIMEOUT_S = 30.0, 10.0
FILE_NAME, LOG_NAME = "site.yaml", "gateway.log"
LONGEST = 1.3  # times what applying takes: the latest moment of a kill
GONE = (OSError, HTTPException)  # what a browser says of a device that is killed


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the kills have met."""

    seed: int
    kills: int = 0
    old: int = 0  # the file was the old text
    new: int = 0
    returned: int = 0  # the next start took back what nobody had confirmed

    def line(self) -> str:
        """Return all of it on one line."""
        return (
            f"seed {self.seed}: {self.kills} kills while a configuration was applied, {self.old} "
            f"times the old text, {self.new} times the new one, {self.returned} times taken back"
        )


class Applies:
    """One device in a folder, the texts that are proposed to it, and its end again and again."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.tally = Tally(seed=seed)
        self._dice = random.Random(seed)  # noqa: S311 - no secret
        self._state = folder / "state"
        self._file = folder / FILE_NAME
        self._log = folder / LOG_NAME
        self._charger = free_port()
        self._expected = self._text(free_port())
        self._file.write_text(self._expected, encoding="utf-8")
        self._apply_s = 0.0  # how long it takes to apply a text here
        self._is_known = False  # somebody has logged in for the first time

    def run(self, kills: int, say: Callable[[str], None]) -> None:
        """Kill so often, and look after each. Raises: BrokenStateError."""
        self._live(self._measure)
        acts = (self._kill_plain, self._kill_moving, self._kill_confirmed)
        for number in range(kills):
            self._live(acts[number % len(acts)])
        self._live(lambda running, _editor: _end(running))
        say(self.tally.line())

    # --- lives

    def _live(self, act: Callable[[Running, Editor], None]) -> None:
        """Live one life, from the start to its end, and the look before."""
        arguments = ("run", "--config", str(self._file), "--state", str(self._state))
        running = Running(self._log, *arguments)
        try:
            port = _port_of(self._expected)
            self._wait_ready(running, port)
            self._check_what_came_back()
            act(running, self._log_in(port))
        finally:
            if running.process.poll() is None:
                running.process.kill()
                running.process.wait()

    def _measure(self, running: Running, editor: Editor) -> None:
        """Apply a text without a kill: so long it takes here."""
        text = self._text(_port_of(self._expected))
        form = editor.form()
        began_s = perf_counter()
        editor.answered("/config/apply", **{**form, "text": text})
        self._apply_s = perf_counter() - began_s
        self._expected = text
        _end(running)

    def _kill_plain(self, running: Running, editor: Editor) -> None:
        """Kill it during a change that cuts nobody off."""
        self._kill_applying(running, editor, self._text(_port_of(self._expected)))

    def _kill_moving(self, running: Running, editor: Editor) -> None:
        """Kill it during a change that must be confirmed: the website gets another address."""
        self._kill_applying(running, editor, self._text(free_port()))

    def _kill_applying(self, running: Running, editor: Editor, text: str) -> None:
        form = {**editor.form(), "text": text}
        self._kill_while(running, lambda: editor.answered("/config/apply", **form))
        self._look(text)

    def _kill_confirmed(self, running: Running, editor: Editor) -> None:
        """Kill it while somebody confirms such a change."""
        text = self._text(free_port())
        form = {**editor.form(), "text": text}
        with suppress(*GONE):  # the answer leads to the previous address
            editor.answered("/config/apply", **form)
        moved = Editor(_port_of(text))
        self._wait_ready(running, _port_of(text))
        moved.log_in()
        token = moved.form()["csrf"]
        self._kill_while(running, lambda: moved.send("/config/confirm", csrf=token))
        self._look(text)

    def _kill_while(self, running: Running, act: Callable[[], object]) -> None:
        """Kill the device at some moment while something is done to it, or a moment later."""

        def until_it_is_gone() -> None:
            with suppress(*GONE):
                act()

        acting = threading.Thread(target=until_it_is_gone)
        after_s = self._dice.uniform(0.0, LONGEST * self._apply_s)
        if not self.tally.kills:
            after_s = 0.0  # once it has surely not been written yet
        acting.start()
        sleep(after_s)
        running.process.kill()
        running.process.wait()
        acting.join(READY_TIMEOUT_S)
        self.tally.kills += 1
        said = running.said
        if "Traceback" in said or " ERROR " in said:
            raise BrokenStateError(f"before it was killed:\n{said[-2000:]}")

    # --- looks

    def _look(self, new: str) -> None:
        """Look at what a kill has left. Raises: BrokenStateError."""
        found, old = self._file.read_bytes().decode(), self._expected
        if found not in (old, new):
            raise BrokenStateError(f"the file is neither the old nor the new text:\n{found}")
        self.tally.old += found == old
        self.tally.new += found == new
        before = self._state / BEFORE_NAME
        if before.exists():
            if before.read_bytes().decode() != old:
                raise BrokenStateError("the text to return to is not the old one")
            self.tally.returned += found == new
            found = old
        self._expected = found
        self._check_versions()

    def _check_versions(self) -> None:
        folder = self._state / FOLDER_NAME
        kept = Configurations(self._state).versions()
        if len(kept) != len(list(folder.glob("*.json"))):
            raise BrokenStateError("a version cannot be read")

    def _check_what_came_back(self) -> None:
        """Look at a device that has started again. Raises: BrokenStateError."""
        if self._file.read_bytes().decode() != self._expected:
            raise BrokenStateError("the device did not start with the text that it should have")
        if (self._state / BEFORE_NAME).exists():
            raise BrokenStateError("it still waits for a confirmation")

        def newest() -> str:
            kept = Configurations(self._state).versions()
            return kept[0].text if kept else ""

        try:
            wait_until(lambda: newest() == self._expected, KEPT_TIMEOUT_S, "the newest version")
        except TimeoutError as err:
            raise BrokenStateError("what is in force is not the newest version") from err
        self._check_versions()

    # --- helpers

    def _text(self, port: int) -> str:
        """Return a text that the device has never had: a change is one of many lines or few."""
        number = self._dice.getrandbits(40)
        text = GOOD.format(web=port, port=self._charger).replace("Test", f"Site {number}")
        return text + "# of the installer\n" * self._dice.choice((0, 1, 2000))

    def _wait_ready(self, running: Running, port: int) -> None:
        try:
            wait_until(lambda: health(port) == 200, READY_TIMEOUT_S, "health")
        except TimeoutError as err:
            raise BrokenStateError(f"it does not start:\n{running.said[-2000:]}") from err

    def _log_in(self, port: int) -> Editor:
        editor = Editor(port)
        if self._is_known:
            editor.log_in()
        else:
            editor.first_log_in(self._state)
            self._is_known = True
        return editor


def _end(running: Running) -> None:
    """End a device in order."""
    running.process.terminate()
    running.process.wait(READY_TIMEOUT_S)


def _port_of(text: str) -> int:
    """Return where a text has the website."""
    found = re.search(r"127\.0\.0\.1:(\d+)\"}", text)
    if found is None:
        raise ValueError("no website in the text")
    return int(found.group(1))
