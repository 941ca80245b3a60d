"""What may be the IPv4 settings of a device, and what is refused with which reason."""

from ipaddress import IPv4Address, IPv4Interface, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.host.network_plan import (
    AUTOMATIC,
    Field,
    IPv4Settings,
    Mode,
    Reason,
    Refused,
    SettingsError,
    bits_of_mask,
    fields_of,
    may_cut_off,
    read_settings,
)

GOOD: dict[str, str] = {
    Field.MODE: "permanent",
    Field.ADDRESS: "192.0.2.10",
    Field.MASK: "255.255.255.0",
    Field.GATEWAY: "192.0.2.1",
    Field.DNS: "192.0.2.53, 198.51.100.53",
}
SPECIAL = tuple(
    map(IPv4Network, ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"))
)


def refusals(**other: str) -> tuple[Refused, ...]:
    """Return what is refused of good settings of which something else is typed."""
    with pytest.raises(SettingsError) as error:
        read_settings({**GOOD, **other})
    return error.value.refused


def test_a_permanent_address_is_read_with_its_net_gateway_and_name_servers() -> None:
    assert read_settings(GOOD) == IPv4Settings(
        mode=Mode.PERMANENT,
        interface=IPv4Interface("192.0.2.10/24"),
        gateway=IPv4Address("192.0.2.1"),
        name_servers=(IPv4Address("192.0.2.53"), IPv4Address("198.51.100.53")),
    )


@pytest.mark.proves("W40", "9.4")
@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        ("mode", "dhcp", Reason.NOT_A_MODE),
        ("address", "", Reason.MISSING),
        ("address", "192.0.2", Reason.NOT_AN_ADDRESS),
        ("address", "192.0.2.010", Reason.NOT_AN_ADDRESS),
        ("address", "garage.example.org", Reason.NOT_AN_ADDRESS),
        ("address", "127.0.0.1", Reason.DEFAULT_LOOPBACK),
        ("address", "127.1.2.3", Reason.LOOPBACK),
        ("address", "0.0.0.0", Reason.NO_ADDRESS),  # noqa: S104 - as somebody types it
        ("address", "169.254.3.4", Reason.LINK_LOCAL),
        ("address", "224.0.23.12", Reason.MULTICAST),
        ("address", "255.255.255.255", Reason.RESERVED),
        ("address", "192.0.2.0", Reason.OF_THE_NET),
        ("address", "192.0.2.255", Reason.BROADCAST),
        ("mask", "", Reason.MISSING),
        ("mask", "255.0.255.0", Reason.NOT_A_MASK),
        ("mask", "0.0.0.255", Reason.NOT_A_MASK),
        ("mask", "33", Reason.NOT_A_MASK),
        ("mask", "/31", Reason.MASK_TOO_NARROW),
        ("mask", "255.255.255.255", Reason.MASK_TOO_NARROW),
        ("mask", "0.0.0.0", Reason.MASK_TOO_WIDE),  # noqa: S104 - as above
        ("gateway", "198.51.100.1", Reason.OUTSIDE_THE_NET),
        ("gateway", "192.0.2.10", Reason.OWN_ADDRESS),
        ("gateway", "192.0.2.0", Reason.OF_THE_NET),
        ("gateway", "192.0.2.255", Reason.BROADCAST),
        ("gateway", "127.0.0.1", Reason.LOOPBACK),
        ("dns", "router", Reason.NOT_AN_ADDRESS),
        ("dns", "192.0.2.53; 192.0.2.54", Reason.NOT_AN_ADDRESS),
        ("dns", "127.0.0.53", Reason.LOOPBACK),
        ("dns", "192.0.2.10", Reason.OWN_ADDRESS),
        ("dns", "192.0.2.2 192.0.2.3 192.0.2.4 192.0.2.5", Reason.TOO_MANY),
    ],
)
def test_a_bad_field_is_refused_with_its_reason(field: str, text: str, reason: Reason) -> None:
    assert refusals(**{field: text}) == (Refused(field=Field(field), reason=reason),)


def test_every_bad_field_is_said_at_once_in_the_order_of_the_form() -> None:
    found = refusals(address="127.0.0.1", mask="255.0.255.0", gateway="x", dns="y")
    assert [one.field for one in found] == [Field.ADDRESS, Field.MASK, Field.GATEWAY, Field.DNS]


