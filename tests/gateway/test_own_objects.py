"""The objects the reference device does not have: time, alive, the offer and its reason."""

import itertools
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from xknx.dpt import DPTArray
from xknx.dpt.dpt_10 import KNXTime
from xknx.dpt.dpt_19 import DPTDateTime, KNXDateTime
from xknx.telegram.apci import GroupValueWrite

from knxgw.charging.scope import PointNumber
from knxgw.sim.vehicle import Vehicle
from tests.support.everything import models, site
from tests.support.one_of_each import in_turn
from tests.support.world import World, from_payload

OFFER, REASON, TEXT = ("6/{point}/10", "6/{point}/11", "6/{point}/12")
Deed = Callable[[World], Awaitable[None]]


async def nothing(_world: World) -> None:
    """Leave everything as it is."""


async def set_8_a(world: World) -> None:
    world.charger().plug(Vehicle())
    await world.write("5/1/60", 8.0, "14.019")


async def set_6_a(world: World) -> None:
    world.charger().plug(Vehicle())
    await world.write("5/1/60", 6.0, "14.019")


async def limit(world: World) -> None:
    await world.write("5/0/1", True)


async def interrupt(world: World) -> None:
    await world.write("5/1/55", True)


async def cancel(world: World) -> None:
    world.charger().plug(Vehicle())
    await world.sleep(20)
    await world.write("5/1/54", False)


async def fail(world: World) -> None:
    world.charger().has_error = True


async def charge(world: World) -> None:
    world.charger().plug(Vehicle())


async def silence(world: World) -> None:
    world.site.endpoint_of(PointNumber(1)).misbehaviour.silent = True
    await world.sleep(20)


async def limit_itself(world: World) -> None:
    world.charger().plug(Vehicle())
    world.charger().show("setpoint_read", 10)


# What the documentation says of each reason: value of 511, text of 512 in English and German.
REASONS: dict[Deed, tuple[float, int, str, str]] = {
    fail: (0, 2, "Charger error", "Fehler Ladepkt"),
    interrupt: (0, 4, "Interruption", "Unterbrechung"),
    limit: (6, 5, "Grid control", "Netzsteuerung"),
    cancel: (0, 7, "Cancelled", "Abgebrochen"),
    set_8_a: (8, 13, "Setpoint", "Sollwert"),
    set_6_a: (6, 14, "Minimum", "Minimum"),
    charge: (16, 15, "Maximum", "Maximum"),
    nothing: (16, 27, "No vehicle", "Kein Fahrzeug"),
    limit_itself: (16, 29, "Charger limit", "Grenze Station"),
    silence: (16, 30, "Charger silent", "Station stumm"),
}


@pytest.mark.proves("GO 510", "GO 511", "GO 512", "2.4")
@pytest.mark.parametrize(("deed", "language"), in_turn(list(REASONS), ["en", "de"]))
async def test_the_offer_and_its_reason_are_told(deed: Deed, language: str, tmp_path: Path) -> None:
    offer_a, number, english, german = REASONS[deed]
    text = site(1, 3).replace("device: {", f"device: {{language: {language}, ")
    async with World(text, tmp_path, models=models()) as world:
        world.strict = False
        await world.sleep(20)
        await deed(world)
        await world.sleep(20)
        offer, reason, words = (one.format(point=1) for one in (OFFER, REASON, TEXT))
        assert world.last(offer) == await world.read(offer)
        assert from_payload("14.019", world.last(offer)) == offer_a
        assert world.last(reason) == await world.read(reason) == DPTArray((number,))
        assert world.last(words) == await world.read(words)
        reported = from_payload("16.001", world.last(words))
        assert reported == (german if language == "de" else english)
        other = await world.read(REASON.format(point=3))
        assert other == DPTArray((5 if deed is limit else 27,)), "another point, 20 numbers on"


@pytest.mark.proves("GO 507", "2.4")
async def test_the_gateway_says_cyclically_that_it_is_alive(tmp_path: Path) -> None:
    text = site(1).replace("device: {", "device: {alive_cycle_s: 40, ")
    async with World(text, tmp_path, models=models()) as world:
        world.strict = False
        await world.sleep(300)
        beats = [one.at_s for one in world.heard if one.address == "6/0/7" and one.is_write]
        gaps = [later - sooner for sooner, later in itertools.pairwise(beats)]
        assert gaps == pytest.approx([40] * len(gaps), abs=1)
        assert len(gaps) >= 6


@pytest.mark.proves("GO 506", "2.4")
async def test_the_bus_sets_the_clock_where_nothing_else_does(tmp_path: Path) -> None:
    async with World(site(1), tmp_path, models=models(), run_gateway=False) as world:
        world.strict = False
        world.clock.shift(-40 * 365 * 86_400)  # a machine whose clock was never set
        world.start_gateway()
        world.charger().plug(Vehicle())
        await world.sleep(120)
        assert await world.read("5/1/76") is None
        noon = KNXDateTime(year=2026, month=7, day=1, hour=12, minutes=0, seconds=0)
        await world.send("6/0/6", GroupValueWrite(DPTDateTime.to_knx(noon)))
        await world.sleep(10)
        start = from_payload("10.001", await world.read("5/1/76"))
        assert isinstance(start, KNXTime)
        assert (start.hour, start.minutes) in {(11, 57), (11, 58)}
