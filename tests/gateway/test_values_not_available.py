"""What a charger says it does not have is unknown: no old value, no sum, no current under load management."""

from pathlib import Path

import pytest

from knxgw.charging.publication import Published
from knxgw.charging.scope import point_scope
from knxgw.sim.vehicle import Vehicle
from tests.support.world import World, from_payload

METERLESS = "bender_cc612_mennekes_professional"  # says 0xFFFFFFFF for all currents without a meter
SITE = """
knx: {{link: none}}
load_management: {sharing}
charging_points:
  - {{number: 1, name: One, model: {model}, connection: {{host: 127.0.0.1}}{more}}}
group_objects: {{8: [1/0/8], 9: [1/0/9], 50: [1/1/50], 62: [1/1/62], 63: [1/1/63], 65: [1/1/65],
  79: [1/1/79], 94: [1/1/94], 95: [1/1/95], 512: [2/1/2], {objects}}}
"""
STATIC = "{mode: static, static_limit_a: 16}"
OFF = "{mode: 'off'}"
METER = ", meter: {model: eastron_sdm630, connection: {host: 127.0.0.1, port: 5021}}"


def site(model: str, sharing: str, more: str = "", objects: str = "") -> str:
    return SITE.format(model=model, sharing=sharing, more=more, objects=objects)


def meterless(world: World, port: int = 502, *, blank: bool = True) -> None:
    """Have the device behind a port say that it has none of the values it measures."""
    servers = {port: server for (_, port), server in world.site.servers.items()}
    servers[port].misbehaviour.blank = blank


async def text(world: World, address: str) -> str:
    return str(from_payload("16.001", await world.read(address)))


@pytest.mark.proves("H.81", "D13.1a", "D3.3c")
async def test_a_charger_without_currents_gets_none_under_load_management(tmp_path: Path) -> None:
    async with World(site(METERLESS, STATIC), tmp_path) as world:
        world.strict = False
        meterless(world)
        world.charger().plug(Vehicle())
        await world.sleep(40)
        assert world.charger().offer_ma == 0
        assert await text(world, "1/1/95") == "DLM InvCurrent"
        assert await text(world, "1/0/9") == "DLM InvCurrent"
        assert await text(world, "2/1/2") == "Invalid values"
        assert await world.read("1/1/62") is None
        assert await world.read("1/1/63") is None


@pytest.mark.proves("H.81", "D13.1a")
async def test_currents_that_end_in_the_middle_pause_and_come_back_as_a_newcomer(
    tmp_path: Path,
) -> None:
    async with World(site(METERLESS, STATIC), tmp_path) as world:
        world.strict = False
        world.charger().plug(Vehicle())
        await world.sleep(60)
        assert world.charger().offer_ma == 16_000
        assert from_payload("7.012", await world.read("1/1/63")) == 16_000
        meterless(world)
        await world.sleep(5)
        assert world.charger().offer_ma == 0, "the last reading is no reading"
        assert await world.read("1/1/63") is None
        meterless(world, blank=False)
        await world.sleep(12)
        assert world.charger().offer_ma >= 6000
        assert from_payload("1.001", await world.read("1/1/94")) is False


@pytest.mark.proves("D13.1a")
async def test_one_phase_that_is_not_available_makes_sum_and_charger_unknown(
    tmp_path: Path,
) -> None:
    async with World(site("alfen_eve", STATIC), tmp_path) as world:
        world.strict = False
        world.charger().fixed["current_l3"] = float("nan")
        world.charger().plug(Vehicle())
        await world.sleep(30)
        assert world.charger().offer_ma == 0
        assert await text(world, "1/1/95") == "DLM InvCurrent"
        assert await world.read("1/1/62") is None
        assert await world.read("1/1/63") is not None
        assert await world.read("1/1/65") is None


async def test_a_phase_without_value_to_which_nothing_is_wired_is_not_missed(
    tmp_path: Path,
) -> None:
    async with World(site("alfen_eve", STATIC, ", phases: 1"), tmp_path) as world:
        world.strict = False
        world.charger().fixed["current_l2"] = world.charger().fixed["current_l3"] = float("nan")
        world.charger().plug(Vehicle(phases=1))
        await world.sleep(60)
        assert world.charger().offer_ma == 16_000
        assert from_payload("7.012", await world.read("1/1/62")) == 16_000


