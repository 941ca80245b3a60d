"""A small KNXnet/IP tunnelling server, over UDP and TCP, plain and IP Secure.

It confirms every telegram of a client and notes it; a test can make it silent, full, forgetful or
rude. It repeats nothing and checks no acknowledgement. Beside it stands what tests of links share.
`python -m tests.support.knxip_server 10.77.0.1` runs one there and prints the port of its TCP side.
"""

import asyncio
import functools
import sys
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from xknx.cemi import CEMIFrame, CEMILData, CEMIMessageCode
from xknx.dpt import DPTArray
from xknx.io.ip_secure import COUNTER_0_HANDSHAKE, MESSAGE_TAG_TUNNELLING, _IPSecureTransportLayer
from xknx.knxip import (
    HPAI,
    ConnectionStateRequest,
    ConnectionStateResponse,
    ConnectRequest,
    ConnectResponse,
    ConnectResponseData,
    DescriptionRequest,
    DescriptionResponse,
    DisconnectRequest,
    DisconnectResponse,
    ErrorCode,
    HostProtocol,
    KNXIPBody,
    KNXIPFrame,
    SecureWrapper,
    SessionAuthenticate,
    SessionRequest,
    SessionResponse,
    SessionStatus,
    TunnellingAck,
    TunnellingRequest,
)
from xknx.knxip.dib import DIB
from xknx.knxip.knxip_enum import SecureSessionStatusCode
from xknx.secure.security_primitives import (
    calculate_message_authentication_code_cbc,
    derive_device_authentication_password,
    derive_user_password,
    encrypt_data_ctr,
    generate_ecdh_key_pair,
)
from xknx.secure.util import bytes_xor, sha256_hash
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import GroupValueWrite
from xknx.telegram.tpci import TDataGroup

from knxgw.config.model import KnxLinkKind, KnxSettings
from knxgw.knx.frames import Security
from knxgw.links.knx import KnxLink
from knxgw.links.knx_numbers import SecureNumbers

LOCALHOST = "127.0.0.1"
TUNNEL_ADDRESS = "1.1.240"
POLL_S = 0.002
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
_AUTHENTICATION_KEY = functools.cache(derive_device_authentication_password)  # both are slow
_USER_KEY = functools.cache(derive_user_password)


def settings(link: KnxLinkKind, **changes: Any) -> KnxSettings:
    """Return the settings of a link on 127.0.0.1."""
    plain = KnxSettings(
        link=link,
        gateway_host=LOCALHOST,
        gateway_port=0,
        local_ip=LOCALHOST,
        individual_address=None,
        multicast_group="224.0.23.12",
        keyring=None,
        keyring_password_file=None,
    )
    return replace(plain, **changes)


def group_write(address: str, value: int, source: str = "1.1.9") -> CEMILData:
    """Return a telegram that writes one byte to a group address."""
    return CEMILData(
        src_addr=IndividualAddress(source),
        dst_addr=GroupAddress(address),
        tpci=TDataGroup(),
        payload=GroupValueWrite(DPTArray((value,))),
    )


class Ear:
    """What a test hears of a link: telegrams as (source, address, byte), and its loss."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, object]] = []
        self.secured: list[Security] = []  # what a port says of each telegram
        self.lost = 0

    def on_frame(self, data: CEMILData) -> None:
        """Note a telegram."""
        value: object = data.payload
        if isinstance(data.payload, GroupValueWrite) and isinstance(data.payload.value, DPTArray):
            value = data.payload.value.value[0]
        self.heard.append((str(data.src_addr), str(data.dst_addr), value))

    def on_lost(self) -> None:
        """Note that the link is lost."""
        self.lost += 1

    def take(self, data: CEMILData, security: Security) -> None:
        """Note a telegram from a port."""
        self.on_frame(data)
        self.secured.append(security)

    def link_up(self) -> None:
        """Hear that the port's link is there."""

    def link_down(self) -> None:
        """Note that the port's link is lost."""
        self.lost += 1

    def has(self, address: str, value: int) -> bool:
        """Return whether that byte was written to that address."""
        return any(heard[1:] == (address, value) for heard in self.heard)


