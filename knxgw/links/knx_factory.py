"""Makes the KNX link a configuration asks for, with what its keyring secures.

The keyring's password comes from a file or the environment, never from a command line.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from xml.etree.ElementTree import ParseError
from xml.sax import SAXException

from xknx import XKNX
from xknx.exceptions import InvalidSecureConfiguration, XKNXException
from xknx.io.util import get_default_local_ip, validate_ip
from xknx.secure.keyring import InterfaceType, Keyring, sync_load_keyring
from xknx.telegram.address import IndividualAddress

from knxgw.catalogue.messages import Listed, Message, message
from knxgw.config.model import KnxLinkKind, KnxSettings
from knxgw.errors import ConfigError, FileLine, Finding, LinkError, Severity
from knxgw.knx.fixed_values import UNASSIGNED
from knxgw.links.knx import KnxLink
from knxgw.links.knx_data_secure import DataSecureStage
from knxgw.links.knx_guard import Hooks
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.links.knx_port import BusAttachment
from knxgw.links.knx_routing import GuardedRouting, GuardedSecureRouting
from knxgw.links.knx_routing_link import AnyRouting, MakeRouting, RoutingLink
from knxgw.links.knx_secure_groups import GroupKeys
from knxgw.links.knx_tunnel_link import AnyTunnel, MakeTunnel, TunnelLink
from knxgw.links.knx_tunnels import GuardedSecureTunnel, GuardedTcpTunnel, GuardedUdpTunnel

PASSWORD_VARIABLE = "KNXGW_KEYRING_PASSWORD"  # noqa: S105 - the name of a variable, not a password


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelCredentials:
    """What opens an IP Secure tunnel."""

    user_id: int
    user_password: str = field(repr=False)
    device_authentication: str | None = field(repr=False)


def load_keyring(settings: KnxSettings) -> Keyring | None:
    """Return the keyring of the configuration, if it names one. Raises: ConfigError."""
    if settings.keyring is None:
        return None
    password = _password(settings.keyring, settings.keyring_password_file)
    try:
        return sync_load_keyring(settings.keyring, password)
    except InvalidSecureConfiguration as err:
        words = message("keyring_signature", file=settings.keyring, variable=PASSWORD_VARIABLE)
        raise _mistake("knx.keyring", words) from err
    except OSError as err:
        reason = err.strerror or str(err)
        words = message("keyring_unreadable", file=settings.keyring, reason=reason)
        raise _mistake("knx.keyring", words) from err
    except (XKNXException, ValueError, ParseError, SAXException) as err:
        words = message("keyring_is_none", file=settings.keyring)
        raise _mistake("knx.keyring", words) from err


def link_origin(settings: KnxSettings) -> tuple[KnxSettings, bytes]:
    """Return what a link is made from: the same makes the same link.

    The digest is that of the keyring, which may change although its name does not.
    """
    if settings.keyring is None:
        return settings, b""
    try:
        return settings, sha256(Path(settings.keyring).read_bytes()).digest()
    except OSError:  # whoever makes the link says so
        return settings, b""


def _password(keyring: str, file: str | None) -> str:
    """Return the password of the keyring. Raises: ConfigError."""
    if file is None:
        password = os.environ.get(PASSWORD_VARIABLE)
        if password is None:
            words = message("keyring_password_unknown", file=keyring, variable=PASSWORD_VARIABLE)
            raise _mistake("knx.keyring", words)
        return password
    return read_password(file)


def read_password(file: str) -> str:
    """Return the password that a file contains, and nothing else. Raises: ConfigError."""
    try:
        return Path(file).read_text(encoding="utf-8-sig").strip("\r\n")
    except OSError as err:
        words = message("password_file_unreadable", file=file, reason=err.strerror or str(err))
    except UnicodeDecodeError:  # its message would quote the password
        words = message("password_file_no_text", file=file)
    raise _mistake("knx.keyring_password_file", words)


def _finding(key: str, words: Message, severity: Severity = Severity.ERROR) -> Finding:
    """Return a finding about a key; whoever knows the configuration file gives it its place."""
    place = FileLine("configuration", 1, key)
    return Finding(place=place, words=words, severity=severity)


def _mistake(key: str, words: Message) -> ConfigError:
    return ConfigError([_finding(key, words)])


def make_link(settings: KnxSettings) -> BusAttachment | None:
    """Return the configured link and what secures it, None for `link: none`. Raises: ConfigError.

    What a person believes to be secured and is not stands in its `risks`.
    """
    kind = settings.link
    if kind is KnxLinkKind.NONE:
        return None
    if kind is KnxLinkKind.TPUART:
        raise _mistake("knx.link", message("tpuart_not_available"))
    keyring = load_keyring(settings)
    link: KnxLink
    match kind:
        case KnxLinkKind.ROUTING:
            link = RoutingLink(_routing(settings, keyring))
        case KnxLinkKind.TUNNELLING:
            link = TunnelLink(_udp_tunnel(settings))
        case KnxLinkKind.TUNNELLING_TCP:
            link = TunnelLink(_tcp_tunnel(settings, keyring))
    if keyring is None:
        return BusAttachment(link=link)
    password = _password(settings.keyring or "", settings.keyring_password_file)
    groups = GroupKeys.of(keyring, _wanted_address(settings))
    return BusAttachment(
        link=link,
        data_secure=DataSecureStage() if groups is None else DataSecureStage(groups),
        risks=tuple(_risks(settings, keyring)),
        secrets=(password, *_secrets(keyring)),
    )


def _secrets(keyring: Keyring) -> Iterator[str | bytes]:
    """Yield every password and key of a keyring, so that no log shows one."""
    found: list[str | bytes | None] = []
    for interface in keyring.interfaces:
        found += [interface.decrypted_password, interface.decrypted_authentication]
    for device in keyring.devices:
        found += [
            device.decrypted_tool_key,
            device.decrypted_management_password,
            device.decrypted_authentication,
        ]
    found += [group.decrypted_key for group in keyring.group_addresses]
    if keyring.backbone is not None:
        found.append(keyring.backbone.decrypted_key)
    yield from (one for one in found if one)


def _risks(settings: KnxSettings, keyring: Keyring) -> Iterator[Finding]:
    """Yield a warning for what stays plain although the site names a keyring."""
    file = settings.keyring or ""
    if settings.link is KnxLinkKind.ROUTING and not _backbone_key(keyring):
        yield _risk(message("routing_not_encrypted", file=file))
    if settings.link is not KnxLinkKind.TUNNELLING_TCP:
        return
    credentials = tunnel_credentials(keyring, _wanted_address(settings))
    if credentials is None:
        yield _risk(message("tunnel_not_encrypted", file=file))
    elif credentials.device_authentication is None:
        yield _risk(message("interface_not_authenticated", file=file))


def _backbone_key(keyring: Keyring) -> bytes | None:
    return keyring.backbone.decrypted_key if keyring.backbone is not None else None


def _wanted_address(settings: KnxSettings) -> IndividualAddress | None:
    address = settings.individual_address
    return IndividualAddress(address) if address else None


def _risk(words: Message) -> Finding:
    return _finding("knx.keyring", words, Severity.WARNING)


def _udp_tunnel(settings: KnxSettings) -> MakeTunnel:
    host = settings.gateway_host or ""

    async def make(xknx: XKNX, hooks: Hooks) -> AnyTunnel:
        gateway_ip = await validate_ip(host, "knx.gateway")
        return GuardedUdpTunnel(
            hooks,
            xknx=xknx,
            gateway_ip=gateway_ip,
            gateway_port=settings.gateway_port,
            local_ip=settings.local_ip or await _local_ip(gateway_ip),
        )

    return make


def _tcp_tunnel(settings: KnxSettings, keyring: Keyring | None) -> MakeTunnel:
    host = settings.gateway_host or ""
    wanted = _wanted_address(settings)
    credentials = tunnel_credentials(keyring, wanted) if keyring else None

    async def make(xknx: XKNX, hooks: Hooks) -> AnyTunnel:
        gateway_ip = await validate_ip(host, "knx.gateway")
        if credentials is None:
            return GuardedTcpTunnel(
                hooks,
                xknx=xknx,
                gateway_ip=gateway_ip,
                gateway_port=settings.gateway_port,
                individual_address=wanted,
            )
        return GuardedSecureTunnel(
            hooks,
            xknx=xknx,
            gateway_ip=gateway_ip,
            gateway_port=settings.gateway_port,
            user_id=credentials.user_id,
            user_password=credentials.user_password,
            device_authentication_password=credentials.device_authentication,
        )

    return make


async def _local_ip(remote_ip: str) -> str:
    """Return our address on the way to `remote_ip`. Raises: LinkError."""
    local_ip = await get_default_local_ip(remote_ip)
    if local_ip is None:
        raise LinkError(f"no network interface reaches {remote_ip}; give knx.local_ip")
    return local_ip


def tunnel_credentials(
    keyring: Keyring, wanted: IndividualAddress | None
) -> TunnelCredentials | None:
    """Return the credentials of a tunnel of the keyring, None when it has none.

    `wanted` is the tunnel's individual address; without it the first tunnel counts.
    Raises: ConfigError when the keyring does not know the wanted tunnel.
    """
    tunnels = [
        one
        for one in keyring.interfaces
        if one.type is InterfaceType.TUNNELING and one.user_id is not None
    ]
    if wanted is not None and tunnels:
        known = Listed(tuple(str(one.individual_address) for one in tunnels))
        tunnels = [one for one in tunnels if one.individual_address == wanted]
        if not tunnels:
            words = message("keyring_without_tunnel", address=str(wanted), known=known)
            raise _mistake("knx.individual_address", words)
    for one in tunnels:
        if one.user_id is not None and one.decrypted_password is not None:
            return TunnelCredentials(
                user_id=one.user_id,
                user_password=one.decrypted_password,
                device_authentication=one.decrypted_authentication,
            )
    return None


def _routing(settings: KnxSettings, keyring: Keyring | None) -> MakeRouting:
    address = IndividualAddress(settings.individual_address or UNASSIGNED)
    backbone = keyring.backbone if keyring else None
    group = settings.multicast_group
    if backbone is not None and backbone.multicast_address:
        group = backbone.multicast_address

    async def make(xknx: XKNX, hooks: Hooks, numbers: SecureNumbers | None) -> AnyRouting:
        local_ip = settings.local_ip or await _local_ip(group)
        if backbone is not None and backbone.decrypted_key:
            if numbers is None:
                raise RuntimeError("nobody keeps the timer: keep_numbers comes before open")
            return GuardedSecureRouting(
                hooks,
                numbers.timer(backbone.decrypted_key),
                xknx=xknx,
                individual_address=address,
                local_ip=local_ip,
                backbone_key=backbone.decrypted_key,
                latency_ms=backbone.latency,
                multicast_group=group,
            )
        return GuardedRouting(
            hooks,
            xknx=xknx,
            individual_address=address,
            local_ip=local_ip,
            multicast_group=group,
        )

    return make
