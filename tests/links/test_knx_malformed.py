"""Whatever comes from the network: nothing raises, it is counted and logged once, life goes on."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from xknx import XKNX
from xknx.cemi import CEMIFrame, CEMILData, CEMIMessageCode
from xknx.cemi.flags import CEMIAddressType, CEMIFlags
from xknx.exceptions import XKNXException
from xknx.io.tunnel import TCPTunnel, UDPTunnel
from xknx.knxip import (
    HPAI,
    ConnectionStateResponse,
    ConnectResponse,
    ConnectResponseData,
    DescriptionResponse,
    DisconnectRequest,
    DisconnectResponse,
    KNXIPBody,
    KNXIPFrame,
    RoutingBusy,
    RoutingIndication,
    RoutingLostMessage,
    SearchRequest,
    SecureWrapper,
    SessionResponse,
    SessionStatus,
    TimerNotify,
    TunnellingAck,
    TunnellingFeatureGet,
    TunnellingRequest,
)
from xknx.secure.data_secure_asdu import (
    SecureData,
    SecurityAlgorithmIdentifier,
    SecurityALService,
    SecurityControlField,
)
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import (
    GroupValueRead,
    GroupValueResponse,
    PropertyValueRead,
    Restart,
    SecureAPDU,
)
from xknx.telegram.tpci import TDataGroup

from knxgw.config.model import KnxLinkKind
from knxgw.links.knx import XknxLink
from knxgw.links.knx_data_secure import DataSecureStage
from knxgw.links.knx_guard import LONGEST_FRAME, Hooks
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.links.knx_routing import GuardedMulticast, GuardedRouting, GuardedSecureRouting
from knxgw.links.knx_routing_link import AnyRouting, RoutingLink
from knxgw.links.knx_secure_groups import GroupKeys
from knxgw.links.knx_tunnel_link import TunnelLink
from knxgw.links.knx_tunnels import GuardedTcpTransport
from tests.support.knx_ports import link_of
from tests.support.knxip_server import (
    LOCALHOST,
    NOON,
    Ear,
    KnxIpServer,
    MemoryStore,
    group_write,
    opened,
    settings,
)
from tests.support.virtual_time import run_virtual

PEER, ADDRESS, GOOD = "1.1.9", "1/1/50", 99
ELSEWHERE = (LOCALHOST, 1)
KEY = bytes(range(16))
hundred = hypothesis_settings(max_examples=100, deadline=None)


def cemi(code: CEMIMessageCode = CEMIMessageCode.L_DATA_IND, **changes: Any) -> bytes:
    """Return the cEMI bytes of a telegram."""
    data = group_write(ADDRESS, GOOD, PEER)
    for name, value in changes.items():
        setattr(data, name, value)
    return CEMIFrame(code=code, data=data).to_knx()


CEMI = [
    cemi(),
    cemi(CEMIMessageCode.L_DATA_CON),
    cemi(CEMIMessageCode.L_DATA_REQ),
    cemi(payload=GroupValueRead()),
    cemi(payload=PropertyValueRead(object_index=0, property_id=11)),
    cemi(payload=Restart()),
    cemi(dst_addr=IndividualAddress("1.1.20"), payload=GroupValueRead()),
    bytes.fromhex("fc000b0134100100"),  # a property read of the local device
    bytes.fromhex("f1"),
]
GOOD_CEMI = cemi()
BODIES: list[KNXIPBody] = [
    TunnellingRequest(1, 0, GOOD_CEMI),
    TunnellingAck(1, 0),
    TunnellingFeatureGet(),
    ConnectResponse(1, crd=ConnectResponseData(individual_address=IndividualAddress("1.1.1"))),
    ConnectionStateResponse(1),
    DisconnectRequest(1),
    DisconnectResponse(1),
    DescriptionResponse(),
    SearchRequest(HPAI(LOCALHOST, 3671)),
    RoutingIndication(raw_cemi=GOOD_CEMI),
    RoutingBusy(wait_time=20),
    RoutingLostMessage(lost_messages=3),
    SecureWrapper(encrypted_data=bytes(20)),
    SessionResponse(1),
    SessionStatus(),
    TimerNotify(timer_value=1),
]
FRAMES = [KNXIPFrame.init_from_body(body).to_knx() for body in BODIES]


@st.composite
def mutated(draw: st.DrawFn, valid: list[bytes], *, has_length: bool) -> bytes:
    """Return a valid frame with some bytes changed, cut, inserted; its length may be put right."""
    raw = bytearray(draw(st.sampled_from(valid)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(raw)))
        raw[at : at + draw(st.integers(0, 4))] = draw(st.binary(max_size=4))
    if draw(st.booleans()):
        del raw[draw(st.integers(0, len(raw))) :]
    if has_length and len(raw) >= 6 and draw(st.booleans()):
        raw[4:6] = len(raw).to_bytes(2, "big")
    return bytes(raw)


def wire() -> st.SearchStrategy[bytes]:
    """Return what may come as KNXnet/IP."""
    return st.binary(max_size=80) | mutated(FRAMES, has_length=True)


def cemi_bytes() -> st.SearchStrategy[bytes]:
    """Return what may come as cEMI."""
    return st.binary(max_size=40) | mutated(CEMI, has_length=False)


def is_readable(raw: bytes) -> bool:
    """Return whether xknx reads these bytes as a KNXnet/IP frame."""
    try:
        KNXIPFrame.from_knx(raw)
    except (XKNXException, IndexError, ValueError, KeyError, TypeError):
        return False
    return True


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def logged_once(link: XknxLink) -> Iterator[None]:
    """Fail when the link logs its malformed frames more often than once, or not at all."""
    handler = _Records()
    logger = logging.getLogger("knxgw.links.knx")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
    said = [one for one in handler.records if "malformed" in one.getMessage()]
    assert len(said) == min(link.malformed, 1)


def tunnel_request(counter: int) -> bytes:
    """Return the good frame with a sequence counter."""
    return KNXIPFrame.init_from_body(TunnellingRequest(1, counter, GOOD_CEMI)).to_knx()


def try_tunnel(kind: KnxLinkKind, trial: Callable[[TunnelLink, Ear], None]) -> None:
    """Run a trial on an open tunnel, on an ordinary loop."""

    async def run() -> None:
        async with KnxIpServer() as server:
            port = server.udp_port if kind is KnxLinkKind.TUNNELLING else server.tcp_port
            link = link_of(settings(kind, gateway_port=port))
            assert isinstance(link, TunnelLink)
            async with opened(link) as ear:
                with logged_once(link):
                    trial(link, ear)

    asyncio.run(run())


@pytest.mark.proves("H.7")
@pytest.mark.real
@hundred
@given(wire())
def test_a_udp_tunnel_survives_any_datagram(raw: bytes) -> None:
    def trial(link: TunnelLink, ear: Ear) -> None:
        assert isinstance(link._tunnel, UDPTunnel)
        server = link._tunnel.transport.remote_addr
        receive = link._tunnel.transport.data_received_callback
        receive(raw, server)
        assert link.malformed or is_readable(raw)
        if ear.lost:
            return  # it said "disconnect"
        for counter in (0, 1):  # the datagram may have used up the first
            receive(tunnel_request(counter), server)
        assert ear.has(ADDRESS, GOOD)

    try_tunnel(KnxLinkKind.TUNNELLING, trial)


@pytest.mark.proves("H.7")
@pytest.mark.real
@hundred
@given(st.lists(wire(), max_size=3), st.integers(1, 200))
def test_a_tcp_tunnel_survives_any_stream(parts: list[bytes], chunk: int) -> None:
    def trial(link: TunnelLink, ear: Ear) -> None:
        assert isinstance(link._tunnel, TCPTunnel)
        transport = link._tunnel.transport
        stream = b"".join(parts)
        for at in range(0, len(stream), chunk):
            transport.data_received_callback(stream[at : at + chunk])
            assert len(transport._buffer) <= LONGEST_FRAME
        if ear.lost:
            return  # it said "disconnect"
        ear.heard.clear()
        good = tunnel_request(0)
        for _ in range(LONGEST_FRAME // len(good) + 2):  # a cut frame may swallow some
            transport.data_received_callback(good)
            if ear.heard:
                break
        assert ear.has(ADDRESS, GOOD)

    try_tunnel(KnxLinkKind.TUNNELLING_TCP, trial)


MANY = tunnel_request(0) * 5_000


def hooks(malformed: list[bytes]) -> Hooks:
    """Return hooks that note what cannot be read; nothing else happens here."""
    strange: list[object] = []
    return Hooks(
        received=strange.append,
        malformed=malformed.append,
        stranger=strange.append,
        failed=strange.append,
    )


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"\x00",
        b"\x06",
        b"\x06\x10\x05\x30\x00\x00",  # xknx reads a frame of length 0 for ever
        b"\x06\x10\x05\x30\xff\xff",  # and would wait for 65535 bytes
        b"\x06\x10\x04\x20\x00\x05",
        b"\x06\x10\x12\x34\x00\x06",
        b"\x06\x10" * 70_000,
        MANY,  # xknx takes frames by recursion
    ],
)
def test_a_stream_finds_the_next_good_frame(start: bytes) -> None:
    frames: list[KNXIPFrame] = []
    malformed: list[bytes] = []
    transport = GuardedTcpTransport(hooks(malformed), ELSEWHERE, lambda: None)
    transport.register_callback(lambda frame, _source, _transport: frames.append(frame))
    transport.data_received_callback(start + tunnel_request(7))
    last = frames[-1].body
    assert isinstance(last, TunnellingRequest)
    assert last.sequence_counter == 7
    assert bool(malformed) == (start not in (b"", MANY))
    assert transport._buffer == b""


@pytest.mark.parametrize("at", range(1, len(tunnel_request(0))))
def test_a_frame_in_two_pieces_is_whole(at: int) -> None:
    frames: list[KNXIPFrame] = []
    malformed: list[bytes] = []
    transport = GuardedTcpTransport(hooks(malformed), ELSEWHERE, lambda: None)
    transport.register_callback(lambda frame, _source, _transport: frames.append(frame))
    raw = tunnel_request(3)
    transport.data_received_callback(raw[:at])
    assert frames == []
    transport.data_received_callback(raw[at:])
    assert len(frames) == 1
    assert malformed == []


def routing_link(*, is_secure: bool = False) -> RoutingLink:
    """Return a routing link in a group of this process."""
    group = f"239.{os.getpid() >> 8 & 0xFF}.{os.getpid() & 0xFF}.{250 + is_secure}"

    async def make(xknx: XKNX, hooks: Hooks, numbers: SecureNumbers | None) -> AnyRouting:
        common: dict[str, Any] = {
            "xknx": xknx,
            "individual_address": IndividualAddress("1.1.20"),
            "local_ip": LOCALHOST,
            "multicast_group": group,
        }
        if is_secure:
            assert numbers is not None
            timer = numbers.timer(KEY)
            return GuardedSecureRouting(hooks, timer, backbone_key=KEY, latency_ms=10, **common)
        return GuardedRouting(hooks, **common)

    return RoutingLink(make)


def try_routing(*, is_secure: bool, trial: Callable[[RoutingLink, Ear], Awaitable[None]]) -> None:
    """Run a trial on open routing; virtual time spares the search for the secure timer."""

    async def run() -> None:
        link = routing_link(is_secure=is_secure)
        async with opened(link) as ear:
            with logged_once(link):
                await trial(link, ear)

    run_virtual(run())


@pytest.mark.proves("H.7")
@pytest.mark.real
@hundred
@given(wire())
def test_routing_survives_any_datagram(raw: bytes) -> None:
    async def trial(link: RoutingLink, ear: Ear) -> None:
        assert link._routing is not None
        transport = link._routing.transport
        assert isinstance(transport, GuardedMulticast)
        transport.data_received_callback(raw, ELSEWHERE)
        assert link.malformed or is_readable(raw)
        ear.heard.clear()
        good = KNXIPFrame.init_from_body(RoutingIndication(raw_cemi=GOOD_CEMI)).to_knx()
        transport.data_received_callback(good, ELSEWHERE)
        assert ear.heard == [(PEER, ADDRESS, GOOD)]
        assert ear.lost == 0

    try_routing(is_secure=False, trial=trial)


class _Inside(KNXIPFrame):
    """Bytes that pretend to be a frame, to be wrapped by someone who has the key."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def to_knx(self) -> bytes:
        return self._raw


