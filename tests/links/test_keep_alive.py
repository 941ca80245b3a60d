"""Links are retried in one place, with growing delay, and end when they are told to."""

import asyncio
import itertools
from typing import NoReturn

import pytest

from knxgw.errors import LinkError
from knxgw.links.keep_alive import doubling, end_if_cancelled, keep_alive


def test_delays_double_up_to_the_last() -> None:
    delays = list(itertools.islice(doubling(first_s=1.0, last_s=10.0), 6))
    assert delays == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


async def test_a_lost_session_is_tried_again_later_and_later() -> None:
    loop = asyncio.get_running_loop()
    tries_s: list[float] = []

    async def session() -> NoReturn:
        tries_s.append(loop.time())
        raise LinkError("nobody there")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(keep_alive("x", session, last_delay_s=4.0))
        await asyncio.sleep(12.5)
        task.cancel()
    assert tries_s == [0.0, 1.0, 3.0, 7.0, 11.0]


async def test_a_session_that_lasted_starts_over_with_short_delays() -> None:
    loop = asyncio.get_running_loop()
    tries_s: list[float] = []

    async def session() -> NoReturn:
        tries_s.append(loop.time())
        if len(tries_s) == 3:
            await asyncio.sleep(100.0)
        raise LinkError("gone")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(keep_alive("x", session))
        await asyncio.sleep(105.0)
        task.cancel()
    assert tries_s == [0.0, 1.0, 3.0, 104.0]


async def test_who_knows_the_link_says_what_happened_to_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reported: list[str] = []

    async def session() -> NoReturn:
        raise LinkError("nobody there")

    async with asyncio.TaskGroup() as group:
        keeping = keep_alive("x", session, on_failure=lambda error: reported.append(str(error)))
        task = group.create_task(keeping)
        await asyncio.sleep(2.0)
        task.cancel()
    assert reported == ["nobody there", "nobody there"]
    assert caplog.records == []


async def test_a_bug_ends_the_program_instead_of_being_retried() -> None:
    async def session() -> NoReturn:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await keep_alive("x", session)


async def test_a_cancellation_that_a_library_swallowed_ends_the_task_all_the_same() -> None:
    async def deaf() -> NoReturn:
        try:
            await asyncio.sleep(1000.0)
        except asyncio.CancelledError:
            raise LinkError("closed") from None
        raise AssertionError

    async with asyncio.TaskGroup() as group:
        task = group.create_task(keep_alive("x", deaf))
        await asyncio.sleep(1.0)
        task.cancel()
    assert task.cancelled()
    end_if_cancelled()  # not cancelled: nothing happens
