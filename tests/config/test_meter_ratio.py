"""The ratio of a meter's transformers in the site's file: what it does, and what `check` says of it."""

import pytest

from knxgw.config.model import MeterSettings
from tests.config.sites import KNX, configuration, errors, warnings


def site(model: str, more: str = "") -> str:
    """Return a site whose only charging point has a meter in line 7."""
    return f"""\
{KNX}charging_points:
  - number: 1
    model: evse_din
    connection: {{type: rtu_over_tcp, host: 127.0.0.1, port: 5021}}
    phases: 3
    meter: {{model: {model}, {more}connection: {{type: rtu_over_tcp, host: 127.0.0.2, unit: 2}}}}
"""


def meter(text: str) -> MeterSettings:
    """Return the meter of the charging point."""
    found = configuration(text).points[0].meter
    assert found is not None
    return found


def said(text: str) -> list[str]:
    """Return what `check` warns of about transformers."""
    return [line for line in warnings(text) if "ratio" in line]


@pytest.mark.proves("H.61")
def test_a_ratio_multiplies_what_flows_and_no_voltage() -> None:
    plain, scaled = meter(site("finder_7m38")), meter(site("finder_7m38", "ratio: 40, "))
    factors = {
        name: scaled.model.points[name].scale / point.scale
        for name, point in plain.model.points.items()
    }
    assert {name: 1 if name.startswith("voltage") else 40 for name in factors} == factors


def test_a_ratio_of_the_smart_meter_multiplies_what_flows() -> None:
    text = (
        "load_management: {mode: dynamic, fuse_a: 35, smart_meter: {source: modbus, "
        "model: finder_7m38, ratio: 40, connection: {type: rtu_over_tcp, host: 127.0.0.2}}}\n"
    )
    smart_meter = configuration(site("finder_7m38") + text).load_management.smart_meter
    assert smart_meter is not None
    assert smart_meter.meter is not None
    assert smart_meter.meter.model.points["current_l1"].scale == 40


def test_a_ratio_does_not_multiply_what_comes_over_knx() -> None:
    text = "load_management: {mode: dynamic, fuse_a: 35, smart_meter: {source: knx, ratio: 40}}\n"
    (line,) = said(site("finder_7m38") + text)
    assert "smart_meter.ratio: has no effect: the values come over KNX, as the actual" in line
    assert line.endswith("; have the sender apply it, or remove it")


@pytest.mark.parametrize("ratio", ["0", "0.5", "-40", "10001", "many"])
def test_a_ratio_is_a_number_from_1_on(ratio: str) -> None:
    (line,) = errors(site("finder_7m38", f"ratio: {ratio}, "))
    assert "site.yaml:7: error: charging_points[0].meter.ratio: " in line


@pytest.mark.parametrize(
    ("model", "why"),
    [
        ("abb_b23_b24_a43", "abb_b23_b24_a43 applies the ratio that is set in the meter"),
        ("chint_dtsu666", "the gateway reads the ratio of chint_dtsu666 and applies it"),
    ],
)
def test_a_ratio_that_would_count_twice_is_told(model: str, why: str) -> None:
    (line,) = said(site(model, "ratio: 40, "))
    assert line == (
        f"site.yaml:7: warning: charging_points[0].meter.ratio: {why}: all values are "
        "multiplied by 40 as well; remove it, unless the ratio in the meter is 1"
    )
    assert said(site(model)) == said(site(model, "ratio: 1, ")) == []


def test_where_nobody_knows_who_applies_it_the_ratio_is_asked_for() -> None:
    (line,) = said(site("sbc_ale3"))
    assert line.startswith(
        "site.yaml:7: warning: charging_points[0].meter.model: it is not known whether sbc_ale3 "
        "applies the ratio of its transformers; "
    )
    assert said(site("sbc_ale3", "ratio: 1, ")) == said(site("sbc_ale3", "ratio: 20, ")) == []
