"""A tool writes IP settings: they are kept, answered, and hold once the device has restarted."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from knxgw.device.identity import IpState
from knxgw.device.ip_settings import IpSettings
from tests.support.knx_device_rig import DeviceRig, Tool

LEASED = IpState(
    is_dhcp=True,
    address=IPv4Address("192.168.1.77"),
    mask=IPv4Address("255.255.255.0"),
    gateway=IPv4Address("192.168.1.1"),
    is_settable=True,
)
PERMANENT = replace(LEASED, is_dhcp=False)
WANTED = IpSettings(
    is_permanent=True,
    address=IPv4Address("192.168.1.50"),
    mask=IPv4Address("255.255.255.0"),
    gateway=IPv4Address("192.168.1.1"),
)
PID = {"assignment": "37", "ip": "3C", "mask": "3D", "gateway": "3E"}
OCTETS = {"ip": "C0A80132", "mask": "FFFFFF00", "gateway": "C0A80101"}


def rig_at(ip: IpState, rig: DeviceRig | None = None) -> tuple[DeviceRig, Tool]:
    one = rig or DeviceRig()
    one.model.outside.ip = lambda: ip
    return one, Tool(one).connect()


def read(tool: Tool, name: str) -> str:
    """Return a property of object 6 as it is answered."""
    answer = tool.ask(f"03D506{PID[name]}1001") or ""
    assert answer.startswith(f"03d606{PID[name].lower()}")
    return answer[12:]


def write(tool: Tool, name: str, octets: str) -> str:
    """Write a property; return what is answered: the value, nothing when it was refused."""
    return (tool.ask(f"03D706{PID[name]}1001{octets}") or "")[12:]


def write_all(tool: Tool) -> None:
    for name, octets in OCTETS.items():
        assert write(tool, name, octets) == octets.lower()
    assert write(tool, "assignment", "01") == "01"


@pytest.mark.parametrize(
    ("ip", "said"),
    [
        (LEASED, ["0c", "00000000", "00000000", "00000000"]),
        (PERMANENT, ["01", "c0a8014d", "ffffff00", "c0a80101"]),
    ],
)
def test_without_anything_written_the_properties_say_what_holds(
    ip: IpState, said: list[str]
) -> None:
    rig, tool = rig_at(ip)
    assert [read(tool, name) for name in PID] == said
    assert rig.model.written_ip_settings is None


def test_what_is_written_is_answered_and_survives_a_power_cut() -> None:
    rig, tool = rig_at(LEASED)
    write_all(tool)
    assert rig.model.written_ip_settings == WANTED
    after, tool = rig_at(LEASED, DeviceRig(rig.disk))
    assert after.model.written_ip_settings == WANTED
    assert [read(tool, name) for name in PID] == ["01", "c0a80132", "ffffff00", "c0a80101"]


def test_one_property_alone_leaves_the_others_as_they_hold() -> None:
    rig, tool = rig_at(PERMANENT)
    write(tool, "ip", OCTETS["ip"])
    assert rig.model.written_ip_settings == WANTED


@pytest.mark.parametrize("octets", ["04", "0C", "01"])
def test_the_ways_to_an_address_that_the_device_has_are_taken(octets: str) -> None:
    rig, tool = rig_at(PERMANENT)
    assert write(tool, "assignment", octets) == octets.lower()
    found = rig.model.written_ip_settings
    assert found is not None
    assert found.is_permanent is (octets == "01")


@pytest.mark.parametrize("octets", ["00", "02", "08", "05", "FF"])
def test_others_are_refused_and_leave_nothing(octets: str) -> None:
    rig, tool = rig_at(PERMANENT)
    assert write(tool, "assignment", octets) == ""
    assert rig.model.written_ip_settings is None


def test_where_the_host_manages_the_network_they_cannot_be_written() -> None:
    rig, tool = rig_at(replace(LEASED, is_settable=False))
    assert [write(tool, name, octets) for name, octets in OCTETS.items()] == [""] * 3
    assert rig.model.written_ip_settings is None


def test_once_they_hold_or_are_refused_the_properties_follow_the_machine_again() -> None:
    rig, tool = rig_at(LEASED)
    write_all(tool)
    rig.model.forget_ip_settings()
    assert read(tool, "assignment") == "0c"
    assert read(tool, "ip") == "00000000"
