"""Frames as xknx and other servers write them, byte by byte."""

import socket

import pytest
from xknx.knxip import DIBTypeCode, KNXIPFrame
from xknx.telegram.address import IndividualAddress

from knxgw.knxip.description import blocks
from knxgw.knxip.ports import IpAssignment
from knxgw.knxip.requests import Connect, Numbered, read_request
from knxgw.knxip.wire import Place
from tests.knxip.trial import STREAM, TUNNEL, Trial, connect, group_read
from tests.support.knxip_device import TUNNELS, description

ASKING = Place("192.168.0.10", 54321)
DEVICE = (
    "36012000110500 00 00fa01020304 e000170c 020304050607 45562047617465776179" + "00" * 20
).replace(" ", "")
FAMILIES = "0a020202030204020501"


def test_a_search_is_answered_byte_by_byte() -> None:
    (answer,) = Trial().say(bytes.fromhex("06100201000e0801c0a8000ad431"), ASKING)
    assert answer.to == ASKING
    assert answer.raw.hex() == f"06100202004e0801c0a800140e57{DEVICE}{FAMILIES}"


@pytest.mark.parametrize(
    ("code", "block"),
    [
        (DIBTypeCode.DEVICE_INFO, DEVICE),
        (DIBTypeCode.SUPP_SVC_FAMILIES, FAMILIES),
        (DIBTypeCode.TUNNELING_INFO, "080700fe11060006"),
        (DIBTypeCode.ADDITIONAL_DEVICE_INFO, "0808000000fe57b0"),
        (DIBTypeCode.KNX_ADDRESSES, "060511051106"),
        (DIBTypeCode.IP_CONFIG, "1003c0a80014ffffff00c0a800010604"),
        (DIBTypeCode.IP_CUR_CONFIG, "1404c0a80014ffffff00c0a80001c0a800010400"),
    ],
)
def test_a_block_is_written_byte_by_byte(code: DIBTypeCode, block: str) -> None:
    said = description()
    if code in (DIBTypeCode.TUNNELING_INFO, DIBTypeCode.KNX_ADDRESSES):
        said = description(tunnel_addresses=TUNNELS[:1])
    used = TUNNELS[:1]
    (written,) = blocks(said, [code.value], used)
    assert written.to_knx().hex() == block


def test_the_secured_families_of_a_server_without_any_are_left_out() -> None:
    assert blocks(description(), [6, 0xFE, 0x55], ()) == []


def test_an_address_by_hand_is_said_to_be_one() -> None:
    said = description(current_assignment=IpAssignment.MANUAL)
    (written,) = blocks(said, [4], ())
    assert written.to_knx()[18] == 1


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (  # tunnel
            "06100205001a 0801c0a8000ad431 0801c0a8000ad432 04040200",
            "061002060014 01 00 0801c0a800140e57 0404 1106",
        ),
        (  # the tunnel with the address 1.1.7
            "06100205001c 0801c0a8000ad431 0801c0a8000ad432 060402001107",
            "061002060014 01 00 0801c0a800140e57 0404 1107",
        ),
        (  # device management
            "061002050018 0801c0a8000ad431 0801c0a8000ad432 0203",
            "061002060012 01 00 0801c0a800140e57 0203",
        ),
        (  # bus monitor
            "06100205001a 0801c0a8000ad431 0801c0a8000ad432 04048000",
            "061002060008 00 29",
        ),
    ],
)
def test_a_connection_is_opened_byte_by_byte(request_: str, answer: str) -> None:
    (said,) = Trial().say(bytes.fromhex(request_), ASKING)
    assert said.raw == bytes.fromhex(answer)
    assert said.to == ASKING


def test_no_more_connections_are_refused_in_two_octets() -> None:
    trial = Trial(tunnel_addresses=TUNNELS[:1])
    trial.tunnel()
    (answer,) = trial.say(connect(TUNNEL, ASKING, ASKING), ASKING)
    assert answer.raw == bytes.fromhex("061002060008 00 24")


def test_a_client_by_tcp_connects_and_writes_to_a_group() -> None:
    trial = Trial(tunnel_addresses=(IndividualAddress("1.1.0"),))
    asked = "06100205001a0802000000000000080200000000000004040200"
    (answer,) = trial.say(bytes.fromhex(asked), STREAM)
    assert answer.raw == bytes.fromhex("061002060014 01 00 0802000000000000 0404 1100")
    sent = trial.say(bytes.fromhex("061004200015040100001100bce011050a03010081"), STREAM)
    assert sent == []  # no acknowledgement by TCP
    (one,) = trial.transmitted
    assert str(one.data.dst_addr) == "1/2/3"
    assert one.data.src_addr == IndividualAddress("1.1.0")  # not the 1.1.5 that it says


def test_what_the_line_brings_is_an_indication_byte_by_byte() -> None:
    trial = Trial()
    client = trial.tunnel()
    (sent,) = client.hear(group_read("1/2/3", "1.1.5"))
    assert sent.raw.hex() == "061004200015040100002900bce011050a03010000"


def test_the_vectors_are_frames_that_xknx_reads_in_the_same_way() -> None:
    frame = bytes.fromhex("06100205001c 0801c0a8000ad431 0801c0a8000ad432 060402001107")
    read = read_request(frame)
    assert isinstance(read, Connect)
    assert read.kind == 4
    assert read.options == bytes.fromhex("02001107")
    assert read.control_endpoint.ip_addr == socket.inet_ntoa(frame[8:12])
    assert KNXIPFrame.from_knx(frame)[0].to_knx() == frame
    numbered = read_request(bytes.fromhex("061004200015040100001100bce011050a03010081"))
    assert isinstance(numbered, Numbered)
    assert (numbered.channel, numbered.counter) == (1, 0)
