"""The one task that owns the station: events in, effects out, in order.

An event is handled in two parts: `prepare` computes what follows, and `take` makes it the present station. Only
a change of the configuration uses them apart, because in between the caller gets ready what may fail.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from knxgw.station.model import Effect, Event, InternalErrorFound, Station, Tick
from knxgw.station.step import step

log = logging.getLogger(__name__)
TICK_S = 1.0
Prepared = tuple[Station, tuple[Effect, ...]]  # what `step` returned, not in force yet


class Inbox:
    """Events that wait for the station; anything that runs on the event loop may put one in.

    It belongs to the device, as KNX and the website do, and is open while there is a station to take events.
    """

    def __init__(self) -> None:
        """Begin empty and closed: events are dropped until `open`."""
        self._events: deque[Event] = deque()
        self._filled = asyncio.Event()
        self._is_open = False

    def open(self) -> None:
        """Take events from now on."""
        self._is_open = True

    def close(self) -> None:
        """Drop what waits, and every event from now on: the device is not configured any more."""
        self._is_open = False
        self._events.clear()

    def put(self, event: Event) -> None:
        """Add an event; never blocks. While the inbox is closed the event is dropped."""
        if self._is_open:
            self._events.append(event)
            self._filled.set()

    def wake(self) -> None:
        """End the wait in `get` without an event, because a tick is due."""
        self._filled.set()

    async def get(self) -> Event | None:
        """Return the next event, and wait for it if there is none.

        None: the wait has ended without an event. Either `wake` was called, or the event that ended the wait had
        been taken before.
        """
        if not self._events:
            await self._filled.wait()
            self._filled.clear()
        return self.take()

    def take(self) -> Event | None:
        """Return the next event without waiting; None: there is none."""
        return self._events.popleft() if self._events else None


class Owner:
    """Owns the station: it alone changes it; others may read `station`."""

    def __init__(self, station: Station, inbox: Inbox, carry_out: Callable[[Effect], None]) -> None:
        """Own `station`, take events from `inbox`, and hand each effect to `carry_out`."""
        self.station = station
        self._inbox = inbox
        self._carry_out = carry_out
        # kinds of failures that the log has already: event and exception
        self._logged_kinds: set[tuple[type[Event], type[Exception]]] = set()

    async def run(self) -> NoReturn:
        """Handle events one by one, and a tick each second, until the task is cancelled."""
        loop = asyncio.get_running_loop()
        tick_at = loop.time() + TICK_S
        alarm = loop.call_at(tick_at, self._inbox.wake)
        try:
            while True:
                event = await self._inbox.get()
                if event is not None:
                    self.handle(event, loop.time())
                is_due = loop.time() >= tick_at
                if is_due:
                    self.handle(Tick(), loop.time())
                    tick_at = loop.time() + TICK_S
                # set the alarm again, also if it has rung a little early, as asyncio may let it
                if is_due or event is None:
                    alarm.cancel()
                    alarm = loop.call_at(tick_at, self._inbox.wake)
        finally:
            alarm.cancel()

    def handle(self, event: Event, now_s: float) -> None:
        """Advance the station by one event and hand out the effects.

        An event that raises an error is dropped, so that the station goes on with the others; if only an
        effect fails, the station stays changed. From then on all charging points are held at their minimum,
        and a fault is shown (`InternalErrorFound`).
        """
        with self._guarded(event, now_s):
            self._apply(self.prepare(event, now_s))

    def catch_up(self, now_s: float) -> None:
        """Handle all events that wait now, before the configuration changes for which they were meant."""
        while (event := self._inbox.take()) is not None:
            self.handle(event, now_s)

    def prepare(self, event: Event, now_s: float) -> Prepared:
        """Return what would follow from an event, and change nothing; `take` then makes it the present state.

        In between, the caller can still give up without a trace, which a change of the configuration needs.
        """
        return step(self.station, event, now_s)

    def take(self, event: Event, prepared: Prepared, now_s: float) -> None:
        """Make a prepared station the present one, and hand out its effects; `event`: what it follows from.

        An effect that cannot be carried out raises nothing: the error is logged, and all charging points are
        held at their minimum (`InternalErrorFound`). The station stays changed.
        """
        with self._guarded(event, now_s):
            self._apply(prepared)

    @contextmanager
    def _guarded(self, event: Event, now_s: float) -> Iterator[None]:
        """Catch any error in the block: log it, once for each kind, and hold all points at their minimum.

        The event `InternalErrorFound` brings that about. If this event itself fails, nothing can be held, so
        the error is raised and ends the program.
        """
        try:
            yield
        except Exception as error:
            if isinstance(event, InternalErrorFound):
                raise
            kind = (type(event), type(error))
            if kind not in self._logged_kinds:
                self._logged_kinds.add(kind)
                log.exception("internal error, the event is dropped: %s", event)
            self.handle(InternalErrorFound(), now_s)

    def _apply(self, prepared: Prepared) -> None:
        """Make a prepared station the present one, and hand out its effects."""
        self.station, effects = prepared
        self._hand_out(effects)

    def _hand_out(self, effects: tuple[Effect, ...]) -> None:
        """Carry out all effects, also after one has failed; then raise the first error that occurred."""
        first_error: Exception | None = None
        for effect in effects:  # one that fails must not keep an offer from its charger
            try:
                self._carry_out(effect)
            except Exception as error:  # noqa: BLE001 - raised below, after the others
                first_error = first_error or error
        if first_error is not None:
            raise first_error