class MemoryStore:
    """Keeps secure numbers as the database does, without one."""

    def __init__(self, numbers: Mapping[str, int] | None = None) -> None:
        self.numbers = dict(numbers or {})
        self.is_full = False
        self.writes = 0
        self._waiting: dict[str, int] = {}

    def note_number(self, name: str, number: int, *, at_once: bool) -> None:
        """Store a number at once, or with the next one."""
        self._waiting[name] = max(number, self._waiting.get(name, 0))
        if at_once:
            self._write()

    async def store_number(self, name: str, number: int) -> bool:
        """Store a number."""
        self._waiting[name] = max(number, self._waiting.get(name, 0))
        self._write()
        return not self.is_full

    def _write(self) -> None:
        if self.is_full:
            return
        self.writes += 1
        for name, number in self._waiting.items():
            self.numbers[name] = max(number, self.numbers.get(name, 0))
        self._waiting = {}


def numbers_of(store: MemoryStore | None = None, clock: datetime | None = NOON) -> SecureNumbers:
    """Return the numbers of a device that was started with what is in the store."""
    store = store or MemoryStore()
    return SecureNumbers(store.numbers, store, lambda: clock, asyncio.get_running_loop().time)


@asynccontextmanager
async def opened(link: KnxLink, numbers: SecureNumbers | None = None) -> AsyncGenerator[Ear, None]:
    """Open a link, close it at the end."""
    link.keep_numbers(numbers or numbers_of())
    ear = Ear()
    try:
        await link.open(ear.on_frame, ear.on_lost)
        yield ear
    finally:
        await link.close()


