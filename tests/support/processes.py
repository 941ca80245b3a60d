"""`knxgw` as a process of its own, and what its website says."""

import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import wait_until

GOOD = """
device: {{name: Test}}
knx: {{link: none}}
website: {{listen: "127.0.0.1:{web}"}}
load_management: {{mode: "off"}}
charging_points:
  - {{number: 1, name: One, model: goe_charger, connection: {{type: tcp, host: 127.0.0.1, port: {port}, unit: 1}}}}
group_objects: {{50: [1/1/50], 55: [1/1/55]}}
"""


def free_port() -> int:
    """Return a TCP port that is free now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


class Running:
    """A gateway, or another module, as a process of its own; what it says goes into a file."""

    def __init__(
        self,
        output: Path,
        *arguments: str,
        module: str = "knxgw",
        started_by: tuple[str, ...] = (),
    ) -> None:
        self._output = output
        with output.open("w") as file:
            self.process = subprocess.Popen(
                [*started_by, sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )

    @property
    def said(self) -> str:
        """Return everything it has said."""
        return self._output.read_text(encoding="utf-8")

    def wait_to_say(self, text: str, seconds: float = 20.0) -> None:
        """Wait until it has said a text."""
        wait_until(lambda: text in self.said, seconds, lambda: f"{text!r} in {self.said}")

    def end(self, number: signal.Signals, seconds: float) -> None:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        self.process.wait(seconds)


@contextmanager
def process(
    output: Path, *arguments: str, module: str = "knxgw", started_by: tuple[str, ...] = ()
) -> Iterator[Running]:
    """Run `knxgw`, or another module, for the length of a block; `started_by`: a command in front of it."""
    running = Running(output, *arguments, module=module, started_by=started_by)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()


@contextmanager
def gateway(file: Path, state: Path) -> Iterator[Running]:
    """Run a gateway for the length of a block."""
    with process(
        state.with_suffix(".log"), "run", "--config", str(file), "--state", str(state)
    ) as it:
        yield it


def health(port: int) -> int | None:
    """Return the status of `/health`, None if nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as err:
        return err.code
    except OSError:
        return None
