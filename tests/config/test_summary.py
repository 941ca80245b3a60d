"""What the log of a start says of a site."""

from pathlib import Path

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.config.load import load_configuration
from knxgw.config.summary import summary
from tests.config.sites import configuration
from tests.support.pages import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


def lines(text: str) -> list[str]:
    return list(summary(configuration(text)))


def test_each_device_is_named_with_its_place() -> None:
    said = lines(
        """
knx: {link: tunnelling, gateway: 192.168.1.10}
website: {listen: "127.0.0.1:8081"}
serial: {port: /dev/ttyUSB0}
load_management: {mode: dynamic, fuse_a: 35, smart_meter: {interval_s: 5}}
charging_points:
  - {number: 1, name: Left, model: keba_p30, connection: {host: 192.168.1.31}, maximum_a: 20}
  - {number: 3, name: Yard, model: evse_din, connection: {type: serial, unit: 4}, meter: {model: eastron_sdm630, connection: {type: serial, unit: 5}}}
group_objects: {10: [1/0/10], 11: [1/0/11], 12: [1/0/12]}
"""
    )
    assert said == [
        "website: http://127.0.0.1:8081/",
        "KNX: tunnelling through 192.168.1.10:3671, 3 group objects linked",
        "load management: dynamic, 35 A less 3 A reserve",
        "smart meter: KNX, current of 3 phases, every 5 s",
        "serial line: /dev/ttyUSB0, rtu, 19200 baud, 8E1",
        "cp1 Left: KEBA KeContact P30 at 192.168.1.31:502, unit 255, 6 to 20 A",
        "cp3 Yard: EVSE Wi-Fi / Stark in Strom EVSE-DIN / EVSE-WB (Simple EVSE) on the serial line, unit 4, 6 to 16 A",
        "cp3 meter: Eastron SDM630-Modbus on the serial line, unit 5",
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_says_all_of_its_charging_points(path: Path) -> None:
    loaded = load_configuration(path, catalogue()).configuration
    assert loaded is not None
    said = list(summary(loaded))
    for point in loaded.points:
        assert [line for line in said if line.startswith(f"cp{point.number} {point.name}: ")]
