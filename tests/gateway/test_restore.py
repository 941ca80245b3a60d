"""Start, restart and end with real drivers and chargers of four models, in virtual time."""

import asyncio
import itertools
from pathlib import Path

import pytest
from xknx.dpt import DPTBinary
from xknx.dpt.dpt_10 import KNXDay, KNXTime
from xknx.dpt.dpt_19 import DPTDateTime, KNXDateTime
from xknx.telegram.apci import GroupValueWrite

from knxgw.charging.scope import PointNumber
from knxgw.sim.vehicle import Vehicle
from knxgw.station.model import InterruptionCommanded
from knxgw.store.database import Database
from tests.support.world import World, from_payload

MODELS = {1: ("keba_p30", 255), 2: ("alfen_eve", 1), 3: ("abb_terra_ac", 1), 4: ("goe_charger", 1)}


def site(*numbers: int) -> str:
    """Return a site with the charging points of these numbers."""
    points = "".join(
        f"  - {{number: {number}, name: CP{number}, model: {MODELS[number][0]}, "
        f"connection: {{host: 127.0.0.1, port: {5020 + number}, unit: {MODELS[number][1]}}}}}\n"
        for number in numbers
    )
    objects = [
        f"{number + 50 * (point - 1)}: [1/{point}/{number}]"
        for point in numbers
        for number in (55, 60)
    ]
    own = [f"{510 + 10 * (point - 1)}: [2/{point}/0]" for point in numbers]
    return f"""
knx: {{link: routing, individual_address: 1.1.20}}
load_management: {{mode: "off"}}
charging_points:
{points}
group_objects: {{1: [1/0/1], 2: [1/0/2], 506: [2/0/6], 507: [2/0/7], {", ".join(own + objects)}}}
"""


SITE = site(*MODELS)
UNLINKED = SITE.replace("1: [1/0/1], ", "")
FIRST_WRITE_S = 10.0


async def charging(world: World) -> None:
    """Let a vehicle charge at every point."""
    world.strict = False
    for charger in world.site.chargers.values():
        charger.plug(Vehicle())
    await world.sleep(25)
    assert set(offers(world)) == {16_000}


def offers(world: World) -> list[int]:
    return [charger.offer_ma for charger in world.site.chargers.values()]


async def restart(world: World, *, power_cut: bool = False) -> None:
    """Restart the gateway, and with a power cut the chargers, too."""
    await world.stop_gateway()
    if power_cut:
        for number in MODELS:
            world.charger(number).restart()
    world.start_gateway()


def written_since(world: World, counts: list[int]) -> list[list[tuple[float, ...]]]:
    """Return when each charger was written to since a count."""
    endpoints = [world.site.endpoint_of(PointNumber(number)) for number in MODELS]
    return [
        [write[:1] for write in endpoint.writes[count:]]
        for endpoint, count in zip(endpoints, counts, strict=True)
    ]


def write_counts(world: World) -> list[int]:
    return [len(world.site.endpoint_of(PointNumber(number)).writes) for number in MODELS]


@pytest.mark.proves("D16.64", "D16.65", "D16.12", "D16.13", "5.20", "5.18")
async def test_what_was_stored_reaches_every_charger_within_10_s_and_nobody_gets_more_before(
    tmp_path: Path,
) -> None:
    async with World(SITE, tmp_path) as world:
        await charging(world)
        await world.write("1/2/60", 10.0, "14.019")
        await world.write("1/3/55", True)
        await world.sleep(2)
        await restart(world, power_cut=True)
        await world.sleep(3.5)
        assert world.charger(2).offer_ma == 6000, "the minimum while the bus is asked"
        assert world.charger(3).offer_ma == 0
        await world.sleep(FIRST_WRITE_S - 3.5)
        assert offers(world) == [16_000, 10_000, 0, 16_000]


