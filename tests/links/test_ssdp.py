"""SSDP: which searches are answered, with what, when, and how often."""

import random
from ipaddress import IPv4Interface
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.links.discovery.introduction import DEVICE_TYPE, Introduction
from knxgw.links.discovery.places import Place
from knxgw.links.discovery.ssdp import (
    LARGEST_SEARCH,
    MAX_AGE_S,
    MOST_AT_ONCE,
    MOST_PENDING,
    Doorman,
    RootDevice,
    read_search,
    root_device,
)

ID = UUID("0123abcd-0000-4000-8000-000000000001")
PLACE = Place(adapter="eth0", interface=IPv4Interface("192.168.1.5/24"))
DEVICE = root_device(Introduction(name="Garage", id=ID, port=8080), PLACE, boot=7, configuration=9)
ASKING = ("192.168.1.9", 50_000)
SEARCH = (
    "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\n"
    'MAN: "ssdp:discover"\r\nMX: {mx}\r\nST: {st}\r\n\r\n'
)


def search(st: str = "ssdp:all", mx: object = 3) -> bytes:
    return SEARCH.format(mx=mx, st=st).encode()


def headers(message: bytes) -> dict[str, str]:
    first, *lines = message.decode("ascii").removesuffix("\r\n\r\n").split("\r\n")
    found = dict(line.split(":", 1) for line in lines)
    return {"": first, **{name: value.strip() for name, value in found.items()}}


def doorman(part: float = 0.5, device: RootDevice = DEVICE) -> Doorman:
    return Doorman(PLACE, device, lambda: part)


@pytest.mark.proves("W61")
@pytest.mark.parametrize(
    ("target", "types"),
    [
        ("ssdp:all", ["upnp:rootdevice", f"uuid:{ID}", DEVICE_TYPE]),
        ("upnp:rootdevice", ["upnp:rootdevice"]),
        (f"uuid:{ID}", [f"uuid:{ID}"]),
        (f"uuid:{str(ID).upper()}", [f"uuid:{ID}"]),
        (DEVICE_TYPE, [DEVICE_TYPE]),
        ("urn:schemas-upnp-org:device:Basic:2", []),  # newer than we are
        ("urn:schemas-upnp-org:device:MediaServer:1", []),
        ("urn:dial-multiscreen-org:service:dial:1", []),
        ("uuid:0123abcd-0000-4000-8000-000000000002", []),
        ("", []),
    ],
)
def test_a_search_is_answered_with_what_it_looks_for(target: str, types: list[str]) -> None:
    answers = [headers(one) for one in DEVICE.answers(target)]
    assert [one["ST"] for one in answers] == types
    for one in answers:
        assert one[""] == "HTTP/1.1 200 OK"
        assert one["LOCATION"] == "http://192.168.1.5:8080/description.xml"
        assert one["CACHE-CONTROL"] == f"max-age={MAX_AGE_S}"
        assert one["EXT"] == ""
        end = "" if one["ST"].startswith("uuid:") else f"::{one['ST']}"
        assert one["USN"] == f"uuid:{ID}{end}"


def test_announcements_name_every_type_and_goodbyes_the_same() -> None:
    alive = [headers(one) for one in DEVICE.alive()]
    gone = [headers(one) for one in DEVICE.byebye()]
    assert [one["USN"] for one in alive] == [one["USN"] for one in gone]
    assert [one["NT"] for one in alive] == ["upnp:rootdevice", f"uuid:{ID}", DEVICE_TYPE]
    assert {one["NTS"] for one in alive} == {"ssdp:alive"}
    assert {one["NTS"] for one in gone} == {"ssdp:byebye"}
    assert {one["BOOTID.UPNP.ORG"] for one in (*alive, *gone)} == {"7"}


def test_no_version_of_the_program_is_named() -> None:
    from knxgw import __version__  # noqa: PLC0415 - of this test only

    said = headers(DEVICE.alive()[0])["SERVER"]
    assert said.count("/") == 3
    assert f"knxgw/{__version__}" not in said