async def test_without_load_management_a_charger_without_currents_charges(tmp_path: Path) -> None:
    async with World(site(METERLESS, OFF), tmp_path) as world:
        world.strict = False
        meterless(world)
        world.charger().plug(Vehicle())
        await world.sleep(40)
        assert world.charger().offer_ma == 16_000
        assert await world.read("1/1/62") is None
        assert from_payload("1.001", await world.read("1/1/94")) is False


async def test_a_meter_behind_it_stands_for_the_currents_of_a_charger(tmp_path: Path) -> None:
    async with World(site(METERLESS, STATIC, METER), tmp_path) as world:
        world.strict = False
        meterless(world)
        world.charger().plug(Vehicle())
        await world.sleep(60)
        assert world.charger().offer_ma == 16_000
        assert from_payload("1.001", await world.read("1/1/94")) is False
        meterless(world, port=5021)
        await world.sleep(10)
        assert world.charger().offer_ma == 0, "nor does the meter's old reading count"
        assert await text(world, "1/1/95") == "DLM InvCurrent"


@pytest.mark.long
@pytest.mark.parametrize("model", ["evse_din", "phoenix_ev_cc_rtu", "alfen_eve"])
@pytest.mark.proves("D14.2a", "D3.3a")
async def test_finished_cars_do_not_hold_the_line_also_where_nobody_measures(
    model: str, tmp_path: Path
) -> None:
    """A charger without measurement counts with its setpoint in the states 8 to 10, else with 0."""
    text_ = """
knx: {link: none}
load_management: {mode: static, static_limit_a: 16}
charging_points:
""" + "".join(
        f"  - {{number: {n}, name: A, model: {model},"
        f" connection: {{type: tcp, host: 127.0.0.1, port: 500{n}}}}}\n"
        for n in (1, 2, 3)
    )
    async with World(text_, tmp_path) as world:
        world.charger(1).plug(Vehicle(charge_wh=59_900))
        world.charger(2).plug(Vehicle(charge_wh=59_900))
        await world.sleep(360)
        world.charger(3).plug(Vehicle())
        await world.sleep(120)
        offers_ma = [world.charger(n).offer_ma for n in (1, 2, 3)]
        assert offers_ma == [6000, 6000, 16_000]
        world.charger(1).plug(Vehicle())
        await world.sleep(60)
        offers_ma = [world.charger(n).offer_ma for n in (1, 3)]
        assert offers_ma == [8000, 8000], "who draws again is reserved again"


@pytest.mark.proves("H.81", "2.28")
async def test_an_evccid_that_is_not_known_is_not_told(tmp_path: Path) -> None:
    async with World(site(METERLESS, OFF), tmp_path) as world:
        world.strict = False
        charger = world.charger()
        charger.fixed["evccid"] = ""
        await world.sleep(10)
        assert await world.read("1/1/79") is None
        charger.fixed["evccid"] = "0123456789AB"
        charger.plug(Vehicle())
        await world.sleep(70)
        assert await text(world, "1/1/79") == "0123456789AB"
        charger.fixed["evccid"] = ""
        charger.unplug()
        await world.sleep(70)
        assert await world.read("1/1/79") is None, "it was that of the vehicle before"


@pytest.mark.proves("H.80", "2.28")
async def test_a_box_read_register_by_register_never_tells_a_sum_of_few_phases(
    tmp_path: Path,
) -> None:
    async with World(site("keba_p30", OFF), tmp_path, run_gateway=False) as world:
        world.strict = False
        for phase in ("current_l1", "current_l2", "current_l3"):
            world.charger().show(phase, 16)
        world.charger().plug(Vehicle())
        world.start_gateway()
        reported: set[Published] = set()
        for _ in range(200):
            assert world.gateway.application is not None
            reported.add(
                world.gateway.application.station.last_published(point_scope(1), "current")
            )
            await world.sleep(0.1)
        assert reported == {None, 48_000}, "all of it, or nothing"