@pytest.mark.proves("D16.11")
async def test_grid_control_that_began_while_the_gateway_was_off_is_read_from_the_bus(
    tmp_path: Path,
) -> None:
    async with World(SITE, tmp_path) as world:
        await charging(world)
        world.answers["1/0/1"] = DPTBinary(1)
        await restart(world)
        await world.sleep(FIRST_WRITE_S)
        assert offers(world) == [6000] * 4
        assert await world.read("1/0/2") == DPTBinary(1)
        await world.sleep(30)
        assert offers(world) == [6000] * 4


@pytest.mark.proves("D16.20", "D16.21", "D16.22", "2.56")
async def test_grid_control_that_ended_while_the_line_was_cut_is_read_when_it_is_back(
    tmp_path: Path,
) -> None:
    async with World(SITE, tmp_path) as world:
        await charging(world)
        await world.write("1/0/1", True)
        await world.write("1/2/60", 9.0, "14.019")
        await world.write("1/4/55", True)
        await world.sleep(10)
        assert offers(world) == [6000, 6000, 6000, 0]
        world.line.cut()
        await world.sleep(5)
        world.answers["1/0/1"] = DPTBinary(0)
        world.line.mend()
        await world._peer.open(world._hear, lambda: None)
        await world.sleep(40)
        assert offers(world) == [16_000, 9000, 16_000, 0]


async def test_without_an_address_for_grid_control_nobody_waits(tmp_path: Path) -> None:
    async with World(UNLINKED, tmp_path) as world:
        await charging(world)
        await restart(world, power_cut=True)
        await world.sleep(3)
        assert offers(world) == [16_000] * 4


@pytest.mark.proves("5.19", "D16.30", "D16.31", "D16.32")
@pytest.mark.parametrize("number", MODELS)
async def test_a_charger_that_lost_its_power_is_told_again(number: int, tmp_path: Path) -> None:
    async with World(site(number), tmp_path) as world:
        await charging(world)
        await world.write(f"1/{number}/60", 8.0, "14.019")
        await world.sleep(10)
        server = world.site.endpoint_of(PointNumber(number))
        for address, offer_ma in ((f"1/{number}/55", 0), ("1/0/1", 6000), ("", 8000)):
            if address:
                await world.write(address, True)
            await world.sleep(10)
            server.misbehaviour.silent = True
            await world.sleep(20)
            world.charger(number).restart()
            server.misbehaviour.silent = False
            await world.sleep(60)
            assert world.charger(number).offer_ma == offer_ma
            if address:
                await world.write(address, False)


@pytest.mark.proves("D16.60")
async def test_after_the_end_the_watchdogs_of_the_chargers_fall_back(tmp_path: Path) -> None:
    async with World(UNLINKED, tmp_path) as world:
        await charging(world)
        await world.stop_gateway()
        await world.sleep(100)
        draws = [world.charger(number).vehicle.draw_ma for number in MODELS]  # type: ignore[union-attr]
        assert draws[:3] == [6000, 6000, 6000]
        assert draws[3] == 16_000, "the go-e has no watchdog: its setpoint is what is left behind"


@pytest.mark.proves("D16.62")
async def test_what_came_in_the_very_moment_of_the_end_is_still_told(tmp_path: Path) -> None:
    async with World(UNLINKED, tmp_path) as world:
        await charging(world)
        await world.sleep(20)
        for number in MODELS:
            command = InterruptionCommanded(point=PointNumber(number), is_active=True)
            world.gateway.inbox.put(command)
        await world.stop_gateway()
        assert offers(world) == [0] * 4, "told in the very moment of the end"


