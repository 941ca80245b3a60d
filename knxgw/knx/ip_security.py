"""What KNX IP Secure goes by: ETS writes it into the device, and the server acts on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from xknx.telegram.address import IndividualAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class IpSecurity:
    """The settings of this moment; without users KNX IP Secure is not there."""

    device_code: bytes = field(default=b"", repr=False)  # device authentication code; b"": none yet
    users: Mapping[int, bytes] = field(default_factory=dict, repr=False)  # hash of the password
    tunnels: Mapping[int, frozenset[IndividualAddress]] = field(default_factory=dict)  # of users
    secured_families: frozenset[int] = frozenset()  # of which nothing is served plain

    @property
    def is_there(self) -> bool:
        """Tell whether anybody can authenticate."""
        return bool(self.users)
