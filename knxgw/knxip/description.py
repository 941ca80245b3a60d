"""How the device describes itself: the blocks of information (DIB). Advertised is only what works.

Source: [knxnetip]; [xknx] `knxip/dib.py`.
"""

import socket
from collections.abc import Callable, Collection, Iterable, Mapping

from xknx.knxip import DIBServiceFamily, DIBTypeCode
from xknx.knxip.dib import (
    DIB,
    DIBDeviceInformation,
    DIBGeneric,
    DIBSuppSVCFamilies,
    DIBTunnelingInfo,
    TunnelingSlotStatus,
)
from xknx.telegram.address import IndividualAddress

from knxgw.knxip.ports import Description

NAME_LENGTH = 30  # octets
NO_ADDRESS = "0.0.0.0"  # noqa: S104 - what stands for none
_OUT_OF_REACH = 0x01  # medium status: no communication with the bus

Addresses = Collection[IndividualAddress]


def families(said: Description) -> Mapping[DIBServiceFamily, int]:
    """Return the service families that work, with their versions.

    2 means that they work over TCP too. Tunnelling is there when a tunnel can be, routing for a member.
    """
    found = {DIBServiceFamily.CORE: 2, DIBServiceFamily.DEVICE_MANAGEMENT: 2}
    if said.tunnel_addresses:
        found[DIBServiceFamily.TUNNELING] = 2
    if said.routing_group is not None:
        found[DIBServiceFamily.ROUTING] = 1
    return found


def all_families(said: Description) -> Mapping[DIBServiceFamily, int]:
    """Return the same with security, which only the answer to an extended search names."""
    security = {DIBServiceFamily.SECURITY: 1} if said.has_sessions else {}
    return {**families(said), **security}


def blocks(
    said: Description, wanted: Iterable[int], used: Addresses, *, is_extended: bool = False
) -> list[DIB]:
    """Return the wanted blocks, each once, in that order; what the device does not have is left out.

    `wanted`: their type codes, `used`: the addresses of tunnels that are open, `is_extended`: for the answer to an
    extended search.
    """
    found: list[DIB] = []
    makers = _MAKERS | _EXTENDED_MAKERS if is_extended else _MAKERS
    for code in dict.fromkeys(wanted):
        make = makers.get(code)
        block = make(said, used) if make is not None else None
        if block is not None:
            found.append(block)
    return found


def _device(said: Description, _used: Addresses) -> DIB:
    block = DIBDeviceInformation()
    block.knx_medium = said.medium
    block.programming_mode = said.is_in_programming_mode
    block.individual_address = said.individual_address
    block.project_number = said.installation_id >> 4
    block.installation_number = said.installation_id & 0xF
    block.serial_number = said.serial_number.hex()
    block.multicast_address = said.routing_group or NO_ADDRESS
    block.mac_address = said.mac_address.hex()
    block.name = said.name.encode("latin-1", errors="replace")[:NAME_LENGTH].decode("latin-1")
    return block


def _families(said: Description, _used: Addresses) -> DIB:
    return _family_block(families(said))


def _all_families(said: Description, _used: Addresses) -> DIB:
    return _family_block(all_families(said))


def _secured_families(said: Description, _used: Addresses) -> DIB | None:
    if not said.secured_families:
        return None
    pairs = (bytes((one, 1)) for one in sorted(said.secured_families))
    return _block(DIBTypeCode.SECURED_SERVICE_FAMILIES, b"".join(pairs))


def _family_block(of: Mapping[DIBServiceFamily, int]) -> DIB:
    block = DIBSuppSVCFamilies()
    block.families = [DIBSuppSVCFamilies.Family(name, version) for name, version in of.items()]
    return block


def _ip_configuration(said: Description, _used: Addresses) -> DIB:
    addresses = _packed(said.ip_address, said.subnet_mask, said.gateway)
    ways = bytes((said.ip_capabilities, said.possible_assignments))
    return _block(DIBTypeCode.IP_CONFIG, addresses + ways)


def _current_ip_configuration(said: Description, _used: Addresses) -> DIB:
    addresses = _packed(said.ip_address, said.subnet_mask, said.gateway, said.dhcp_server)
    return _block(DIBTypeCode.IP_CUR_CONFIG, addresses + bytes((said.current_assignment, 0)))


def _knx_addresses(said: Description, _used: Addresses) -> DIB:
    addresses = (said.individual_address, *said.tunnel_addresses)
    return _block(DIBTypeCode.KNX_ADDRESSES, b"".join(one.to_knx() for one in addresses))


def _tunnelling(said: Description, used: Addresses) -> DIB | None:
    if not said.tunnel_addresses:
        return None
    is_open = DIBServiceFamily.TUNNELING.value not in said.secured_families  # to who has no user
    block = DIBTunnelingInfo(
        {
            one: TunnelingSlotStatus(usable=True, authorized=is_open, free=one not in used)
            for one in said.tunnel_addresses
        }
    )
    block.max_apdu_length = said.max_apdu
    return block


def _additional(said: Description, _used: Addresses) -> DIB:
    status = 0 if said.is_bus_connected else _OUT_OF_REACH
    data = bytes((status, 0)) + said.max_apdu.to_bytes(2, "big")
    return _block(DIBTypeCode.ADDITIONAL_DEVICE_INFO, data + said.mask_version.to_bytes(2, "big"))


def _block(code: DIBTypeCode, data: bytes) -> DIB:
    block = DIBGeneric()
    block.dtc, block.data = code, data
    return block


def _packed(*addresses: str) -> bytes:
    return b"".join(socket.inet_aton(one) for one in addresses)


_MAKERS: dict[int, Callable[[Description, Addresses], DIB | None]] = {
    DIBTypeCode.DEVICE_INFO.value: _device,
    DIBTypeCode.SUPP_SVC_FAMILIES.value: _families,
    DIBTypeCode.IP_CONFIG.value: _ip_configuration,
    DIBTypeCode.IP_CUR_CONFIG.value: _current_ip_configuration,
    DIBTypeCode.KNX_ADDRESSES.value: _knx_addresses,
    DIBTypeCode.TUNNELING_INFO.value: _tunnelling,
    DIBTypeCode.ADDITIONAL_DEVICE_INFO.value: _additional,
}
_EXTENDED_MAKERS: dict[int, Callable[[Description, Addresses], DIB | None]] = {
    DIBTypeCode.SUPP_SVC_FAMILIES.value: _all_families,
    DIBTypeCode.SECURED_SERVICE_FAMILIES.value: _secured_families,
}
