"""A routing link keeps to 50 telegrams in any second, and does not hold up a single one."""

import asyncio

import pytest
from xknx.knxip import RoutingBusy

from knxgw.links.knx_flow import BucketFlowControl


async def turn(flow: BucketFlowControl) -> None:
    await flow.until_ready()
    flow.note_sent()


async def sent_at(flow: BucketFlowControl, count: int) -> list[float]:
    loop = asyncio.get_running_loop()
    times_s = []
    for _ in range(count):
        await turn(flow)
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
        await turn(flow)
        assert loop.time() == asked_s
        await asyncio.sleep(1 / 40)


@pytest.mark.proves("H.11")
async def test_a_pause_that_a_receiver_asks_for_is_kept() -> None:
    loop = asyncio.get_running_loop()
    flow = BucketFlowControl()
    flow.handle_routing_busy(RoutingBusy(wait_time=200))
    await turn(flow)
    assert loop.time() >= 0.2
    flow.cancel()


@pytest.mark.proves("H.29")
@pytest.mark.parametrize("control_field", [0, 0x1234])
async def test_one_routing_busy_mutes_us_for_five_seconds_at_most(control_field: int) -> None:
    loop = asyncio.get_running_loop()
    flow = BucketFlowControl()
    flow.handle_routing_busy(RoutingBusy(wait_time=65_535, control_field=control_field))
    await turn(flow)
    assert loop.time() == pytest.approx(5.0)
    flow.cancel()


async def test_a_receiver_that_goes_on_being_busy_is_obeyed_as_long_as_it_says_so() -> None:
    loop = asyncio.get_running_loop()
    flow = BucketFlowControl()
    for _ in range(4):
        flow.handle_routing_busy(RoutingBusy(wait_time=65_535))
        await asyncio.sleep(3.0)
    await turn(flow)
    assert 14.0 <= loop.time() <= 15.0
    flow.cancel()


async def test_a_flood_of_routing_busy_leaves_no_long_silence_behind() -> None:
    loop = asyncio.get_running_loop()
    flow = BucketFlowControl()
    for _ in range(2_000):
        flow.handle_routing_busy(RoutingBusy(wait_time=100))
        await asyncio.sleep(0.02)
    last_s = loop.time()
    await turn(flow)
    assert loop.time() - last_s <= 0.1 + 20 * 0.05
    flow.cancel()
