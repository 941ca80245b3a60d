"""Chargers that cannot share the one RS485 line, and a prioritised one that is not there."""

import pytest

from knxgw.config.load import parse_configuration
from knxgw.config.model import ConfigurationFault
from tests.config.sites import points
from tests.support.everything import EVERYTHING_BOX, models

LINE = "serial: {port: /dev/ttyUSB0}\n"
KEBA = "number: 1, model: keba_p30, connection: {host: 10.0.0.1}"


def faults(text: str) -> tuple[ConfigurationFault, ...]:
    """Return the faults of a site; the Everything Box speaks RTU here."""
    catalogue = models(EVERYTHING_BOX.replace("transports: [tcp]", "transports: [tcp, rtu]"))
    configuration = parse_configuration(text, catalogue, name="site.yaml").configuration
    assert configuration is not None
    return configuration.faults


def serial(number: int, model: str, unit: int) -> str:
    return f"number: {number}, model: {model}, connection: {{type: serial, unit: {unit}}}"


@pytest.mark.proves("7.55", "4.1")
def test_two_models_on_the_line_are_a_fault_of_the_later_one_and_block_both() -> None:
    text = points(
        serial(1, "abb_terra_ac", 1), serial(3, "everything_box", 2), serial(4, "abb_terra_ac", 3)
    )
    (fault,) = faults(text + LINE)
    assert (fault.code, fault.point, fault.blocked_points) == ("Conf Charger", 3, frozenset({1, 3}))
    assert fault.message.en == (
        "charging point 3 (Nobody Everything Box) and charging point 1 (ABB Terra AC) "
        "are two models on one RS485 line"
    )


@pytest.mark.proves("7.55", "4.1")
def test_one_model_on_the_line_beside_others_over_tcp_is_no_fault() -> None:
    other = "number: 3, model: everything_box, connection: {host: 10.0.0.3}"
    line = (serial(2, "abb_terra_ac", 1), serial(4, "abb_terra_ac", 2))
    assert faults(points(KEBA, *line, other) + LINE) == ()


@pytest.mark.proves("7.56")
@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("number: 2, model: keba_p30, connection: {host: 0.0.0.0}", "the host is 0.0.0.0"),
        ("number: 2, connection: {host: 10.0.0.2}", "no model is given"),
        (serial(2, "abb_terra_ac", 0), "the client address is 0"),
    ],
)
def test_a_prioritised_charging_point_that_is_not_there_is_a_fault_of_the_device(
    entry: str, reason: str
) -> None:
    (fault,) = faults(points(KEBA, entry) + LINE + "load_management: {priority: 2}\n")
    assert (fault.code, fault.point, fault.blocked_points) == ("Conf Charger", None, frozenset())
    assert fault.message.en == f"the prioritised charging point 2 is disabled: {reason}"
