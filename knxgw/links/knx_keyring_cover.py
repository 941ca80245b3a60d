"""What a keyring has for the group addresses of a site, and for the device that speaks there."""

from collections.abc import Collection
from dataclasses import dataclass

from xknx.telegram.address import GroupAddress, IndividualAddress

from knxgw.config.model import KnxSettings
from knxgw.links.knx_factory import load_keyring


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyringCover:
    """How far a keyring fits; addresses as text, in their order."""

    secured: tuple[str, ...]  # there is a group key: their telegrams are secured
    plain: tuple[str, ...]  # there is none: their telegrams go in plain
    not_ours: tuple[str, ...]  # secured, but the keyring's entry of our address does not name them
    has_own_address: bool  # whether the keyring knows the individual address that we have
    has_backbone_key: bool  # routing is secured with it


def keyring_cover(
    settings: KnxSettings, linked: Collection[str], own_address: str
) -> KeyringCover | None:
    """Return what the keyring has for `linked` group addresses and our individual address.

    None: the site names no keyring. Raises: ConfigError, it cannot be opened.
    """
    keyring = load_keyring(settings)
    if keyring is None:
        return None
    keys = keyring.get_data_secure_group_keys()
    own = IndividualAddress(own_address)
    ours = [one for one in keyring.interfaces if one.individual_address == own]
    devices = {one.individual_address for one in keyring.devices}
    named = {address for one in ours for address in one.group_addresses}
    wanted = sorted({GroupAddress(one) for one in linked}, key=lambda one: one.raw)
    secured = [one for one in wanted if one in keys]
    return KeyringCover(
        secured=tuple(str(one) for one in secured),
        plain=tuple(str(one) for one in wanted if one not in keys),
        not_ours=tuple(str(one) for one in secured if ours and one not in named),
        has_own_address=bool(ours) or own in devices,
        has_backbone_key=keyring.backbone is not None and bool(keyring.backbone.decrypted_key),
    )
