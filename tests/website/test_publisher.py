"""Live pages get differences, whatever they have missed."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.website.merge_patch import difference, patched
from knxgw.website.publisher import (
    CHECK_S,
    KEPT_DELTAS,
    MOST_STREAMS,
    MOST_STREAMS_OF_SESSION,
    Publisher,
    TooManyStreamsError,
)
from tests.support.waiting import wait_until

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
leaves = st.integers(0, 3) | st.booleans() | st.text("ab", max_size=2)
trees = st.recursive(
    st.dictionaries(st.sampled_from("abc"), leaves, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), leaves | inner, max_size=3),
    max_leaves=8,
)


@given(trees, trees)
def test_a_patch_makes_the_one_of_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert patched(before, difference(before, after)) == after
    assert json.dumps(patched(before, difference(before, after)), sort_keys=True) == json.dumps(
        after, sort_keys=True
    ), "true is not 1"


@given(trees)
def test_what_is_equal_needs_no_patch(tree: dict[str, Any]) -> None:
    assert difference(tree, tree) == {}


class Source:
    """A topic whose value tests change."""

    def __init__(self) -> None:
        self.value: dict[str, Any] = {"a": 1}
        self.allowed, self.fails = True, False
        self.now_s = 0.0
        self.publisher = Publisher("boot", lambda: self.now_s, lambda: NOON)
        self.publisher.add_topic("page", self.make)

    def make(self) -> dict[str, Any]:
        if self.fails:
            raise RuntimeError("a bug")
        return self.value

    def stream(self, owner: str = "me", after: str | None = None) -> Any:
        return self.publisher.open_stream("page", owner, after, lambda: self.allowed)

    def look(self) -> None:
        """Do what the publisher's thread does each half second."""
        self.publisher._look(self.publisher._topics["page"])


def read(stream: Any) -> tuple[str, str, Any]:
    text = next(stream).decode()
    found = dict(line.split(": ", 1) for line in text.strip().split("\n"))
    return found["event"], found["id"], json.loads(found["data"])


@pytest.fixture
def source() -> Iterator[Source]:
    found = Source()
    yield found
    found.publisher.stop("restarting")


def test_a_stream_begins_with_a_snapshot_and_goes_on_with_differences(source: Source) -> None:
    stream = source.stream()
    assert next(stream) == b"retry: 2000\n\n"
    assert read(stream) == ("snapshot", "boot-1", {"a": 1})
    source.value = {"a": 1, "b": {"c": 2}}
    source.look()
    assert read(stream) == ("delta", "boot-2", {"b": {"c": 2}})
    stream.close()


@pytest.mark.proves("W23")
def test_whoever_comes_back_soon_gets_what_it_missed(source: Source) -> None:
    keeping = source.stream("other")
    for number in range(5):
        source.value = {"a": number}
        source.look()
    stream = source.stream(after="boot-3")
    next(stream)
    assert read(stream)[:2] == ("delta", "boot-4")
    stream.close()
    keeping.close()


@pytest.mark.proves("W23")
def test_whoever_comes_back_late_gets_a_snapshot(source: Source) -> None:
    keeping = source.stream("other")
    for number in range(KEPT_DELTAS + 3):
        source.value = {"a": number}
        source.look()
    for after in ("boot-1", "another-5", "boot-99999", "nonsense", ""):
        stream = source.stream(after=after)
        next(stream)
        kind, _, value = read(stream)
        assert (kind, value) == ("snapshot", source.value), after
        stream.close()
    keeping.close()


@pytest.mark.proves("W26")
def test_there_is_an_end_to_streams(source: Source) -> None:
    streams = [source.stream(f"session {number}") for number in range(MOST_STREAMS)]
    with pytest.raises(TooManyStreamsError):
        source.stream("one more")
    for stream in streams:
        stream.close()
    assert source.publisher.streams == 0
    source.stream().close()


def rows_of(source: Source) -> Any:
    """Return the stream of a live list in which nothing comes."""
    return source.publisher.open_rows(
        "rows", "me", 7, lambda: source.allowed, lambda seen: (seen, None)
    )


