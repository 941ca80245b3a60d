"""Compares what pages show twice a second and hands the differences to whoever listens.

One thread makes each topic once, whatever the number of listeners; without listeners it makes
nothing. A listener that is slow loses no state: it gets a snapshot when the differences it missed
are not kept any more. Source: website 21 to 26.
"""

import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from time import sleep
from typing import Any

from knxgw.website.merge_patch import difference

log = logging.getLogger(__name__)
ROUND_S = 0.5
WOKEN_AT_ONCE, BETWEEN_S = 2, 0.002
BEAT_S = 5.0
CHECK_S = 4.0  # a log-off ends streams within 5 s, also while there is much to tell
ROWS_S = 0.25  # between two looks for new rows of a monitor
KEPT_DELTAS = 120
MOST_STREAMS = 56  # of the 80 threads; the others make pages
MOST_STREAMS_OF_SESSION = 4
TOO_MANY = "too_many"  # what a stream says that gives way to a newer one of its session

Make = Callable[[], Mapping[str, Any]]
ReadRows = Callable[[int], tuple[int, Mapping[str, Any] | None]]
"""Returns the rows after a number, None where nothing is new, and the number to go on from."""


@dataclass(frozen=True, slots=True)
class Message:
    """One event of a stream: its kind, its id and what it carries as JSON text."""

    kind: str  # snapshot, delta, beat, bye
    id: str
    data: str

    def encoded(self) -> bytes:
        """Return it as `text/event-stream` has it."""
        return f"event: {self.kind}\nid: {self.id}\ndata: {self.data}\n\n".encode()


@dataclass(slots=True)
class _Topic:
    make: Make
    news: threading.Condition  # its listeners wait for it
    value: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0  # of the newest delta; 0: nothing was made yet
    deltas: deque[Message] = field(default_factory=lambda: deque(maxlen=KEPT_DELTAS))
    listeners: int = 0
    part: str = ""  # of its ids: one of another topic says nothing here
    is_stamped: bool = False  # its values say their id, and when they were made
    stamp: Mapping[str, Any] = field(default_factory=dict)
    making: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True, eq=False)
class _Place:
    """The place of a stream among those of its session."""

    topic: _Topic | None  # None: of a live list, which looks for itself
    is_taken: bool = False  # by a newer stream of the session


class TooManyStreamsError(Exception):
    """No more streams can be served: the page asks for the values itself."""


