"""A walk over every group object that takes telegrams: what it makes a charger do."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from xknx.dpt import DPTArray, DPTBinary
from xknx.telegram.apci import GroupValueRead, GroupValueResponse, GroupValueWrite

from knxgw.catalogue.flags import Flags
from knxgw.sim.vehicle import Vehicle
from tests.support.everything import models, site
from tests.support.world import World, from_payload, to_payload

AT_ONCE_S = 0.3
UNLOCK = 61  # register
DYNAMIC = "load_management: {mode: dynamic, fuse_a: 35, smart_meter: {%s}}\n"
COMPLETE = ", complete: {threshold_a: 1, time_s: 30}"


def offers(world: World, *offers_ma: int) -> Callable[[], bool]:
    """Return whether the charging points are offered these currents [mA]."""
    return lambda: [c.offer_ma for c in world.site.chargers.values()] == list(offers_ma)


def unlocked(world: World) -> int:
    """Return how often the cable of charging point 1 was released."""
    server = next(iter(world.site.servers.values()))
    return sum(1 for _, _, register, _ in server.writes if register == UNLOCK)


@pytest.mark.proves("GO 1", "GO 2", "3.16", "5.13", "5.22", "2.54", "D6.7", "D15.3", "D15.6")
async def test_grid_supporting_control_holds_every_charging_point_to_6_a_at_once(
    tmp_path: Path,
) -> None:
    async with World(site(1, 2), tmp_path, models=models()) as world:
        world.strict = False
        world.charger(1).plug(Vehicle())
        await world.sleep(20)
        assert offers(world, 16_000, 16_000)()
        await world.write("5/0/1", True)
        await world.until(offers(world, 6000, 6000), AT_ONCE_S)
        await world.sleep(20)
        assert world.last("5/0/2") == await world.read("5/0/2") == DPTBinary(1)
        assert await world.read("5/1/50") == DPTArray((8,)), "a limit of ours leaves 8"
        await world.send("5/0/1", GroupValueResponse(DPTBinary(0)))  # U: a response counts as well
        await world.until(offers(world, 16_000, 16_000), AT_ONCE_S)
        await world.sleep(1)
        assert world.last("5/0/2") == await world.read("5/0/2") == DPTBinary(0)


@pytest.mark.proves("GO 1", "3.18", "3.23", "D6.5", "D15.1")
async def test_grid_supporting_control_with_0_a_pauses_everybody_but_is_no_interruption(
    tmp_path: Path,
) -> None:
    more = "grid_supporting_control: {setpoint_a: '0'}\n"
    async with World(site(1, 2, more=more), tmp_path, models=models()) as world:
        world.strict = False
        world.charger(1).plug(Vehicle())
        await world.sleep(20)
        await world.write("5/0/1", True)
        await world.until(offers(world, 0, 0), AT_ONCE_S)
        await world.sleep(20)
        for point in (1, 2):
            assert await world.read(f"5/{point}/50") == DPTArray((11,))
            assert await world.read(f"5/{point}/56") == DPTBinary(0)
        await world.write("5/0/1", False)
        await world.until(offers(world, 16_000, 16_000), AT_ONCE_S)
        await world.sleep(20)
        assert await world.read("5/1/50") == DPTArray((8,))
        assert await world.read("5/2/50") == DPTArray((5,))


@pytest.mark.proves(
    "GO 55", "GO 56", "5.12", "5.21", "3.17", "3.22", "2.54", "D6.4", "D16.1", "D16.2"
)
async def test_an_interruption_holds_its_charging_point_at_once_and_until_it_ends(
    tmp_path: Path,
) -> None:
    async with World(site(1, 2), tmp_path, models=models()) as world:
        world.strict = False
        world.charger(1).plug(Vehicle())
        await world.sleep(20)
        await world.write("5/1/55", True)
        await world.until(offers(world, 0, 16_000), AT_ONCE_S)
        await world.send("5/2/55", GroupValueResponse(DPTBinary(1)))  # U: a response counts as well
        await world.until(offers(world, 0, 0), AT_ONCE_S)
        await world.sleep(600)
        for point in (1, 2):
            assert await world.read(f"5/{point}/50") == DPTArray((11,))
            assert world.last(f"5/{point}/56") == await world.read(f"5/{point}/56") == DPTBinary(1)
        world.charger(1).unplug()
        world.charger(2).plug(Vehicle())
        await world.sleep(20)
        assert await world.read("5/2/50") == DPTArray((11,)), "one that was free is blocked"
        for point in (1, 2):
            await world.write(f"5/{point}/55", False)
        await world.until(offers(world, 16_000, 16_000), AT_ONCE_S)
        await world.sleep(20)
        assert await world.read("5/1/50") == DPTArray((5,)), "unplugged meanwhile"
        assert await world.read("5/2/50") == DPTArray((8,))
        assert world.last("5/1/56") == await world.read("5/1/56") == DPTBinary(0)


@pytest.mark.proves("GO 54", "3.30", "3.31", "3.32", "3.33", "7.70", "D16.3")
async def test_start_and_stop(tmp_path: Path) -> None:
    every = ", start: manual"
    async with World(site(1, every=every), tmp_path, models=models()) as world:
        world.strict = False
        box = world.charger()
        await world.write("5/1/54", True)
        await world.sleep(2)
        assert from_payload("16.001", await world.read("5/1/95")) == "OpNotPossible", "no vehicle"
        assert await world.read("5/1/94") == DPTBinary(0), "for information only"
        box.plug(Vehicle())
        await world.sleep(20)
        assert await world.read("5/1/50") == DPTArray((7,))
        assert box.offer_ma == 0
        await world.send("5/1/54", GroupValueResponse(DPTBinary(1)))
        await world.sleep(2)
        assert box.offer_ma == 0, "without the U flag a response is no start"
        await world.write("5/1/54", True)
        await world.until(lambda: world.last("5/1/50") == DPTArray((8,)), 20)
        await world.write("5/1/54", False)
        await world.until(lambda: box.offer_ma == 0, AT_ONCE_S)
        await world.sleep(20)
        for _ in range(2):
            await world.write("5/1/54", True)
            await world.sleep(20)
            assert await world.read("5/1/50") == DPTArray((4,)), "until plugged in again"
            assert box.offer_ma == 0
        box.unplug()
        await world.sleep(20)
        box.plug(Vehicle())
        await world.sleep(20)
        await world.write("5/1/54", True)
        await world.until(lambda: world.last("5/1/50") == DPTArray((8,)), 20)


@pytest.mark.proves("GO 59", "2.22", "2.23", "2.24")
@pytest.mark.parametrize("trigger", [False, True])
async def test_the_cable_is_released_by_0_and_1_when_the_process_has_finished(
    trigger: bool,  # noqa: FBT001 - what the telegram says
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    async with World(site(1, every=COMPLETE), tmp_path, models=models()) as world:
        world.strict = False
        box = world.charger()
        box.plug(Vehicle(capacity_wh=500, charge_wh=0))
        await world.sleep(60)
        await world.write("5/1/59", trigger, "1.017")
        await world.sleep(5)
        assert unlocked(world) == 0
        assert box.vehicle is not None
        assert box.vehicle.draw_ma == 16_000, "it never ends a charge"
        assert "unlock ignored" in caplog.text
        await world.sleep(600)
        assert await world.read("5/1/53") == DPTBinary(1)
        await world.write("5/1/59", trigger, "1.017")
        await world.sleep(2)
        assert unlocked(world) == 1


@pytest.mark.proves(
    "GO 60", "GO 61", "2.25", "2.26", "3.43", "3.44", "3.46", "7.71", "D17.1", "D17.2", "D17.3",
    "D6.12", "3.16",
)  # fmt: skip
async def test_a_setpoint_is_effective_at_once_as_often_as_it_comes(tmp_path: Path) -> None:
    async with World(site(1), tmp_path, models=models()) as world:
        world.strict = False
        box = world.charger()
        box.plug(Vehicle())
        await world.sleep(20)
        assert box.offer_ma == 16_000, "the first setpoint is the maximum"
        for step in range(30):
            wanted_ma = 6000 + step % 11 * 1000
            await world.write("5/1/60", wanted_ma / 1000, "14.019")
            await world.until(offers(world, wanted_ma), AT_ONCE_S)
        assert from_payload("16.001", await world.read("5/1/95")) == "No error"
        assert await world.read("5/1/50") == DPTArray((8,)), "a limit of ours leaves 8"
        for wanted_a, offered_ma in ((4.0, 6000), (40.0, 16_000), (float("nan"), 16_000),
                                     (-1.0, 16_000), (float("inf"), 16_000)):  # fmt: skip
            await world.write("5/1/60", wanted_a, "14.019")
            await world.sleep(30)
            assert box.offer_ma == offered_ma, wanted_a
            assert from_payload("14.019", await world.read("5/1/61")) == offered_ma / 1000
            assert from_payload("16.001", await world.read("5/1/95")) == "ValOutOfRange"
            assert await world.read("5/1/94") == DPTBinary(0)
        await world.write("5/1/60", 0.0, "14.019")
        await world.until(lambda: box.offer_ma == 0, AT_ONCE_S)
        await world.sleep(30)
        assert from_payload("14.019", await world.read("5/1/61")) == 0
        assert await world.read("5/1/50") == DPTArray((6,)), "our own pause"


# --- the objects of load management: their effect comes with it


METERS = {
    "phases: 1": {10, 13},
    "phases: 3": {10, 11, 12, 13},
    "phases: 3, monitoring: values_and_in_operation": {10, 11, 12, 13, 20},
    "phases: 1, monitoring: values_and_in_operation": {10, 13, 20},
}
FLAGS = {10: "C-WTUI", 11: "C-WTUI", 12: "C-WTUI", 13: "C-W---", 20: "C-W---"}
DPTS = ("7.012", "9.021", "14.019", "9.024", "14.056")


def reads(world: World) -> list[str]:
    """Return what the gateway has read since the last account."""
    return sorted(h.address for h in world.since() if isinstance(h.apci, GroupValueRead))


@pytest.mark.proves(
    "GO 1", "GO 10", "GO 11", "GO 12", "GO 13", "GO 20", "2.12", "2.13", "2.14", "2.55", "2.56",
    "D3.1j",
)  # fmt: skip
@pytest.mark.parametrize(("meter", "numbers"), METERS.items(), ids=list(METERS))
async def test_objects_of_load_management_have_their_flags_and_are_read_at_start_and_recovery(
    meter: str, numbers: set[int], tmp_path: Path
) -> None:
    async with World(site(1, more=DYNAMIC % meter), tmp_path, models=models()) as world:
        world.strict = False
        objects = {one.number: one for one in world.gateway.objects.objects}
        assert objects.keys() & {*FLAGS, 60} == numbers
        for number in numbers:
            assert objects[number].flags == Flags.parse(FLAGS[number])
        wanted = {f"5/0/{number}" for number in numbers & {10, 11, 12}} | {"5/0/1", "6/0/6"}
        assert reads(world) == sorted(wanted)
        world.line.cut()
        await world.sleep(20)
        world.line.mend()
        await world._peer.open(world._hear, lambda: None)
        world.skip()
        await world.sleep(60)
        assert reads(world) == sorted(wanted), "again after bus recovery"


@pytest.mark.proves("GO 10", "GO 11", "GO 12", "2.6", "2.7")
@pytest.mark.parametrize("dpt", DPTS)
async def test_a_smart_meter_value_has_the_length_of_its_datapoint_type(
    dpt: str, tmp_path: Path
) -> None:
    kind = "power" if dpt in ("9.024", "14.056") else "current"
    more = DYNAMIC % f'measurement: {kind}, dpt: "{dpt}"'
    right = to_payload(dpt, 5)
    length = 4 if dpt.startswith("14.") else 2
    assert len(right.value) == length  # type: ignore[arg-type]
    async with World(site(1, more=more), tmp_path, models=models()) as world:
        world.strict = False
        for number in (10, 11, 12):
            await world.send(f"5/0/{number}", GroupValueWrite(right))
            await world.send(f"5/0/{number}", GroupValueResponse(right))
        assert world.gateway.objects.wrong_telegrams == 0
        for number in (10, 11, 12):
            for wrong in (DPTArray((1,) * (6 - length)), DPTArray((1,)), DPTBinary(1)):
                await world.send(f"5/0/{number}", GroupValueWrite(wrong))
        await world.sleep(1)
        assert world.gateway.objects.wrong_telegrams == 9


@pytest.mark.proves("GO 13", "GO 20", "2.52")
async def test_one_bit_objects_of_load_management_take_one_bit_only(tmp_path: Path) -> None:
    more = DYNAMIC % "monitoring: values_and_in_operation"
    async with World(site(1, more=more), tmp_path, models=models()) as world:
        world.strict = False
        for number in (13, 20):
            for bit in (0, 1):
                await world.send(f"5/0/{number}", GroupValueWrite(DPTBinary(bit)))
        assert world.gateway.objects.wrong_telegrams == 0
        for number in (13, 20):
            await world.send(f"5/0/{number}", GroupValueWrite(DPTArray((1,))))
            await world.send(f"5/0/{number}", GroupValueResponse(DPTArray((1,))))  # no U: not heard
        await world.sleep(1)
        assert world.gateway.objects.wrong_telegrams == 2