@pytest.mark.parametrize(
    ("mx", "timeout_s"),
    [("1", 1.0), ("5", 5.0), ("120", 5.0), ("99999", 5.0), ("0", None), ("-1", None),
     ("", None), ("1.5", None), ("x", None), ("999999", None), ("\u0663", None)],
)  # fmt: skip
def test_the_time_to_answer_is_what_the_search_says_but_five_seconds_at_most(
    mx: str, timeout_s: float | None
) -> None:
    found = read_search(search(mx=mx))
    assert (found.timeout_s if found else None) == timeout_s


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"M-SEARCH * HTTP/1.1\r\n\r\n",
        search().replace(b'"ssdp:discover"', b"ssdp:discover"),
        search().replace(b"M-SEARCH", b"NOTIFY"),
        search().replace(b"HTTP/1.1", b"HTTP/2.0"),
        search().replace(b"ssdp:all", b"ssdp:\xe4ll"),
        search() + b" " * LARGEST_SEARCH,
        DEVICE.alive()[0],  # what we say ourselves comes back
        DEVICE.byebye()[0],
        DEVICE.answers("ssdp:all")[0],
    ],
)
def test_what_is_no_search_is_ignored(packet: bytes) -> None:
    assert doorman().admit(packet, ASKING, 0.0) is None


def test_headers_may_be_written_as_others_write_them() -> None:
    packet = b'M-SEARCH * HTTP/1.1\nSt:upnp:rootdevice\nmx :2 \nMan:"ssdp:discover"\n\n'
    found = read_search(packet)
    assert found is not None
    assert (found.target, found.timeout_s) == ("upnp:rootdevice", 2.0)


@given(st.floats(0.0, 1.0), st.integers(1, 10))
def test_an_answer_comes_within_the_time_of_the_search(part: float, mx: int) -> None:
    admitted = doorman(part).admit(search(mx=mx), ASKING, 100.0)
    assert admitted is not None
    assert 0.0 <= admitted[0] < min(mx, 5)


@pytest.mark.proves("W61")
@pytest.mark.parametrize("address", ["192.168.2.9", "8.8.8.8", "192.168.1.255", "0.0.0.0"])  # noqa: S104
def test_nobody_outside_the_own_network_is_answered(address: str) -> None:
    assert doorman().admit(search(), (address, 50_000), 0.0) is None
    assert doorman().admit(search(), ("192.168.1.9", 0), 0.0) is None


def test_a_search_that_is_repeated_is_answered_once_and_again_later() -> None:
    one = doorman(part=1.0)
    assert one.admit(search(mx=1), ASKING, 10.0) is not None
    assert one.admit(search(mx=1), ASKING, 10.2) is None
    assert one.admit(search(mx=1, st="SSDP:ALL"), ASKING, 10.3) is None
    assert one.admit(search(mx=1), ASKING, 11.0) is not None


@pytest.mark.proves("W61")
def test_a_flood_of_searches_gets_few_answers() -> None:
    one = doorman(part=0.0)
    admitted = [one.admit(search(), ("192.168.1.9", port), 0.0) for port in range(1, 5001)]
    assert sum(answer is not None for answer in admitted) == MOST_AT_ONCE
    later = [one.admit(search(), ("192.168.1.9", port), 10.0) for port in range(1, 5001)]
    assert sum(answer is not None for answer in later) == MOST_AT_ONCE
    last = [one.admit(search(), ("192.168.1.9", port), 11.0) for port in range(1, 5001)]
    assert sum(answer is not None for answer in last) == 4, "one more every quarter of a second"


def test_few_answers_wait_at_a_time() -> None:
    one = doorman(part=1.0)
    waiting = 0
    for step in range(400):  # slow enough for the allowance
        is_in = one.admit(search(mx=5), ("192.168.1.9", step + 1), step * 0.01) is not None
        waiting += is_in
    assert waiting <= MOST_PENDING


@pytest.mark.proves("W61")
def test_2000_packets_with_mistakes_at_random_never_raise() -> None:
    chance = random.Random(61)  # noqa: S311 - the same mistakes each time
    one = doorman()
    answered = 0
    for number in range(2000):
        packet = bytearray(search(chance.choice(["ssdp:all", DEVICE_TYPE, f"uuid:{ID}"])))
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(len(packet))
            match chance.randrange(4):
                case 0:
                    packet[place] = chance.randrange(256)
                case 1:
                    del packet[place:]
                case 2:
                    packet[place:place] = chance.randbytes(chance.randrange(1, 40))
                case _:
                    packet += packet[place:]
            packet = packet or bytearray(b"\0")
        answered += one.admit(bytes(packet), ASKING, number * 10.0) is not None
    assert 0 < answered < 2000, "some mistakes do not matter, most do"
