"""Tunnels over UDP, TCP and IP Secure to a server that can go silent, forget and refuse."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from knxgw.config.model import KnxLinkKind
from knxgw.links.knx_tunnel_link import TunnelLink
from tests.support.keyring import Interface, KeyringData, write_keyring
from tests.support.knx_ports import link_of
from tests.support.knxip_server import TUNNEL_ADDRESS, Credentials, KnxIpServer, settings

KEYRING_PASSWORD = "tunnel-keyring"  # noqa: S105 - made up here


CREDENTIALS = Credentials(
    user_id=2,
    password="user-secret",  # noqa: S106 - made up here
    authentication="device-secret",
)


KINDS = ["udp", "tcp", "secure"]


ADDRESS = "1/1/50"


def tunnel(
    server: KnxIpServer,
    kind: str,
    directory: Path,
    credentials: Credentials = CREDENTIALS,
    **changes: str,
) -> TunnelLink:
    """Return one of our tunnels to the server."""
    if kind == "udp":
        of = settings(KnxLinkKind.TUNNELLING, gateway_port=server.udp_port, **changes)
    else:
        of = settings(KnxLinkKind.TUNNELLING_TCP, gateway_port=server.tcp_port, **changes)
    if kind == "secure":
        interface = Interface(
            individual_address=TUNNEL_ADDRESS,
            host="1.1.1",
            user_id=credentials.user_id,
            password=credentials.password,
            authentication=credentials.authentication or None,
        )
        path = directory / "tunnel.knxkeys"
        write_keyring(path, KeyringData(interfaces=[interface]), KEYRING_PASSWORD)
        password = directory / "password"
        password.write_text(KEYRING_PASSWORD, encoding="utf-8")
        of = settings(
            KnxLinkKind.TUNNELLING_TCP,
            gateway_port=server.tcp_port,
            keyring=str(path),
            keyring_password_file=str(password),
            **changes,
        )
    link = link_of(of)
    assert isinstance(link, TunnelLink)
    return link


@asynccontextmanager
async def serving(kind: str) -> AsyncGenerator[KnxIpServer, None]:
    """Run the server a link of that kind needs."""
    async with KnxIpServer(CREDENTIALS if kind == "secure" else None) as server:
        yield server
