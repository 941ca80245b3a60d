"""What each property of the device says, by its name: a table of readers. Pure."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from knxgw.device import ip_settings, security
from knxgw.device.identity import (
    MANUFACTURER,
    MASK_VERSION,
    MAX_APDU_LENGTH,
    SETUP_MULTICAST,
    IpState,
)
from knxgw.device.loading import Loadable

if TYPE_CHECKING:
    from knxgw.device.model import DeviceModel

Reader = Callable[[], bytes]
MEDIUM_KNX_IP = 0x0020
# extended properties, confirmed restart, extended memory, verify mode, authorize, extended frames, connections,
# group object diagnostics
_FEATURES = (1, 2, 3, 4, 6, 11, 12, 14)
_RUNNING, _HALTED = 1, 0  # run states
MULTICAST_TTL, BUSY_WAIT_MS = 2, 100  # of what the device sends


def readers_of(model: "DeviceModel") -> Mapping[str, Reader]:
    """Return what reads each property, by its name."""
    readers: dict[str, Reader] = {
        **_device_readers(model),
        **_ip_readers(model),
        **_cemi_readers(model),
    }
    for one in model.rules.objects:
        readers[f"{one.key}.object_type"] = _constant(one.type, 2)
        readers[f"{one.key}.object_index"] = _constant(one.index, 1)
    for loadable in model.loadables.values():
        readers.update(_loadable_readers(loadable))
    for name in model.kept:
        readers[name] = lambda name=name: model.kept[name]  # type: ignore[misc]

    def ip() -> IpState:  # of the moment: the network is handed in later
        return model.outside.ip()

    readers[security.SENDING_NUMBER] = lambda: _sending_number(model)
    for name in ip_settings.NONE_WRITTEN:
        readers[name] = ip_settings.reader(name, lambda: model.kept, ip)
    return readers


def _device_readers(model: "DeviceModel") -> Mapping[str, Reader]:
    identity, outside = model.identity, model.outside
    magic, version, revision = identity.version
    features = sum(1 << bit for bit in _FEATURES)
    return {
        "device.firmware_revision": _constant(identity.firmware_revision, 1),
        "device.serial_number": lambda: identity.serial_number,
        "device.manufacturer": _constant(MANUFACTURER, 2),
        "device.device_control": lambda: bytes([model.device_control]),
        "device.order_number": lambda: identity.order_number.encode("latin-1").ljust(10, b"\0"),
        "device.version": _constant(magic << 11 | version << 6 | revision, 2),
        "device.error_flags": _constant(0xFF, 1),
        "device.programming_mode": lambda: bytes([outside.is_programming()]),
        "device.max_apdu_length": _constant(MAX_APDU_LENGTH, 2),
        "device.subnetwork_address": lambda: bytes([model.individual_address >> 8]),
        "device.device_address": lambda: bytes([model.individual_address & 0xFF]),
        "device.object_list": lambda: b"".join(
            one.type.to_bytes(2, "big") for one in model.rules.objects
        ),
        "device.hardware_type": lambda: identity.hardware_type,
        "device.device_descriptor": _constant(MASK_VERSION, 2),
        "device.features": _constant(features, 10),
    }


def _ip_readers(model: "DeviceModel") -> Mapping[str, Reader]:
    def ip() -> IpState:
        return model.outside.ip()

    return {
        "ip_parameter.individual_address": lambda: model.individual_address.to_bytes(2, "big"),
        "ip_parameter.current_assignment": lambda: bytes([ip().assignment]),
        "ip_parameter.ip_capabilities": _constant(0b110, 1),  # DHCP, AutoIP
        "ip_parameter.routing_multicast": lambda: ip().routing_multicast.packed,
        "ip_parameter.ttl": _constant(MULTICAST_TTL, 1),
        "ip_parameter.busy_wait_ms": _constant(BUSY_WAIT_MS, 2),
        "ip_parameter.current_ip": lambda: ip().address.packed,
        "ip_parameter.current_mask": lambda: ip().mask.packed,
        "ip_parameter.current_gateway": lambda: ip().gateway.packed,
        "ip_parameter.dhcp_server": lambda: ip().dhcp_server.packed,
        "ip_parameter.mac_address": lambda: ip().mac_address,
        "ip_parameter.setup_multicast": lambda: SETUP_MULTICAST.packed,
        "ip_parameter.device_capabilities": lambda: _capabilities(ip()),
        "ip_parameter.device_state": _constant(0, 1),
        "ip_parameter.lost_to_ip": lambda: _counted(model.outside.traffic().lost_to_ip, 2),
        "ip_parameter.lost_to_knx": lambda: _counted(model.outside.traffic().lost_to_knx, 2),
        "ip_parameter.sent_to_ip": lambda: _counted(model.outside.traffic().sent_to_ip, 4),
        "ip_parameter.sent_to_knx": lambda: _counted(model.outside.traffic().sent_to_knx, 4),
    }


def _cemi_readers(model: "DeviceModel") -> Mapping[str, Reader]:
    return {
        "cemi_server.medium_type": _constant(MEDIUM_KNX_IP, 2),
        "cemi_server.communication_mode": lambda: bytes([model.communication_mode]),
        "cemi_server.medium_availability": _constant(MEDIUM_KNX_IP, 2),
        "cemi_server.additional_info_types": lambda: b"",
        "cemi_server.client_subnetwork": lambda: bytes([model.individual_address >> 8]),
        "cemi_server.client_device": lambda: bytes([model.individual_address & 0xFF]),
        "cemi_server.communication_modes": _constant(1, 2),  # link layer
        "cemi_server.max_interface_apdu": _constant(MAX_APDU_LENGTH, 2),
        "cemi_server.max_local_apdu": _constant(MAX_APDU_LENGTH, 2),
    }


def _sending_number(model: "DeviceModel") -> bytes:
    """Return the number of the next secured telegram: the one that was written, if none was sent since."""
    written = int.from_bytes(model.kept[security.SENDING_NUMBER], "big")
    return max(written, model.outside.sending_number()).to_bytes(6, "big")


def _loadable_readers(one: Loadable) -> Mapping[str, Reader]:
    key = one.definition.key
    return {
        f"{key}.load_state": lambda: bytes([one.state]),
        f"{key}.run_state": lambda: bytes([_RUNNING if one.is_loaded else _HALTED]),
        f"{key}.table_reference": lambda: one.segment.address.to_bytes(4, "big"),
        f"{key}.table": lambda: _elements_of_table(one),
        f"{key}.pei_type": _constant(0, 1),
        f"{key}.memory_control": lambda: one.segment.control_block if one.is_loaded else b"",
        f"{key}.error_code": lambda: bytes([one.error]),
    }


def _elements_of_table(one: Loadable) -> bytes:
    """Return a table without its count, as far as the segment has it."""
    if not one.is_loaded:
        return b""
    each = next(each.type.octets for each in one.definition.properties if each.key == "table")
    content = one.segment.content
    count = int.from_bytes(content[:2], "big")
    rows = content[2 : 2 + count * each]
    return rows[: len(rows) // each * each]


def _counted(count: int, octets: int) -> bytes:
    """Return a counter; a full one stays full."""
    return min(count, (1 << 8 * octets) - 1).to_bytes(octets, "big")


def _constant(value: int, octets: int) -> Callable[[], bytes]:
    content = value.to_bytes(octets, "big")
    return lambda: content


def _capabilities(ip: IpState) -> bytes:
    is_routing = bool(int(ip.routing_multicast))
    return (1 | ip.has_tunnels << 1 | is_routing << 2).to_bytes(2, "big")
