"""Few pages are made at a time, and one that takes long holds up nobody for long."""

import threading
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import Any

import pytest

from knxgw.website.turns import CHANGES_AT_ONCE, PATIENCE_S, READS_AT_ONCE, Application, InTurn

pytestmark = pytest.mark.real
VISITORS = 12
InTurnBefore = Callable[[Application], InTurn]


@pytest.fixture
def in_turn() -> Iterator[InTurnBefore]:
    made: list[InTurn] = []

    def before(application: Application) -> InTurn:
        made.append(InTurn(application))
        return made[-1]

    yield before
    for one in made:
        one.close()


class Pages:
    """Notes how many pages are made at a time; one of a path `/slow` waits until it is let go."""

    def __init__(self) -> None:
        self.at_once = self.most = 0
        self.go_on = threading.Event()
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], _start: object) -> Iterable[bytes]:
        with self._lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        if environ.get("PATH_INFO") == "/slow":
            self.go_on.wait(10)
        else:
            sum(range(20_000))
        with self._lock:
            self.at_once -= 1
        return [b"page"]


def asked(path: str, method: str = "GET") -> dict[str, Any]:
    return {"REQUEST_METHOD": method, "PATH_INFO": path}


def ask_all(application: InTurn, paths: list[str]) -> list[threading.Thread]:
    threads = [
        threading.Thread(target=lambda path=path: list(application(asked(path), None)))
        for path in paths
    ]
    for one in threads:
        one.start()
    return threads


def test_no_more_pages_are_made_at_a_time_than_there_are_turns(in_turn: InTurnBefore) -> None:
    pages = Pages()
    for one in ask_all(in_turn(pages), ["/"] * VISITORS):
        one.join(10)
    assert 1 <= pages.most <= READS_AT_ONCE


def test_pages_that_wait_themselves_hold_up_others_for_a_moment_only(in_turn: InTurnBefore) -> None:
    pages = Pages()
    application = in_turn(pages)
    slow = ask_all(application, ["/slow"] * READS_AT_ONCE)
    started_s = perf_counter()
    assert list(application(asked("/"), None)) == [b"page"]
    assert PATIENCE_S / 2 < perf_counter() - started_s < 10
    started_s = perf_counter()
    assert list(application(asked("/", "POST"), None)) == [b"page"]
    assert perf_counter() - started_s < PATIENCE_S / 2
    pages.go_on.set()
    for one in slow:
        one.join(10)


def test_a_stream_has_no_turn_while_it_lasts(in_turn: InTurnBefore) -> None:
    def stream(_environ: object, _start: object) -> Iterator[bytes]:
        yield b"first"
        yield b"second"

    application = in_turn(stream)
    streams = [application(asked("/"), None) for _ in range(READS_AT_ONCE)]
    assert [next(iter(one)) for one in streams] == [b"first"] * READS_AT_ONCE
    started_s = perf_counter()
    assert list(in_turn(Pages())(asked("/"), None)) == [b"page"]
    assert list(application(asked("/"), None)) == [b"first", b"second"]
    assert perf_counter() - started_s < PATIENCE_S


def test_a_page_that_cannot_be_made_gives_its_turn_back(in_turn: InTurnBefore) -> None:
    def broken(_environ: object, _start: object) -> Iterable[bytes]:
        raise ValueError("broken")

    application = in_turn(broken)
    started_s = perf_counter()
    for _ in range(3 * READS_AT_ONCE):
        with pytest.raises(ValueError, match="broken"):
            application(asked("/"), None)
    assert perf_counter() - started_s < PATIENCE_S


def test_pages_are_made_in_the_same_few_threads(in_turn: InTurnBefore) -> None:
    makers: set[int] = set()

    def pages(_environ: object, _start: object) -> Iterable[bytes]:
        makers.add(threading.get_ident())
        return [b"page"]

    application = in_turn(pages)
    for one in ask_all(application, ["/"] * VISITORS):
        one.join(10)
    list(application(asked("/", "POST"), None))
    assert 2 <= len(makers) <= READS_AT_ONCE + CHANGES_AT_ONCE


def test_the_threads_end_when_they_are_no_longer_needed_and_a_late_question_is_still_answered() -> (
    None
):
    before = set(threading.enumerate())
    application = InTurn(Pages())
    makers = set(threading.enumerate()) - before
    assert len(makers) == READS_AT_ONCE + CHANGES_AT_ONCE
    application.close()
    for one in makers:
        one.join(10)
    assert not any(one.is_alive() for one in makers)
    assert list(application(asked("/"), None)) == [b"page"]
