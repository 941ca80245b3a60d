"""Phases that cannot be those of the sum: said once, and never because of a moment."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest

from knxgw.catalogue.product import Catalogue
from knxgw.charging.quantities import PHASE_CURRENTS, PHASE_POWERS, Quantity
from knxgw.modbus.interpreter import Interpreter
from knxgw.modbus.plausibility import LASTING, SumCheck

Values = Mapping[Quantity, int]


def values(power_w: int, phases_w: tuple[int, ...] = (), phases_ma: tuple[int, ...] = ()) -> Values:
    """Return what a device tells at once."""
    return {
        Quantity.POWER: power_w,
        **dict(zip(PHASE_POWERS, phases_w, strict=False)),
        **dict(zip(PHASE_CURRENTS, phases_ma, strict=False)),
    }


def warnings(
    caplog: pytest.LogCaptureFixture, reported: Values, times: int, *, charger: bool = True
) -> list[str]:
    """Return what is said when the same is read again and again."""
    check = SumCheck("cp1", is_consumer=charger)
    for _ in range(times):
        check.update(reported, ())
    return [record.getMessage() for record in caplog.records]


@pytest.mark.proves("H.63")
def test_phases_a_thousand_times_the_sum_are_said_once(caplog: pytest.LogCaptureFixture) -> None:
    (line,) = warnings(caplog, values(7500, (2_499_840,) * 3), 1000)
    assert line.startswith(
        "cp1: the powers of the phases (7499520 W together) do not fit the power (7500 W): "
    )


def test_currents_that_cannot_carry_the_power_are_said(caplog: pytest.LogCaptureFixture) -> None:
    (line,) = warnings(caplog, values(11_000, phases_ma=(160, 160, 160)), LASTING, charger=False)
    assert "the currents (110 W together)" in line


@pytest.mark.parametrize(
    ("reported", "charger"),
    [
        (values(7500, (2500, 2500, 2500), (10_870,) * 3), True),
        (values(7500, (2500, 2500, 0), (10_870, 10_870, 0)), True),  # of two moments
        (values(3, (900, 0, 0), (400, 0, 0)), True),  # too little to judge
        (values(0, (5000, -5000, 0), (21_700, 21_700, 0)), False),  # a building that exports on L2
        (values(-9000, (-3000, -3000, -3000), (13_000,) * 3), False),
        (values(7500, (2_499_840, 2_499_840)), True),  # the third is not known
        (values(7500), True),
    ],
)
def test_what_can_be_of_one_device_is_not_said(
    caplog: pytest.LogCaptureFixture, reported: Values, *, charger: bool
) -> None:
    assert warnings(caplog, reported, 1000, charger=charger) == []


def test_a_moment_is_not_said(caplog: pytest.LogCaptureFixture) -> None:
    check = SumCheck("cp1", is_consumer=True)
    for _ in range(10):
        for _ in range(LASTING - 1):
            check.update(values(11_000, (0, 0, 0)), ())
        check.update(values(11_000, (3600, 3600, 3600)), ())
    assert not caplog.records


def test_a_phase_that_is_not_available_leaves_nothing_to_compare(
    caplog: pytest.LogCaptureFixture,
) -> None:
    check = SumCheck("cp1", is_consumer=True)
    check.update(values(7500, (2_499_840,) * 3), ())
    for _ in range(1000):
        check.update({Quantity.POWER: 7500}, {Quantity.POWER_L3})
    assert not caplog.records


def test_a_model_file_that_is_wrong_by_a_factor_shows_in_the_log(
    catalogue: Catalogue, caplog: pytest.LogCaptureFixture
) -> None:
    goe = catalogue.chargers["goe_charger"]
    points = dict(goe.points)
    for name in ("power_l1", "power_l2", "power_l3"):
        points[name] = replace(points[name], scale=100.0)  # the printed 0.1 kW
    box = Interpreter("cp1", replace(goe, points=MappingProxyType(points)))
    for _ in range(100):
        box.update({"power": 750_000})
        box.update({"power_l1": 25_000, "power_l2": 25_000, "power_l3": 25_000})
    assert len(caplog.records) == 1
    right, reported = Interpreter("cp1", goe), {}
    for _ in range(100):
        right.update({"power": 750_000})
        reported = right.update({"power_l1": 25_000, "power_l2": 25_000, "power_l3": 25_000})
    assert reported[Quantity.POWER_L1] == 2500
    assert len(caplog.records) == 1
