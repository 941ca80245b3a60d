"""The file that systemd-networkd reads, and what the website says of it. networkd reads it in `test_networkd.py`."""

from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.host.network_plan import AUTOMATIC, IPv4Settings, Mode
from knxgw.host.networkd_file import Source, Written, is_adapter_name, read_text, text_of

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
PERMANENT = IPv4Settings(
    mode=Mode.PERMANENT,
    interface=IPv4Interface("192.0.2.10/24"),
    gateway=IPv4Address("192.0.2.1"),
    name_servers=(IPv4Address("192.0.2.53"), IPv4Address("192.0.2.54")),
)


def written(settings: IPv4Settings, source: Source = Source.WEBSITE) -> Written:
    return Written(adapter="eth0", settings=settings, source=source, id="ab" * 16, at=NOON)


def body_of(settings: IPv4Settings) -> str:
    return text_of(written(settings)).partition("\n\n")[2]


def test_a_permanent_address_comes_with_gateway_and_name_servers() -> None:
    assert body_of(PERMANENT) == (
        "[Match]\nName=eth0\n\n"
        "[Network]\nDHCP=no\nLinkLocalAddressing=ipv6\nDNS=192.0.2.53\nDNS=192.0.2.54\n"
        "Address=192.0.2.10/24\nGateway=192.0.2.1\n\n"
        "[DHCPv4]\nUseDNS=no\n\n[IPv6AcceptRA]\nUseDNS=no\n"
    )


def test_an_automatic_address_is_one_of_169_254_while_nobody_gives_another() -> None:
    expected = "[Match]\nName=eth0\n\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=yes\n"
    assert body_of(AUTOMATIC) == expected


@pytest.mark.parametrize("source", [Source.WEBSITE, Source.ETS, Source.RESET])
@pytest.mark.parametrize("settings", [AUTOMATIC, PERMANENT])
def test_what_was_written_is_read_with_who_wrote_it_and_when(
    settings: IPv4Settings, source: Source
) -> None:
    before = written(settings, source)
    assert read_text(text_of(before)) == before


def test_what_somebody_changes_by_hand_is_of_the_host() -> None:
    changed = text_of(written(PERMANENT)).replace("192.0.2.10/24", "192.0.2.77/24")
    found = read_text(changed)
    assert found is not None
    assert (found.source, found.id, found.at) == (Source.HOST, "", None)
    assert found.settings.interface == IPv4Interface("192.0.2.77/24")


@pytest.mark.parametrize(
    "name", ["eth*", "e th0", "", "eth0\nName=lo", "x" * 16, "[Match]", "../lo"]
)
def test_a_name_that_the_file_would_read_otherwise_is_no_adapter(name: str) -> None:
    assert not is_adapter_name(name)
    with pytest.raises(ValueError, match="cannot be named"):
        text_of(Written(adapter=name, settings=AUTOMATIC, source=Source.WEBSITE))


@given(st.text(max_size=300))
def test_no_text_of_a_file_brings_it_down(text: str) -> None:
    assert read_text(text) is None or "Match" in text


@given(st.text(alphabet="[]=#\nMatchNewrkDHPADS.0129/ ", max_size=200))
def test_nor_one_that_looks_like_ours(text: str) -> None:
    read_text(text_of(written(PERMANENT)) + text)
