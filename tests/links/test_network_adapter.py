"""What the system says about network adapters is read right, and compared."""

from dataclasses import replace

import pytest

from knxgw.links.network_adapter import (
    AdapterState,
    AdapterWatch,
    adapter_state,
    members,
    trouble,
)

# /proc/net/igmp of a Linux machine, little endian
IGMP = """\
Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter
1\tlo        :     1      V3
\t\t\t\t010000E0     1 0:00000000\t\t0
4\teth0      :     2      V3
\t\t\t\t0C1700E0     1 0:00000000\t\t1
\t\t\t\t010000E0     1 0:00000000\t\t0
"""
GOOD = AdapterState(name="eth0", index=4, is_running=True, is_joined=True)
ADDRESS = "192.168.1.20"


@pytest.mark.parametrize(
    ("group", "adapters"),
    [
        ("224.0.23.12", [(4, "eth0")]),
        ("224.0.0.1", [(1, "lo"), (4, "eth0")]),
        ("224.0.23.13", []),
    ],
)
def test_a_group_is_found_under_its_adapters(
    group: str, adapters: list[tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.byteorder", "little")
    assert list(members(IGMP, group)) == adapters


def test_an_empty_list_names_nothing() -> None:
    assert not list(members("", "224.0.23.12"))
    assert not list(members("Idx\tDevice\n\n", "224.0.23.12"))


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (GOOD, None),
        (None, "no network adapter has the address 192.168.1.20 any more"),
        (replace(GOOD, index=5), "the network adapter eth0 was away"),
        (replace(GOOD, name="eth1"), "the network adapter eth1 was away"),
        (replace(GOOD, is_running=False), "the network adapter eth0 is not connected"),
        (replace(GOOD, is_joined=False), "the network adapter eth0 left the multicast group"),
    ],
)
def test_what_has_changed_is_said(now: AdapterState | None, said: str | None) -> None:
    assert trouble(GOOD, now, ADDRESS) == said


def test_an_adapter_that_gets_its_cable_is_news_too() -> None:
    unplugged = replace(GOOD, is_running=False)
    assert trouble(unplugged, unplugged, ADDRESS) is None, "a bridge without ports"
    assert trouble(unplugged, GOOD, ADDRESS) == "the network adapter eth0 was not connected"


def test_what_the_system_never_said_has_not_changed() -> None:
    silent = replace(GOOD, is_joined=False)
    assert trouble(silent, silent, ADDRESS) is None


@pytest.mark.real
def test_the_loopback_adapter_is_found_and_runs() -> None:
    state = adapter_state("127.0.0.1")
    assert state is not None
    assert state.is_running
    assert AdapterWatch("127.0.0.1").trouble() is None


@pytest.mark.real
def test_an_address_of_no_adapter_has_none_and_is_not_watched() -> None:
    assert adapter_state("203.0.113.77") is None
    watch = AdapterWatch("203.0.113.77", "224.0.23.12")
    assert watch.trouble() is None
    assert watch.is_running is None
    assert watch.name is None
