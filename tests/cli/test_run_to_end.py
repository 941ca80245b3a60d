"""What a person sees of errors that end a run, and the way back to the configuration before."""

import asyncio
import logging
import os
import re
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

import pytest
from click.testing import CliRunner

from knxgw.cli import main
from knxgw.ending import AfterEnd, Stop, run_to_end
from knxgw.errors import ConfigError, GatewayError, LinkError
from knxgw.judgement import (
    Judgement,
    Prepared,
    judge_reload,
    judge_start,
    judge_unconfigured,
)
from knxgw.living import open_store
from knxgw.master_file import MasterFile
from knxgw.run import _announce, _control, serve_configurations
from knxgw.website.listener import Address, Listener
from tests.support.knx_line import MemoryLine
from tests.support.processes import GOOD, free_port, health
from tests.support.visitor import Visitor
from tests.support.waiting import until


async def failing(*errors: Exception) -> None:
    async with asyncio.TaskGroup() as group:
        for error in errors:
            group.create_task(failing_with(error))


async def failing_with(error: Exception) -> None:
    await asyncio.sleep(0)
    raise error


def nested(*errors: Exception) -> Callable[[], object]:
    async def outer() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(failing(*errors))

    return outer


def test_of_a_group_of_errors_the_first_of_ours_is_what_comes_out() -> None:
    for error in (GatewayError("one"), LinkError("one"), ConfigError(())):
        with pytest.raises(GatewayError) as caught:
            run_to_end(nested(error)())  # type: ignore[arg-type]
        assert caught.value is error


def test_several_errors_of_ours_are_one_to_the_person() -> None:
    with pytest.raises(GatewayError, match="one"):
        run_to_end(failing(GatewayError("one"), GatewayError("two")))


def test_an_error_of_ours_without_a_group_comes_out_as_it_is() -> None:
    with pytest.raises(GatewayError, match="alone"):
        run_to_end(failing_with(GatewayError("alone")))


def test_a_bug_is_shown_with_everything_beside_it() -> None:
    with pytest.raises(ExceptionGroup) as caught:
        run_to_end(failing(GatewayError("one"), ZeroDivisionError("a bug")))
    assert len(caught.value.exceptions) == 2


def test_a_run_that_ends_in_order_raises_nothing() -> None:
    run_to_end(asyncio.sleep(0))


@pytest.mark.real
async def test_an_end_is_not_lost_behind_a_reload_that_was_asked_for_first() -> None:
    stop = Stop()
    os.kill(os.getpid(), signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(stop.asked.wait(), 2)
    await asyncio.sleep(0.05)
    assert stop.is_ending()


@pytest.mark.real
@pytest.mark.parametrize("first", ["restart", "reset"])
async def test_a_reset_is_done_also_where_a_restart_was_asked_for_too(first: str) -> None:
    stop = Stop()
    control = _control(stop)
    for ask in (getattr(control, first), control.restart, control.reset, control.restart):
        ask()
    await asyncio.wait_for(stop.asked.wait(), 2)
    await asyncio.sleep(0)
    assert stop.after is AfterEnd.RESET


def master_of(first: Prepared, folder: Path) -> MasterFile:
    assert first.file is not None
    return MasterFile(first.file, folder / "state")


class BrokenLink:
    """A link that is no use: whoever starts with it fails."""

    def __init__(self) -> None:
        self._line = MemoryLine().join("1.1.20")

    def __getattr__(self, name: str) -> object:
        if name == "keep_numbers":
            raise ZeroDivisionError("a bug in what the new configuration brings")
        return getattr(self._line, name)


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Prepared]:
    """Return what is prepared for a site without a charger that answers."""
    file = tmp_path / "site.yaml"
    file.write_text(GOOD.format(web=free_port(), port=free_port()), encoding="utf-8")
    judgement = judge_start(file, tmp_path / "state")
    assert judgement.prepared is not None
    yield judgement.prepared
    judgement.prepared.release()


@pytest.mark.real
async def test_a_device_that_is_not_configured_takes_the_file_that_somebody_writes(
    tmp_path: Path,
) -> None:
    file = tmp_path / "site.yaml"
    listener = Listener(Address("127.0.0.1", free_port()))
    port = listener.address.port
    unconfigured = Prepared(configuration=None, link=None, listener=listener)

    visitor = Visitor(port)

    async def drive() -> None:
        await until(lambda: health(port) == 200, 10, "the website")
        await asyncio.to_thread(visitor.first_log_in, tmp_path / "state")
        assert "Not configured" in await asyncio.to_thread(visitor.page)
        file.write_text(GOOD.format(web=port, port=free_port()), encoding="utf-8")
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: "Not configured" not in visitor.page(), 10, "the site")
        os.kill(os.getpid(), signal.SIGTERM)

    with open_store(tmp_path / "state") as store:
        async with asyncio.TaskGroup() as group:
            group.create_task(
                serve_configurations(
                    unconfigured,
                    store,
                    partial(judge_reload, file),
                    MasterFile(file, tmp_path / "state"),
                )
            )
            await asyncio.sleep(0.1)
            group.create_task(drive())
    assert listener.is_open is False