@pytest.mark.proves("W40")
def test_other_name_servers_leave_the_address_automatic_and_cut_nobody_off() -> None:
    fields: dict[str, str] = {
        Field.MODE: "automatic",
        Field.ADDRESS: "what was there",
        Field.DNS: "192.0.2.53",
    }
    dns_only = read_settings(fields)
    assert dns_only == IPv4Settings(mode=Mode.AUTOMATIC, name_servers=(IPv4Address("192.0.2.53"),))
    assert not may_cut_off(AUTOMATIC, dns_only)


@pytest.mark.parametrize(
    "other", [{"address": "192.0.2.11"}, {"mask": "25"}, {"gateway": ""}, {"mode": "automatic"}]
)
def test_any_other_change_may_cut_off_a_browser(other: dict[str, str]) -> None:
    after = read_settings({**GOOD, **other})
    assert may_cut_off(read_settings(GOOD), after)
    assert may_cut_off(None, read_settings(GOOD)), "nobody knows what was before"


def test_a_mask_is_read_as_people_write_it() -> None:
    assert [bits_of_mask(text) for text in ("255.255.255.0", "24", "/24")] == [24, 24, 24]
    assert [bits_of_mask(f"/{bits}") for bits in range(33)] == list(range(33))


@given(st.integers(0, 32))
def test_a_dotted_mask_has_as_many_bits_as_python_says(bits: int) -> None:
    assert bits_of_mask(str(IPv4Network(f"0.0.0.0/{bits}").netmask)) == bits


@given(st.integers(0, 2**32 - 1))
def test_a_mask_is_accepted_only_if_its_bits_are_contiguous(number: int) -> None:
    text = str(IPv4Address(number))
    inverse = number ^ 0xFFFFFFFF
    assert (bits_of_mask(text) is not None) == (inverse & (inverse + 1) == 0)


addresses = st.integers(0, 2**32 - 1).map(IPv4Address)


@pytest.mark.proves("W40")
@given(addresses, st.integers(0, 32), addresses | st.none(), st.lists(addresses, max_size=4))
def test_what_is_accepted_can_be_the_address_of_a_host(
    address: IPv4Address, bits: int, gateway: IPv4Address | None, servers: list[IPv4Address]
) -> None:
    fields: dict[str, str] = {
        Field.MODE: "permanent",
        Field.ADDRESS: str(address),
        Field.MASK: str(bits),
        Field.GATEWAY: "" if gateway is None else str(gateway),
        Field.DNS: " ".join(map(str, servers)),
    }
    try:
        found = read_settings(fields)
    except SettingsError:
        return
    assert found.interface is not None
    net = found.interface.network
    assert net.network_address < found.interface.ip < net.broadcast_address
    assert not any(address in network for network in SPECIAL)
    if found.gateway is not None:
        assert found.gateway in found.interface.network
        assert found.gateway != found.interface.ip


private = st.integers(0x0A000000, 0x0AFFFFFF).map(IPv4Address)


@given(private, st.integers(8, 30), st.integers(1, 2**24))
def test_a_gateway_in_the_net_is_accepted_and_read_again(
    address: IPv4Address, bits: int, step: int
) -> None:
    net = IPv4Interface((address, bits)).network
    room = net.num_addresses - 2
    own, gateway = net[1 + step % room], net[1 + (step + 1) % room]
    fields: dict[str, str] = {
        Field.MODE: "permanent",
        Field.ADDRESS: str(own),
        Field.MASK: str(bits),
        Field.GATEWAY: str(gateway),
        Field.DNS: "",
    }
    found = read_settings(fields)
    assert found.gateway == gateway
    assert read_settings(fields_of(found)) == found


@given(st.dictionaries(st.sampled_from([one.value for one in Field]), st.text(max_size=40)))
def test_no_text_of_a_form_brings_it_down(fields: dict[str, str]) -> None:
    refused: tuple[Refused, ...] = ()
    try:
        read_settings({Field.MODE: "permanent", **fields})
    except SettingsError as err:
        refused = err.refused
    assert len({one.field for one in refused}) == len(refused), "one reason for each field"
