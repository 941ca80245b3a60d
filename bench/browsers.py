"""Browsers as the gateway meets them: live ones, slow ones, and many that log in at once.

    python -m bench.browsers live PORT SECONDS   with cookies of sessions on stdin, one for four streams
    python -m bench.browsers slow PORT SECONDS
    python -m bench.browsers log-in PORT SECONDS

A process of its own, so that it does not slow down whoever measures. Says "begun" when all of it is at
work, and prints one line of JSON at its end.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from time import perf_counter

from bench.figures import Figures

BROWSERS = 50
PAGE_EVERY_S = 2.0
PATHS = ("/", "/points/1", "/", "/points/5")
SLOW = 200
DRIP_S = 1.0
LOG_INS = 50
LOG_INS_EVERY_S = 2.0
WRONG = b"password=a+wrong+sentence&name="
TIMEOUT_S = 20.0
BEGIN_S = 1.0  # until all of them are connected


@dataclass(slots=True)
class Seen:
    """What the browsers saw."""

    pages_s: list[float] = field(default_factory=list)
    lost: int = 0  # pages that did not come, streams that ended
    events: int = 0
    streams: int = 0  # that were being served
    longest_silence_s: float = 0.0  # of a stream; a beat comes every 5 s
    answers: Counter[int] = field(default_factory=Counter)  # by HTTP status
    slow: int = 0  # connections that were open together


class Connection:
    """A connection that is kept, as browsers keep theirs."""

    def __init__(self, port: int, session: str = "") -> None:
        self._port, self._session = port, session
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, head: str, body: bytes = b"") -> tuple[int, dict[str, str]]:
        """Send a request; return the status and the headers of its answer. Raises: OSError."""
        if self._writer is None or self._writer.is_closing():
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        lines = [f"{head} HTTP/1.1", f"Host: 127.0.0.1:{self._port}", "Accept-Encoding: gzip"]
        if self._session:
            lines.append(f"Cookie: {self._session}")
        if body:
            lines += ["Content-Type: application/x-www-form-urlencoded"]
            lines += [f"Content-Length: {len(body)}"]
        self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        status = (await self.line()).split()
        if len(status) < 2:
            self.close()
            raise ConnectionResetError
        headers = {}
        while line := (await self.line()).strip():
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        return int(status[1]), headers

    async def line(self) -> str:
        """Return the next line."""
        assert self._reader is not None
        return (await self._reader.readline()).decode()

    async def load(self, head: str, body: bytes = b"") -> int:
        """Send a request and read all of its answer; return the status. Raises: OSError."""
        status, headers = await self.ask(head, body)
        assert self._reader is not None
        await self._reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection", "").lower() == "close":
            self.close()
        return status

    def close(self) -> None:
        """Close it; the next request opens another one."""
        if self._writer is not None:
            self._writer.close()
        self._writer = None


# --- live ones


async def _listen(port: int, session: str, seen: Seen) -> None:
    """Hold an event stream."""
    connection = Connection(port, session)
    status, _ = await connection.ask("GET /api/v1/events?topics=page")
    seen.answers[status] += 1
    if status != 200:
        return
    seen.streams += 1
    heard_s = perf_counter()
    try:
        while line := await connection.line():
            if line.startswith("event:"):
                now_s = perf_counter()
                seen.longest_silence_s = max(seen.longest_silence_s, now_s - heard_s)
                heard_s = now_s
                seen.events += 1
        seen.lost += 1
    finally:
        connection.close()


async def _browse(port: int, session: str, place: int, seen: Seen) -> None:
    """Load a page every two seconds."""
    connection = Connection(port, session)
    next_s = perf_counter() + PAGE_EVERY_S * place / BROWSERS
    turn = place
    while True:
        await asyncio.sleep(max(0.0, next_s - perf_counter()))
        next_s += PAGE_EVERY_S
        started_s = perf_counter()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                status = await connection.load(f"GET {PATHS[turn % len(PATHS)]}")
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            connection.close()
            seen.lost += 1
            continue
        turn += 1
        if status == 200:
            seen.pages_s.append(perf_counter() - started_s)
        else:
            seen.lost += 1


# --- slow ones


async def _drip(port: int, place: int, seen: Seen) -> None:
    """Send a request a byte at a time, a body that never ends, nothing at all, or read no answer."""
    host = f"Host: 127.0.0.1:{port}\r\n"
    kind = place % 4
    begin = {
        0: "GET / HTTP/1.1\r\nX-Slow: ",
        1: f"POST /login HTTP/1.1\r\n{host}Content-Length: 1000000\r\n\r\npassword=",
        2: "",
        3: f"GET /login HTTP/1.1\r\n{host}\r\n" * 20,
    }[kind]
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
        except OSError:
            seen.lost += 1
            await asyncio.sleep(DRIP_S)
            continue
        seen.slow += 1
        try:
            writer.write(begin.encode())
            while not writer.is_closing():
                await asyncio.sleep(DRIP_S)
                if kind < 2:
                    writer.write(b"x")
                    await writer.drain()
        except OSError:
            pass
        finally:
            seen.slow -= 1
            writer.close()


# --- log-ins


async def _log_in(port: int, seen: Seen) -> None:
    """Try a wrong password again and again, all at the same moments."""
    next_s = perf_counter() + 1.0
    while True:
        connection = Connection(port)
        await asyncio.sleep(max(0.0, next_s - perf_counter()))
        next_s += LOG_INS_EVERY_S
        started_s = perf_counter()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                seen.answers[await connection.load("POST /login", WRONG)] += 1
            seen.pages_s.append(perf_counter() - started_s)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            seen.lost += 1
        connection.close()


async def _run(jobs: Sequence[Coroutine[None, None, None]], seconds: float, seen: Seen) -> int:
    """Let all of them work for some seconds; return how many slow connections were open at the end."""
    slow = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds + 2 * BEGIN_S), asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(job)
            await asyncio.sleep(BEGIN_S)
            print("begun", flush=True)
            await asyncio.sleep(seconds)
            slow = seen.slow
    return slow


def main() -> None:
    """Run one of the subcommands."""
    parser = argparse.ArgumentParser(prog="browsers", description=__doc__)
    parser.add_argument("what", choices=["live", "slow", "log-in"])
    parser.add_argument("port", type=int)
    parser.add_argument("seconds", type=float)
    options = parser.parse_args()
    seen, port = Seen(), options.port
    jobs: list[Coroutine[None, None, None]] = []
    if options.what == "live":
        sessions = sys.stdin.readline().split()
        for place in range(BROWSERS):
            session = sessions[place % len(sessions)]
            jobs += [_listen(port, session, seen), _browse(port, session, place, seen)]
    elif options.what == "slow":
        jobs += [_drip(port, place, seen) for place in range(SLOW)]
    else:
        jobs += [_log_in(port, seen) for _ in range(LOG_INS)]
    slow = asyncio.run(_run(jobs, options.seconds, seen))
    pages = Figures.of(
        seen.pages_s, count=len(seen.pages_s) + seen.lost, duration_s=options.seconds
    )
    print(
        json.dumps(
            {
                "pages": asdict(pages),
                "events": seen.events,
                "streams": seen.streams,
                "longest_silence_s": round(seen.longest_silence_s, 2),
                "answers": {str(status): count for status, count in seen.answers.items()},
                "slow": slow,
            }
        )
    )


if __name__ == "__main__":
    main()