async def eventually(condition: Callable[[], bool], what: str, timeout_s: float = 5.0) -> None:
    """Poll until `condition` holds. Raises: TimeoutError."""
    loop = asyncio.get_running_loop()
    deadline_s = loop.time() + timeout_s
    while not condition():
        if loop.time() >= deadline_s:
            raise TimeoutError(f"waited {timeout_s:g} s in vain for {what}")
        await asyncio.sleep(POLL_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The one user of the server's IP Secure side."""

    user_id: int
    password: str = field(repr=False)
    authentication: str = field(repr=False)


class Client(ABC):
    """One way back to a client."""

    is_stream = True

    @abstractmethod
    def write(self, raw: bytes) -> None:
        """Send bytes as they are."""

    def send(self, body: KNXIPBody) -> None:
        """Send a frame."""
        self.write(KNXIPFrame.init_from_body(body).to_knx())


class _UdpClient(Client):
    is_stream = False

    def __init__(self, transport: asyncio.DatagramTransport, address: tuple[str, int]) -> None:
        self._transport = transport
        self._address = address

    def write(self, raw: bytes) -> None:
        self._transport.sendto(raw, self._address)


class _UdpProtocol(asyncio.DatagramProtocol):
    def __init__(self, server: "KnxIpServer") -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # as asyncio documents it
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._transport is not None and not self._server.silent:
            frame, _rest = KNXIPFrame.from_knx(data)
            self._server.take(frame.body, _UdpClient(self._transport, addr))


class _TcpClient(asyncio.Protocol, Client):
    def __init__(self, server: "KnxIpServer") -> None:
        self._server = server
        self._buffer = b""
        self.session: _Session | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as asyncio documents it
        self.transport = transport
        self._server.streams.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.streams.remove(self)
        self._server.drop(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 6 and len(self._buffer) >= (
            length := int.from_bytes(self._buffer[4:6], "big")
        ):
            frame, _rest = KNXIPFrame.from_knx(self._buffer[:length])
            self._buffer = self._buffer[length:]
            if not self._server.silent:
                self._take(frame)

    def _take(self, frame: KNXIPFrame) -> None:
        credentials = self._server.credentials
        if credentials is None:
            self._server.take(frame.body, self)
        elif isinstance(frame.body, SessionRequest):
            session = _Session(credentials, frame.body.ecdh_client_public_key)
            self.send(session.response())
            self.session = session  # from now on everything is wrapped
        elif isinstance(frame.body, SecureWrapper) and self.session is not None:
            self._take_unwrapped(self.session.decrypt_frame(frame).body, self.session)

    def _take_unwrapped(self, body: KNXIPBody, session: "_Session") -> None:
        if isinstance(body, SessionAuthenticate):
            self.send(SessionStatus(session.authenticate(body)))
        elif isinstance(body, SessionStatus):
            self._server.session_statuses.append(body.status)
        elif session.is_authenticated:
            self._server.take(body, self)

    def send(self, body: KNXIPBody) -> None:
        frame = KNXIPFrame.init_from_body(body)
        self.write((self.session.encrypt_frame(frame) if self.session else frame).to_knx())

    def write(self, raw: bytes) -> None:
        if self.transport is not None:
            self.transport.write(raw)


class _Session(_IPSecureTransportLayer):
    """The server's half of an IP Secure session.

    Source: [xknx] 4.0.0, `xknx/io/ip_secure.py`, the client's half.
    """

    def __init__(self, credentials: Credentials, client_key: bytes) -> None:
        self.session_id = 1
        self.is_authenticated = False
        self._credentials = credentials
        self._sequence_number = 0
        private, self._public = generate_ecdh_key_pair()
        secret = private.exchange(X25519PublicKey.from_public_bytes(client_key))
        self._key = sha256_hash(secret)[:16]
        self._keys_xor = bytes_xor(client_key, self._public)

    def response(self) -> SessionResponse:
        """Return the answer that proves that we are the device."""
        header = bytes.fromhex("06 10 09 52 00 38")
        code = _handshake_code(
            _AUTHENTICATION_KEY(self._credentials.authentication),
            header + self.session_id.to_bytes(2, "big") + self._keys_xor,
        )
        return SessionResponse(self.session_id, self._public, code)

    def authenticate(self, body: SessionAuthenticate) -> SecureSessionStatusCode:
        """Check the user and the password."""
        code = _handshake_code(
            _USER_KEY(self._credentials.password),
            bytes.fromhex("06 10 09 53 00 18") + bytes((0, body.user_id)) + self._keys_xor,
        )
        user_is_known = body.user_id == self._credentials.user_id
        self.is_authenticated = user_is_known and code == body.message_authentication_code
        if self.is_authenticated:
            return SecureSessionStatusCode.STATUS_AUTHENTICATION_SUCCESS
        return SecureSessionStatusCode.STATUS_AUTHENTICATION_FAILED

    def encrypt_bytes(self, raw: bytes) -> bytes:
        """Return a wrapper, authentic in every way, around any bytes."""
        return self.encrypt_frame(_Bytes(raw)).to_knx()

    def get_sequence_information(self) -> bytes:
        self._sequence_number += 1
        return self._sequence_number.to_bytes(6, "big")

    def get_message_tag(self) -> bytes:
        return MESSAGE_TAG_TUNNELLING


class _Bytes(KNXIPFrame):
    """Any bytes in the place of a frame."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def to_knx(self) -> bytes:
        return self._raw


def _handshake_code(key: bytes, data: bytes) -> bytes:
    plain = calculate_message_authentication_code_cbc(key=key, additional_data=data)
    return encrypt_data_ctr(key=key, counter_0=COUNTER_0_HANDSHAKE, mac_cbc=plain)[1]


@dataclass(slots=True)
class _Channel:
    """One open tunnel."""

    client: Client
    sequence_counter: int = 0


class KnxIpServer:
    """Use as `async with KnxIpServer() as server`; with credentials its TCP side is IP Secure."""

    def __init__(self, credentials: Credentials | None = None, host: str = LOCALHOST) -> None:
        self.credentials = credentials
        self.host = host
        self.udp_port = self.tcp_port = 0
        self.received: list[CEMILData] = []
        self.on_received: Callable[[CEMILData], None] | None = None  # the line behind it
        self.session_statuses: list[SecureSessionStatusCode] = []
        self.streams: list[_TcpClient] = []
        self.tunnels_opened = 0
        self.silent = False  # takes nothing, says nothing
        self.confirms = True
        self.refuses = False  # confirms that nobody on the line took it
        self.connect_status = ErrorCode.E_NO_ERROR
        self.description: Sequence[DIB] | None = None  # what it says of itself
        self._channels: dict[int, _Channel] = {}
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._udp, _protocol = await loop.create_datagram_endpoint(
            lambda: _UdpProtocol(self), local_addr=(self.host, 0)
        )
        self._tcp = await loop.create_server(lambda: _TcpClient(self), self.host, 0)
        self.udp_port = self._udp.get_extra_info("sockname")[1]
        self.tcp_port = self._tcp.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        self.break_connections()
        await eventually(lambda: not self.streams, "the end of the TCP connections")

    @property
    def open_tunnels(self) -> int:
        """Return how many tunnels are open."""
        return len(self._channels)

    def indicate(self, data: CEMILData) -> None:
        """Send a telegram of the bus into every tunnel."""
        for number in self._channels:
            self._request(number, CEMIMessageCode.L_DATA_IND, data)

    def write(self, raw: bytes) -> None:
        """Send bytes as they are to every client; garbage, for instance."""
        for channel in self._channels.values():
            channel.client.write(raw)

    def send(self, body: KNXIPBody) -> None:
        """Send a frame as it is to every client."""
        for channel in self._channels.values():
            channel.client.send(body)

    def forget(self) -> None:
        """Forget every tunnel, as after a restart, and tell nobody."""
        self._channels.clear()

    def disconnect_clients(self) -> None:
        """Close every tunnel from our side."""
        for number, channel in self._channels.items():
            channel.client.send(DisconnectRequest(number, _back(channel.client)))
        self._channels.clear()

    def break_connections(self) -> None:
        """Close every TCP connection without a word."""
        for stream in self.streams:
            if stream.transport is not None:
                stream.transport.close()

    def drop(self, client: Client) -> None:
        """Forget the tunnels of a client whose connection is gone."""
        gone = [number for number, one in self._channels.items() if one.client is client]
        for number in gone:
            del self._channels[number]

    def take(self, body: KNXIPBody, client: Client) -> None:
        """Answer one frame of a client."""
        match body:
            case ConnectRequest():
                self._connect(client)
            case ConnectionStateRequest():
                number = body.communication_channel_id
                client.send(ConnectionStateResponse(number, self._status(number)))
            case TunnellingRequest():
                self._tunnelling(body, client)
            case DescriptionRequest() if self.description is not None:
                answer = DescriptionResponse()
                answer.dibs = list(self.description)
                client.send(answer)
            case DisconnectRequest():
                number = body.communication_channel_id
                client.send(DisconnectResponse(number, self._status(number)))
                self._channels.pop(number, None)
            case _:
                pass  # acknowledgements and responses

    def _status(self, number: int) -> ErrorCode:
        return ErrorCode.E_NO_ERROR if number in self._channels else ErrorCode.E_CONNECTION_ID

    def _connect(self, client: Client) -> None:
        number = 0
        if self.connect_status is ErrorCode.E_NO_ERROR:
            self.tunnels_opened += 1
            number = self.tunnels_opened
            self._channels[number] = _Channel(client)
        data_endpoint = _back(client) if client.is_stream else HPAI(self.host, self.udp_port)
        data = ConnectResponseData(individual_address=IndividualAddress(TUNNEL_ADDRESS))
        client.send(ConnectResponse(number, self.connect_status, data_endpoint, data))

    def _tunnelling(self, body: TunnellingRequest, client: Client) -> None:
        number = body.communication_channel_id
        if number not in self._channels:
            return
        if not client.is_stream:
            client.send(TunnellingAck(number, body.sequence_counter))
        frame = CEMIFrame.from_knx(body.raw_cemi)
        assert isinstance(frame.data, CEMILData)
        assert frame.code is CEMIMessageCode.L_DATA_REQ
        self.received.append(frame.data)
        if self.confirms:
            frame.data.flags.confirm_error = self.refuses
            self._request(number, CEMIMessageCode.L_DATA_CON, frame.data)
        if self.on_received is not None:
            self.on_received(frame.data)

    def _request(self, number: int, code: CEMIMessageCode, data: CEMILData) -> None:
        channel = self._channels[number]
        raw = CEMIFrame(code=code, data=data).to_knx()
        channel.client.send(TunnellingRequest(number, channel.sequence_counter, raw))
        channel.sequence_counter = channel.sequence_counter + 1 & 0xFF


def _back(client: Client) -> HPAI:
    """Return the endpoint that means "where this came from"."""
    return HPAI(protocol=HostProtocol.IPV4_TCP if client.is_stream else HostProtocol.IPV4_UDP)


async def _serve(host: str) -> None:
    async with KnxIpServer(host=host) as server:
        sys.stdout.write(f"port {server.tcp_port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