@pytest.mark.proves("H.7")
@pytest.mark.real
@hundred
@given(wire(), st.booleans())
def test_secure_routing_survives_any_datagram_and_any_wrapped_one(
    raw: bytes,
    is_wrapped: bool,  # noqa: FBT001 - as hypothesis draws it
) -> None:
    async def trial(link: RoutingLink, ear: Ear) -> None:
        assert isinstance(link._routing, GuardedSecureRouting)
        transport = link._routing.transport
        sent = transport.encrypt_frame(_Inside(raw)).to_knx() if is_wrapped else raw
        transport.data_received_callback(sent, ELSEWHERE)
        assert link.malformed or is_readable(raw)
        if not is_wrapped:
            assert ear.heard == [], "nothing plain is heard"
        ear.heard.clear()
        good = KNXIPFrame.init_from_body(RoutingIndication(raw_cemi=GOOD_CEMI))
        transport.data_received_callback(transport.encrypt_frame(good).to_knx(), ELSEWHERE)
        assert ear.heard == [(PEER, ADDRESS, GOOD)]

    try_routing(is_secure=True, trial=trial)


def data_secure_link(ear: Ear) -> tuple[RoutingLink, DataSecureStage]:
    """Return a link and, behind it, Data Secure that knows one address and one sender."""
    keys = GroupKeys(keys={GroupAddress(ADDRESS): KEY}, senders={IndividualAddress(PEER): 0})
    link, stage = routing_link(), DataSecureStage(keys)
    stage.keep_numbers(SecureNumbers({}, MemoryStore(), lambda: NOON, lambda: 0.0))

    def on_frame(data: CEMILData) -> None:
        verified = stage.received(data)
        if verified is not None:
            ear.take(*verified)

    link._on_frame = on_frame
    return link, stage


