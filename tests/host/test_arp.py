"""Who has an address: frames of ARP. On a wire it is asked in `test_networkd.py`. Source: [rfc-5227]."""

from ipaddress import IPv4Address

import pytest

from knxgw.host.arp import claims, probe_frame

OWN, OTHER = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
ADDRESS = IPv4Address("192.0.2.20")
REPLY = "020000000001 020000000002 0806 0001 0800 06 04 0002 020000000002 c0000214 020000000001 00000000"
GRATUITOUS = "ffffffffffff 020000000002 0806 0001 0800 06 04 0001 020000000002 c0000214 000000000000 c0000214"


def test_a_probe_asks_everybody_and_claims_nothing() -> None:
    assert probe_frame(OWN, ADDRESS).hex() == (
        "ffffffffffff0200000000010806"
        + "0001080006040001"
        + "02000000000100000000"
        + "000000000000c0000214"
    )


@pytest.mark.parametrize("frame", [REPLY, GRATUITOUS])
def test_whoever_says_that_it_has_the_address_claims_it(frame: str) -> None:
    assert claims(bytes.fromhex(frame), OWN, ADDRESS)
    assert not claims(bytes.fromhex(frame), OWN, IPv4Address("192.0.2.21"))


def test_another_one_that_probes_for_it_is_about_to_take_it() -> None:
    assert claims(probe_frame(OTHER, ADDRESS), OWN, ADDRESS)
    assert not claims(probe_frame(OWN, ADDRESS), OWN, ADDRESS), "our own"


@pytest.mark.parametrize("length", range(42))
def test_a_frame_that_is_cut_short_claims_nothing(length: int) -> None:
    assert not claims(bytes.fromhex(REPLY)[:length], OWN, ADDRESS)


def test_who_only_looks_for_it_does_not_have_it() -> None:
    asks = REPLY.replace("0002 020000000002 c0000214", "0001 020000000002 c0000207").replace(
        "00000000", "c0000214"
    )
    assert not claims(bytes.fromhex(asks), OWN, ADDRESS)
