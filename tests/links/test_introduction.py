"""What the device says of itself to strangers: names, and the description of UPnP."""

import unicodedata
import xml.etree.ElementTree as ET
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.links.discovery.introduction import (
    DEVICE_TYPE,
    LONGEST_INSTANCE,
    Icon,
    Introduction,
    description,
)

ID = UUID("0123abcd-0000-4000-8000-000000000001")
WEBSITE = "http://192.168.1.5:8080/"
NAMESPACE = {"d": "urn:schemas-upnp-org:device-1-0"}


def introduction(name: str = "Garage", serial: str | None = None) -> Introduction:
    return Introduction(name=name, id=ID, port=8080, serial=serial)


def described(said: Introduction, *icons: Icon) -> ET.Element:
    root = ET.fromstring(description(said, icons, WEBSITE))  # noqa: S314 - we have made it
    device = root.find("d:device", NAMESPACE)
    assert device is not None
    return device


def text(device: ET.Element, path: str) -> str | None:
    return device.findtext("/".join(f"d:{name}" for name in path.split("/")), None, NAMESPACE)


@pytest.mark.proves("W61")
@given(st.text(max_size=200))
def test_any_name_makes_a_description_that_parses_and_gives_it_back(name: str) -> None:
    said = introduction(name)
    assert text(described(said), "friendlyName") == said.shown_name
    assert {unicodedata.category(one) for one in said.shown_name}.isdisjoint({"Cc", "Cf", "Cs"})


@given(st.text(alphabet="aZ <>&\"'äß€字😀]]>-.", min_size=1, max_size=30))
def test_letters_and_signs_of_xml_stay_in_a_name(name: str) -> None:
    shown = " ".join(name.split())
    if shown:
        assert text(described(introduction(name)), "friendlyName") == shown


@given(st.text(max_size=200))
def test_any_name_makes_labels_that_dns_can_carry(name: str) -> None:
    said = introduction(name)
    for label in (said.host_label, said.unique_label):
        assert 1 <= len(label) <= 63
        assert label.replace("-", "").isalnum()
        assert label.isascii()
        assert not label.startswith("-")
        assert not label.endswith("-")
    assert 1 <= len(said.instance.encode()) <= LONGEST_INSTANCE
    assert "." not in said.instance


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Garage", "garage"),
        ("Tiefgarage Süd, Häuser 1+2", "tiefgarage-sued-haeuser-1-2"),
        ("Straße", "strasse"),
        ("Café", "cafe"),
        ("車庫", "knxgw"),
        ("---", "knxgw"),
    ],
)
def test_a_host_name_is_made_of_the_name_of_the_device(name: str, label: str) -> None:
    assert introduction(name).host_label == label
    assert introduction(name).unique_label == f"{label}-0123ab"


def test_a_name_of_nothing_but_control_characters_is_that_of_the_product() -> None:
    assert introduction("\0\n\x85\u202e").shown_name == "knxgw"


def test_the_description_says_who_made_what_and_where_its_website_is() -> None:
    device = described(introduction(serial="A1"), Icon("/static/1/icon-48.png", 48))
    assert text(device, "deviceType") == DEVICE_TYPE
    assert text(device, "UDN") == f"uuid:{ID}"
    assert text(device, "serialNumber") == "A1"
    assert text(device, "modelName") == "knxgw"
    assert text(device, "presentationURL") == WEBSITE
    assert text(device, "iconList/icon/width") == "48"
    assert text(device, "iconList/icon/url") == "/static/1/icon-48.png"


def test_a_device_without_a_serial_number_names_none() -> None:
    assert text(described(introduction()), "serialNumber") is None
