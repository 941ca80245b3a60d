"""What must hold for every charger of the catalogue: corrections, unknown codes, fault codes."""

import logging

import pytest

from knxgw.catalogue.codes import ChargingState
from knxgw.catalogue.control import StepValue
from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.points import Point
from knxgw.charging.events import LinkCondition
from knxgw.charging.quantities import FAULT_INFOS, Quantity
from knxgw.charging.scope import PointNumber
from knxgw.modbus.codec import Raw
from knxgw.modbus.interpreter import Interpreter
from knxgw.modbus.rules import rule_points
from knxgw.sim.charger import SimulatedCharger
from tests.support.devices import driver as make_driver
from tests.support.talk import Talk, name_of

CHARGERS = tuple(catalogue().chargers.values())
READ_BACK = [
    m
    for m in CHARGERS
    if m.control is not None
    and m.control.read_back
    and any(step.value is StepValue.OFFER for step in m.control.offer)  # told a current
]
WITH_CODES = [m for m in CHARGERS if m.points["state"].codes]
WITH_ERRORS = [m for m in CHARGERS if "error_1" in m.points]
OFFER_MA = 10_000


def resolution_ma(model: DeviceModel) -> int:
    return 0 if model.control is None else model.control.resolution_ma


@pytest.mark.proves("5.20")
@pytest.mark.parametrize("model", READ_BACK, ids=name_of)
def test_the_current_is_written_again_to_a_charger_that_restarted_unnoticed(
    model: DeviceModel,
) -> None:
    driver = make_driver(PointNumber(1), model, unit_id=model.unit_id)
    driver.want(OFFER_MA)
    device = SimulatedCharger(model, model.unit_id)
    talk = Talk(driver, device)
    talk.until(15.0)
    reported_ma = device.offer_ma
    assert OFFER_MA - resolution_ma(model) < reported_ma <= OFFER_MA
    assert talk.conditions == [LinkCondition.GOOD]
    device.restart()
    assert device.offer_ma != reported_ma, "it offers what it was delivered with"
    talk.until(30.0)  # where every value is a request of its own, a round takes 12 s
    assert device.offer_ma == reported_ma
    assert talk.conditions == [LinkCondition.GOOD], "its connection was never lost"


@pytest.mark.parametrize("model", WITH_CODES, ids=name_of)
def test_an_unknown_state_code_is_0_and_logged_once_with_its_raw_value(
    model: DeviceModel, caplog: pytest.LogCaptureFixture
) -> None:
    states = {name for name in rule_points(model) | {"state"} if name.startswith("state")}
    raws: dict[str, Raw | None] = {
        name: _unknown(model.points[name]) if name in states else _plugged(model, name)
        for name in rule_points(model) | {"state"}
    }
    interpreter = Interpreter("cp1", model)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            values = interpreter.update(raws)
            assert values[Quantity.STATE] == ChargingState.ILLEGAL
    (record,) = caplog.records
    assert repr(raws["state"]) in record.getMessage()
    assert "cp1" in record.getMessage()


def _unknown(point: Point) -> Raw:
    """Return a raw value that no code and no rule knows."""
    return "?" if isinstance(next(iter(point.codes), 0), str) else 97


def _plugged(model: DeviceModel, name: str) -> Raw | None:
    """Return what a point shows while a vehicle charges."""
    shown = model.simulation.states
    state = next(values for key, values in shown.items() if key.value == "charging")
    if name in state:
        return state[name]
    constant = model.simulation.constants.get(name, 0)
    return constant if isinstance(constant, str) else int(constant)


@pytest.mark.proves("7.69")
@pytest.mark.parametrize("model", WITH_ERRORS, ids=name_of)
def test_every_error_register_becomes_its_info_object(model: DeviceModel) -> None:
    for number, quantity in enumerate(FAULT_INFOS, 1):
        point = model.points.get(f"error_{number}")
        if point is None:
            assert f"fault_info_{number}" not in model.capabilities
            continue
        assert f"fault_info_{number}" in model.capabilities
        width = 4 * point.count
        assert Interpreter("cp1", model).update({point.name: 0})[quantity] == ""
        shown = Interpreter("cp1", model).update({point.name: 0x1B})[quantity]
        assert shown == f"0x{0x1B:0{width}X}"
        assert len(str(shown)) <= 14, "it must fit the text object"
