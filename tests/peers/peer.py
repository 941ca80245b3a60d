"""A library of others in a process of its own, asked by a test line by line."""

import asyncio
import json
import os
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import IO, Any

import pytest

from tests.peers.environments import Environment
from tests.support.netns import REPOSITORY

ANSWER_TIMEOUT_S = 30.0  # an answer takes milliseconds, on a machine with nothing else to do


class PeerError(Exception):
    """The library failed; carries its traceback."""


def require(environment: Environment) -> None:
    """Skip the test where an environment is missing; with KNXGW_REQUIRE_PEERS=1 fail."""
    reason = environment.missing
    if reason is None:
        return
    if os.environ.get("KNXGW_REQUIRE_PEERS") == "1":
        pytest.fail(f"KNXGW_REQUIRE_PEERS=1, but {reason}", pytrace=False)
    pytest.skip(reason)


class Peer:
    """A process that runs a script of `tests.peers.scripts`."""

    def __init__(self, process: asyncio.subprocess.Process, complaints: IO[bytes]) -> None:
        self._process = process
        self._complaints = complaints

    async def ask(self, do: str, **arguments: object) -> Any:
        """Return what a command of the script returns. Raises: PeerError."""
        questions, answers = self._process.stdin, self._process.stdout
        assert questions is not None
        assert answers is not None
        questions.write(f"{json.dumps({'do': do} | arguments)}\n".encode())
        await questions.drain()
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            line = await answers.readline()
        if not line:
            self._complaints.seek(0)
            raise PeerError(self._complaints.read().decode(errors="replace"))
        reply: Mapping[str, Any] = json.loads(line)
        if "error" in reply:
            raise PeerError(reply["error"])
        return reply["answer"]


@asynccontextmanager
async def running(environment: Environment, script: str, *argv: object) -> AsyncIterator[Peer]:
    """Run a script by the Python of an environment."""
    with tempfile.TemporaryFile() as complaints:
        process = await asyncio.create_subprocess_exec(
            str(environment.python),
            *("-m", f"tests.peers.scripts.{script}", *map(str, argv)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=complaints,
            cwd=REPOSITORY,
            env={"PATH": os.environ.get("PATH", ""), "PYTHONDONTWRITEBYTECODE": "1"},
            limit=2**24,
        )
        try:
            yield Peer(process, complaints)
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()