class Publisher:
    """Makes topics and differences for the streams of live pages."""

    def __init__(
        self, boot: str, now: Callable[[], float], utc_now: Callable[[], datetime]
    ) -> None:
        """Begin without topics; `boot` tells the ids of this start from those of others.

        `now` is monotonic [s], `utc_now` the wall clock.
        """
        self._boot, self._now, self._utc_now = boot, now, utc_now
        self._topics: dict[str, _Topic] = {}
        lock = threading.RLock()
        self._changed = threading.Condition(lock)
        self._new_news = partial(threading.Condition, lock)
        self._places: dict[str, list[_Place]] = {}  # of each session, the oldest stream first
        self._thread: threading.Thread | None = None
        self._bye: str | None = None

    def add_topic(self, name: str, make: Make, *, part: str = "", is_stamped: bool = False) -> None:
        """Name a topic and what makes its value, unless it is there; `make` is called from any thread.

        `part` tells its ids from those of other topics. Values of a stamped one say their `id`,
        and `at` when they were made.
        """
        with self._changed:
            topic = _Topic(make, self._new_news(), part=part, is_stamped=is_stamped)
            self._topics.setdefault(name, topic)

    def latest(self, topic: str) -> Mapping[str, Any]:
        """Return the value of a topic, made now. Raises: KeyError; whatever it cannot be made of."""
        found = self._topics[topic]
        self._renew(found)
        with self._changed:
            return {**found.stamp, **found.value}

    @property
    def streams(self) -> int:
        """Return how many streams are being served."""
        return sum(len(places) for places in self._places.values())

    def stop(self, why: str) -> None:
        """End all streams, with a reason that their pages show: the first one that is given."""
        with self._changed:
            self._bye = self._bye or why
            for one in (self._changed, *(topic.news for topic in self._topics.values())):
                one.notify_all()

    def open_stream(
        self, topic: str, owner: str, after: str | None, is_allowed: Callable[[], bool]
    ) -> Iterator[bytes]:
        """Return the encoded messages of a topic, for a session, from the id `after` on.

        `is_allowed` is asked every few seconds: a session that has ended ends its streams. One stream
        too many of a session ends its oldest. Raises: KeyError, TooManyStreamsError.
        """
        found = self._topics[topic]
        with self._changed:
            place = self._take_place(owner, found)
            found.listeners += 1
            was_idle = found.listeners == 1
            self._begin()
        self._tell_who_gave_way(owner)
        if was_idle:
            self._look(found)  # what is kept may be old
        messages = self._messages(found, after, place, is_allowed)
        return _Stream(messages, lambda: self._left(found, owner, place))

    def open_rows(
        self,
        kind: str,
        owner: str,
        after: int,
        is_allowed: Callable[[], bool],
        read: ReadRows,
    ) -> Iterator[bytes]:
        """Return what `read` gives four times a second as events of a kind, for a session.

        The id of each event names the number of the newest row that was looked at, so that a browser
        which comes back can say how far it has got. One stream too many of a session ends its oldest.
        Raises: TooManyStreamsError.
        """
        with self._changed:
            place = self._take_place(owner, None)
        self._tell_who_gave_way(owner)
        rows = self._rows(kind, after, place, is_allowed, read)
        return _Stream(rows, lambda: self._give_place(owner, place))

    def _rows(
        self, kind: str, seen: int, place: _Place, is_allowed: Callable[[], bool], read: ReadRows
    ) -> Iterator[bytes]:
        yield b"retry: 2000\n\n"
        checked_at = said_at = self._now() - BEAT_S
        while True:
            if self._now() - checked_at >= CHECK_S:
                if not is_allowed():
                    yield self._message("bye", seen, {"why": "logged_off"}).encoded()
                    return
                checked_at = self._now()
            seen, rows = read(seen)
            if rows is not None:
                yield self._message(kind, seen, rows).encoded()
                said_at = self._now()
            elif self._now() - said_at >= BEAT_S:
                yield self._message("beat", seen, {"at": self._utc_now().isoformat()}).encoded()
                said_at = self._now()
            with self._changed:
                self._changed.wait_for(lambda: bool(self._bye), ROWS_S)
                bye = self._end_of(place)
            if bye:
                yield self._message("bye", seen, {"why": bye}).encoded()
                return

    def _take_place(self, owner: str, topic: _Topic | None) -> _Place:
        """Return the place of one more stream of a session; called with the lock.

        Where it has as many as it may, the oldest gives way: it may be of a browser that is gone.
        Raises: TooManyStreamsError.
        """
        mine = self._places.get(owner, [])
        staying = [one for one in mine if not one.is_taken]
        is_leaving_slowly = len(mine) - len(staying) >= MOST_STREAMS_OF_SESSION
        if self._bye or self.streams >= MOST_STREAMS or is_leaving_slowly:
            raise TooManyStreamsError
        if len(staying) >= MOST_STREAMS_OF_SESSION:
            staying[0].is_taken = True
        place = _Place(topic)
        self._places[owner] = [*mine, place]
        return place

    def _tell_who_gave_way(self, owner: str) -> None:
        """Wake the streams of a session that have to end."""
        with self._changed:
            taken = [one.topic for one in self._places.get(owner, ()) if one.is_taken]
        for topic in taken:
            if topic is not None:
                self._wake_listeners(topic)

    def _end_of(self, place: _Place) -> str | None:
        """Return why a stream has to end, None: it goes on; called with the lock."""
        return self._bye or (TOO_MANY if place.is_taken else None)

    def _give_place(self, owner: str, place: _Place) -> None:
        with self._changed:
            self._places[owner].remove(place)
            if not self._places[owner]:
                del self._places[owner]

    def _left(self, topic: _Topic, owner: str, place: _Place) -> None:
        with self._changed:
            topic.listeners -= 1
        self._give_place(owner, place)

    def _messages(
        self, topic: _Topic, after: str | None, place: _Place, is_allowed: Callable[[], bool]
    ) -> Iterator[bytes]:
        yield b"retry: 2000\n\n"
        seen, checked_at = self.number_of(after, topic.part), self._now() - BEAT_S
        while True:
            if self._now() - checked_at >= CHECK_S:
                if not is_allowed():
                    yield self._message("bye", seen, {"why": "logged_off"}, topic.part).encoded()
                    return
                checked_at = self._now()
            with self._changed:
                news = self._since(topic, seen)
                if not news and not self._end_of(place):
                    self._wait_for_news(topic, seen, place, checked_at + CHECK_S)
                    news = self._since(topic, seen)
                bye, seen = self._end_of(place), topic.number
            for one in news:
                yield one.encoded()
            if bye:
                yield self._message("bye", seen, {"why": bye}, topic.part).encoded()
                return
            if not news:
                beat = self._stamp(seen, topic.part)
                yield self._message("beat", seen, beat, topic.part).encoded()

    def _wait_for_news(self, topic: _Topic, seen: int, place: _Place, look_at: float) -> None:
        """Wait until a listener has to be told something, or looked at; called with the lock."""
        wait_s = min(CHECK_S, max(0.0, look_at - self._now()))
        topic.news.wait_for(lambda: topic.number != seen or bool(self._end_of(place)), wait_s)

    def _since(self, topic: _Topic, seen: int) -> list[Message]:
        """Return what a listener has to get that has seen a number; called with the lock."""
        if seen == topic.number or not topic.number:
            return []
        missing = topic.number - seen
        if 0 < missing <= len(topic.deltas) and seen > 0:
            return list(topic.deltas)[-missing:]
        snapshot = {**topic.stamp, **topic.value}
        return [self._message("snapshot", topic.number, snapshot, topic.part)]

    def _message(self, kind: str, number: int, value: Mapping[str, Any], part: str = "") -> Message:
        return Message(kind, self.id_of(number, part), _json(value))

    def _stamp(self, number: int, part: str) -> dict[str, Any]:
        return {"id": self.id_of(number, part), "at": self._utc_now().isoformat()}

    def id_of(self, number: int, part: str = "") -> str:
        """Return the id that stands for a number of this start, of the part of a topic or of a list."""
        return f"{self._boot}{part}-{number}"

    def number_of(self, after: str | None, part: str = "") -> int:
        """Return the number of an id of this start and of a topic's part; 0 for another one."""
        before, _, number = (after or "").rpartition("-")
        is_ours = before == f"{self._boot}{part}" and number.isascii() and number.isdecimal()
        return int(number) if is_ours else 0

    # --- the thread

    def _begin(self) -> None:
        """Start the thread, if there is none; called with the lock."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="live pages", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while True:
            for topic in list(self._topics.values()):
                self._look(topic)
            with self._changed:
                self._changed.wait_for(lambda: bool(self._bye), ROUND_S)
                if self._bye or not any(one.listeners for one in self._topics.values()):
                    self._thread = None
                    return

    def _look(self, topic: _Topic) -> None:
        if not topic.listeners:
            return
        try:
            self._renew(topic)
        except Exception:  # a page that cannot be made now must not end the others
            log.exception("a live page could not be made: please report this")

    def _renew(self, topic: _Topic) -> None:
        """Make a topic once, and hand on what is new. Raises: whatever it cannot be made of."""
        with topic.making:
            value = topic.make()
            patch = difference(topic.value, value)
            if not patch and topic.number:
                return
            with self._changed:
                topic.number += 1
                topic.value = value
                if topic.is_stamped:
                    topic.stamp = self._stamp(topic.number, topic.part)
                delta = {**topic.stamp, **patch}
                topic.deltas.append(self._message("delta", topic.number, delta, topic.part))
        self._wake_listeners(topic)

    def _wake_listeners(self, topic: _Topic) -> None:
        """Wake them a few at a time: all of them at once would hold up the loop that charges."""
        for _ in range(0, topic.listeners, WOKEN_AT_ONCE):
            with self._changed:
                topic.news.notify(WOKEN_AT_ONCE)
            sleep(BETWEEN_S)


class _Stream(Iterator[bytes]):
    """An iterator that tells its end, also where nobody reads it to the end."""

    def __init__(self, messages: Iterator[bytes], on_end: Callable[[], None]) -> None:
        self._messages = messages
        self._on_end: Callable[[], None] | None = on_end

    def __iter__(self) -> "_Stream":
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._messages)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Tell the end once; a server calls this for whatever reason a stream ends."""
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end()


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
