"""What a keyring file is about, without any of its keys."""

import io
from dataclasses import replace
from pathlib import Path

from knxgw.catalogue.messages import message
from knxgw.config.addresses import group_address
from knxgw.config.model import KnxLinkKind, KnxSettings
from knxgw.errors import ConfigError, FileLine, Finding
from knxgw.ets.keyring_match import KeyringContents, KeyringInterface
from knxgw.ets.xml_guard import UnsafeXmlError, scan_xml
from knxgw.links.knx_factory import load_keyring

NO_KNX = KnxSettings(  # of who only reads a keyring
    link=KnxLinkKind.NONE,
    gateway_host=None,
    gateway_port=3671,
    local_ip=None,
    individual_address=None,
    multicast_group="224.0.23.12",
    keyring=None,
    keyring_password_file=None,
)
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


def read_keyring(keyring: Path, password_file: Path) -> KeyringContents:
    """Return what a keyring holds. Raises: ConfigError."""
    settings = replace(NO_KNX, keyring=str(keyring), keyring_password_file=str(password_file))
    found = read_contents(settings)
    assert found is not None  # noqa: S101 - a keyring is named
    return found


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
