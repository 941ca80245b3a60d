"""The machine's own addresses, as pages show them."""

from ipaddress import ip_address

from knxgw.host.network import own_addresses


def test_only_addresses_that_others_can_reach_are_told() -> None:
    for one in own_addresses():
        address = ip_address(one.address)
        assert not address.is_loopback
        assert not address.is_link_local
        assert one.mac == "" or len(one.mac.split(":")) >= 6
