"""The one task that owns the station, in virtual time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from knxgw.charging.scope import point_scope
from knxgw.station.model import (
    Effect,
    Event,
    InterruptionCommanded,
    Offer,
    Publish,
    Started,
    Tick,
)
from knxgw.station.owner import Inbox, Owner
from tests.charging.points import CHARGING
from tests.station.sites import CP1, charger, new_station


@asynccontextmanager
async def running(owner: Owner) -> AsyncIterator[None]:
    """Let the owner run within the block."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(owner.run())
        yield
        task.cancel()


async def test_events_are_taken_in_order_and_effects_come_out() -> None:
    effects: list[Effect] = []
    inbox = Inbox()
    inbox.open()
    owner = Owner(new_station(), inbox, effects.append)
    for event in (
        Started(),
        InterruptionCommanded(point=CP1, is_active=True),
        InterruptionCommanded(point=CP1, is_active=False),
    ):
        inbox.put(event)
    async with running(owner):
        await asyncio.sleep(0.1)
    assert [e.offer_ma for e in effects if isinstance(e, Offer) and e.point == CP1] == [
        16_000,
        0,
        16_000,
    ]


def test_events_wait_only_while_there_is_a_station_to_take_them() -> None:
    inbox = Inbox()
    inbox.put(Tick())
    assert inbox.take() is None, "not open yet"
    inbox.open()
    inbox.put(Tick())
    inbox.close()
    inbox.put(Tick())
    inbox.open()
    assert inbox.take() is None, "what waited was for the station that has ended"


async def test_a_silent_charger_s_values_are_withdrawn_by_the_tick() -> None:
    loop = asyncio.get_running_loop()
    states: list[tuple[int, object]] = []

    def note(effect: Effect) -> None:
        if isinstance(effect, Publish) and effect.key == "state":
            states.append((round(loop.time() - start_s), effect.value))

    inbox = Inbox()
    inbox.open()
    start_s = loop.time()
    async with running(Owner(new_station(), inbox, note)):
        inbox.put(charger(CHARGING))
        await asyncio.sleep(60)
    assert [value for _, value in states] == [8, None]
    assert states[1][0] in (10, 11)


async def test_a_steady_stream_of_events_does_not_stop_the_ticks() -> None:
    inbox = Inbox()
    inbox.open()
    effects: list[Effect] = []
    owner = Owner(new_station(), inbox, effects.append)
    async with running(owner):
        inbox.put(charger(CHARGING))
        for _ in range(300):
            inbox.put(InterruptionCommanded(point=CP1, is_active=True))
            await asyncio.sleep(0.1)
    assert owner.station.last_published(point_scope(1), "state") is None


class Watched(Owner):
    """Notes when it ticks."""

    ticks: tuple[float, ...] = ()

    def handle(self, event: Event, now_s: float) -> None:
        if isinstance(event, Tick):
            self.ticks = (*self.ticks, now_s)
        super().handle(event, now_s)


async def test_an_alarm_that_rings_early_does_not_end_the_ticks() -> None:
    inbox = Inbox()
    inbox.open()
    owner = Watched(new_station(), inbox, lambda _effect: None)
    start_s = asyncio.get_running_loop().time()
    async with running(owner):
        for _ in range(99):
            await asyncio.sleep(0.0999)
            inbox.wake()
    assert [round(at_s - start_s) for at_s in owner.ticks] == list(range(1, 10))