@pytest.mark.proves("W26")
def test_the_oldest_stream_of_a_session_gives_way_to_a_newer_one(source: Source) -> None:
    others = source.stream("somebody else")
    oldest, *mine = [rows_of(source), *(source.stream() for _ in range(MOST_STREAMS_OF_SESSION))]
    for stream in (oldest, *mine, others):
        next(stream)
    assert read(oldest) == ("beat", "boot-7", {"at": NOON.isoformat()})
    assert read(oldest) == ("bye", "boot-7", {"why": "too_many"})
    with pytest.raises(StopIteration):
        next(oldest)
    mine.append(rows_of(source))
    assert read(mine[0])[0] == "snapshot", "what is known by then is told before"
    assert read(mine[0])[0::2] == ("bye", {"why": "too_many"})
    for stream in (*mine[1:-1], others):
        assert read(stream)[0] == "snapshot"
    for stream in (*mine, others):
        stream.close()
    assert source.publisher.streams == 0


@pytest.mark.proves("W26")
def test_a_session_whose_streams_do_not_end_gets_no_more_of_them(source: Source) -> None:
    stuck = [source.stream() for _ in range(2 * MOST_STREAMS_OF_SESSION)]
    with pytest.raises(TooManyStreamsError):
        source.stream()
    stuck[0].close()
    stuck.append(source.stream())
    for stream in stuck:
        stream.close()
    assert source.publisher.streams == 0


@pytest.mark.real
@pytest.mark.proves("W26")
def test_a_stream_that_waits_is_told_at_once_that_it_gives_way(source: Source) -> None:
    oldest = source.stream()
    next(oldest)
    read(oldest)
    said: list[tuple[str, str, Any]] = []
    waiting = threading.Thread(target=lambda: said.append(read(oldest)), daemon=True)
    waiting.start()
    newer = [source.stream() for _ in range(MOST_STREAMS_OF_SESSION)]
    waiting.join(CHECK_S / 2)
    assert said == [("bye", "boot-1", {"why": "too_many"})]
    for stream in newer:
        stream.close()


@pytest.mark.proves("W04")
def test_a_session_that_has_ended_ends_its_stream(source: Source) -> None:
    stream = source.stream()
    next(stream)
    read(stream)
    source.allowed = False
    source.now_s += 5.0
    assert read(stream)[0::2] == ("bye", {"why": "logged_off"})
    with pytest.raises(StopIteration):
        next(stream)
    assert source.publisher.streams == 0


@pytest.mark.proves("W04")
def test_a_session_that_ends_while_there_is_much_to_tell_ends_its_stream_in_time(
    source: Source,
) -> None:
    stream = source.stream()
    next(stream)
    read(stream)
    source.now_s += CHECK_S - 0.01
    source.value = {"a": 2}
    source.look()
    assert read(stream)[0] == "delta"
    source.allowed = False
    began_s = perf_counter()
    assert read(stream)[0] == "beat", "it does not wait for news longer than to the next check"
    assert perf_counter() - began_s < 1.0
    source.now_s += 0.02
    assert read(stream)[0::2] == ("bye", {"why": "logged_off"})


def test_an_end_of_the_website_is_told_to_every_stream(source: Source) -> None:
    stream = source.stream()
    next(stream)
    read(stream)
    source.publisher.stop("restarting")
    assert read(stream)[0::2] == ("bye", {"why": "restarting"})


def test_a_page_that_cannot_be_made_ends_no_stream(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    stream = source.stream()
    next(stream)
    read(stream)
    source.fails = True
    source.look()
    source.fails = False
    assert "could not be made" in caplog.text
    caplog.clear()
    source.value = {"a": 2}
    source.look()
    assert read(stream)[0::2] == ("delta", {"a": 2})
    stream.close()


@pytest.mark.real
def test_as_many_listeners_as_there_may_be_all_get_a_change_at_once(source: Source) -> None:
    """They are woken a few at a time; whoever is about to wait again misses nothing either."""
    got: list[tuple[str, Any]] = []
    streams = [source.stream(f"session {number}") for number in range(MOST_STREAMS)]

    def listen(stream: Any) -> None:
        next(stream)
        read(stream)  # the snapshot
        for _ in range(3):
            kind, _, value = read(stream)
            got.append((kind, value))

    threads = [threading.Thread(target=listen, args=(one,), daemon=True) for one in streams]
    for one in threads:
        one.start()
    started_s = perf_counter()
    for number in range(1, 4):
        source.value = {"a": 10 + number}
        wanted = number * MOST_STREAMS
        wait_until(lambda wanted=wanted: len(got) == wanted, 5.0, "the change everywhere")  # type: ignore[misc]
    assert perf_counter() - started_s < 3 * 1.5, "a page shows a change within 1.5 s"
    for one in threads:
        one.join(5)
    assert set(map(str, got)) == {str(("delta", {"a": 10 + number})) for number in range(1, 4)}
