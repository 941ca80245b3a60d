"""What mDNS says of the device, before it reaches a network."""

from ipaddress import IPv4Interface
from uuid import UUID

from knxgw import __version__
from knxgw.links.discovery.introduction import Introduction
from knxgw.links.discovery.mdns import HTTP, KNXGW, services
from knxgw.links.discovery.places import Place

PLACE = Place(adapter="eth0", interface=IPv4Interface("192.168.1.5/24"))
ID = UUID(int=7)


def test_a_website_and_a_device_are_announced_without_a_version() -> None:
    said = Introduction(name="Haus 1.2", id=ID, port=8080, serial="A1")
    website, device = services(said, PLACE, "haus-1-2")
    assert (website.name, device.name) == (f"Haus 1-2.{HTTP}", f"Haus 1-2.{KNXGW}")
    for one in (website, device):
        assert (one.server, one.port) == ("haus-1-2.local.", 8080)
        assert one.parsed_addresses() == ["192.168.1.5"]
        assert __version__.encode() not in one.properties.values()
    assert website.properties == {b"path": b"/"}
    assert device.properties == {b"path": b"/", b"id": str(ID).encode(), b"serial": b"A1"}


def test_a_device_without_a_serial_number_says_none() -> None:
    _, device = services(Introduction(name="Garage", id=ID, port=80), PLACE, "garage")
    assert b"serial" not in device.properties
