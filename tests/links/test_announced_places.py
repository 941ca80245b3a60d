"""The device is told of where its website is reached, and nowhere else."""

from ipaddress import IPv4Interface

import pytest

from knxgw.links.discovery.places import Place, places

LAN = Place(adapter="eth0", interface=IPv4Interface("192.168.1.5/24"))
RADIO = Place(adapter="wlan0", interface=IPv4Interface("192.168.1.6/24"))
CHARGERS = Place(adapter="eth1", interface=IPv4Interface("10.0.0.1/24"))
DOCKER = Place(adapter="docker0", interface=IPv4Interface("172.17.0.1/16"))
LOOPBACK = Place(adapter="lo", interface=IPv4Interface("127.0.0.1/8"))
OWN_GIVEN = Place(adapter="eth0", interface=IPv4Interface("169.254.3.4/16"))
OTHER_OWN_GIVEN = Place(adapter="eth1", interface=IPv4Interface("169.254.5.6/16"))
ALL = (LOOPBACK, DOCKER, RADIO, CHARGERS, LAN)


def is_of_people(adapter: str) -> bool:
    return adapter != "docker0"


@pytest.mark.parametrize(
    ("hosts", "reported"),
    [
        (["192.168.1.5"], (LAN,)),
        (["10.0.0.1"], (CHARGERS,)),
        (["172.17.0.1"], (DOCKER,)),  # somebody has asked for it
        (["127.0.0.1"], ()),
        (["192.168.1.99"], ()),  # an address that the machine does not have any more
        ([], ()),
        (["::"], ()),
    ],
)
def test_the_device_is_told_of_where_its_website_listens(
    hosts: list[str], reported: tuple[Place, ...]
) -> None:
    assert places(hosts, ALL, is_of_people) == reported


def test_a_website_for_everybody_is_told_once_in_each_network_and_to_no_container() -> None:
    assert places(["0.0.0.0"], ALL, is_of_people) == (LAN, CHARGERS)  # noqa: S104 - where it listens
    without_cable = (LOOPBACK, RADIO)
    assert places(["0.0.0.0"], without_cable, is_of_people) == (RADIO,)  # noqa: S104


def test_an_address_that_the_machine_gave_itself_will_do_as_long_as_there_is_no_other() -> None:
    everywhere = ["0.0.0.0"]  # noqa: S104 - where it listens
    assert places(everywhere, (OWN_GIVEN,), is_of_people) == (OWN_GIVEN,)
    assert places(everywhere, (OWN_GIVEN, LAN), is_of_people) == (LAN,)
    both = (OWN_GIVEN, OTHER_OWN_GIVEN)  # two cables: the same numbers are two networks
    assert places(everywhere, both, is_of_people) == both


@pytest.mark.parametrize(
    ("source", "is_known"),
    [
        ("192.168.1.9", True),
        ("192.168.1.5", True),  # a program on the same machine
        ("192.168.2.9", False),
        ("8.8.8.8", False),
        ("192.168.1.255", False),  # answers to all of them
        ("192.168.1.0", False),
        ("fe80::1", False),
        ("", False),
    ],
)
def test_only_addresses_of_the_own_network_are_known(*, source: str, is_known: bool) -> None:
    assert LAN.knows(source) is is_known
