"""Writes keyring files (.knxkeys) as ETS exports them, from plain data made up by a test.

Secrets are encrypted with AES-128-CBC under the PBKDF2 hash of the password; the signature is the
truncated SHA-256 of all elements and attributes in order, with the password's hash at the end.
Source: [xknx] 4.0.0, `xknx/secure/keyring.py`, which reads and verifies such files.
"""

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from xknx.secure.keyring import hash_keyring_password
from xknx.secure.util import sha256_hash

NAMESPACE = "http://knx.org/xml/keyring/1"
CREATED = "2026-03-02T06:00:00"
_BLOCK = 16  # bytes, AES
_UNSIGNED = ("xmlns", "Signature")

Groups = Mapping[str, Sequence[str]]  # group address -> individual addresses that send on it


@dataclass(frozen=True, slots=True, kw_only=True)
class Backbone:
    """What secures KNXnet/IP routing."""

    key: bytes = field(repr=False)
    multicast_address: str
    latency_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """A tunnel, or whatever else of the project a client stands for."""

    individual_address: str
    type: Literal["Tunneling", "USB"] = "Tunneling"
    host: str | None = None
    user_id: int | None = None
    password: str | None = field(default=None, repr=False)
    authentication: str | None = field(default=None, repr=False)
    groups: Groups = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A secure device; `sequence_number` is the last one it has used."""

    individual_address: str
    sequence_number: int = 0
    tool_key: bytes | None = field(default=None, repr=False)
    management_password: str | None = field(default=None, repr=False)
    authentication: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyringData:
    """Everything a keyring file holds."""

    project: str = "Test"
    backbone: Backbone | None = None
    interfaces: Sequence[Interface] = ()
    group_keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    devices: Sequence[Device] = ()


def write_keyring(path: Path, data: KeyringData, password: str) -> Path:
    """Write the keyring file, encrypted and signed with `password`; return its path."""
    writer = _Writer(password)
    root = writer.keyring(data)
    root.set("Signature", writer.signature(root))
    indent(root)
    ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    return path


class _Writer:
    """Builds the elements of one keyring file."""

    def __init__(self, password: str) -> None:
        self._hash = hash_keyring_password(password.encode())
        self._vector = sha256_hash(CREATED.encode())[:_BLOCK]

    def keyring(self, data: KeyringData) -> Element:
        names = {"Project": data.project, "CreatedBy": "knxgw tests", "Created": CREATED}
        root = Element("Keyring", {"xmlns": NAMESPACE, **names})
        if data.backbone is not None:
            backbone = SubElement(root, "Backbone")
            backbone.set("MulticastAddress", data.backbone.multicast_address)
            backbone.set("Latency", str(data.backbone.latency_ms))
            backbone.set("Key", self._encrypted(data.backbone.key))
        for interface in data.interfaces:
            self._interface(root, interface)
        if data.group_keys:
            groups = SubElement(root, "GroupAddresses")
            for address, key in data.group_keys.items():
                SubElement(groups, "Group", Address=_raw(address), Key=self._encrypted(key))
        if data.devices:
            devices = SubElement(root, "Devices")
            for device in data.devices:
                self._device(devices, device)
        return root

    def _interface(self, root: Element, interface: Interface) -> None:
        element = SubElement(root, "Interface", Type=interface.type)
        element.set("IndividualAddress", interface.individual_address)
        if interface.host is not None:
            element.set("Host", interface.host)
        if interface.user_id is not None:
            element.set("UserID", str(interface.user_id))
        self._set_password(element, "Password", interface.password)
        self._set_password(element, "Authentication", interface.authentication)
        for address, senders in interface.groups.items():
            SubElement(element, "Group", Address=_raw(address), Senders=" ".join(senders))

    def _device(self, devices: Element, device: Device) -> None:
        element = SubElement(devices, "Device", IndividualAddress=device.individual_address)
        if device.tool_key is not None:
            element.set("ToolKey", self._encrypted(device.tool_key))
        self._set_password(element, "ManagementPassword", device.management_password)
        self._set_password(element, "Authentication", device.authentication)
        element.set("SequenceNumber", str(device.sequence_number))

    def _set_password(self, element: Element, name: str, password: str | None) -> None:
        """Set an encrypted password: 8 random bytes, the text, as many bytes of padding as said."""
        if password is None:
            return
        plain = os.urandom(8) + password.encode()
        padding = _BLOCK - len(plain) % _BLOCK
        element.set(name, self._encrypted(plain + bytes((padding,)) * padding))

    def _encrypted(self, plain: bytes) -> str:
        encryptor = Cipher(algorithms.AES(self._hash), modes.CBC(self._vector)).encryptor()
        return base64.b64encode(encryptor.update(plain) + encryptor.finalize()).decode()

    def signature(self, root: Element) -> str:
        output = bytearray()
        _add_signed(output, root)
        _add_text(output, base64.b64encode(self._hash))
        return base64.b64encode(sha256_hash(output)[:_BLOCK]).decode()


def _add_signed(output: bytearray, element: Element) -> None:
    output.append(1)
    _add_text(output, element.tag.encode())
    for name, value in sorted(element.attrib.items()):
        if name not in _UNSIGNED:
            _add_text(output, name.encode())
            _add_text(output, value.encode())
    for child in element:
        _add_signed(output, child)
    output.append(2)


def _add_text(output: bytearray, text: bytes) -> None:
    output.append(len(text))
    output.extend(text)


def _raw(address: str) -> str:
    """Return a group address as ETS writes it here: "1/2/3" is 2563."""
    main, middle, sub = (int(part) for part in address.split("/"))
    return str(main << 11 | middle << 8 | sub)
