"""The process that is killed: a real gateway on the state directory."""

import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.netns import REPOSITORY
from tests.support.waiting import wait_until
from tests.torture.journal import BrokenStateError
from tests.torture.site import WEBSITE_PORT

READY_TIMEOUT_S, END_TIMEOUT_S = 30.0, 10.0
HEALTH = f"http://127.0.0.1:{WEBSITE_PORT}/health"


class Victim:
    """`knxgw run`, from its start to its end."""

    def __init__(self, site: Path, state: Path, log: Path) -> None:
        self._log = log
        argv = ["-m", "knxgw", "run", "--config", str(site), "--state", str(state)]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=REPOSITORY,
            )

    def wait_ready(self) -> None:
        """Wait until it says that it is healthy. Raises: BrokenStateError."""
        try:
            wait_until(self._is_ready, READY_TIMEOUT_S, "health")
        except TimeoutError as err:
            raise BrokenStateError(f"it started from this state, but {err}{self._said()}") from err

    def kill(self) -> None:
        """Take its power away; it must have been alive and well until then."""
        self._process.kill()
        self._ended(-9)

    def end(self) -> None:
        """End it in order."""
        self._process.terminate()
        self._ended(0)

    def discard(self) -> None:
        """Leave nothing behind, whatever happened."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _ended(self, status: int) -> None:
        try:
            self._process.wait(END_TIMEOUT_S)
        except subprocess.TimeoutExpired as err:
            raise BrokenStateError(f"it does not end{self._said()}") from err
        text = self._log.read_text(encoding="utf-8", errors="replace")
        bad = "Traceback" in text or " ERROR " in text
        if bad or self._process.returncode != status:
            raise BrokenStateError(f"it ended with {self._process.returncode}{self._said()}")

    def _is_ready(self) -> bool:
        if self._process.poll() is not None:
            raise BrokenStateError(f"it does not start from this state{self._said()}")
        try:
            with urllib.request.urlopen(HEALTH, timeout=1.0) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _said(self) -> str:
        text = self._log.read_text(encoding="utf-8", errors="replace")
        return f"; its last lines:\n{text[-2000:]}"
