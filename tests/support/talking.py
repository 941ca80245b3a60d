"""A process in a namespace that is told lines and answers with lines."""

import os
import select
import subprocess
from collections.abc import Sequence

from tests.support.netns import REPOSITORY, Namespace

ANSWER_TIMEOUT_S = 20.0


class TalkingProcess:
    """Starts when it is made; it must write whole lines."""

    def __init__(self, host: Namespace, argv: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            ["ip", "netns", "exec", host.name, *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,  # so that `select` sees every line
            cwd=REPOSITORY,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )

    def tell(self, line: str) -> None:
        """Type a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def line_with(self, text: str) -> str:
        """Return the next line that has a text in it, without its end."""
        output = self._process.stdout
        assert output is not None
        while True:
            ready, _, _ = select.select([output], [], [], ANSWER_TIMEOUT_S)
            assert ready, f"nobody said {text!r}"
            line: str = output.readline().decode()
            assert line, "the process ended"
            if text in line:
                return line.rstrip("\n")

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.communicate()