@pytest.mark.proves("5.21", "5.22", "D15.3")
@pytest.mark.parametrize(
    ("address", "value"), [("1/{point}/55", 0), ("1/0/1", 6000)], ids=["interruption", "grid"]
)
async def test_a_silent_charger_does_not_keep_the_others_from_being_told(
    address: str, value: int, tmp_path: Path
) -> None:
    async with World(UNLINKED.replace("{2: ", "{1: [1/0/1], 2: "), tmp_path) as world:
        await charging(world)
        world.site.endpoint_of(PointNumber(2)).misbehaviour.silent = True
        for offset_s in (0.31, 0.97, 2.03):
            await world.sleep(20 + offset_s)
            counts = write_counts(world)
            sent_s = asyncio.get_running_loop().time()
            for point in MODELS if "{point}" in address else (0,):
                await world.write(address.format(point=point), True)
            await world.sleep(1)
            assert [offers(world)[i] for i in (0, 2, 3)] == [value] * 3
            for number, writes in zip(MODELS, written_since(world, counts), strict=True):
                if number != 2:
                    assert writes[0][0] - sent_s <= 0.05, number
            for point in MODELS if "{point}" in address else (0,):
                await world.write(address.format(point=point), False)


@pytest.mark.proves("7.68")
async def test_a_charger_that_does_not_do_what_it_is_told_has_a_fault(tmp_path: Path) -> None:
    text = UNLINKED.replace("507: ", "144: [1/2/94], 145: [1/2/95], 507: ")
    async with World(text, tmp_path) as world:
        await charging(world)
        server = world.site.endpoint_of(PointNumber(2))
        server.misbehaviour.refuses_writes = True
        await world.write("1/2/60", 8.0, "14.019")
        await world.sleep(9)
        assert from_payload("16.001", await world.read("1/2/95")) == "Comm"
        assert await world.read("1/2/94") == DPTBinary(1)
        server.misbehaviour.refuses_writes = False
        await world.sleep(20)
        assert world.charger(2).offer_ma == 8000
        assert await world.read("1/2/94") == DPTBinary(0)


@pytest.mark.proves("2.4")
async def test_the_gateway_says_that_it_lives_and_what_it_offers(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        await world.sleep(150)
        beats = [heard.at_s for heard in world.heard if heard.address == "2/0/7"]
        assert len(beats) >= 2
        gaps = [later - earlier for earlier, later in itertools.pairwise(beats)]
        assert all(59 < gap < 61.1 for gap in gaps), gaps
        assert from_payload("14.019", await world.read("2/1/0")) == 16
        await world.write("1/1/60", 7.5, "14.019")
        await world.sleep(15)
        assert from_payload("14.019", world.last("2/1/0")) == 7.5


@pytest.mark.proves("2.35", "GO 76")
async def test_without_a_valid_clock_the_bus_sets_the_time(tmp_path: Path) -> None:
    text = SITE.replace("506: ", "126: [1/2/76], 506: ")
    async with World(text, tmp_path, run_gateway=False) as world:
        world.strict = False
        world.clock.shift(-40 * 365 * 86_400)
        world.start_gateway()
        world.charger(2).plug(Vehicle())
        await world.sleep(60)
        assert await world.read("1/2/76") is None
        now = DPTDateTime.to_knx(
            KNXDateTime(year=2026, month=7, day=1, hour=12, minutes=30, seconds=0)
        )
        await world.send("2/0/6", GroupValueWrite(now))
        await world.sleep(10)
        start = from_payload("10.001", world.last("1/2/76"))
        assert isinstance(start, KNXTime)
        assert start.hour == 12
        assert start.minutes in (28, 29)
        assert start.day is KNXDay.WEDNESDAY


async def test_a_fault_of_the_run_before_does_not_stay_open_in_the_history(tmp_path: Path) -> None:
    async with World(UNLINKED, tmp_path) as world:
        world.strict = False
        server = world.site.endpoint_of(PointNumber(2))
        await server.stop()
        await world.sleep(20)
        await world.stop_gateway()
        await server.start()
        world.start_gateway()
        await world.sleep(20)
    database = Database(tmp_path)
    assert database.open_faults() == []
    found = [(f.scope, f.code, f.present) for f in reversed(database.faults())]
    assert found == [("cp2", "NotReachable", True), ("cp2", "NotReachable", False)]
    database.close()
