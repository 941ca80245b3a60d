"""Tunnels over IP Secure: keys, credentials and sessions."""

from pathlib import Path

import pytest
from xknx.knxip.knxip_enum import SecureSessionStatusCode

from knxgw.errors import LinkError
from tests.support.knx_tunnels import CREDENTIALS, serving, tunnel
from tests.support.knxip_server import Credentials, eventually, opened

pytestmark = [pytest.mark.real, pytest.mark.usefixtures("impatient_tunnels")]


async def test_a_server_key_that_is_none_is_a_lost_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials = Credentials(user_id=2, password=CREDENTIALS.password, authentication="")
    async with serving("secure") as server:
        link = tunnel(server, "secure", tmp_path, credentials)
        monkeypatch.setattr("xknx.knxip.SessionResponse.to_knx", lambda _self: bytes(50))
        with pytest.raises(LinkError, match="secure session: "):
            async with opened(link):
                pass


@pytest.mark.parametrize(
    ("password", "authentication", "cause"),
    [
        ("wrong", CREDENTIALS.authentication, "STATUS_AUTHENTICATION_FAILED"),
        (CREDENTIALS.password, "wrong", "SessionResponse MAC verification failed"),
    ],
)
async def test_wrong_credentials_are_named_as_the_cause(
    password: str, authentication: str, cause: str, tmp_path: Path
) -> None:
    credentials = Credentials(user_id=2, password=password, authentication=authentication)
    async with serving("secure") as server:
        link = tunnel(server, "secure", tmp_path, credentials)
        with pytest.raises(LinkError, match=cause):
            async with opened(link):
                pass


async def test_a_plain_tunnel_does_not_open_on_a_secure_server(tmp_path: Path) -> None:
    async with serving("secure") as server:
        link = tunnel(server, "tcp", tmp_path)
        with pytest.raises(LinkError):
            async with opened(link):
                pass


async def test_a_closed_secure_tunnel_closes_its_session(tmp_path: Path) -> None:
    async with serving("secure") as server:
        async with opened(tunnel(server, "secure", tmp_path)):
            pass
        await eventually(lambda: bool(server.session_statuses), "the end of the session")
        assert server.session_statuses == [SecureSessionStatusCode.STATUS_CLOSE]
