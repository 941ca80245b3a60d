"""Which addresses a search in the own network covers."""

import pytest

from knxgw.host.network import OwnAddress
from knxgw.host.subnets import subnets_of


def own(address: str, prefix: int) -> OwnAddress:
    return OwnAddress("eth0", address, "", prefix)


@pytest.mark.proves("W48")
def test_a_search_covers_the_own_network_only_and_of_a_large_one_the_part_around_the_device() -> (
    None
):
    small, large = subnets_of([own("192.168.1.66", 29), own("10.3.200.7", 8)])
    assert str(small.network) == "192.168.1.64/29"
    assert small.hosts() == tuple(f"192.168.1.{last}" for last in (65, 67, 68, 69, 70))
    assert str(large.network) == "10.3.200.0/24"
    assert len(large.hosts()) == 253
    assert "10.3.200.7" not in large.hosts()


def test_each_network_is_searched_once_and_one_address_alone_is_none() -> None:
    found = subnets_of(
        [own("192.168.1.5", 24), own("192.168.1.6", 24), own("fd00::5", 64), own("10.0.0.1", 32)]
    )
    assert [str(one.network) for one in found] == ["192.168.1.0/24"]
