"""A walk over every group object: what the charger shows is what a read gives, and what is sent."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from xknx.dpt import DPTArray, DPTBinary
from xknx.dpt.dpt_10 import KNXDay, KNXTime

from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.vehicle import Vehicle
from tests.support.everything import links, models, site
from tests.support.one_of_each import in_turn
from tests.support.world import World, from_payload

Shown = Mapping[str, float | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """What a charger shows at its points at first and then, and what the object says each time."""

    dpt: str | None
    says: object
    then: Shown
    then_says: object
    first: Shown = field(default_factory=dict)


WALK = {
    50: Way(dpt=None, first={"state": 5, "plug": 0}, says=5, then={"state": 3}, then_says=3),
    51: Way(dpt="1.002", says=False, then={"state": 6, "plug": 1}, then_says=True),
    52: Way(dpt="1.011", says=False, then={"state": 8}, then_says=True),
    56: Way(dpt="1.011", says=False, then={}, then_says=False),  # see the commands
    61: Way(dpt="14.019", says=16, first={"setpoint_read": 16}, then={"setpoint_read": 9.5}, then_says=9.5),
    62: Way(dpt="7.012", says=24_500, then={"current_l1": 16}, then_says=30_500),
    63: Way(dpt="7.012", first={"current_l1": 10}, says=10_000, then={"current_l1": 12}, then_says=12_000),
    64: Way(dpt="7.012", first={"current_l2": 8.5}, says=8500, then={"current_l2": 7}, then_says=7000),
    65: Way(dpt="7.012", first={"current_l3": 6}, says=6000, then={"current_l3": 0}, then_says=0),
    66: Way(dpt="9.024", first={"power": 5600}, says=5.6, then={"power": 4000}, then_says=4),
    67: Way(dpt="9.024", first={"power_l1": 2300}, says=2.3, then={"power_l1": 1000}, then_says=1),
    68: Way(dpt="9.024", first={"power_l2": 1950}, says=1.95, then={"power_l2": 900}, then_says=0.9),
    69: Way(dpt="9.024", first={"power_l3": 1350}, says=1.35, then={"power_l3": 0}, then_says=0),
    70: Way(dpt="13.010", first={"energy_total": 70_000}, says=70_000, then={"energy_total": 71_000}, then_says=71_000),
    71: Way(dpt="13.010", first={"energy_total_l1": 7100}, says=7100, then={"energy_total_l1": 7300}, then_says=7300),
    72: Way(dpt="13.010", first={"energy_total_l2": 7200}, says=7200, then={"energy_total_l2": 7500}, then_says=7500),
    73: Way(dpt="13.010", first={"energy_total_l3": 7300}, says=7300, then={"energy_total_l3": 7700}, then_says=7700),
    75: Way(dpt="13.010", says=70_000, then={"energy_total": 72_000}, then_says=72_000),
    79: Way(dpt="16.001", first={"evccid": "00B052AC01FF"}, says="00B052AC01FF", then={}, then_says="00B052AC01FF"),
    80: Way(dpt="16.001", first={"serial": "SN 12345678901234"}, says="SN 12345678901", then={}, then_says="SN 12345678901"),
    81: Way(dpt="16.001", first={"firmware": "3.10.2"}, says="3.10.2", then={}, then_says="3.10.2"),
    82: Way(dpt="9.001", first={"temperature": 31.5}, says=31.5, then={"temperature": -4}, then_says=-4),
    83: Way(dpt="1.002", says=False, then={"temperature": 71}, then_says=True),
    94: Way(dpt="1.002", says=False, then={"error_1": 18}, then_says=True),
    95: Way(dpt="16.001", says="No error", then={}, then_says="ChargerError"),
    96: Way(dpt="16.001", first={"error_1": 0}, says="", then={"error_1": 0x2A}, then_says="0x002A"),
    97: Way(dpt="16.001", first={"error_2": 0}, says="", then={"error_2": 0x1234}, then_says="0x00001234"),
    98: Way(dpt="16.001", first={"error_3": 0}, says="", then={"error_3": 1}, then_says="0x0001"),
    99: Way(dpt="16.001", first={"error_4": 0}, says="", then={"error_4": 0xFFFF}, then_says="0xFFFF"),
}  # fmt: skip
ELSEWHERE = {53, 74, 76, 77, 78, 84}  # a session, and a card: below


def said(dpt: str | None, payload: object) -> object:
    """Return the value of a payload; a number within what its datapoint type can tell."""
    if dpt is None:
        assert isinstance(payload, DPTArray)
        assert len(payload.value) == 1
        return payload.value[0]
    value = from_payload(dpt, payload)  # type: ignore[arg-type]
    return pytest.approx(value, rel=0.005, abs=0.011) if isinstance(value, float) else value


def tells(world: World, address: str, way: Way) -> bool:
    return bool(said(way.dpt, world.last(address)) == way.then_says)


def show(world: World, point: int, shown: Shown) -> None:
    for name, value in shown.items():
        world.charger(point).show(name, value)


@pytest.mark.proves(
    "GO 50", "GO 51", "GO 52", "GO 61", "GO 62", "GO 63", "GO 64", "GO 65", "GO 66", "GO 67",
    "GO 68", "GO 69", "GO 70", "GO 71", "GO 72", "GO 73", "GO 75", "GO 79", "GO 80", "GO 81",
    "GO 82", "GO 83", "GO 94", "GO 95", "GO 96", "GO 97", "GO 98", "GO 99",
    "2.1", "2.5", "2.26", "2.28", "2.31", "2.37", "2.39", "2.43", "2.45", "2.65", "2.66", "2.72",
)  # fmt: skip
async def test_what_a_charger_shows_is_answered_and_sent_when_it_changes(tmp_path: Path) -> None:
    async with World(site(1, 3), tmp_path, models=models(), run_gateway=False) as world:
        world.strict = False
        for point in (1, 3):
            for way in WALK.values():
                show(world, point, way.first)
        world.start_gateway()
        await world.sleep(30)
        readable = {one.number for one in world.gateway.objects.objects if one.flags.read}
        assert {n for n in readable if 50 <= n < 100} == WALK.keys() | ELSEWHERE
        assert {n - 100 for n in readable if 150 <= n < 200} == WALK.keys() | ELSEWHERE
        for number, way in WALK.items():
            for point in (1, 3):
                address = f"5/{point}/{number}"
                assert said(way.dpt, await world.read(address)) == way.says, address
                assert said(way.dpt, world.last(address)) == way.says, f"{address} at start-up"
        for number, way in WALK.items():
            address = f"5/3/{number}"
            show(world, 3, way.then)
            with suppress(AssertionError):
                await world.until(partial(tells, world, address, way), 25)
            assert said(way.dpt, world.last(address)) == way.then_says, f"{address} on change"
            assert said(way.dpt, await world.read(address)) == way.then_says, address
        for number in (50, 62, 70, 95):
            way = WALK[number]
            assert said(way.dpt, await world.read(f"5/1/{number}")) == way.says, "another point"


# --- a session, and a card


def seconds_of(payload: object) -> int:
    """Return the second of the day a payload of DPT 10.001 tells; it must be a Monday."""
    time = from_payload("10.001", payload)  # type: ignore[arg-type]
    assert isinstance(time, KNXTime)
    assert time.day is KNXDay.MONDAY
    return time.hour * 3600 + time.minutes * 60 + time.seconds


def second_now(world: World) -> int:
    """Return the second of the day in Berlin."""
    now = world.clock().astimezone(ZoneInfo("Europe/Berlin"))
    return now.hour * 3600 + now.minute * 60 + now.second


@pytest.mark.proves(
    "GO 53", "GO 74", "GO 75", "GO 76", "GO 77", "GO 78",
    "2.32", "2.34", "2.36", "3.35", "3.39", "3.49", "3.50", "3.52",
)  # fmt: skip
async def test_a_session_is_told_while_it_runs_and_when_it_is_over(tmp_path: Path) -> None:
    more = ", complete: {threshold_a: 1, time_s: 60}"
    async with World(site(1, every=more), tmp_path, models=models()) as world:
        world.strict = False
        box = world.charger()
        for number in (76, 77, 78):
            assert await world.read(f"5/1/{number}") is None, "there has been no session yet"
        assert from_payload("13.010", await world.read("5/1/74")) == 0
        life_wh = box.energy_wh
        box.plug(Vehicle(capacity_wh=1000, charge_wh=0), authorised=False)
        await world.sleep(100)
        assert await world.read("5/1/76") is None, "plugged in is not charging yet"
        box.authorised = True
        start_s = second_now(world)
        await world.sleep(120)
        assert seconds_of(await world.read("5/1/76")) == pytest.approx(start_s, abs=5)
        assert await world.read("5/1/77") is None, "it has not ended yet"
        wh = from_payload("13.010", await world.read("5/1/74"))
        assert wh == pytest.approx(11_040 * 120 / 3600, rel=0.1)
        assert await world.read("5/1/53") == DPTBinary(0)
        await world.until(lambda: box.vehicle is not None and box.vehicle.draw_ma == 0, 600)
        end_s = second_now(world)
        await world.sleep(55)
        assert await world.read("5/1/53") == DPTBinary(0)
        await world.sleep(10)
        assert world.last("5/1/53") == await world.read("5/1/53") == DPTBinary(1)
        box.unplug()
        await world.sleep(300)
        assert world.last("5/1/53") == await world.read("5/1/53") == DPTBinary(0)
        for number in (74, 78):
            assert world.last(f"5/1/{number}") == await world.read(f"5/1/{number}")
        assert from_payload("13.010", world.last("5/1/74")) == pytest.approx(1000, abs=5)
        assert from_payload("13.010", world.last("5/1/75")) == pytest.approx(life_wh + 1000, abs=5)
        assert seconds_of(world.last("5/1/76")) == pytest.approx(start_s, abs=5)
        assert seconds_of(world.last("5/1/77")) == pytest.approx(end_s, abs=5)
        assert from_payload("13.100", world.last("5/1/78")) == pytest.approx(end_s - start_s, abs=5)


@pytest.mark.proves("GO 84", "2.41", "2.42")
async def test_a_card_is_told_each_time_it_enables_charging(tmp_path: Path) -> None:
    async with World(site(1), tmp_path, models=models()) as world:
        world.strict = False
        box = world.charger()
        for _ in range(2):
            before = len(world.heard)
            box.plug(Vehicle(), authorised=False)
            await world.sleep(20)
            box.card = 0x04A1B2C3
            box.authorised = True
            await world.sleep(20)
            reported = [h.payload for h in world.heard[before:] if h.address == "5/1/84"]
            assert [from_payload("16.001", payload) for payload in reported] == ["04A1B2C3"]
            box.card = None
            box.unplug()
            await world.sleep(20)


# --- the models of the catalogue


SHIPPED = {
    "keba_p30": ("17619300", "3.10.42"),
    "alfen_eve": ("ACE0123456", "6.4.0-4210"),
    "abb_terra_ac": ("54414342000A1B", "1.8.5"),
    "goe_charger": ("210987654321", "57.1"),
}
METER = ", meter: {model: eastron_sdm630, connection: {host: 127.0.0.1, port: 5031}}"


def expected(charger: SimulatedCharger, key: str) -> object:
    """Return what an object says of a simulated charger that has charged for a while."""
    phases_a = [current / 1000 for current in charger.phases_ma]
    serial, firmware = SHIPPED[charger.model.id]
    words: dict[str, object] = {
        "state": 8, "connected": True, "charging": True, "complete": False,
        "interruption_state": False, "point_fault": False, "last_point_fault": "No error",
        "fault_info_1": "", "temperature_warning": False, "temperature": 31.5,
        "serial": serial, "firmware": firmware,
        "setpoint_state": 16, "current": sum(phases_a) * 1000, "power": sum(phases_a) * 0.23,
        "energy": charger.energy_wh, "energy_lifetime": charger.energy_wh,
        "energy_last_charge": charger.session_wh,
    }  # fmt: skip
    for number, phase_a in enumerate(phases_a, start=1):
        words[f"current_l{number}"] = phase_a * 1000
        words[f"power_l{number}"] = phase_a * 0.23
        words[f"energy_l{number}"] = charger.energy_wh / 3
    return words[key]


@pytest.mark.proves(
    "GO 50", "GO 51", "GO 52", "GO 53", "GO 56", "GO 61", "GO 62", "GO 63", "GO 64", "GO 65",
    "GO 66", "GO 67", "GO 68", "GO 69", "GO 70", "GO 71", "GO 72", "GO 73", "GO 74", "GO 75",
    "GO 80", "GO 81", "GO 82", "GO 83", "GO 94", "GO 95", "GO 96",
)  # fmt: skip
@pytest.mark.parametrize(("model", "meter"), in_turn(list(SHIPPED), ["alone", "with a meter"]))
async def test_every_object_of_a_charging_model_says_what_its_simulator_does(
    model: str, meter: str, tmp_path: Path
) -> None:
    unit = models().chargers[model].unit_id
    entry = f"number: 2, model: {model}, connection: {{host: 127.0.0.1, port: 5022, unit: {unit}}}"
    entry += METER if meter == "with a meter" else ""
    text = f"knx: {{link: none}}\ncharging_points:\n  - {{{entry}}}\n{links(2)}"
    async with World(text, tmp_path) as world:
        world.strict = False
        charger = world.charger(2)
        charger.plug(Vehicle(phases=2))
        await world.sleep(300)
        for one in world.gateway.objects.objects:
            if one.point != 2 or not one.flags.read:
                continue
            payload = await world.read(str(one.sending_address), 0.1)
            if one.key in ("session_end", "rfid") or one.number >= 500:
                continue
            if one.key.startswith("session_"):
                assert payload is not None
            elif one.dpt in (None, "1.002", "1.011", "16.001"):
                assert said(one.dpt, payload) == expected(charger, one.key), one.key
            else:
                wanted = pytest.approx(expected(charger, one.key), rel=0.02, abs=25)
                assert from_payload(one.dpt or "", payload) == wanted, one.key