def cookies_of(visitor: Visitor) -> str:
    return "; ".join(f"{one.name}={one.value}" for one in visitor.cookies)


@pytest.mark.real
async def test_a_changed_file_leaves_the_connections_of_the_website_alone(
    first: Prepared, tmp_path: Path
) -> None:
    assert first.file is not None
    port = first.listener.address.port
    browser, visitor = HTTPConnection("127.0.0.1", port, timeout=5), Visitor(port)

    def page() -> str:
        if not list(visitor.cookies):
            visitor.first_log_in(tmp_path / "state")
        browser.request("GET", "/", headers={"Cookie": cookies_of(visitor)})
        return browser.getresponse().read().decode()

    async def drive() -> None:
        await until(lambda: health(first.listener.address.port) == 200, 10, "the website")
        assert "Renamed" not in await asyncio.to_thread(page)
        used = browser.sock
        text = first.file.read_text(encoding="utf-8").replace("Test", "Renamed")  # type: ignore[union-attr]
        first.file.write_text(text, encoding="utf-8")  # type: ignore[union-attr]
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: "Renamed" in page(), 10, "the other name")
        assert browser.sock is used, "no connection was made again"
        browser.request("GET", "/history/starts", headers={"Cookie": cookies_of(visitor)})
        assert "configuration read again" in browser.getresponse().read().decode()
        os.kill(os.getpid(), signal.SIGTERM)

    with open_store(tmp_path / "state") as store:
        async with asyncio.TaskGroup() as group:
            judge = partial(judge_reload, first.file)
            group.create_task(serve_configurations(first, store, judge, master_of(first, tmp_path)))
            await asyncio.sleep(0.1)
            group.create_task(drive())
    browser.close()


def test_an_unconfigured_device_answers_where_a_file_without_an_address_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Address] = []
    monkeypatch.setattr(Listener, "open", lambda self: opened.append(self.address))
    judgement = judge_unconfigured(tmp_path / "state")
    assert judgement.prepared is not None
    assert judgement.prepared.configuration is None
    assert opened == [Address("0.0.0.0", 8080)]  # noqa: S104 - the default
    judgement.prepared.release()


def test_the_log_of_an_unconfigured_device_names_its_website_and_the_set_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    where = Address("127.0.0.1", free_port())
    prepared = judge_unconfigured(tmp_path / "state", where).prepared
    assert prepared is not None
    try:
        with caplog.at_level("WARNING"):
            _announce(prepared)
    finally:
        prepared.release()
    assert f"open the website, http://{where}/, log in and choose Set up the device" in caplog.text


def has_said(caplog: pytest.LogCaptureFixture, words: str, times: int) -> bool:
    return caplog.text.count(words) == times


