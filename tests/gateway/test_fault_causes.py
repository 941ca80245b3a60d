"""What raises the faults of chargers and meters, and what clears them, in virtual time."""

from pathlib import Path

import pytest
from xknx.dpt import DPTArray

from knxgw.charging.scope import PointNumber
from knxgw.sim.modbus_server import ModbusSimulator
from tests.support.everything import models, site
from tests.support.world import World, from_payload

METER = ", meter: {model: everything_meter, connection: {host: 127.0.0.1, port: 5031}}"


def endpoint(world: World, port: int) -> ModbusSimulator:
    return next(server for server in world.site.servers.values() if server.port == port)


async def said(world: World) -> tuple[object, object]:
    """Return what GO 94 and 95 say, and see that they have sent it."""
    flag, text = await world.read("5/1/94"), await world.read("5/1/95")
    assert (world.last("5/1/94"), world.last("5/1/95")) == (flag, text)
    return from_payload("1.002", flag), from_payload("16.001", text)


@pytest.mark.proves("7.1", "7.7", "GO 8", "GO 9")
@pytest.mark.parametrize("twice", [False, True])
async def test_a_fault_of_the_configuration_is_told_from_the_start(
    tmp_path: Path,
    twice: bool,  # noqa: FBT001 - an address given twice
) -> None:
    text = site(1, 2, 3)
    text = text.replace("port: 5022", "port: 5021") if twice else text
    async with World(text, tmp_path, models=models()) as world:
        world.strict = False
        for address, dpt, expected in (
            ("5/0/8", "1.002", twice),
            ("5/0/9", "16.001", "Conf Charger" if twice else "No error"),
            ("5/2/94", "1.002", twice),
            ("5/2/95", "16.001", "Conf Charger" if twice else "No error"),
            ("5/3/94", "1.002", False),
        ):
            assert world.last(address) == await world.read(address), address
            assert from_payload(dpt, world.last(address)) == expected, address


async def infos(world: World) -> list[object]:
    """Return what GO 96 to 99 say."""
    return [from_payload("16.001", await world.read(f"5/1/{number}")) for number in range(96, 100)]


@pytest.mark.proves("7.64", "2.63", "7.2", "GO 94", "GO 95")
@pytest.mark.parametrize("way", ["silent", "no power"])
async def test_a_charger_without_a_connection_is_not_reachable_until_there_is_one(
    way: str, tmp_path: Path
) -> None:
    async with World(site(1), tmp_path, models=models()) as world:
        world.strict = False
        server = endpoint(world, 5021)
        assert await said(world) == (False, "No error")
        if way == "silent":
            server.misbehaviour.silent = True
        else:
            await server.stop()
        await world.sleep(60)
        assert await said(world) == (True, "NotReachable")
        for number in (50, 51, 52, 53, 61, 62, 66, 70, 80):
            assert await world.read(f"5/1/{number}") is None, number
        server.misbehaviour.silent = False
        if way != "silent":
            await server.start()
        await world.sleep(60)
        assert await said(world) == (False, "NotReachable")
        assert await world.read("5/1/50") == DPTArray((5,))


@pytest.mark.proves("7.68", "H.16")
async def test_wrong_answers_are_comm_until_the_next_good_one(tmp_path: Path) -> None:
    async with World(site(1), tmp_path, models=models()) as world:
        world.strict = False
        endpoint(world, 5021).misbehaviour.short_answers = True
        await world.sleep(30)
        assert await said(world) == (True, "Comm")
        endpoint(world, 5021).misbehaviour.short_answers = False
        await world.sleep(5)
        assert await said(world) == (False, "Comm")


@pytest.mark.proves("7.34", "7.65")
async def test_another_model_is_told_left_alone_and_forgotten_when_the_right_one_is_back(
    tmp_path: Path,
) -> None:
    text = site(1).replace("model: everything_box", "model: keba_p40")
    async with World(text, tmp_path, models=models()) as world:
        world.strict = False
        server, box = endpoint(world, 5021), world.charger()
        written = len(server.writes)
        await server.stop()
        await world.sleep(60)
        box.show("model", 304_111)  # a P30 was put in its place
        await server.start()
        await world.sleep(60)
        assert await said(world) == (True, "WrongCharger")
        assert len(server.writes) == written
        for number in (50, 53, 61, 62, 66, 80):
            assert await world.read(f"5/1/{number}") is None, number
        box.show("model", 4_122_110)
        await world.sleep(300)
        assert await said(world) == (False, "WrongCharger")
        assert len(server.writes) > written


@pytest.mark.proves("7.69", "7.16", "2.43", "2.44", "2.45", "GO 96", "GO 97", "GO 98", "GO 99")
async def test_an_error_of_the_charger_is_told_with_its_code_until_it_is_gone(
    tmp_path: Path,
) -> None:
    async with World(site(1), tmp_path, models=models()) as world:
        world.strict = False
        box = world.charger()
        for part in range(1, 5):
            box.show(f"error_{part}", part)
            await world.sleep(5)
            assert await said(world) == (True, "ChargerError")
            expected = ["", "", "", ""]
            expected[part - 1] = "0x00000002" if part == 2 else f"0x000{part}"
            assert await infos(world) == expected
            box.show(f"error_{part}", 0)
            await world.sleep(5)
            assert await said(world) == (False, "ChargerError")
            assert await infos(world) == ["", "", "", ""]
        box.has_error = True
        await world.sleep(5)
        assert await said(world) == (True, "ChargerError")
        assert await world.read("5/1/50") == DPTArray((2,))
        box.has_error = False
        await world.sleep(5)
        assert await said(world) == (False, "ChargerError")


@pytest.mark.proves("7.72", "7.73", "7.16")
@pytest.mark.parametrize(
    ("wrong", "code"), [("silent", "EMeterNotReach"), ("short_answers", "EMeter Comm")]
)
async def test_a_meter_that_cannot_be_read_is_told_until_it_can(
    wrong: str, code: str, tmp_path: Path
) -> None:
    async with World(site(1, every=METER), tmp_path, models=models()) as world:
        world.strict = False
        assert await said(world) == (False, "No error")
        setattr(endpoint(world, 5031).misbehaviour, wrong, True)
        await world.sleep(60)
        assert await said(world) == (True, code)
        assert await world.read("5/1/50") == DPTArray((5,)), "the charger is well"
        setattr(endpoint(world, 5031).misbehaviour, wrong, False)
        await world.sleep(60)
        assert await said(world) == (False, code)


@pytest.mark.proves("7.74", "7.16")
async def test_the_fault_register_of_a_meter_is_told_until_it_is_clear(tmp_path: Path) -> None:
    async with World(site(1, every=METER), tmp_path, models=models()) as world:
        world.strict = False
        meter = world.site.meters[PointNumber(1)]
        meter.show("error_1", 4)
        await world.sleep(10)
        assert await said(world) == (True, "EMeter Error")
        assert await world.read("5/1/50") == DPTArray((5,))
        meter.show("error_1", 0)
        await world.sleep(10)
        assert await said(world) == (False, "EMeter Error")
