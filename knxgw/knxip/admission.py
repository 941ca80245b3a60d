"""Which connections somebody may open: plain, or as a user of a session. Values and a pure rule."""

from collections.abc import Collection
from dataclasses import dataclass

from xknx.knxip import DIBServiceFamily, ErrorCode
from xknx.telegram.address import IndividualAddress

from knxgw.knx.ip_security import IpSecurity
from knxgw.knxip.channel import Channel

MANAGEMENT_USER = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What one may open; each refusal is what it is told."""

    to_management: ErrorCode | None = None
    to_tunnels: ErrorCode | None = None
    addresses: Collection[IndividualAddress] | None = None  # of tunnels; None: any

    def still_admits(self, channel: Channel) -> bool:
        """Tell whether a connection could be opened now."""
        if channel.address is None:
            return self.to_management is None
        return self.to_tunnels is None and self.allows(channel.address)

    def allows(self, address: IndividualAddress) -> bool:
        """Tell whether the tunnel with an address may be used."""
        return self.addresses is None or address in self.addresses


def plain_admission(settings: IpSecurity) -> Admission:
    """Return what may be opened without a session."""
    return Admission(
        to_management=_refusal(settings, DIBServiceFamily.DEVICE_MANAGEMENT),
        to_tunnels=_refusal(settings, DIBServiceFamily.TUNNELING),
    )


def admission_of(user: int | None, settings: IpSecurity) -> Admission:
    """Return what the user of a session may open: device management as user 1, else the own tunnels; None: nothing."""
    addresses = frozenset() if user is None else settings.tunnels.get(user, frozenset())
    return Admission(
        to_management=None if user == MANAGEMENT_USER else ErrorCode.E_AUTHORISATION_ERROR,
        to_tunnels=None if addresses else ErrorCode.E_AUTHORISATION_ERROR,
        addresses=addresses,
    )


def _refusal(settings: IpSecurity, family: DIBServiceFamily) -> ErrorCode | None:
    return ErrorCode.E_CONNECTION_TYPE if family.value in settings.secured_families else None
