"""What the device says of itself to whoever is in its network, without a log-in. Pure.

No version and no secret: a stranger learns what stands on a sticker, and where the log-in is.
"""

import re
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from knxgw.monitoring.csv_table import plain_text

DEVICE_TYPE = "urn:schemas-upnp-org:device:Basic:1"
MANUFACTURER = "knxgw"
MODEL = "knxgw"
MODEL_NUMBER = "1"  # of the model, not of the program: no version is named
MODEL_DESCRIPTION = "KNX gateway for charging points"
DESCRIPTION_PATH = "/description.xml"
NO_NAME = "knxgw"
LONGEST_LABEL = 40  # of the 63 bytes that DNS gives, so that the end of the id has room
LONGEST_INSTANCE = 63  # bytes of UTF-8, as of every label
ID_DIGITS = 6  # of the id, behind a host name that somebody else has, too

# what XML 1.0 cannot hold, or does not give back as it was
_NOT_IN_XML = re.compile("[^ -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\x7f-\x9f\u2028\u2029]")
_WRITTEN_OUT = {0xE4: "ae", 0xF6: "oe", 0xFC: "ue", 0xDF: "ss"}  # as German does without dots
_NAMESPACE = "urn:schemas-upnp-org:device-1-0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """The device as strangers see it."""

    name: str  # as somebody has typed it
    id: UUID  # stays for the life of the device
    port: int  # of the website
    serial: str | None = None  # None: the device has none

    @property
    def udn(self) -> str:
        """Return the unique device name of UPnP."""
        return f"uuid:{self.id}"

    @property
    def shown_name(self) -> str:
        """Return the name as every protocol can carry it, never empty."""
        return " ".join(plain_text(_NOT_IN_XML.sub(" ", self.name)).split()) or NO_NAME

    @property
    def host_label(self) -> str:
        """Return the name as a label of a host name, such as garage-mueller."""
        return host_label(self.name)

    @property
    def unique_label(self) -> str:
        """Return a label that no other device has."""
        return f"{self.host_label}-{self.id.hex[:ID_DIGITS]}"

    @property
    def instance(self) -> str:
        """Return the name of its services in DNS-SD: one label, at most 63 bytes of UTF-8."""
        text = self.shown_name.replace(".", "-")  # zeroconf begins another label at a full stop
        return text.encode()[:LONGEST_INSTANCE].decode("utf-8", "ignore").strip()


class Icon(NamedTuple):
    """A square picture of the device as PNG."""

    path: str  # at the website
    size: int  # [px]


def host_label(name: str) -> str:
    """Return letters, digits and hyphens for a name; umlauts are written out, the rest is a hyphen."""
    text = name.lower().translate(_WRITTEN_OUT)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    label = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_LABEL].strip("-")
    return label or NO_NAME


def description(said: Introduction, icons: Iterable[Icon], website: str) -> bytes:
    """Return the device description; paths of icons are relative to where it was fetched.

    `website`: its address, whole, as not every program understands a relative one there.
    Source: [upnp-arch].
    """
    root = ET.Element("root", xmlns=_NAMESPACE)
    _add(ET.SubElement(root, "specVersion"), major="1", minor="1")
    device = ET.SubElement(root, "device")
    _add(
        device,
        deviceType=DEVICE_TYPE,
        friendlyName=said.shown_name,
        manufacturer=MANUFACTURER,
        modelDescription=MODEL_DESCRIPTION,
        modelName=MODEL,
        modelNumber=MODEL_NUMBER,
    )
    if said.serial is not None:
        _add(device, serialNumber=_NOT_IN_XML.sub(" ", said.serial))
    _add(device, UDN=said.udn)
    listed = ET.SubElement(device, "iconList")
    for icon in icons:
        _add(
            ET.SubElement(listed, "icon"),
            mimetype="image/png",
            width=str(icon.size),
            height=str(icon.size),
            depth="24",
            url=icon.path,
        )
    _add(device, presentationURL=website)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text


def _add(parent: ET.Element, **texts: str) -> None:
    for name, text in texts.items():
        ET.SubElement(parent, name).text = text
