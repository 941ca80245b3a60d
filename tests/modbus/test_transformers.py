"""Meters whose values are multiplied by a ratio that is read from them."""

import logging
from dataclasses import replace

import pytest

from knxgw.catalogue.product import Catalogue
from knxgw.charging.events import LinkCondition
from knxgw.charging.quantities import Quantity
from knxgw.charging.scope import PointNumber
from knxgw.modbus.codec import encode
from knxgw.modbus.interpreter import Interpreter
from knxgw.sim.meter import SimulatedMeter
from knxgw.sim.vehicle import VOLTAGE_V
from tests.modbus.driving import Drive
from tests.support.devices import driver as make_driver
from tests.support.talk import box_in_use

CT, PT = 40, 10  # raw: 200/5 A, and a voltage ratio of 1.0
SECONDARY = {"current_l1": 250.0, "power": 575.0, "energy_total": 2.5}  # 0.25 A, 57.5 W, 2.5 kWh


def drive(catalogue: Catalogue, ct_ratio: float) -> Drive:
    """Return a meter that is set to a ratio, in front of a vehicle that draws 10 A."""
    model = catalogue.meters["chint_dtsu666"]
    meter = SimulatedMeter(model, 1, box_in_use())
    meter.show("ct_ratio", ct_ratio)
    return Drive(make_driver(PointNumber(1), model, unit_id=1), meter)


@pytest.mark.proves("H.61")
@pytest.mark.parametrize("ct_ratio", [1, 40, 9999])
def test_what_flows_on_the_line_is_shown_whatever_the_ratio_is(
    catalogue: Catalogue, ct_ratio: int
) -> None:
    values = drive(catalogue, ct_ratio).run(15)
    assert values[Quantity.CURRENT_L1] == pytest.approx(10_000, abs=1)
    assert values[Quantity.POWER] == pytest.approx(30 * VOLTAGE_V, abs=1)


def test_a_ratio_of_40_is_applied_to_currents_powers_and_energies(catalogue: Catalogue) -> None:
    meter = Interpreter("meter", catalogue.meters["chint_dtsu666"])
    values = meter.update({**SECONDARY, "ct_ratio": CT, "vt_ratio": PT})
    assert values[Quantity.CURRENT_L1] == 10_000
    assert values[Quantity.POWER] == 2300
    assert values[Quantity.ENERGY] == 100_000_000, "mWh"
    values = meter.update({**SECONDARY, "vt_ratio": 1000})  # a ratio of 100 for the voltage
    assert values[Quantity.POWER] == 230_000
    assert values[Quantity.CURRENT_L1] == 10_000


@pytest.mark.proves("H.61")
@pytest.mark.parametrize("wrong", [None, 0, -1])
def test_without_a_ratio_nothing_is_measured(catalogue: Catalogue, wrong: int | None) -> None:
    meter = Interpreter("meter", catalogue.meters["chint_dtsu666"])
    assert meter.update(SECONDARY) == {}, "not read yet"
    assert meter.update({**SECONDARY, "ct_ratio": wrong, "vt_ratio": PT}) == {}
    assert Quantity.POWER in meter.update({**SECONDARY, "ct_ratio": CT})


def test_after_a_lost_connection_the_ratio_is_read_again(catalogue: Catalogue) -> None:
    meter = Interpreter("meter", catalogue.meters["chint_dtsu666"])
    meter.update({"ct_ratio": CT, "vt_ratio": PT})
    meter.forget()
    assert meter.update(SECONDARY) == {}


def test_the_ratio_is_read_before_anything_else(catalogue: Catalogue) -> None:
    it = drive(catalogue, 40)
    it.run(5)
    assert it.reads[0] == (6, 2)


def test_a_ratio_that_is_changed_at_the_meter_counts_within_a_minute(catalogue: Catalogue) -> None:
    it = drive(catalogue, 1)
    it.run(10)
    it.image.show("ct_ratio", 40)
    assert it.run(60)[Quantity.CURRENT_L1] == pytest.approx(10_000, abs=1)


def test_a_meter_that_refuses_its_ratio_answers_wrongly(catalogue: Catalogue) -> None:
    it = drive(catalogue, 40)
    it.refuse = lambda request: 2 if request.block.address == 6 else None
    assert Quantity.CURRENT_L1 not in it.run(30)
    assert it.condition() is LinkCondition.COMM


def test_a_new_ratio_is_logged_once(catalogue: Catalogue, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    drive(catalogue, 40).run(100)
    assert caplog.text.count("ct_ratio in the device is 40") == 1


def test_a_ratio_that_is_no_ratio_is_warned_of(
    catalogue: Catalogue, caplog: pytest.LogCaptureFixture
) -> None:
    meter = Interpreter("meter", catalogue.meters["chint_dtsu666"])
    meter.update({"ct_ratio": 0, "vt_ratio": PT})
    warned = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warned) == 1


def test_a_meter_with_its_own_ratio_shows_the_secondary_side(
    catalogue: Catalogue,
) -> None:
    model = catalogue.meters["chint_dtsu666"]
    meter = SimulatedMeter(model, 1, box_in_use())
    meter.show("ct_ratio", 40)
    current = model.points["current_l1"]
    shown = meter.read(1, current.table, current.address, current.count)
    assert shown == encode(replace(current), 250.0), "0.25 A in mA"
