"""Makes ETS projects that no ETS has made: with no more than xknxproject reads.

Every schema ETS 4, 5 and 6 write, protected or not. The encryption of ETS 6 (AES) is made by pyzipper
in the environment of xknxproject, that of ETS 4 and 5 (ZipCrypto) here.
"""

import io
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from zipfile import ZIP_DEFLATED, ZipFile

APPLICATION = "M-00FA_A-E501-10-0000"
OTHER_APPLICATION = "M-0001_A-0001-10-0000"
ID = "P-0E50"
GROUP_KEY = "AAECAwQFBgcICQoLDA0ODw=="  # planted: no output may have it
SECURED = f'Key="{GROUP_KEY}"'
TOOL_KEY = "VG9vbEtleVRvb2xLZXlUbw=="
MANAGEMENT_PASSWORD = "planted-management"  # noqa: S105 - made up
PROJECT_PASSWORD = "planted-project"  # noqa: S105 - made up
BACKBONE_KEY = "QmFja2JvbmVCYWNrYm9uZQ=="
SECRETS = (GROUP_KEY, TOOL_KEY, MANAGEMENT_PASSWORD, PROJECT_PASSWORD, BACKBONE_KEY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """A linked group object of a device."""

    number: int
    links: Sequence[str]  # group addresses
    dpt: str = "DPST-1-2"
    size: str = "1 Bit"
    flags: str = "CR-T--"
    function: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device at `1.0.address`."""

    address: int
    name: str = "EV gateway"
    application: str = APPLICATION
    objects: Sequence[Object] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A group address below 1/0."""

    address: str
    name: str
    dpt: str = ""
    is_secured: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What a project has."""

    schema: int = 20
    devices: Sequence[Device] = ()
    addresses: Sequence[Address] = field(default_factory=tuple)
    doctype: str = ""  # of the document with the devices
    extra: str = ""  # XML among the group addresses


def raw(address: str) -> int:
    """Return the 16 bits of a group address."""
    main, middle, sub = map(int, address.split("/"))
    return main << 11 | middle << 8 | sub


def documents(project: Project) -> tuple[dict[str, str], dict[str, str]]:
    """Return the public documents by name, and those that a password protects."""
    namespace = f'xmlns="http://knx.org/xml/project/{project.schema}"'
    head = f'<?xml version="1.0" encoding="utf-8"?>\n<KNX {namespace} CreatedBy="ETS" ToolVersion="9.9">'
    public = {
        "knx_master.xml": f"{head}<MasterData><Manufacturers>"
        '<Manufacturer Id="M-00FA" Name="KNX Association"/><Manufacturer Id="M-0001" Name="Siemens"/>'
        '</Manufacturers><ProductLanguages><Language Identifier="en-US"/></ProductLanguages>'
        "</MasterData></KNX>",
        f"{ID}.signature": "signature",
    }
    for application in {device.application for device in project.devices}:
        maker = application[:6]
        using = [one for one in project.devices if one.application == application]
        public[f"{maker}/Hardware.xml"] = _hardware(head, maker, application)
        public[f"{maker}/{application}.xml"] = _program(head, maker, application, using)
    is_old = project.schema <= 11
    info = (
        f'{head}<Project Id="{ID}"><ProjectInformation Name="Test house" GroupAddressStyle='
        f'"ThreeLevel" Guid="g" LastModified="2026-01-01T00:00:00Z" ProjectPassword='
        f'"{PROJECT_PASSWORD}"/></Project></KNX>'
    )
    private = {
        "Project.xml" if is_old else "project.xml": info,
        "0.xml": _installation(head.replace("\n<KNX", f"\n{project.doctype}<KNX"), project),
    }
    return public, private


def _hardware(head: str, maker: str, application: str) -> str:
    return (
        f'{head}<ManufacturerData><Manufacturer RefId="{maker}"><Hardware><Hardware Id="{maker}_H-1" '
        f'Name="Box"><Products><Product Id="{maker}_H-1_P-1" Text="Box" OrderNumber="BOX-1"/></Products>'
        f'<Hardware2Programs><Hardware2Program Id="{maker}_H-1_HP-1"><ApplicationProgramRef '
        f'RefId="{application}"/></Hardware2Program></Hardware2Programs></Hardware></Hardware>'
        "</Manufacturer></ManufacturerData></KNX>"
    )


def _program(head: str, maker: str, application: str, devices: Sequence[Device]) -> str:
    objects = {one.number: one for device in devices for one in device.objects}
    defined = "".join(
        f'<ComObject Id="{application}_O-{n}" Name="o{n}" Text="Text {n}" Number="{n}" '
        f'FunctionText="{one.function}" ObjectSize="{one.size}" DatapointType="{one.dpt}" '
        f"{_flags(one.flags)}/>"
        for n, one in objects.items()
    )
    referred = "".join(
        f'<ComObjectRef Id="{application}_O-{n}_R-1" RefId="{application}_O-{n}"/>' for n in objects
    )
    return (
        f'{head}<ManufacturerData><Manufacturer RefId="{maker}"><ApplicationPrograms>'
        f'<ApplicationProgram Id="{application}" Name="p"><Static><ComObjectTable>{defined}'
        f"</ComObjectTable><ComObjectRefs>{referred}</ComObjectRefs></Static></ApplicationProgram>"
        "</ApplicationPrograms><Languages/></Manufacturer></ManufacturerData></KNX>"
    )


def _flags(flags: str) -> str:
    names = ("Communication", "Read", "Write", "Transmit", "Update", "ReadOnInit")
    return " ".join(
        f'{name}Flag="{"Disabled" if letter == "-" else "Enabled"}"'
        for name, letter in zip(names, flags, strict=True)
    )


def _installation(head: str, project: Project) -> str:
    ids = {one.address: f"GA-{i}" for i, one in enumerate(project.addresses, 1)}
    devices = "".join(_device(one, ids, project.schema) for one in project.devices)
    if project.schema >= 21:
        devices = f'<Segment Id="{ID}-0_S-1" Number="0" MediumTypeRefId="MT-5">{devices}</Segment>'
    addresses = "".join(
        f'<GroupAddress Id="{ID}-0_{ids[one.address]}" Address="{raw(one.address)}" '
        f'Name="{one.name}" DatapointType="{one.dpt}" Comment="{MANAGEMENT_PASSWORD}" '
        f"{SECURED if one.is_secured else ''}/>"
        for one in project.addresses
    )
    return (
        f'{head}<Project Id="{ID}"><Installations><Installation Name="" IPRoutingBackboneKey='
        f'"{BACKBONE_KEY}"><Topology><Area Id="{ID}-0_A-1" Address="1" Name="A"><Line Id="{ID}-0_L-1" '
        f'Address="0" Name="L" MediumTypeRefId="MT-5">{devices}</Line></Area></Topology>'
        f'<GroupAddresses><GroupRanges><GroupRange Id="{ID}-0_GR-1" RangeStart="2048" RangeEnd="4095" '
        f'Name="EV charging"><GroupRange Id="{ID}-0_GR-2" RangeStart="2048" RangeEnd="2303" '
        f'Name="Garage">{addresses}{project.extra}</GroupRange></GroupRange></GroupRanges>'
        "</GroupAddresses></Installation></Installations></Project></KNX>"
    )


def _device(device: Device, ids: Mapping[str, str], schema: int) -> str:
    maker = device.application[:6]
    objects = "".join(_instance(one, device.application, ids, schema) for one in device.objects)
    return (
        f'<DeviceInstance Id="{ID}-0_DI-{device.address}" Address="{device.address}" '
        f'Name="{device.name}" ProductRefId="{maker}_H-1_P-1" '
        f'Hardware2ProgramRefId="{maker}_H-1_HP-1"><ComObjectInstanceRefs>{objects}'
        f'</ComObjectInstanceRefs><Security ToolKey="{TOOL_KEY}" DeviceManagementPassword='
        f'"{MANAGEMENT_PASSWORD}"/></DeviceInstance>'
    )


def _instance(one: Object, application: str, ids: Mapping[str, str], schema: int) -> str:
    links = [ids[link] for link in one.links]
    if schema >= 20:
        return f'<ComObjectInstanceRef RefId="O-{one.number}_R-1" Links="{" ".join(links)}"/>'
    kinds = ("Send", *["Receive"] * (len(links) - 1))
    connectors = "".join(
        f'<{kind} GroupAddressRefId="{ID}-0_{link}"/>'
        for kind, link in zip(kinds, links, strict=True)
    )
    return (
        f'<ComObjectInstanceRef RefId="{application}_O-{one.number}_R-1">'
        f"<Connectors>{connectors}</Connectors></ComObjectInstanceRef>"
    )


def archive(members: Mapping[str, str | bytes], compression: int = ZIP_DEFLATED) -> bytes:
    """Return a ZIP of documents by name."""
    made = io.BytesIO()
    with ZipFile(made, "w", compression) as into:
        for name, content in members.items():
            into.writestr(name, content)
    return made.getvalue()


def knxproj(project: Project, protected: bytes | None = None) -> bytes:
    """Return a `.knxproj`; `protected`: the archive of the documents that a password protects."""
    public, private = documents(project)
    if protected is not None:
        return archive(public | {f"{ID}.zip": protected})
    return archive(public | {f"{ID}/{name}": text for name, text in private.items()})


# --- ZipCrypto: ETS 4 and 5 -------------------------------------------------------------------------


def zip_crypto(members: Mapping[str, str], password: bytes) -> bytes:
    """Return a ZIP that is encrypted as ETS 4 and 5 do.

    Source: [zip] traditional PKWARE encryption.
    """
    made, directory = io.BytesIO(), io.BytesIO()
    for name, text in members.items():
        plain = text.encode()
        check = zlib.crc32(plain)
        deflate = zlib.compressobj(wbits=-15)
        packed = deflate.compress(plain) + deflate.flush()
        secret = _encrypted(os.urandom(11) + bytes((check >> 24,)) + packed, password)
        fields = [(20, 2), (1, 2), (8, 2), (0, 2), (33, 2), (check, 4)]
        fields += [(len(secret), 4), (len(plain), 4), (len(name), 2), (0, 2)]
        header = b"".join(value.to_bytes(size, "little") for value, size in fields)
        offset = made.tell()
        made.write(b"PK\x03\x04" + header + name.encode() + secret)
        directory.write(b"PK\x01\x02" + b"\x14\x00" + header + bytes(10))
        directory.write(offset.to_bytes(4, "little") + name.encode())
    start, size = made.tell(), directory.tell()
    made.write(directory.getvalue() + b"PK\x05\x06" + bytes(4))
    made.write(len(members).to_bytes(2, "little") * 2)
    made.write(size.to_bytes(4, "little") + start.to_bytes(4, "little") + bytes(2))
    return made.getvalue()


def _encrypted(plain: bytes, password: bytes) -> bytes:
    keys = [0x12345678, 0x23456789, 0x34567890]
    for byte in password:
        _update(keys, byte)
    secret = bytearray()
    for byte in plain:
        mixed = (keys[2] & 0xFFFF) | 2
        secret.append(byte ^ ((mixed * (mixed ^ 1) >> 8) & 0xFF))
        _update(keys, byte)
    return bytes(secret)


def _update(keys: list[int], byte: int) -> None:
    keys[0] = _crc(keys[0], byte)
    keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
    keys[2] = _crc(keys[2], keys[1] >> 24)


def _crc(value: int, byte: int) -> int:
    """Return the CRC-32 register after one more byte, without the complements of `zlib.crc32`."""
    return zlib.crc32(bytes((byte,)), value ^ 0xFFFFFFFF) ^ 0xFFFFFFFF
