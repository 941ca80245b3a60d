"""Data Secure for group telegrams: xknx's, with numbers that outlive the program."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from xknx.cemi import CEMILData
from xknx.secure.data_secure import DataSecure
from xknx.secure.keyring import Keyring
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import SecureAPDU

from knxgw.device.secured_groups import SecuredGroups
from knxgw.links.knx_numbers import SecureNumbers


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupKeys:
    """Secured group addresses, as a keyring or ETS says.

    Numbers of a keyring are those of the day it was exported: the lowest that may be.
    """

    keys: Mapping[GroupAddress, bytes] = field(repr=False)
    senders: Mapping[IndividualAddress, int]  # with the last number each has used
    own_number: int = 0  # the last one we have used
    first_own: int | None = None  # where ours begin; None: nobody says so who would know

    @classmethod
    def loaded(cls, groups: SecuredGroups, first_own: int) -> "GroupKeys":
        """Return what ETS has loaded into the device; `first_own`: the number that it has begun with."""
        return cls(
            keys={GroupAddress(raw): key for raw, key in groups.keys.items()},
            senders={IndividualAddress(raw): number for raw, number in groups.senders.items()},
            first_own=first_own or None,  # 0: ETS has written none
        )

    @classmethod
    def of(cls, keyring: Keyring, own: IndividualAddress | None) -> "GroupKeys | None":
        """Return what the keyring says; None when it secures no group address."""
        keys = keyring.get_data_secure_group_keys()
        if not keys:
            return None
        used = [d.sequence_number for d in keyring.devices if d.individual_address == own]
        senders = keyring.get_data_secure_senders()
        return cls(keys=keys, senders=senders, own_number=max(used, default=0))


class NumberedDataSecure(DataSecure):
    """Takes and gives numbers that were never used before, restarts included."""

    def __init__(self, groups: GroupKeys, numbers: SecureNumbers) -> None:
        taken = numbers.highest_of(set(groups.keys.values()), groups.senders)
        last_valid = {
            sender: max(number, taken[sender]) for sender, number in groups.senders.items()
        }
        super().__init__(
            group_key_table=dict(groups.keys),
            individual_address_table=last_valid,
            last_sequence_number_sending=1,  # not used: see get_sequence_number
        )
        numbers.group.exceed(groups.own_number)
        numbers.group.begin_at(groups.first_own)
        self._keys, self._senders = groups.keys, groups.senders
        self._numbers = numbers

    def is_recorded(self, data: CEMILData, number: int) -> bool:
        """Tell whether a telegram of a known sender has a number that was used before."""
        key = self._keys.get(data.dst_addr) if isinstance(data.dst_addr, GroupAddress) else None
        if key is None or data.src_addr not in self._senders:
            return False
        last_valid = self._numbers.last_valid(key, data.src_addr)
        return number <= max(last_valid, self._senders[data.src_addr])

    async def reserve(self) -> None:
        """Make sure that the next number can be used. Raises: LinkError."""
        await self._numbers.group.reserve()

    def get_sequence_number(self) -> int:
        """Return the number of our next telegram."""
        return self._numbers.group.next()

    def received_cemi(self, cemi_data: CEMILData) -> CEMILData:
        """Verify and decrypt a telegram. Raises: DataSecureError."""
        plain = super().received_cemi(cemi_data)
        if isinstance(cemi_data.payload, SecureAPDU) and isinstance(
            cemi_data.dst_addr, GroupAddress
        ):
            number = int.from_bytes(cemi_data.payload.secured_data.sequence_number_bytes, "big")
            key = self._keys[cemi_data.dst_addr]
            self._numbers.taken(key, cemi_data.src_addr, number)
        return plain
