"""What a keyring file is about, without any of its keys."""

import io
from pathlib import Path

from knxgw.catalogue.messages import message
from knxgw.config.addresses import group_address
from knxgw.config.model import KnxSettings
from knxgw.errors import ConfigError, FileLine, Finding
from knxgw.ets.keyring_match import KeyringContents, KeyringInterface
from knxgw.ets.xml_guard import UnsafeXmlError, scan_xml
from knxgw.links.knx_factory import load_keyring

LARGEST_KEYRING = 16 * 2**20  # bytes; one of 10 000 addresses needs one million


def read_contents(settings: KnxSettings) -> KeyringContents | None:
    """Return what the keyring that the settings name holds. Raises: ConfigError."""
    _check(settings)
    keyring = load_keyring(settings)
    if keyring is None:
        return None
    return KeyringContents(
        interfaces=tuple(
            KeyringInterface(
                address=str(one.individual_address),
                kind=one.type.name.lower(),
                host=str(one.host) if one.host else None,
                has_credentials=one.user_id is not None and one.decrypted_password is not None,
                groups=frozenset(group_address(each.raw) for each in one.group_addresses),
            )
            for one in keyring.interfaces
        ),
        keyed=frozenset(group_address(one.address.raw) for one in keyring.group_addresses),
        has_backbone=keyring.backbone is not None and bool(keyring.backbone.decrypted_key),
    )


def _check(settings: KnxSettings) -> None:
    """Refuse a file that may do harm to whoever parses it. Raises: ConfigError."""
    if settings.keyring is None:
        return
    file = Path(settings.keyring)
    try:
        is_refused = file.stat().st_size > LARGEST_KEYRING
        with file.open("rb") as stream:
            scan_xml(io.BytesIO() if is_refused else stream)
    except UnsafeXmlError:
        is_refused = True
    except OSError:
        return  # whoever loads it says what is wrong
    if is_refused:
        words = message("keyring_is_none", file=settings.keyring)
        place = FileLine("configuration", 1, "knx.keyring")
        raise ConfigError([Finding(place=place, words=words)])
