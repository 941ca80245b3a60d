"""SunSpec meters: registers that are looked for, and scales that are read with the values."""

from dataclasses import replace

import pytest

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.product import Catalogue
from knxgw.charging.events import LinkCondition
from knxgw.charging.quantities import Quantity
from knxgw.charging.scope import PointNumber
from knxgw.modbus.requests import Read
from knxgw.modbus.sunspec import MOST_MODELS, ChainWalk
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.meter import SimulatedMeter
from tests.modbus.driving import Drive
from tests.support.devices import driver as make_driver
from tests.support.talk import box_in_use

INTEGERS, FLOATS = "sunspec_meter_201_204", "sunspec_meter_211_214"
COMMON = 66


def drive(
    catalogue: Catalogue, model_id: str, *, at: int = 40000, shown: DeviceModel | None = None
) -> Drive:
    """Return a driver before a meter whose marker stands at `at`, a car drawing 10 A behind it."""
    model = catalogue.meters[model_id]
    assert model.chain is not None
    in_device = shown or replace(model, chain=replace(model.chain, bases=(at,)))
    meter = SimulatedMeter(in_device, 1, box_in_use())
    return Drive(make_driver(PointNumber(1), model, unit_id=1), meter)


def rewrite(it: Drive, header: dict[int, int]) -> None:
    """Change registers of the chain: headers, the marker."""
    it.image.chain = it.image.chain | header


@pytest.mark.proves("4.41")
@pytest.mark.parametrize("model_id", [INTEGERS, FLOATS])
@pytest.mark.parametrize("base", [40000, 50000, 0])
def test_a_meter_is_found_wherever_its_marker_stands(
    catalogue: Catalogue, model_id: str, base: int
) -> None:
    it = drive(catalogue, model_id, at=base)
    values = it.run(10)
    assert it.condition() is LinkCondition.GOOD
    assert [values[q] for q in (Quantity.CURRENT_L1, Quantity.CURRENT)] == [10_000, 30_000]
    assert values[Quantity.POWER] == 6900
    before = [40000, 50000, 0][: [40000, 50000, 0].index(base) + 1]
    assert [address for address, _ in it.reads[: len(before)]] == before


@pytest.mark.proves("4.41")
def test_models_before_the_wanted_one_are_passed_over(catalogue: Catalogue) -> None:
    it = drive(catalogue, INTEGERS)
    rewrite(it, {40002: 1, 40003: 10, 40014: 160, 40015: 54})  # 40004 + 10, then + 2 + 54
    assert it.run(10)[Quantity.CURRENT_L1] == 10_000
    headers = [address for address, count in it.reads if count == 2]
    assert headers[:4] == [40000, 40002, 40014, 40070]


