"""The bytes a smart meter sends, in each of the five datapoint types."""

import math

import pytest
from xknx.dpt import DPTArray

from knxgw.objects.codec import decode_meter_value

MILLIAMPERE, WATT = False, True


@pytest.mark.proves("D3.1a")
@pytest.mark.parametrize(
    ("dpt", "octets", "value", "is_power"),
    [
        ("7.012", "4e20", 20_000, MILLIAMPERE),
        ("7.012", "ffff", 65_535, MILLIAMPERE),
        ("9.021", "5db9", 30_003.2, MILLIAMPERE),
        ("14.019", "41480000", 12_500, MILLIAMPERE),
        ("14.019", "c1480000", -12_500, MILLIAMPERE),
        ("9.024", "05a9", 14_490, WATT),
        ("14.056", "c50fc000", -2300, WATT),
    ],
)
def test_a_value_is_a_current_in_ma_or_a_power_in_w(
    dpt: str,
    octets: str,
    value: float,
    is_power: bool,  # noqa: FBT001 - a parameter
) -> None:
    found, found_power = decode_meter_value(dpt, DPTArray(tuple(bytes.fromhex(octets))))
    assert found == pytest.approx(value)
    assert found_power is is_power


@pytest.mark.proves("D3.1f")
@pytest.mark.parametrize(
    ("dpt", "octets"),
    [("9.021", "7fff"), ("9.024", "7fff"), ("14.019", "7fc00000"), ("14.056", "7fc00000")],
)
def test_what_means_invalid_is_no_number(dpt: str, octets: str) -> None:
    value, _ = decode_meter_value(dpt, DPTArray(tuple(bytes.fromhex(octets))))
    assert math.isnan(value)


def test_an_infinite_current_is_not_made_finite() -> None:
    value, _ = decode_meter_value("14.019", DPTArray((0x7F, 0x80, 0, 0)))
    assert not math.isfinite(value)
