"""KNX IP Secure, as ETS sets it: users with hashes of their passwords, their tunnels, families that are not served plain.

Pure. ETS writes derived values only, the device never sees a password. Without a hash nobody can begin a session.
"""

from collections.abc import Mapping, Sequence

from xknx.telegram.address import IndividualAddress
from xknx.telegram.apci import ReturnCode

from knxgw.device.function_result import FunctionResult
from knxgw.knx.fixed_values import KEY_OCTETS
from knxgw.knx.ip_security import IpSecurity

DEVICE_CODE, PASSWORD_HASHES = (
    "ip_parameter.device_authentication_code",
    "ip_parameter.password_hashes",
)
SECURED_SERVICES, USERS, PLACES = (
    f"ip_parameter.{key}"
    for key in ("secured_services", "tunnelling_users", "tunnelling_addresses")
)
NOTHING_WRITTEN: Mapping[str, bytes] = {
    PLACES: b"",
    "ip_parameter.backbone_key": b"",
    DEVICE_CODE: b"",
    PASSWORD_HASHES: b"",
    SECURED_SERVICES: bytes(2),  # a bit for each family
    "ip_parameter.latency_tolerance_ms": (1000).to_bytes(2, "big"),
    "ip_parameter.sync_latency_fraction": b"\x1a",  # a tenth, of 255
    USERS: b"",
}
ADDRESSES = "ip_parameter.additional_addresses"
_FAMILIES = range(2, 10)
_DONE, _NO_SERVICE, _NO_VALUE = (
    one.value
    for one in (ReturnCode.E_SUCCESS, ReturnCode.E_COMMAND_INVALID, ReturnCode.E_DATA_VOID)
)
_UNKNOWN = bytes(KEY_OCTETS)


def ip_security(kept: Mapping[str, bytes], addresses: Sequence[IndividualAddress]) -> IpSecurity:
    """Return what is set; `addresses`: those that tunnels have."""
    hashes = kept[PASSWORD_HASHES]
    rows = [hashes[at : at + KEY_OCTETS] for at in range(0, len(hashes), KEY_OCTETS)]
    return IpSecurity(
        device_code=kept[DEVICE_CODE],
        users={user: row for user, row in enumerate(rows, 1) if row != _UNKNOWN},
        tunnels=_tunnels(kept, addresses),
        secured_families=frozenset(one for one in _FAMILIES if _bits(kept) >> one & 1),
    )


def _tunnels(
    kept: Mapping[str, bytes], addresses: Sequence[IndividualAddress]
) -> Mapping[int, frozenset[IndividualAddress]]:
    """Return the tunnels of each user: places count the rows of property 53, also those that are no tunnel."""
    users, places, written = kept[USERS], kept[PLACES], kept[ADDRESSES]
    rows = [
        IndividualAddress(int.from_bytes(written[at : at + 2], "big"))
        for at in range(0, len(written), 2)
    ] or addresses
    found: dict[int, set[IndividualAddress]] = {}
    for user, place in zip(users[::2], users[1::2], strict=False):
        number = places[place - 1] if 0 < place <= len(places) else place
        if 0 < number <= len(rows) and rows[number - 1] in addresses:
            found.setdefault(user, set()).add(rows[number - 1])
    return {user: frozenset(some) for user, some in found.items()}


def _bits(kept: Mapping[str, bytes]) -> int:
    return int.from_bytes(kept[SECURED_SERVICES], "big")


def secured_answer(request: bytes, kept: Mapping[str, bytes]) -> FunctionResult:
    """Return whether a family is refused plain."""
    if len(request) != 3 or request[2] not in _FAMILIES:
        return FunctionResult(_NO_VALUE)
    if request[1] != 0:
        return FunctionResult(_NO_SERVICE, request[1:2])
    return FunctionResult(_DONE, request[1:] + bytes([_bits(kept) >> request[2] & 1]))


def secured_by(request: bytes, kept: Mapping[str, bytes]) -> bytes | FunctionResult:
    """Return the families after a command, else what is wrong with it."""
    if len(request) != 4 or request[2] not in _FAMILIES:
        return FunctionResult(_NO_VALUE)
    if request[1] != 0:
        return FunctionResult(_NO_SERVICE, request[1:2])
    bit = 1 << request[2]
    bits = _bits(kept) | bit if request[3] else _bits(kept) & ~bit
    return bits.to_bytes(2, "big")
