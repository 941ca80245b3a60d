"""What a person types to the simulator: the building, cars, and everything that makes no sense."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.catalogue.load import catalogue
from knxgw.config.load import parse_configuration
from knxgw.errors import RejectedError
from knxgw.sim.console import HELP, obey
from knxgw.sim.site import SimulatedSite
from tests.sim.test_house import Metered
from tests.sim.test_house import site as metered_site

SITE = """
knx: {link: none}
charging_points:
  - {number: 1, model: abb_terra_ac, connection: {host: 127.0.0.1, port: 5021}}
  - {number: 3, model: goe_charger, connection: {host: 127.0.0.1, port: 5023}}
group_objects: {50: [1/1/50]}
"""


def simulated() -> SimulatedSite:
    configuration = parse_configuration(SITE, catalogue()).configuration
    assert configuration is not None
    return SimulatedSite(configuration, lambda: 0.0)


def test_the_buildings_load_is_one_current_for_all_phases_or_three() -> None:
    site = simulated()
    assert obey(site, "house 7.5") == "ok"
    assert site.house.base_ma == [7500, 7500, 7500]
    assert obey(site, "house 4 -5 6") == "ok"
    assert site.house.base_ma == [4000, -5000, 6000]
    assert "house: building 4.0 / -5.0 / 6.0 A, mains 4.0 / -5.0 / 6.0 A" in obey(site, "state")


async def test_the_smart_meter_falls_silent_and_speaks_again(tmp_path: Path) -> None:
    async with Metered(metered_site("interval_s: 2"), tmp_path) as it:
        site = it.world.site
        site.knx_meter = it.meter
        assert "its meter speaks" in obey(site, "state")
        obey(site, "house off")
        assert "its meter is silent" in obey(site, "state")
        await it.world.sleep(1.0)
        count = len(it.heard("1/0/10"))
        await it.world.sleep(20.0)
        assert len(it.heard("1/0/10")) == count
        obey(site, "house on")
        await it.world.sleep(5.0)
        assert len(it.heard("1/0/10")) > count


async def test_a_smart_meter_on_modbus_falls_silent_alone_on_its_line(tmp_path: Path) -> None:
    text = metered_site(
        "source: modbus, interval_s: 2, model: eastron_sdm630, connection: "
        "{type: rtu_over_tcp, host: 127.0.0.1, port: 5040, unit: 9}"
    )
    async with Metered(text, tmp_path, run_gateway=True) as it:
        site = it.world.site
        server = next(one for one in site.servers.values() if one.port == 5040)
        await it.world.sleep(10.0)
        assert server.misbehaviour.silent is False
        view = it.world.gateway.view().load_management
        assert view is not None
        assert view.state_words == "normal"
        obey(site, "house off")
        await it.world.sleep(60.0)
        lost = it.world.gateway.view().load_management
        assert lost is not None
        assert lost.state_words != "normal"
        obey(site, "house on")
        await it.world.sleep(60.0)
        found = it.world.gateway.view().load_management
        assert found is not None
        assert found.state_words == "normal"


@pytest.mark.long
@pytest.mark.proves("7.76", "7.77", "D13.5d")
@pytest.mark.parametrize(
    ("source", "line", "fault"),
    [
        ("interval_s: 2", "house turned 1 2 3", "CTDirection"),
        (
            "source: modbus, interval_s: 2, model: eastron_sdm630, connection: "
            "{type: rtu_over_tcp, host: 127.0.0.1, port: 5040, unit: 9}",
            "house frozen",
            "MeterFrozen",
        ),
    ],
)
async def test_a_wrong_smart_meter_is_found_by_cars_that_come_and_go_and_so_is_a_right_one(
    source: str, line: str, fault: str, tmp_path: Path
) -> None:
    async with Metered(metered_site(source, (3, "123"), (3, "231")), tmp_path) as it:
        site, world = it.world.site, it.world
        if "modbus" not in source:
            site.knx_meter = it.meter
        world.start_gateway()
        await world.until(lambda: world.gateway.is_ready, 60.0)
        obey(site, "plug 1")
        await world.sleep(60.0)
        obey(site, line)
        for _ in range(6):
            obey(site, "plug 2")
            await world.sleep(55.0)
            obey(site, "unplug 2")
            await world.sleep(30.0)
        view = world.gateway.view()
        assert (view.fault, view.fault_present) == (fault, True)
        assert "L1, L2, L3" in view.messages[-1]
        assert world.charger(1).offer_ma == 6000
        obey(site, "house right")
        for _ in range(4):
            obey(site, "plug 2")
            await world.sleep(55.0)
            obey(site, "unplug 2")
            await world.sleep(30.0)
        await world.sleep(30.0)
        view = world.gateway.view()
        assert (view.fault, view.fault_present) == (fault, False)
        assert world.charger(1).offer_ma == 16_000


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("plug 1 2 nan", "nan is not possible"),
        ("plug 1 2 inf", "inf is not possible"),
        ("plug 1 2 1e999", "is not possible"),
        ("plug 1 2 -16", "-16 is not possible"),
        ("plug 1 2 much", "'much' is not a number"),
        ("plug 1 0", "number of phases"),
        ("plug 1 4", "number of phases"),
        ("plug 2", "there is no charging point 2"),
        ("plug", "which charging point"),
        ("plug one", "which charging point"),
        ("slow 1 nan", "a number is missing or wrong"),
        ("slow 1 -1", "a number is missing or wrong"),
        ("slow 1", "a number is missing"),
        ("refuse 1 99", "a number is missing or wrong"),
        ("refuse 1 x", "a number is missing or wrong"),
        ("house", "one current for all phases or three"),
        ("house 1 2", "one current for all phases or three"),
        ("house 1 2 nan", "nan is not possible"),
        ("house 99999", "99999 is not possible"),
        ("house off", "no smart meter"),
        ("house frozen", "no smart meter"),
        ("full 1", "not possible now"),
        ("dance 1", "not possible now"),
        ("plug " + "9" * 6000, "which charging point"),
        ("plug 1 3 " + "9" * 6000, "is not possible"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_line_and_changes_nothing(line: str, said: str) -> None:
    site = simulated()
    before = obey(site, "state")
    with pytest.raises(RejectedError) as refused:
        obey(site, line)
    assert said in str(refused.value)
    assert len(str(refused.value)) < 120
    assert obey(site, "state") == before
    assert not any(one.misbehaviour.delay_s for one in site.servers.values())


WORDS = sorted({line.split()[0] for line in HELP.splitlines()[1:]} | {"1", "3", "9", "nan", "-1"})


@given(st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), max_size=4))
def test_no_line_whatever_raises_anything_else(words: list[str]) -> None:
    site = simulated()
    try:
        said = obey(site, " ".join(words))
    except (RejectedError, EOFError) as err:
        said = str(err) or "the end"
    assert said