def secured_cemi(apdu: bytes, sequence_number: int) -> bytes:
    """Return a telegram, secured with the right key, of any application bytes."""
    control = SecurityControlField(
        algorithm=SecurityAlgorithmIdentifier.CCM_ENCRYPTION,
        service=SecurityALService.S_A_DATA,
        system_broadcast=False,
        tool_access=False,
    )
    source, destination = IndividualAddress(PEER), GroupAddress(ADDRESS)
    secured = SecureData.init_from_plain_apdu(
        key=KEY,
        apdu=apdu,
        scf=control,
        sequence_number=sequence_number,
        address_fields_raw=source.to_knx() + destination.to_knx(),
        address_type=CEMIAddressType.GROUP,
        frame_format=CEMIFlags().frame_format,
        tpci=TDataGroup(),
    )
    return cemi(payload=SecureAPDU(scf=control, secured_data=secured))


@pytest.mark.proves("H.7")
@hundred
@given(cemi_bytes())
def test_any_cemi_is_taken(raw: bytes) -> None:
    link, ear = routing_link(), Ear()
    link._on_frame = ear.on_frame
    with logged_once(link):
        link._received(raw)
        heard_of_it = len(ear.heard)
        link._received(GOOD_CEMI)
    assert heard_of_it + link.malformed <= 1
    assert ear.heard[heard_of_it:] == [(PEER, ADDRESS, GOOD)]


