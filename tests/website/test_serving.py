"""The website is served as long as the gateway lives, and takes nothing down with it."""

import asyncio
import logging
import socket
import threading
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import pytest
from waitress import wasyncore

from knxgw.website.bridge import Bridge
from knxgw.website.listener import Address, Listener
from knxgw.website.server import WebsiteServer
from knxgw.website.serving import serve
from tests.support.processes import free_port
from tests.support.waiting import until
from tests.support.website import bridge_of
from tests.website.test_pages import SITE

pytestmark = pytest.mark.real
_STATE = TemporaryDirectory()  # of all websites here, until the process ends


def pages(**given: Any) -> Bridge:
    return bridge_of(Path(_STATE.name), perf_counter, view=lambda _language: SITE, **given)


BRIDGE = pages(identity={"X-Knxgw-Process": "7"})
RETRY_S, STEADY_S = 0.05, 0.3


@asynccontextmanager
async def served(listener: Listener) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(serve(BRIDGE, listener, retry_s=RETRY_S, steady_s=STEADY_S))
        yield
        task.cancel()


def asked(port: int, path: str = "/health") -> str | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as answer:
            return str(answer.headers["X-Knxgw-Process"])
    except OSError:
        return None


async def test_a_listener_is_taken_before_it_is_served_and_outlives_who_serves_it() -> None:
    listener = Listener(Address("127.0.0.1", free_port()))
    listener.open()
    port = listener.address.port
    with socket.create_connection(("127.0.0.1", port)) as early:
        early.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        async with served(listener):
            await until(lambda: asked(port) == "7", 5, "an answer")
            early.settimeout(2)
            assert early.recv(100).startswith(b"HTTP/1.1 200"), "who came early is answered"
    assert listener.is_open
    async with served(listener):
        await until(lambda: asked(port) == "7", 5, "an answer")
    listener.close()
    assert asked(port) is None


def test_an_address_is_taken_once() -> None:
    one, other = (Listener(Address("127.0.0.1", free_port())) for _ in range(2))
    one.open()
    one.open()
    other.address = one.address
    with pytest.raises(OSError, match="in use"):
        other.open()
    assert not other.is_open
    one.close()
    other.open()
    other.close()


def test_a_name_stands_for_all_its_addresses() -> None:
    listener = Listener(Address("localhost", free_port()))
    listener.open()
    copies = listener.copies()
    assert any(one.family is socket.AF_INET for one in copies)
    for one in copies:
        one.close()
    listener.close()


@pytest.mark.proves("H.73")
async def test_a_website_that_cannot_start_is_said_once_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = int(taken.getsockname()[1])
        listener = Listener(Address("127.0.0.1", port))
        async with served(listener):
            await asyncio.sleep(RETRY_S * 6)
            taken.close()
            await until(lambda: asked(port) == "7", 5, "an answer")
    listener.close()
    (said,) = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert f"the website at 127.0.0.1:{port} is not served (OSError" in said.getMessage()
    assert "charging goes on" in said.getMessage()
    caplog.clear()  # the one ERROR was meant


@pytest.mark.proves("H.73")
async def test_a_website_that_dies_is_started_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, deaths = wasyncore.loop, iter(("first", "first", "second"))

    def dying(**settings: object) -> None:
        if death := next(deaths, None):
            raise RuntimeError(death)
        loop(**settings)  # type: ignore[arg-type]

    monkeypatch.setattr(wasyncore, "loop", dying)
    listener = Listener(Address("127.0.0.1", free_port()))
    listener.open()
    async with served(listener):
        await until(lambda: asked(listener.address.port) == "7", 5, "an answer")
        await until(lambda: "is served again" in caplog.text, 5, "the good news")
    listener.close()
    errors = [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]
    assert len(errors) == 2, "changes, not repetitions"
    assert "RuntimeError: first" in errors[0]
    assert "RuntimeError: second" in errors[1]
    caplog.clear()  # both were meant


def test_a_website_that_cannot_be_made_leaves_no_threads_behind() -> None:
    before = threading.active_count()
    with pytest.raises(ValueError, match="not open"):
        WebsiteServer(BRIDGE, Listener(Address("127.0.0.1", free_port())))
    assert threading.active_count() == before


async def test_an_end_while_it_starts_leaves_no_thread_behind() -> None:
    listener = Listener(Address("127.0.0.1", free_port()))
    listener.open()
    async with served(listener):
        await asyncio.sleep(0)
    listener.close()
    assert asked(listener.address.port) is None


class SlowName(Listener):
    """A listener whose name is looked up for a while, in vain or not."""

    def __init__(self, *, fails: bool) -> None:
        super().__init__(Address("127.0.0.1", free_port()))
        self.asked, self.answer = threading.Event(), threading.Event()
        self._fails = fails

    def open(self) -> None:
        self.asked.set()
        self.answer.wait()
        if self._fails:
            raise socket.gaierror(socket.EAI_AGAIN, "no name server answers")
        super().open()


@pytest.mark.parametrize("fails", [True, False], ids=["not known", "known"])
async def test_an_end_while_its_name_is_looked_up_is_an_end(*, fails: bool) -> None:
    listener = SlowName(fails=fails)
    async with asyncio.timeout(5), served(listener):
        await until(listener.asked.is_set, 5, "the question")
        asyncio.get_running_loop().call_later(0.1, listener.answer.set)
    listener.close()
    assert asked(listener.address.port) is None


async def test_an_end_waits_for_no_name_that_is_never_answered() -> None:
    listener = SlowName(fails=True)
    async with asyncio.timeout(3), served(listener):
        await until(listener.asked.is_set, 5, "the question")
    listener.answer.set()


def test_a_page_that_is_being_made_is_finished_before_the_end() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> bool:
        begun.set()
        go_on.wait(5)
        return True

    bridge = pages(is_ready=slow)
    listener = Listener(Address("127.0.0.1", free_port()))
    listener.open()
    server = WebsiteServer(bridge, listener)
    server.start()
    with socket.create_connection(("127.0.0.1", listener.address.port)) as page:
        page.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert begun.wait(5)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        go_on.set()
        page.settimeout(3)
        assert page.recv(1000).startswith(b"HTTP/1.1 200")
        stopping.join()
        assert page.recv(1000) in (b"", b"ready\n")
    listener.close()
    assert server.error is None


def test_a_page_that_never_ends_does_not_hold_up_the_end(caplog: pytest.LogCaptureFixture) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def endless() -> bool:
        begun.set()
        return go_on.wait(10)

    bridge = pages(is_ready=endless)
    listener = Listener(Address("127.0.0.1", free_port()))
    listener.open()
    server = WebsiteServer(bridge, listener)
    server.start()
    with socket.create_connection(("127.0.0.1", listener.address.port)) as page:
        page.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert begun.wait(5)
        start_s = perf_counter()
        server.stop()
        assert perf_counter() - start_s < 2.0
        go_on.set()
    listener.close()
    assert "Traceback" not in caplog.text
