"""Load management in the running gateway: telegrams of a smart meter in, setpoints at chargers out."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from xknx.dpt import DPTArray, DPTBinary
from xknx.telegram.apci import GroupValueWrite

from knxgw.sim.vehicle import Vehicle
from tests.support.world import World, configure, from_payload, on_null_modem, to_payload

SITE = """
knx: {{link: none}}
load_management: {{{sharing}}}
charging_points:
  - {{number: 1, name: One, model: alfen_eve, connection: {{host: 127.0.0.1, port: 5021}}}}
  - {{number: 2, name: Two, model: abb_terra_ac, connection: {{host: 127.0.0.1, port: 5022}}}}
group_objects: {{8: [1/0/8], 9: [1/0/9], {meter}50: [1/1/50], 100: [1/2/50], 55: [1/1/55],
  500: [2/0/0], 501: [2/0/1], 502: [2/0/2], 503: [2/0/3], 504: [2/0/4], 505: [2/0/5],
  511: [2/1/1], 512: [2/1/2], 522: [2/2/2]}}
"""
METER = "10: [1/0/10], 11: [1/0/11], 12: [1/0/12], 13: [1/0/13], "
DYNAMIC = SITE.format(sharing="mode: dynamic, fuse_a: 35, reserve_a: 3", meter=METER)


class House:
    """The building and its smart meter: sends what flows on each phase, every 2 s."""

    def __init__(self, world: World, base_a: float, dpt: str = "14.019") -> None:
        self.world = world
        self.base_a = base_a
        self.dpt = dpt
        self.is_silent = False
        self._sampled: list[tuple[float, ...]] = []

    def load_a(self) -> tuple[float, ...]:
        drawn = [charger.phases_ma for charger in self.world.site.chargers.values()]
        return tuple(self.base_a + sum(one[phase] for one in drawn) / 1000 for phase in range(3))

    async def run(self) -> None:
        while True:
            sampled = self.load_a()
            await asyncio.sleep(1.0)
            for phase, load_a in enumerate(sampled):
                if not self.is_silent:
                    value = {"14.019": load_a, "9.024": load_a * 0.23}[self.dpt]
                    payload = GroupValueWrite(to_payload(self.dpt, value))
                    await self.world.send(f"1/0/{10 + phase}", payload)
            await asyncio.sleep(1.0)


def offers(world: World) -> list[float]:
    return [world.charger(number).offer_ma / 1000 for number in (1, 2)]


async def telegram(world: World, dpt: str, address: str) -> object:
    return from_payload(dpt, await world.read(address))


def near(found: Sequence[float], expected: Sequence[float]) -> bool:
    return all(abs(one - other) <= 0.2 for one, other in zip(found, expected, strict=True))


@pytest.mark.proves(
    "5.4", "6.1", "6.2", "6.4", "D3.1a", "D6.10",
    "GO 500", "GO 501", "GO 502", "GO 503", "GO 504", "GO 505",
)  # fmt: skip
@pytest.mark.parametrize(("dpt", "measurement"), [("14.019", "current"), ("9.024", "power")])
async def test_two_cars_share_what_the_building_leaves(
    dpt: str, measurement: str, tmp_path: Path
) -> None:
    meter = f"smart_meter: {{measurement: {measurement}, dpt: '{dpt}'}}"
    site = DYNAMIC.replace("reserve_a: 3", f"reserve_a: 3, {meter}")
    async with World(site, tmp_path) as world:
        world.strict = False
        house = House(world, 8.0, dpt)
        running = world._group.create_task(house.run())
        world.charger(1).plug(Vehicle())
        world.charger(2).plug(Vehicle())
        await world.sleep(60)
        assert near(offers(world), (12, 12)), offers(world)
        assert await telegram(world, "14.019", "2/0/3") == 32
        assert await world.read("2/0/4") == DPTArray((1,))
        assert abs(float(await telegram(world, "14.019", "2/0/0")) - 24) < 0.6  # type: ignore[arg-type]
        assert float(await telegram(world, "7.005", "2/0/5")) <= 10  # type: ignore[arg-type]
        assert str(await telegram(world, "16.001", "2/1/2")).startswith("Fuse L")
        house.base_a = 14.0
        await world.sleep(5)
        assert near(offers(world), (9, 9)), offers(world)
        await world.write("1/1/55", True)
        await world.sleep(60)
        assert near(offers(world), (0, 16)), offers(world)
        running.cancel()


@pytest.mark.proves("6.10", "7.61", "D6.9")
async def test_a_silent_smart_meter_is_an_emergency_until_it_speaks_again(tmp_path: Path) -> None:
    async with World(DYNAMIC, tmp_path) as world:
        world.strict = False
        house = House(world, 4.0)
        running = world._group.create_task(house.run())
        world.charger(1).plug(Vehicle())
        await world.sleep(40)
        assert near(offers(world)[:1], (16,))
        house.is_silent = True
        await world.sleep(15)
        assert near(offers(world)[:1], (6,))
        assert await telegram(world, "16.001", "1/0/9") == "SmartMeterTOut"
        assert await world.read("1/0/8") == DPTBinary(1)
        assert await world.read("2/0/4") == DPTArray((3,))
        assert await telegram(world, "16.001", "2/1/2") == "Meter lost"
        house.is_silent = False
        await world.sleep(50)
        assert await world.read("1/0/8") == DPTBinary(0)
        assert near(offers(world)[:1], (16,))
        running.cancel()


@pytest.mark.proves("6.8", "6.9", "D10.1", "D10.2", "2.20")
async def test_a_large_consumer_sends_everybody_to_the_minimum_for_a_while(tmp_path: Path) -> None:
    async with World(DYNAMIC, tmp_path) as world:
        world.strict = False
        running = world._group.create_task(House(world, 4.0).run())
        world.charger(1).plug(Vehicle())
        await world.sleep(40)
        for _ in range(2):  # a repeated 1 counts again
            await world.write("1/0/13", True)
            await world.sleep(20)
            assert near(offers(world)[:1], (6,))
        assert await world.read("2/0/4") == DPTArray((2,))
        await world.write("1/0/13", False)
        await world.sleep(8)
        assert near(offers(world)[:1], (6,)), "0 means nothing, the window lasts"
        await world.sleep(50)
        assert near(offers(world)[:1], (16,))
        running.cancel()


@pytest.mark.proves("D17.4")
async def test_static_load_management_shares_a_fixed_current_without_a_meter(
    tmp_path: Path,
) -> None:
    site = SITE.format(sharing="mode: static, static_limit_a: 20", meter="")
    async with World(site, tmp_path) as world:
        world.strict = False
        world.charger(1).plug(Vehicle())
        await world.sleep(60)
        assert near(offers(world), (16, 0)), "a newcomer has to wait until there is room"
        world.charger(2).plug(Vehicle())
        await world.sleep(60)
        assert near(offers(world), (10, 10)), offers(world)


BY_HAND = "manual: {function: 4, current: {type: f32, l1: 6, l2: 8, l3: 10}}"


def sharing_on_modbus(meter: str) -> str:
    """Return load management with a smart meter on Modbus."""
    place = "connection: {host: 127.0.0.1, port: 5030}"
    return (
        "mode: dynamic, fuse_a: 35, reserve_a: 3, "
        f"smart_meter: {{source: modbus, {meter}, {place}}}"
    )


@pytest.mark.parametrize("meter", ["model: eastron_sdm630", BY_HAND])
async def test_a_smart_meter_on_modbus_is_as_good(meter: str, tmp_path: Path) -> None:
    sharing = sharing_on_modbus(meter)
    async with World(SITE.format(sharing=sharing, meter=""), tmp_path) as world:
        world.strict = False
        world.charger(1).plug(Vehicle())
        await world.sleep(60)
        assert near(offers(world)[:1], (16,)), offers(world)


@pytest.mark.parametrize(
    "registers",
    [
        BY_HAND.replace("l2: 8", "l2: 9000"),
        BY_HAND.replace("4,", "3,"),
        BY_HAND.replace("l1: 6, l2: 8, l3: 10", "l1: 9000, l2: 9002, l3: 9004"),
    ],
)
async def test_a_smart_meter_with_registers_it_does_not_have_leaves_everybody_at_the_minimum(
    registers: str, tmp_path: Path
) -> None:
    device = SITE.format(sharing=sharing_on_modbus("model: eastron_sdm630"), meter="")
    async with World(device, tmp_path, run_gateway=False) as world:
        world.strict = False
        by_hand = SITE.format(sharing=sharing_on_modbus(registers), meter="")
        world.configuration = on_null_modem(configure(by_hand))
        world.start_gateway()
        world.charger(1).plug(Vehicle())
        await world.sleep(120)
        assert near(offers(world)[:1], (6,)), offers(world)
        assert await telegram(world, "16.001", "1/0/9") == "SmartMeterTOut"
