"""What a device refuses: for good it is said once and is no fault if it need not be there; for a while it comes back."""

import logging

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.charging.events import ChargerSeen, LinkCondition
from knxgw.charging.quantities import Quantity
from knxgw.charging.scope import PointNumber
from knxgw.sim.charger import SimulatedCharger
from tests.support.devices import driver as make_driver
from tests.support.talk import Talk

HOUR_S = 3600.0


def talk_between(model_id: str, device_id: str) -> Talk:
    """Return a driver of one model that asks a device of another."""
    models = catalogue().chargers
    driver = make_driver(PointNumber(1), models[model_id], unit_id=1)
    return Talk(driver, SimulatedCharger(models[device_id], 1))


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the refusals that the log has."""
    return [r.getMessage() for r in caplog.records if "refused, " in r.getMessage()]


def seen(talk: Talk, quantity: Quantity, until_s: float) -> bool:
    """Let them talk; tell whether a quantity was read meanwhile."""
    count = sum(isinstance(event, ChargerSeen) for event in talk.events)
    talk.until(until_s)
    fresh = [event for event in talk.events if isinstance(event, ChargerSeen)][count:]
    return any(quantity in event.values for event in fresh)


@pytest.mark.proves("4.20")
def test_a_variant_without_some_registers_is_in_order_and_each_is_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An Elli Charger 2 has the registers of a Heidelberg but for 13, 203 and 258 (standby)."""
    caplog.set_level(logging.INFO, "knxgw")
    talk = talk_between("heidelberg_energy_control", "elli_charger_2")
    talk.driver.want(10_000)
    talk.until(HOUR_S)
    assert talk.conditions == [LinkCondition.GOOD]
    assert talk.driver.is_acknowledged
    written = {address for _, address in talk.writes}
    assert {257, 258, 261, 262} <= written, "its fail-safe is armed all the same"
    assert sum(address == 258 for _, address in talk.writes) == 1, "it is not tried again and again"
    lines = said(caplog)
    assert len(lines) == len(set(lines))
    (standby,) = [line for line in lines if "write" in line]
    assert standby == (
        "cp1: write of holding register 258 (standby), function 6, unit 1: "
        "refused, exception 2, illegal data address (reported once)"
    )
    firmware = [line for line in lines if "input register 203 (firmware)" in line]
    assert len(firmware) == 1


def test_a_register_that_must_be_written_and_is_refused_is_comm_and_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "knxgw")
    talk = talk_between("heidelberg_energy_control", "heidelberg_energy_control")
    talk.refuses_write = lambda address: 2 if address == 262 else None
    talk.driver.want(10_000)
    talk.until(HOUR_S)
    assert talk.conditions[-1] is LinkCondition.COMM
    assert len([line for line in said(caplog) if "register 262 (failsafe_current)" in line]) == 1


@pytest.mark.parametrize("code", [1, 2, 3, 4, 6])
def test_what_is_refused_for_a_while_is_read_again(code: int) -> None:
    talk = talk_between("abb_terra_ac", "abb_terra_ac")
    talk.until(30.0)
    talk.refuses = lambda _address: code
    talk.until(300.0)
    assert talk.conditions == [LinkCondition.GOOD, LinkCondition.COMM]
    talk.refuses = lambda _address: None
    talk.until(345.0)
    assert talk.conditions == [LinkCondition.GOOD, LinkCondition.COMM, LinkCondition.GOOD]
    for quantity in (Quantity.STATE, Quantity.CURRENT, Quantity.POWER, Quantity.SESSION_ENERGY):
        assert seen(talk, quantity, talk.now_s + 35.0), quantity


def talk_without_power(until_s: float) -> Talk:
    """Return one with a device that refuses its power for some time from the start."""
    talk = talk_between("heidelberg_energy_control", "heidelberg_energy_control")
    blocks: list[int] = []

    def without_power(address: int) -> int | None:
        """Refuse the block that has it, so that it is read value by value, and then the power."""
        blocks.append(address)
        return 2 if address == 14 or (address == 5 and blocks.count(5) == 1) else None

    talk.refuses = without_power
    talk.until(until_s)
    assert talk.conditions == [LinkCondition.GOOD]
    talk.refuses = lambda _address: None
    return talk


def test_a_value_that_is_refused_while_a_charger_starts_is_read_soon() -> None:
    talk = talk_without_power(60.0)
    assert seen(talk, Quantity.POWER, 100.0)
    assert seen(talk, Quantity.POWER, 110.0), "and from then on as planned"


def test_a_value_that_goes_on_being_refused_is_looked_for_once_an_hour() -> None:
    talk = talk_without_power(600.0)
    assert not seen(talk, Quantity.POWER, HOUR_S - 60.0)
    assert seen(talk, Quantity.POWER, HOUR_S + 180.0)
    assert seen(talk, Quantity.POWER, HOUR_S + 195.0), "and from then on as planned"
