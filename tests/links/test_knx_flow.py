"""A routing link keeps to 50 telegrams in any second, and does not hold up a single one."""

import asyncio

import pytest
from xknx.knxip import RoutingBusy

from knxgw.links.knx_flow import BucketFlowControl


async def sent_at(flow: BucketFlowControl, count: int) -> list[float]:
    loop = asyncio.get_running_loop()
    times_s = []
    for _ in range(count):
        async with flow.throttle():
            times_s.append(loop.time())
    return times_s


async def test_a_few_telegrams_go_at_once() -> None:
    assert await sent_at(BucketFlowControl(), 5) == [0.0] * 5


@pytest.mark.proves("H.10")
async def test_no_second_ever_carries_more_than_fifty() -> None:
    times_s = await sent_at(BucketFlowControl(), 500)
    for start_s in times_s:
        assert sum(start_s <= at_s < start_s + 1.0 for at_s in times_s) <= 50
    assert times_s[-1] < 500 / 44


async def test_forty_telegrams_in_a_second_are_never_held_up() -> None:
    loop = asyncio.get_running_loop()
    flow = BucketFlowControl()
    for _ in range(200):
        asked_s = loop.time()
        async with flow.throttle():
            assert loop.time() == asked_s
        await asyncio.sleep(1 / 40)


@pytest.mark.proves("H.11")
async def test_a_pause_that_a_receiver_asks_for_is_kept() -> None:
    loop = asyncio.get_running_loop()
    flow = BucketFlowControl()
    flow.handle_routing_busy(RoutingBusy(wait_time=200))
    async with flow.throttle():
        assert loop.time() >= 0.2
    flow.cancel()