@pytest.mark.proves("4.41")
@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ({40000: 0}, 'no marker "SunS" at 40000, 50000, 0'),
        (
            {40070 + 107 * meter: 103 for meter in range(4)},
            "no model 203 or 201 or 202 or 204 in this unit; it has: 1, 103, 103, 103, 103",
        ),
        ({40071: 50}, "model 203 has 50 registers instead of 105"),
        ({40003: 65000}, "the chain of models does not end"),
        ({40003: 1000}, "the chain of models breaks off at 41004"),
    ],
)
def test_a_chain_without_the_model_is_a_wrong_answer_that_says_why_once(
    catalogue: Catalogue,
    header: dict[int, int],
    problem: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    it = drive(catalogue, INTEGERS)
    good = dict(it.image.chain)
    rewrite(it, header)
    assert it.run(60) == {}
    assert it.condition() is LinkCondition.COMM
    assert caplog.text.count(problem) == 1
    assert 4 <= sum(address == 40000 for address, _ in it.reads) <= 5, "asked again, not hurried"
    it.image.chain = good
    assert it.run(20)[Quantity.CURRENT_L1] == 10_000
    assert it.condition() is LinkCondition.GOOD


@pytest.mark.proves("4.41")
def test_of_several_meters_behind_one_unit_the_wanted_one_is_read(catalogue: Catalogue) -> None:
    model = catalogue.meters[INTEGERS]
    box = SimulatedCharger(catalogue.chargers["goe_charger"], 1)
    image = SimulatedMeter(model, 1, box, 2)
    image.show("current_l1", 7)
    it = Drive(make_driver(PointNumber(1), model, unit_id=1, register_offset=2), image)
    assert it.run(10)[Quantity.CURRENT_L1] == 7000
    assert (40070 + 2 * 107 + 3, 4) in it.reads
    it = Drive(make_driver(PointNumber(1), model, unit_id=1, register_offset=4), image)
    assert it.run(30) == {}
    assert it.condition() is LinkCondition.COMM


def test_a_chain_that_turns_in_a_circle_ends(catalogue: Catalogue) -> None:
    chain = catalogue.meters[INTEGERS].chain
    assert chain is not None
    walk = ChainWalk(chain, 1)
    walk.update((0x5375, 0x6E53))
    failures = []
    for _ in range(MOST_MODELS + 1):
        walk.update((7, 0))
        failures.append(walk.failure)
    assert failures == MOST_MODELS * [""] + ["the chain of models does not end"]


@pytest.mark.proves("4.41")
def test_a_scale_that_changes_at_run_time_never_gives_a_wrong_value(catalogue: Catalogue) -> None:
    it = drive(catalogue, INTEGERS)
    found = {it.run(5)[Quantity.CURRENT_L1]}
    for exponent in (-1, 0, -2):
        it.image.fixed["sf_current"] = exponent
        it.run(5)
        found |= {v[Quantity.CURRENT_L1] for v in it.seen if Quantity.CURRENT_L1 in v}
    assert found == {10_000}


@pytest.mark.parametrize("exponent", [-32768, 11, -11])
def test_without_a_scale_there_is_no_value(catalogue: Catalogue, exponent: int) -> None:
    it = drive(catalogue, INTEGERS)
    it.run(5)
    raw = it.image.raw_value(it.image.model.points["current_l1"])
    assert raw is not None
    it.image.fixed |= {"sf_current": exponent, "current_l1": raw, "current_l2": 1, "current_l3": 1}
    values = it.run(10)
    assert Quantity.CURRENT_L1 not in values
    assert Quantity.CURRENT not in values
    assert values[Quantity.POWER] == 6900, "which has a scale of its own"


@pytest.mark.proves("4.41")
def test_values_that_are_not_implemented_are_left_out(catalogue: Catalogue) -> None:
    it = drive(catalogue, INTEGERS)
    it.image.fixed |= {"current_l2": -32768, "energy_total": 0, "power_l1": -32768}
    values = it.run(10)
    missing = {Quantity.CURRENT_L2, Quantity.ENERGY, Quantity.POWER_L1}
    assert missing.isdisjoint(values)
    assert values[Quantity.POWER_L2] == 2300


@pytest.mark.proves("4.41")
def test_a_device_that_shows_another_model_is_searched_again(catalogue: Catalogue) -> None:
    it = drive(catalogue, INTEGERS)
    it.run(5)
    rewrite(it, {40070: 213, 40071: 124})  # somebody has switched it to floats
    it.run(40)
    assert it.condition() is LinkCondition.COMM
    it.run(1)
    assert it.seen == []


def test_a_refused_block_is_read_value_by_value_each_with_its_scale(catalogue: Catalogue) -> None:
    it = drive(catalogue, INTEGERS)

    def only_small(request: Read) -> int | None:
        return 2 if request.block.count > 5 else None

    it.refuse = only_small  # energies with their scale are nine registers
    values = it.run(30)
    assert values[Quantity.CURRENT_L1] == 10_000
    spans = {(address - 40070, count) for address, count in it.reads if address > 40110}
    assert (52, 3) in spans, "the energy of L3 and the scale behind it"
    assert (54, 1) not in spans, "never the scale alone"
    assert it.condition() is LinkCondition.GOOD
