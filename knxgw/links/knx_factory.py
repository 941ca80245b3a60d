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

from knxgw.config.model import KnxLinkKind, KnxSettings
from knxgw.errors import ConfigError, FileLine, Finding, LinkError, Plain, Severity
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
        raise _mistake(
            "knx.keyring",
            "its signature does not match: wrong password, or the file was changed",
            f"correct the password (knx.keyring_password_file or {PASSWORD_VARIABLE}), "
            "or export the keyring from ETS again",
            settings.keyring,
        ) from err
    except OSError as err:
        reason = err.strerror or str(err)
        raise _mistake(
            "knx.keyring", f"cannot be read: {reason}", "give the path of a file", settings.keyring
        ) from err
    except (XKNXException, ValueError, ParseError, SAXException) as err:
        raise _mistake(
            "knx.keyring",
            "is not a keyring file",
            "export the keyring (.knxkeys) from ETS",
            settings.keyring,
        ) from err


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
            remedy = f"give knx.keyring_password_file, or set {PASSWORD_VARIABLE}"
            raise _mistake("knx.keyring", "its password is not known", remedy, keyring)
        return password
    try:
        return Path(file).read_text(encoding="utf-8-sig").strip("\r\n")
    except OSError as err:
        problem = f"cannot be read: {err.strerror or err}"
    except UnicodeDecodeError:  # its message would quote the password
        problem = "is not a text in UTF-8"
    remedy = "give a readable file with nothing but the password of the keyring"
    raise _mistake("knx.keyring_password_file", problem, remedy, file)


def _finding(
    key: str, problem: str, remedy: str, file: str | None, severity: Severity = Severity.ERROR
) -> Finding:
    """Return a finding about a key; whoever knows the configuration file gives it its place.

    `file` is the one that the key names.
    """
    what = f"{file}: {problem}" if file else problem
    return Finding(
        place=FileLine("configuration", 1, key), words=Plain(what, remedy), severity=severity
    )


def _mistake(key: str, problem: str, remedy: str, file: str | None = None) -> ConfigError:
    return ConfigError([_finding(key, problem, remedy, file)])


def make_link(settings: KnxSettings) -> BusAttachment | None:
    """Return the configured link and what secures it, None for `link: none`. Raises: ConfigError.

    What a person believes to be secured and is not stands in its `risks`.
    """
    kind = settings.link
    if kind is KnxLinkKind.NONE:
        return None
    if kind is KnxLinkKind.TPUART:
        problem = "link: tpuart is not available in this version"
        raise _mistake("knx.link", problem, "use tunnelling or routing")
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
    groups = GroupKeys.of(keyring, _wanted_address(settings))
    return BusAttachment(
        link=link,
        data_secure=DataSecureStage(groups) if groups is not None else None,
        risks=tuple(_risks(settings, keyring)),
    )


def _risks(settings: KnxSettings, keyring: Keyring) -> Iterator[Finding]:
    """Yield a warning for what stays plain although the site names a keyring."""
    again = "and export the keyring again"
    if settings.link is KnxLinkKind.ROUTING and not _backbone_key(keyring):
        yield _risk(
            settings,
            "routing is not encrypted: the keyring has no backbone key",
            f"switch on security of the backbone in ETS {again}",
        )
    if settings.link is not KnxLinkKind.TUNNELLING_TCP:
        return
    credentials = tunnel_credentials(keyring, _wanted_address(settings))
    if credentials is None:
        yield _risk(
            settings,
            "the tunnel is not encrypted: the keyring has no secure tunnel",
            f"switch on secure tunnelling of the KNX IP interface in ETS {again}",
        )
    elif credentials.device_authentication is None:
        yield _risk(
            settings,
            "anybody may pass for the KNX IP interface: the keyring has no authentication code of it",
            f"give the KNX IP interface an authentication code in ETS {again}",
        )


def _backbone_key(keyring: Keyring) -> bytes | None:
    return keyring.backbone.decrypted_key if keyring.backbone is not None else None


def _wanted_address(settings: KnxSettings) -> IndividualAddress | None:
    address = settings.individual_address
    return IndividualAddress(address) if address else None


def _risk(settings: KnxSettings, problem: str, remedy: str) -> Finding:
    return _finding("knx.keyring", problem, remedy, settings.keyring, Severity.WARNING)


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
        known = ", ".join(str(one.individual_address) for one in tunnels)
        tunnels = [one for one in tunnels if one.individual_address == wanted]
        if not tunnels:
            problem = f"the keyring has no tunnel with the individual address {wanted}"
            remedy = f"use one of {known}"
            raise _mistake("knx.individual_address", problem, remedy)
    for one in tunnels:
        if one.user_id is not None and one.decrypted_password is not None:
            return TunnelCredentials(
                user_id=one.user_id,
                user_password=one.decrypted_password,
                device_authentication=one.decrypted_authentication,
            )
    return None


def _routing(settings: KnxSettings, keyring: Keyring | None) -> MakeRouting:
    address = IndividualAddress(settings.individual_address or "15.15.255")
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
