"""What ETS has loaded into the security object about group telegrams: keys, senders, secured group objects. Pure.

A row of keys says the place of a group address in the address table; a flag of each group object says whether it
takes secured telegrams only, or plain ones only. Both must agree: an address whose key and object do not is used by
neither of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from knxgw.device import security
from knxgw.device.model import DeviceModel
from knxgw.device.tables import group_addresses

_PLACE_OCTETS, _KEY_ROW, _SENDER_ROW, _ADDRESS_OCTETS = 2, 18, 8, 2


@dataclass(frozen=True, slots=True)
class SecuredGroups:
    """Keys of group addresses, and who may send there."""

    keys: Mapping[int, bytes] = field(repr=False)  # by group address
    senders: Mapping[int, int]  # individual address: the last number that was used


def secured_groups(model: DeviceModel) -> SecuredGroups | None:
    """Return what ETS has loaded, None: the security object is not loaded."""
    if not model.keys.is_loaded:
        return None
    addresses = group_addresses(model.loadables[1].segment.content)
    keys = {
        addresses[place - 1]: row[_PLACE_OCTETS:]
        for row in _rows(model.kept[security.GROUP_KEYS], _KEY_ROW)
        if 0 < (place := int.from_bytes(row[:_PLACE_OCTETS], "big")) <= len(addresses)
    }
    senders = {
        int.from_bytes(row[:_ADDRESS_OCTETS], "big"): int.from_bytes(row[_ADDRESS_OCTETS:], "big")
        for row in _rows(model.kept[security.SENDERS], _SENDER_ROW)
    }
    return SecuredGroups(keys, senders)


def usable_by(model: DeviceModel) -> Callable[[int, int], bool]:
    """Return who tells whether a group object (number, raw group address) may use an address."""
    groups = secured_groups(model)
    if groups is None:
        return lambda _number, _address: True
    flags, keys = model.kept[security.OBJECT_FLAGS], groups.keys

    def is_usable(number: int, address: int) -> bool:
        wanted = flags[number - 1] if number <= len(flags) else security.PLAIN_FLAGS
        has = security.SECURED_FLAGS if address in keys else security.PLAIN_FLAGS
        return wanted == has

    return is_usable


def security_of(model: DeviceModel) -> tuple[bytes, ...]:
    """Return what ETS has loaded about group telegrams, to see whether it is something else: () while nothing is."""
    if not model.keys.is_loaded:
        return ()
    names = (security.GROUP_KEYS, security.SENDERS, security.OBJECT_FLAGS, security.SENDING_NUMBER)
    return tuple(model.kept[name] for name in names)


def _rows(content: bytes, octets: int) -> list[bytes]:
    return [content[at : at + octets] for at in range(0, len(content) - octets + 1, octets)]
