"""Devices of a draft that are watched, against simulated ones on real sockets; nothing is written to them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from knxgw.charging.quantities import Quantity
from knxgw.charging.scope import PointNumber
from knxgw.monitoring.device_watch import Watched, seen_again
from knxgw.online.device_watch import DeviceWatch, InUse, Known
from knxgw.sim.loopback import free_port
from knxgw.sim.vehicle import Vehicle
from tests.online.looking import HEAD, point, read, simulated

HERE = "127.0.0.1"
BOTH = frozenset({"cp1/charger", "cp2/charger"})


@asynccontextmanager
async def watching(text: str, known: Callable[[], Known] = dict) -> AsyncIterator[DeviceWatch]:
    """Watch the chargers of a site until the end."""
    configuration = read(text).configuration
    assert configuration is not None
    ended = asyncio.Event()
    watch = DeviceWatch(configuration, BOTH, known=known)
    async with asyncio.TaskGroup() as group:
        group.create_task(watch.run(60.0, lambda: not ended.is_set()))
        try:
            yield watch
        finally:
            ended.set()


def latest_of(watch: DeviceWatch) -> Watched | None:
    return watch.progress.latest


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30.0):
        while not is_so():  # noqa: ASYNC110 - a simulation goes on meanwhile
            await asyncio.sleep(0.1)


@pytest.mark.real
@pytest.mark.proves("W47", "W48")
async def test_of_equal_chargers_the_one_where_a_vehicle_is_plugged_in_is_told() -> None:
    ports = free_port(0), free_port(0)
    text = HEAD + "".join(point(n, "goe_charger", HERE, ports[n - 1], 1) for n in (1, 2))
    async with simulated(text) as site, watching(text) as watch:
        await until(lambda: all(one.is_heard for one in watch.progress.watched))
        assert latest_of(watch) is None, "nothing has changed yet"
        site.chargers[PointNumber(2)].plug(Vehicle())
        await until(lambda: latest_of(watch) is not None)
        latest = latest_of(watch)
        assert latest is not None
        assert (latest.id, latest.is_plugged) == ("cp2/charger", True)
        site.chargers[PointNumber(2)].unplug()
        await until(lambda: watch.progress.watched[1].is_plugged is False)
    assert not watch.progress.is_running


@pytest.mark.real
async def test_what_the_gateway_has_in_use_is_shown_by_its_values_and_not_asked() -> None:
    port = free_port(0)
    text = HEAD + point(1, "goe_charger", HERE, port, 1)
    plugged: dict[Quantity, int] = {Quantity.CONNECTED: 0}
    async with (
        simulated(text) as site,
        watching(text, lambda: {"cp1/charger": InUse(values=dict(plugged))}) as watch,
    ):
        await until(lambda: watch.progress.watched[0].is_heard)
        plugged[Quantity.CONNECTED] = 1
        await until(lambda: latest_of(watch) is not None)
        assert [server.clients for server in site.servers.values()] == [[]]


@pytest.mark.real
async def test_a_charger_that_is_switched_on_later_is_heard_then() -> None:
    port = free_port(0)
    text = HEAD + point(1, "goe_charger", HERE, port, 1)
    async with watching(text) as watch:
        await asyncio.sleep(1.0)
        assert not watch.progress.watched[0].is_heard
        async with simulated(text):
            await until(lambda: watch.progress.watched[0].is_heard)


def test_a_charger_that_does_not_say_it_is_known_by_what_it_draws() -> None:
    one = Watched(id="cp1/charger")
    for current_ma in (0, 200):
        one = seen_again(one, {Quantity.CURRENT_L1: current_ma}, 1.0, is_heard=True)
    assert (one.is_plugged, one.changed_at) == (False, None)
    one = seen_again(one, {Quantity.CURRENT_L1: 6000}, 5.0, is_heard=True)
    assert (one.is_plugged, one.changed_at) == (True, 5.0)
    one = seen_again(one, {}, 6.0, is_heard=False)
    assert (one.is_heard, one.is_plugged) == (False, True)
