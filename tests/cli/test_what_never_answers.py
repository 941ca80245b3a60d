"""A name server, a file or a website that never answers holds up neither the end nor others."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from knxgw import run as run_module
from knxgw.ending import run_to_end
from knxgw.host.threads import LooseThreads
from knxgw.judgement import Judgement, Prepared, judge_start
from knxgw.living import open_store
from knxgw.master_file import MasterFile
from knxgw.run import Judge, serve_configurations
from knxgw.website.listener import Address, Listener
from tests.support.processes import GOOD, free_port, gateway, health
from tests.support.waiting import until

pytestmark = pytest.mark.real


@pytest.fixture
def never() -> Iterator[threading.Event]:
    """Return what is waited for in vain; it comes when the test is over."""
    event = threading.Event()
    yield event
    event.set()


def test_the_end_waits_for_no_call_that_never_answers(never: threading.Event) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.to_thread(never.wait), 0.02)

    run_to_end(main())
    assert not never.is_set()


def test_many_calls_that_never_answer_keep_no_other_one_waiting(never: threading.Event) -> None:
    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            stuck = [group.create_task(asyncio.to_thread(never.wait)) for _ in range(50)]
            await asyncio.sleep(0)
            answers.append(await asyncio.wait_for(asyncio.to_thread(str, "here"), 5))
            for one in stuck:
                one.cancel()

    answers: list[str] = []
    run_to_end(main())
    assert answers == ["here"]


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Prepared]:
    """Return what is prepared for a site without a charger that answers."""
    file = tmp_path / "site.yaml"
    file.write_text(GOOD.format(web=free_port(), port=free_port()), encoding="utf-8")
    judgement = judge_start(file, tmp_path / "state")
    assert judgement.prepared is not None
    yield judgement.prepared
    judgement.prepared.release()


async def serve_while(
    first: Prepared,
    state: Path,
    judge: Judge,
    drive: Callable[[], Awaitable[None]],
) -> None:
    assert first.file is not None
    asyncio.get_running_loop().set_default_executor(LooseThreads())  # as `run_to_end` does
    with open_store(state) as store:
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(
                serve_configurations(first, store, judge, MasterFile(first.file, state))
            )
            await until(lambda: health(first.listener.address.port) == 200, 10, "the first one")
            os.kill(os.getpid(), signal.SIGHUP)
            await drive()
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(asyncio.shield(serving), 3)


async def test_an_end_during_a_reload_waits_for_no_judgement(
    first: Prepared, never: threading.Event, tmp_path: Path
) -> None:
    begun = threading.Event()

    def judge(_running: Prepared, /, *, text: str | None = None) -> Judgement:
        begun.set()
        never.wait()
        return Judgement(findings=())

    async def drive() -> None:
        await until(begun.is_set, 5, "the judgement")

    await serve_while(first, tmp_path / "state", judge, drive)
    assert not never.is_set()


class NotedListener(Listener):
    """A listener of which is known that it was open."""

    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self.was_open = threading.Event()

    def open(self) -> None:
        super().open()
        self.was_open.set()


async def test_a_judgement_that_is_late_changes_nothing_and_gives_back_what_it_took(
    first: Prepared,
    never: threading.Event,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_module, "JUDGING_S", 0.2)
    taken = NotedListener(Address("127.0.0.1", free_port()))

    def judge(running: Prepared, /, *, text: str | None = None) -> Judgement:
        never.wait()
        taken.open()
        return Judgement(findings=(), prepared=replace(running, listener=taken, lock=None))

    async def drive() -> None:
        await until(lambda: "the previous one stays in force" in caplog.text, 5, "the refusal")
        never.set()
        await until(taken.was_open.is_set, 5, "what came late")
        await until(lambda: not taken.is_open, 5, "what is given back")
        assert health(first.listener.address.port) == 200

    await serve_while(first, tmp_path / "state", judge, drive)
    assert "was not read within" in caplog.text
    caplog.clear()  # the ERROR was meant


async def test_a_bug_in_a_judgement_leaves_the_running_gateway_as_it_is(
    first: Prepared, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def judge(_running: Prepared, /, *, text: str | None = None) -> Judgement:
        raise ZeroDivisionError("a bug")

    async def drive() -> None:
        await until(lambda: "the previous one stays in force" in caplog.text, 5, "the refusal")
        assert health(first.listener.address.port) == 200

    await serve_while(first, tmp_path / "state", judge, drive)
    assert "please report" in caplog.text
    caplog.clear()  # the ERROR was meant


def test_a_reload_asked_for_during_the_start_waits_until_the_gateway_runs(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    os.mkfifo(file)  # the start waits for what is written, and so does a reload
    good = GOOD.format(web=free_port(), port=free_port())
    with gateway(file, tmp_path / "state") as running:
        with file.open("w", encoding="utf-8") as pipe:  # open as soon as it reads
            running.process.send_signal(signal.SIGHUP)
            pipe.write(good)
        running.wait_to_say("ready after")
        with file.open("w", encoding="utf-8") as pipe:  # the reload has begun to read
            pipe.write(good)
        running.wait_to_say("the configuration was read again and is in use")
        running.process.send_signal(signal.SIGHUP)  # nobody writes any more
        running.end(signal.SIGTERM, 5.0)
        assert running.process.returncode == 0
        assert "Traceback" not in running.said
