"""One device of a draft that need not be complete."""

from typing import Any

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.config.edit_yaml import values_of
from knxgw.config.model import ConnectionKind
from knxgw.config.one_device import OneDevice, Part, one_device

DRAFT = """
serial: {port: /dev/ttyS7, baud: 9600}
knx: {link: nonsense}
load_management:
  mode: "off"
  smart_meter: {model: eastron_sdm630, connection: {type: serial, unit: 3}}
charging_points:
  - {number: 1, model: nothing}
  - number: 2
    model: keba_p30
    maximum_a: 999
    connection: {host: 192.168.1.7}
    meter: {model: eastron_sdm630, connection: {type: rtu_over_tcp, host: 192.168.1.8, unit: 9}}
"""


def found(part: Part, entry: int, text: str = DRAFT) -> OneDevice:
    one = one_device(values_of(text), part, entry, catalogue())
    assert isinstance(one, OneDevice), [str(finding) for finding in one]
    return one


@pytest.mark.proves("W64")
@pytest.mark.parametrize(
    ("part", "entry", "model", "host", "unit"),
    [
        (Part.CHARGER, 1, "keba_p30", "192.168.1.7", 255),
        (Part.METER, 1, "eastron_sdm630", "192.168.1.8", 9),
        (Part.SMART_METER, 0, "eastron_sdm630", None, 3),
    ],
)
def test_a_device_is_found_whatever_else_is_wrong_in_the_draft(
    part: Part, entry: int, model: str, host: str | None, unit: int
) -> None:
    device = found(part, entry).device
    assert (device.model.id, device.connection.host, device.connection.unit) == (model, host, unit)
    assert (device.connection.kind is ConnectionKind.SERIAL) is (host is None)


def test_the_serial_line_of_the_draft_is_used() -> None:
    line = found(Part.SMART_METER, 0).configuration.serial
    assert line is not None
    assert (line.port, line.baud) == ("/dev/ttyS7", 9600)


def test_a_meter_may_be_entered_by_hand() -> None:
    by_hand = "{manual: {function: 3, power: {type: i32, l1: 10, l2: 12, l3: 14}}"
    text = DRAFT.replace("{model: eastron_sdm630, connection: {type: rtu", f"{by_hand}, connection: {{type: rtu")  # fmt: skip
    assert "power_l2" in found(Part.METER, 1, text).device.model.capabilities


@pytest.mark.proves("W64")
@pytest.mark.parametrize(
    ("part", "entry", "text", "key"),
    [
        (Part.CHARGER, 0, DRAFT, "charging_points[0].model"),
        (Part.CHARGER, 1, DRAFT.replace("192.168.1.7", "a b"), "charging_points[1].connection.host"),
        (Part.METER, 1, DRAFT.replace("unit: 9", "unit: 999"), "charging_points[1].meter.connection.unit"),
        (Part.SMART_METER, 0, DRAFT.replace("unit: 3", "unit: x"), "load_management.smart_meter.connection.unit"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_it_has_the_key_of_the_draft(
    part: Part, entry: int, text: str, key: str
) -> None:
    wrong = one_device(values_of(text), part, entry, catalogue())
    assert not isinstance(wrong, OneDevice)
    assert key in [one.place.key for one in wrong]


@pytest.mark.parametrize("data", [{}, {"charging_points": "x"}, {"charging_points": ["x"]}])
@pytest.mark.parametrize("part", Part)
def test_an_empty_draft_has_no_device_and_says_so(data: dict[str, Any], part: Part) -> None:
    wrong = one_device(data, part, 0, catalogue())
    assert not isinstance(wrong, OneDevice)
    assert wrong