@pytest.mark.proves("H.71")
@pytest.mark.real
async def test_a_configuration_that_does_not_live_gives_way_to_the_one_before(
    first: Prepared, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[Prepared] = []

    def judge(running: Prepared, /, *, text: str | None = None) -> Judgement:
        asked.append(running)
        return Judgement(findings=(), prepared=replace(running, link=BrokenLink()))  # type: ignore[arg-type]

    async def drive() -> None:
        def is_ready() -> bool:
            return health(first.listener.address.port) == 200

        for number in range(2):
            await until(is_ready, 10, "the first one")
            os.kill(os.getpid(), signal.SIGHUP)
            reported = partial(has_said, caplog, "is used again", number + 1)
            await until(reported, 10, "the way back")
        await until(is_ready, 10, "the first one again")
        os.kill(os.getpid(), signal.SIGTERM)

    with open_store(tmp_path / "state") as store:
        async with asyncio.TaskGroup() as group:
            group.create_task(serve_configurations(first, store, judge, master_of(first, tmp_path)))
            await asyncio.sleep(0.1)  # the signals are its business from now on
            group.create_task(drive())
    assert asked == [first, first], "the one before ran on each time"
    assert caplog.text.count("is used again") == 2
    assert first.listener.is_open is False
    caplog.clear()  # the two ERRORs were meant
    with socket.create_server(("127.0.0.1", first.listener.address.port)):
        pass


def rename_device(file: Path, name: str) -> None:
    """Write another name of the device into a file, in one operation as an editor does."""
    text = re.sub("name: [^}]+}", f"name: {name}}}", file.read_text(encoding="utf-8"), count=1)
    file.with_suffix(".new").write_text(text, encoding="utf-8")
    file.with_suffix(".new").replace(file)


async def serve_and(first: Prepared, tmp_path: Path, drive: Callable[[], Awaitable[None]]) -> None:
    """Serve a file until SIGTERM, which the end of `drive` sends."""

    async def driven() -> None:
        await until(lambda: health(first.listener.address.port) == 200, 10, "the website")
        await drive()
        os.kill(os.getpid(), signal.SIGTERM)

    assert first.file is not None
    with open_store(tmp_path / "state") as store:
        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            judge = partial(judge_reload, first.file)
            group.create_task(serve_configurations(first, store, judge, master_of(first, tmp_path)))
            await asyncio.sleep(0.1)  # the signals are its business from now on
            group.create_task(driven())


@pytest.mark.proves("H.71")
@pytest.mark.real
async def test_of_a_storm_of_reloads_the_last_file_is_in_use(
    first: Prepared, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert first.file is not None
    caplog.set_level(logging.INFO, "knxgw")

    async def drive() -> None:
        for number in range(60):
            rename_device(first.file, f"Storm {number}")  # type: ignore[arg-type]
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(0.002 * (number % 5))
        await until(lambda: "runs Storm 59," in caplog.text, 10, "the last file")
        assert health(first.listener.address.port) == 200

    await serve_and(first, tmp_path, drive)
    assert 1 <= caplog.text.count("was read again and is in use") <= 60
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.proves("H.71")
@pytest.mark.real
async def test_a_website_that_moves_and_comes_back_leaves_no_address_taken(
    first: Prepared, tmp_path: Path
) -> None:
    file, home, away = first.file, first.listener.address.port, free_port()
    assert file is not None

    async def moved(old: int, new: int) -> None:
        text = file.read_text(encoding="utf-8").replace(f":{old}", f":{new}")
        file.write_text(text, encoding="utf-8")
        os.kill(os.getpid(), signal.SIGHUP)
        await until(lambda: health(new) == 200 and health(old) is None, 10, "the other address")

    async def drive() -> None:
        for _ in range(3):
            await moved(home, away)
            await moved(away, home)

    await serve_and(first, tmp_path, drive)
    for port in (home, away):
        with socket.create_server(("127.0.0.1", port)):
            pass


@pytest.mark.proves("H.74")
@pytest.mark.real
@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.1])
async def test_an_end_in_the_middle_of_a_reload_is_in_order(
    first: Prepared, tmp_path: Path, after_s: float, caplog: pytest.LogCaptureFixture
) -> None:
    file, home, away = first.file, first.listener.address.port, free_port()
    assert file is not None

    async def drive() -> None:
        text = file.read_text(encoding="utf-8").replace(f":{home}", f":{away}")
        file.write_text(text.replace("number: 1,", "number: 2,"), encoding="utf-8")
        os.kill(os.getpid(), signal.SIGHUP)
        await asyncio.sleep(after_s)

    await serve_and(first, tmp_path, drive)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    for port in (home, away):
        with socket.create_server(("127.0.0.1", port)):
            pass


@pytest.mark.proves("W38", "8.31")
@pytest.mark.real
@pytest.mark.parametrize(
    ("asked", "after"), [("restart", AfterEnd.RESTART), ("reset", AfterEnd.RESET)]
)
async def test_a_page_that_asks_for_a_restart_ends_the_run_in_order(
    first: Prepared, tmp_path: Path, asked: str, after: AfterEnd
) -> None:
    stops: list[Stop] = []

    class Noting(Stop):
        def __init__(self) -> None:
            super().__init__()
            stops.append(self)

    async def drive() -> None:
        await until(lambda: health(first.listener.address.port) == 200, 10, "the website")
        await asyncio.to_thread(getattr(_control(stops[0]), asked))

    with open_store(tmp_path / "state") as store, pytest.MonkeyPatch.context() as patch:
        patch.setattr("knxgw.run.Stop", Noting)
        async with asyncio.TaskGroup() as group:
            judge = partial(judge_reload, tmp_path / "site.yaml")
            serving = group.create_task(
                serve_configurations(first, store, judge, master_of(first, tmp_path))
            )
            group.create_task(drive())
    assert serving.result() is after


def test_a_reload_without_a_configuration_takes_a_certificate_that_was_made_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KNXGW_LISTEN", f"127.0.0.1:{free_port()}")
    state = tmp_path / "state"
    first = judge_unconfigured(state).prepared
    assert first is not None
    try:
        assert first.certificate is None
        made = CliRunner().invoke(main, ["certificate", "--make", "--state", str(state)])
        assert made.exit_code == 0, made.output
        again = judge_reload(state / "knxgw.configuration.yaml", first, state=state)
        assert again.prepared is not None, again.findings
        assert again.prepared.certificate is not None
        assert again.prepared.listener is first.listener
    finally:
        first.release()