@hundred
@given(cemi_bytes() | st.binary(max_size=30).map(lambda apdu: secured_cemi(apdu, 1)))
def test_any_cemi_is_taken_with_data_secure(raw: bytes) -> None:
    ear = Ear()
    link, stage = data_secure_link(ear)
    with logged_once(link):
        link._received(raw)
        assert len(ear.heard) + link.malformed + stage.insecure <= 1
        ear.heard.clear()
        link._received(secured_cemi(bytes.fromhex("0080") + bytes((GOOD,)), 2))
    assert ear.heard == [(PEER, ADDRESS, GOOD)]


@hundred
@given(st.binary(max_size=30))
def test_secured_bytes_that_are_no_telegram_are_dropped(apdu: bytes) -> None:
    ear = Ear()
    link, stage = data_secure_link(ear)
    link._received(secured_cemi(apdu, 1))
    assert len(ear.heard) + link.malformed + stage.insecure == 1


def test_a_response_is_a_telegram_too() -> None:
    link, ear = routing_link(), Ear()
    link._on_frame = ear.on_frame
    answer = GroupValueResponse(group_write(ADDRESS, 3).payload.value)  # type: ignore[union-attr]  # it is a write
    link._received(cemi(payload=answer))
    assert ear.heard == [(PEER, ADDRESS, answer)]
