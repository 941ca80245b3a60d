"""Sessions of KNX IP Secure: who gets in, what may be opened there, and how they end; xknx as the other side."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xknx import XKNX
from xknx.core import XknxConnectionState
from xknx.dpt import DPTArray
from xknx.exceptions import CommunicationError, InvalidSecureConfiguration
from xknx.io import ConnectionConfig, ConnectionType, SecureConfig
from xknx.knxip import KNXIPServiceType as Service
from xknx.knxip.knxip_enum import SecureSessionStatusCode as Status
from xknx.secure.security_primitives import (
    derive_device_authentication_password,
    derive_user_password,
)
from xknx.telegram import Telegram
from xknx.telegram.address import GroupAddress
from xknx.telegram.apci import GroupValueRead, GroupValueResponse, GroupValueWrite

from knxgw.knx.frames import Outcome
from knxgw.knx.ip_security import IpSecurity
from knxgw.knxip.effects import Send
from knxgw.knxip.secure_sessions import (
    GUESS_EVERY_S,
    GUESSES_AT_ONCE,
    MOST_OF_ONE,
    MOST_SESSIONS,
)
from knxgw.knxip.secure_wrapper import (
    KeyPair,
    authenticate_code,
    nonce_of,
    opened,
    read_wrapper,
    session_response_code,
    wrapped,
    xored,
)
from knxgw.knxip.wire import Place, framed
from tests.knxip.trial import MANAGEMENT, STREAM, TUNNEL, Sent, Trial, connect
from tests.support.knxip_device import LOCALHOST, TUNNELS, site
from tests.support.knxip_server import eventually

DEVICE_CODE = derive_device_authentication_password("trustme")
MANAGER, USER = derive_user_password("manage"), derive_user_password("secret")
SECURE = IpSecurity(
    device_code=DEVICE_CODE,
    users={1: MANAGER, 2: USER},
    tunnels={2: frozenset(TUNNELS[1:])},
    secured_families=frozenset({3, 4}),
)
SECURED, REFUSED_HERE = 0x22, 0x28  # E_CONNECTION_TYPE, E_AUTHORISATION_ERROR
CONNECTED, TAKEN = 0x00, 0x24
ENDPOINT = bytes.fromhex("0802000000000000")


class SecureClient:
    """A client in a TCP connection, octet by octet."""

    def __init__(self, trial: Trial, stream: Place = STREAM) -> None:
        self.trial, self.stream = trial, stream
        self.session, self.key, self.keys = 0, b"", b""
        self.number = -1

    def begin(self) -> "SecureClient":
        """Begin a session, and know the server by its code."""
        own = KeyPair()
        public = own.public
        request = framed(Service.SESSION_REQUEST, ENDPOINT + public)
        *_, answer = self.trial.say(request, self.stream)  # others may have to give way
        body = answer.raw[6:]
        self.session = int.from_bytes(body[:2], "big")
        self.keys = xored(public, body[2:34])
        assert body[34:] == session_response_code(DEVICE_CODE, self.session, self.keys)
        self.key = own.session_key(body[2:34])
        return self

    def sealed(self, frame: bytes) -> bytes:
        """Return a frame in its wrapper, with the next number."""
        self.number += 1
        return wrapped(self.key, self.session, nonce_of(self.number, bytes(6)), frame)

    def say(self, frame: bytes) -> list[bytes]:
        """Say something in the session; return what is said in it."""
        return self.opened(self.trial.say(self.sealed(frame), self.stream))

    def opened(self, sent: list[Sent]) -> list[bytes]:
        """Return what was said in the session."""
        said = []
        for one in sent:
            raw = one.raw
            if one.to.session is not None:  # as the server seals it when it goes out
                raw = self.trial.endpoint.sealed(Send(one.to, one.raw)) or b""
            said.append(opened(self.key, read_wrapper(raw)))
        return said

    def authenticate(self, user: int, password_hash: bytes) -> list[bytes]:
        """Say who it is."""
        code = authenticate_code(password_hash, user, self.keys)
        return self.say(framed(Service.SESSION_AUTHENTICATE, bytes((0, user)) + code))

    def enter(self, user: int, password_hash: bytes) -> "SecureClient":
        """Begin a session as a user."""
        assert self.begin().authenticate(user, password_hash) == [
            status(Status.STATUS_AUTHENTICATION_SUCCESS)
        ]
        return self

    def connect(self, cri: object = TUNNEL) -> int:
        """Open a connection; return the status of the answer."""
        (answer,) = self.say(connect(cri, STREAM, STREAM))  # type: ignore[arg-type]
        assert answer[2:4] == Service.CONNECT_RESPONSE.value.to_bytes(2, "big")
        return answer[7]


def status(which: Status) -> bytes:
    return framed(Service.SESSION_STATUS, bytes((which.value, 0)))


@pytest.fixture
def trial() -> Trial:
    return Trial(SECURE)


def test_a_user_with_a_tunnel_gets_that_one_and_no_device_management(trial: Trial) -> None:
    client = SecureClient(trial).enter(2, USER)
    assert client.connect(MANAGEMENT) == REFUSED_HERE
    assert client.connect(TUNNEL) == CONNECTED
    assert trial.endpoint.used_addresses == {TUNNELS[1]}
    assert client.connect(TUNNEL) == TAKEN, "it has one only"


def test_the_user_of_the_management_manages_and_has_no_tunnel(trial: Trial) -> None:
    client = SecureClient(trial).enter(1, MANAGER)
    assert client.connect(MANAGEMENT) == CONNECTED
    assert client.connect(TUNNEL) == REFUSED_HERE


@pytest.mark.parametrize("cri", [TUNNEL, MANAGEMENT])
def test_what_is_secured_is_refused_plain(trial: Trial, cri: object) -> None:
    (answer,) = trial.say(connect(cri, STREAM, STREAM), STREAM)  # type: ignore[arg-type]
    assert answer.raw[7] == SECURED
    trial.secure = replace(SECURE, secured_families=frozenset())
    (answer,) = trial.say(connect(cri, STREAM, STREAM), STREAM)  # type: ignore[arg-type]
    assert answer.raw[7] == CONNECTED


@pytest.mark.parametrize(
    ("user", "password_hash"), [(2, MANAGER), (1, USER), (3, USER), (0, USER), (3, bytes(16))]
)
def test_a_wrong_password_ends_the_session_at_once(
    trial: Trial, user: int, password_hash: bytes
) -> None:
    client = SecureClient(trial).begin()
    assert client.authenticate(user, password_hash) == [status(Status.STATUS_AUTHENTICATION_FAILED)]
    assert trial.say(client.sealed(connect(TUNNEL, STREAM, STREAM)), STREAM) == []
    assert trial.statistics.sessions_refused == 1


@pytest.mark.parametrize(
    "frame",
    [
        connect(TUNNEL, STREAM, STREAM),
        status(Status.STATUS_KEEPALIVE),
        bytes.fromhex("06100207001001000802000000000000"),
    ],
)
def test_before_that_nothing_is_served(trial: Trial, frame: bytes) -> None:
    client = SecureClient(trial).begin()
    assert client.say(frame) == [status(Status.STATUS_UNAUTHENTICATED)]
    assert trial.endpoint.channels == ()


def test_who_does_not_say_who_it_is_has_ten_seconds(trial: Trial) -> None:
    client = SecureClient(trial).begin()
    assert trial.wait(9.9) == []
    assert client.opened(trial.wait(0.2)) == [status(Status.STATUS_TIMEOUT)]


def test_a_silent_session_ends_after_a_minute_with_what_was_opened_in_it(trial: Trial) -> None:
    client = SecureClient(trial).enter(2, USER)
    assert client.connect() == CONNECTED
    trial.wait(50.0)
    assert client.say(status(Status.STATUS_KEEPALIVE)) == []
    assert trial.wait(50.0) == []
    assert client.opened(trial.wait(11.0)) == [status(Status.STATUS_TIMEOUT)]
    assert trial.changes == ["Opened 1", "Closed 1"]


def test_a_client_ends_its_session_and_with_it_its_connections(trial: Trial) -> None:
    client = SecureClient(trial).enter(2, USER)
    assert client.connect() == CONNECTED
    assert client.say(status(Status.STATUS_CLOSE)) == []
    assert trial.changes == ["Opened 1", "Closed 1"]
    assert SecureClient(trial).enter(2, USER).connect() == CONNECTED, "its tunnel is free again"


def test_the_end_of_the_tcp_connection_is_the_end_of_its_sessions(trial: Trial) -> None:
    client = SecureClient(trial).enter(2, USER)
    assert client.connect() == CONNECTED
    assert STREAM.stream is not None
    trial.take(trial.endpoint.lose_stream(STREAM.stream))
    assert trial.changes == ["Opened 1", "Closed 1"]
    assert trial.say(client.sealed(status(Status.STATUS_KEEPALIVE)), STREAM) == []
    assert trial.statistics.malformed == 1


def test_a_recorded_frame_is_not_taken_again_nor_in_another_connection(trial: Trial) -> None:
    client = SecureClient(trial).enter(2, USER)
    recorded = client.sealed(connect(TUNNEL, STREAM, STREAM))
    other = Place("192.168.0.66", 50_000, 8)
    assert trial.say(recorded, other) == []
    assert len(trial.say(recorded, STREAM)) == 1
    assert trial.say(recorded, STREAM) == []
    assert trial.statistics.malformed == 2


def test_a_plain_frame_has_no_say_in_a_connection_of_a_session(trial: Trial) -> None:
    client = SecureClient(trial).enter(2, USER)
    assert client.connect() == CONNECTED
    disconnect = bytes.fromhex("06100209001001000802000000000000")
    (answer,) = trial.say(disconnect, STREAM)
    assert answer.raw[7] == 0x21, "there is no such connection"
    assert len(trial.endpoint.channels) == 1
    assert client.say(disconnect)[0][7] == CONNECTED


def test_there_is_room_for_a_few_sessions_in_one_connection(trial: Trial) -> None:
    for _ in range(MOST_OF_ONE):
        SecureClient(trial).begin()
    public = KeyPair().public
    (answer,) = trial.say(framed(Service.SESSION_REQUEST, ENDPOINT + public), STREAM)
    assert answer.raw.hex() == "0610095200080000"


def test_without_users_and_over_udp_there_are_no_sessions(trial: Trial) -> None:
    public = KeyPair().public
    request = framed(Service.SESSION_REQUEST, ENDPOINT + public)
    assert trial.say(request) == []
    trial.secure = IpSecurity()
    assert trial.say(request, STREAM) == []
    assert trial.statistics.secure == 2


def test_a_frame_that_never_comes_in_a_session_is_not_served(trial: Trial) -> None:
    client = SecureClient(trial).enter(2, USER)
    inner = client.sealed(status(Status.STATUS_KEEPALIVE))
    assert client.say(inner) == []
    assert client.say(framed(Service.SESSION_REQUEST, ENDPOINT + bytes(32))) == []
    assert trial.statistics.malformed == 2
    assert client.connect() == CONNECTED


@given(st.binary(max_size=60), st.sampled_from([0x0950, 0x0951, 0x0952, 0x0953, 0x0954, 0x0955]))
def test_whatever_comes_in_the_family_of_security_harms_nothing(junk: bytes, service: int) -> None:
    trial = Trial(SECURE)
    raw = bytes.fromhex("0610") + service.to_bytes(2, "big") + (6 + len(junk)).to_bytes(2, "big")
    trial.say(raw + junk, STREAM)
    client = SecureClient(trial, Place("192.168.0.10", 50_003, 9)).enter(2, USER)
    client.say(raw + junk)


def test_the_end_of_the_server_says_goodbye_in_the_session(trial: Trial) -> None:
    client = SecureClient(trial).enter(2, USER)
    assert client.connect() == CONNECTED
    farewells = client.opened(trial.take(trial.endpoint.end()))
    assert [one[2:4].hex() for one in farewells] == ["0209", "0954"]


def test_the_trace_of_a_secure_tunnel_is_that_of_the_reference() -> None:
    trial = Trial(SECURE)
    client, own = SecureClient(trial), KeyPair()
    request = framed(Service.SESSION_REQUEST, ENDPOINT + own.public)
    assert (request[2:4].hex(), len(request)) == ("0951", 46)
    (response,) = trial.say(request, STREAM)
    assert (response.raw[2:4].hex(), len(response.raw)) == ("0952", 56)
    client.session = int.from_bytes(response.raw[6:8], "big")
    client.keys = xored(own.public, response.raw[8:40])
    client.key = own.session_key(response.raw[8:40])
    code = authenticate_code(USER, 2, client.keys)
    authenticate = client.sealed(framed(Service.SESSION_AUTHENTICATE, bytes((0, 2)) + code))
    assert (authenticate[2:4].hex(), len(authenticate)) == ("0950", 62)
    assert client.opened(trial.say(authenticate, STREAM)) == [
        status(Status.STATUS_AUTHENTICATION_SUCCESS)
    ]
    connecting = client.sealed(
        bytes.fromhex("06100205001a0802000000000000080200000000000004040200")
    )
    assert len(connecting) == 64
    (connected,) = client.opened(trial.say(connecting, STREAM))
    assert connected.hex() == "061002060014" + "0100" + "0802000000000000" + "04041107"
    sending = client.sealed(bytes.fromhex("061004200015040100001100bce011050a03010081"))
    assert len(sending) == 59
    assert client.opened(trial.say(sending, STREAM)) == [], "no acknowledgement over TCP"
    (sent,) = trial.transmitted
    (confirmed,) = client.opened(
        trial.take(
            trial.endpoint.transmitted(sent.channel, sent.cemi, Outcome.CONFIRMED, trial.now_s)
        )
    )
    assert confirmed.hex() == "061004200015040100002e00bce011070a03010081"
    (goodbye, _status) = client.opened(trial.take(trial.endpoint.end()))
    assert goodbye[2:4].hex() == "0209"


def test_idle_sessions_of_one_host_give_way_and_others_are_served(trial: Trial) -> None:
    for stream in range(20, 28):
        place = Place("192.168.0.66", 50_000 + stream, stream)
        for _ in range(MOST_OF_ONE):
            SecureClient(trial, place).begin()
    assert SecureClient(trial).enter(2, USER).connect() == CONNECTED


@pytest.mark.parametrize("is_weak", [False, True])
def test_who_gets_no_session_throws_nobody_out(trial: Trial, *, is_weak: bool) -> None:
    public = bytes(32) if is_weak else KeyPair().public
    waiting = [
        SecureClient(
            trial, Place("192.168.0.9", 50_000 + n // MOST_OF_ONE, 100 + n // MOST_OF_ONE)
        ).begin()
        for n in range(MOST_SESSIONS)
    ]
    full = waiting[0].stream
    request = framed(Service.SESSION_REQUEST, ENDPOINT + public)
    assert [one.raw.hex() for one in trial.say(request, full)] in ([], ["0610095200080000"])
    if is_weak:
        assert trial.say(request, STREAM) == []
    assert all(
        one.authenticate(2, USER) == [status(Status.STATUS_AUTHENTICATION_SUCCESS)]
        for one in waiting
    )


def test_sessions_with_a_user_never_give_way(trial: Trial) -> None:
    trial.secure = replace(SECURE, users={**SECURE.users, **dict.fromkeys(range(3, 20), USER)})
    kept = [
        SecureClient(trial, Place("192.168.0.9", 50_000 + n, 100 + n)).enter(2 + n, USER)
        for n in range(MOST_SESSIONS)
    ]
    public = KeyPair().public
    (answer,) = trial.say(framed(Service.SESSION_REQUEST, ENDPOINT + public), STREAM)
    assert answer.raw.hex() == "0610095200080000"
    assert all(one.say(status(Status.STATUS_KEEPALIVE)) == [] for one in kept)
    assert len(trial.endpoint.streams_in_use) == MOST_SESSIONS


def test_who_guesses_passwords_has_no_session_for_a_while_and_others_have(
    trial: Trial, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(int(GUESSES_AT_ONCE)):
        refused = SecureClient(trial).begin().authenticate(2, MANAGER)
        assert refused == [status(Status.STATUS_AUTHENTICATION_FAILED)]
    request = framed(Service.SESSION_REQUEST, ENDPOINT + KeyPair().public)
    (answer,) = trial.say(request, STREAM)
    assert answer.raw.hex() == "0610095200080000", "none for this host"
    assert caplog.text.count("a wrong password") == GUESSES_AT_ONCE
    other = SecureClient(trial, Place("192.168.0.11", 50_000, 9))
    assert other.enter(2, USER).connect() == CONNECTED
    trial.wait(GUESS_EVERY_S + 1.0)
    SecureClient(trial).enter(1, MANAGER)


def test_after_a_restart_what_could_not_be_opened_any_more_has_ended(trial: Trial) -> None:
    trial.secure = replace(SECURE, secured_families=frozenset())
    plain = Place("192.168.0.12", 50_000, 12)
    (answer,) = trial.say(connect(TUNNEL, plain, plain), plain)
    assert answer.raw[7] == CONNECTED
    client = SecureClient(trial).enter(2, USER)
    assert client.connect() == CONNECTED
    manager = SecureClient(trial, Place("192.168.0.13", 50_000, 13)).enter(1, MANAGER)
    assert manager.connect(MANAGEMENT) == CONNECTED
    assert trial.take(trial.endpoint.admit_again(trial.now_s)) == []
    trial.secure = replace(SECURE, users={1: MANAGER, 2: MANAGER})
    trial.take(trial.endpoint.admit_again(trial.now_s))
    assert [one.opener for one in trial.endpoint.channels] == [
        manager.stream._replace(session=manager.session)
    ]
    assert trial.endpoint.used_addresses == frozenset()
    assert trial.say(client.sealed(status(Status.STATUS_KEEPALIVE)), STREAM) == []
    trial.secure = IpSecurity()
    trial.take(trial.endpoint.admit_again(trial.now_s))
    assert trial.endpoint.channels == ()


# --- xknx


def secured_client(port: int, **changes: object) -> XKNX:
    """Return xknx with a secure tunnel."""
    secure = {
        "user_id": 2,
        "user_password": "secret",
        "device_authentication_password": "trustme",
    } | changes
    return XKNX(
        connection_config=ConnectionConfig(
            connection_type=ConnectionType.TUNNELING_TCP_SECURE,
            gateway_ip=LOCALHOST,
            gateway_port=port,
            auto_reconnect=False,
            secure_config=SecureConfig(**secure),  # type: ignore[arg-type]
        )
    )


@pytest.mark.real
async def test_xknx_reads_and_writes_through_a_secure_tunnel() -> None:
    async with site(SECURE) as device, secured_client(device.port) as client:
        heard: list[Telegram] = []
        client.telegram_queue.register_telegram_received_cb(heard.append)
        assert client.current_address == TUNNELS[1]
        await client.cemi_handler.send_telegram(
            Telegram(GroupAddress("1/2/3"), payload=GroupValueWrite(DPTArray((1, 2))))
        )
        await client.cemi_handler.send_telegram(
            Telegram(GroupAddress("1/2/3"), payload=GroupValueRead())
        )
        response = GroupValueResponse(DPTArray((1, 2)))
        await eventually(lambda: response in [one.payload for one in heard], "the answer")
        assert device.server.statistics.sessions == 1
    await eventually(lambda: device.server.connections == 0, "the end")


@pytest.mark.real
@pytest.mark.parametrize(
    "changes",
    [{"user_password": "wrong"}, {"device_authentication_password": "wrong"}, {"user_id": 5}],
)
async def test_xknx_with_wrong_credentials_gets_no_tunnel(changes: dict[str, object]) -> None:
    async with site(SECURE) as device:
        client = secured_client(device.port, **changes)
        with pytest.raises((CommunicationError, InvalidSecureConfiguration)):
            await client.start()
        assert client.connection_manager.state is not XknxConnectionState.CONNECTED
        assert device.server.connections == 0
        await client.stop()
