"""What the gateway wants crosses to the root side as it is, and nothing else does."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.host.answer import (
    Failure,
    NetworkAnswer,
    NetworkSideAnswer,
    PartAnswer,
    TimeSideAnswer,
    network_answer_bytes,
    read_network_answer,
    read_time_answer,
    time_answer_bytes,
)
from knxgw.host.manager import Manager
from knxgw.host.network_change import Phase
from knxgw.host.network_plan import IPv4Settings, Mode
from knxgw.host.networkd_file import Source, Written
from knxgw.host.wanted import (
    LARGEST,
    ClockWish,
    NetworkServersWish,
    NetworkWanted,
    NetworkWish,
    RebootWish,
    ServersWish,
    TimeWanted,
    WantedError,
    new_id,
    read_network_wanted,
    read_time_wanted,
    wanted_bytes,
)

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
DNS_ONLY = IPv4Settings(mode=Mode.AUTOMATIC, name_servers=(IPv4Address("192.0.2.53"),))
OF_NETWORK = NetworkWanted(
    network=NetworkWish(
        id="a" * 32, settings=DNS_ONLY, source=Source.WEBSITE, must_be_confirmed=True
    ),
    keep="b" * 32,
    give_back="c" * 32,
    time_servers=NetworkServersWish(id="d" * 32, are_used=False),
)
OF_TIME = TimeWanted(
    servers=ServersWish(id="d" * 32, servers=("ptbtime1.ptb.de", "192.0.2.123", "2001:db8::1")),
    clock=ClockWish(id="e" * 32, at=NOON, known_at=12.5),
)
REBOOT = TimeWanted(reboot=RebootWish(id="f" * 32, boot="1e2d3c4b-0000-4abc-8def-0123456789ab"))


def changed(path: str, value: Any, wanted: NetworkWanted | TimeWanted) -> bytes:
    """Return good wishes in which one value is another."""
    content = json.loads(wanted_bytes(wanted))
    *above, last = path.split(".")
    place = content
    for name in above:
        place = place[name]
    place[last] = value
    return json.dumps(content).encode()


def test_what_is_wanted_is_read_as_it_was_written() -> None:
    for of_network in (OF_NETWORK, NetworkWanted()):
        assert read_network_wanted(wanted_bytes(of_network)) == of_network
    for of_time in (OF_TIME, TimeWanted(), REBOOT):
        assert read_time_wanted(wanted_bytes(of_time)) == of_time
    assert new_id() != new_id()


@pytest.mark.proves("W40", "W41")
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", 2),
        ("version", True),
        ("command", "reboot"),
        ("network", []),
        ("network.id", "../../etc"),
        ("network.more", 1),
        ("network.source", "host"),
        ("network.must_be_confirmed", "no"),
        ("network.settings.mode", "dhcp"),
        ("network.settings.address", "192.0.2.1"),
        ("network.settings.dns", "192.0.2.53\nGateway=192.0.2.1"),
        ("network.settings.dns", 5),
        ("network.settings.dns", "127.0.0.1"),
        ("network.settings.extra", ""),
        ("keep", 7),
        ("keep", "A" * 32),
        ("give_back", ""),
        ("servers", json.loads(wanted_bytes(OF_TIME))["servers"]),
        ("clock", json.loads(wanted_bytes(OF_TIME))["clock"]),
        ("reboot", json.loads(wanted_bytes(REBOOT))["reboot"]),
        ("time_servers", True),
        ("time_servers.are_used", 1),
        ("time_servers.more", 1),
    ],
)
def test_one_wrong_value_refuses_all_of_the_network(path: str, value: Any) -> None:
    with pytest.raises(WantedError):
        read_network_wanted(changed(path, value, OF_NETWORK))


@pytest.mark.proves("W41")
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", 2),
        ("command", "reboot"),
        ("network", {}),
        ("keep", "b" * 32),
        ("servers.servers", "pool.ntp.org"),
        ("servers.servers", ["pool.ntp.org\nRootDistanceMaxSec=99"]),
        ("servers.servers", ["two words"]),
        ("servers.servers", ["-x"]),
        ("servers.servers", ["[Time]"]),
        ("servers.servers", ["a"] * 17),
        ("clock.at", "1999-12-31T23:59:59+00:00"),
        ("clock.at", "2199-12-31T23:59:59+00:00"),
        ("clock.at", "2026-12-01T12:00:00"),
        ("clock.at", 5),
        ("clock.known_at", -1),
        ("clock.known_at", True),
        ("clock.known_at", float("nan")),
    ],
)
def test_one_wrong_value_refuses_all_of_the_time(path: str, value: Any) -> None:
    with pytest.raises(WantedError):
        read_time_wanted(changed(path, value, OF_TIME))


@pytest.mark.proves("W67")
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("reboot", True),
        ("reboot", "f" * 32),
        ("reboot.id", "f" * 31),
        ("reboot.boot", ""),
        ("reboot.boot", None),
        ("reboot.boot", "1e2d3c4b-0000-4abc-8def-0123456789ab\n"),
        ("reboot.argument", "--force"),
        ("servers", {"id": "b" * 32, "servers": []}),
        ("command", "poweroff"),
    ],
)
def test_a_restart_of_the_machine_is_read_as_strictly(path: str, value: Any) -> None:
    with pytest.raises(WantedError):
        read_time_wanted(changed(path, value, REBOOT))


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"{}", b"\xff", b"[" * 5000, b" " * (LARGEST + 1), b'"x"']
)
def test_what_is_no_wish_is_refused(content: bytes) -> None:
    for read in (read_network_wanted, read_time_wanted):
        with pytest.raises(WantedError):
            read(content)


NETWORK_PLACES = (
    *("version", "network", "network.settings", "network.settings.address", "keep"),
    *("time_servers", "time_servers.are_used"),
)
TIME_PLACES = ("servers", "servers.servers", "clock", "clock.at", "clock.known_at")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.sampled_from(NETWORK_PLACES), json_values)
def test_whatever_stands_in_a_wish_for_the_network_is_read_or_refused(
    path: str, value: Any
) -> None:
    with suppress(WantedError):
        assert isinstance(read_network_wanted(changed(path, value, OF_NETWORK)), NetworkWanted)


@given(st.sampled_from(TIME_PLACES), json_values)
def test_whatever_stands_in_a_wish_for_the_time_is_read_or_refused(path: str, value: Any) -> None:
    with suppress(WantedError):
        assert isinstance(read_time_wanted(changed(path, value, OF_TIME)), TimeWanted)


@given(st.sampled_from(("reboot", "reboot.id", "reboot.boot", "reboot.more", "clock")), json_values)
def test_whatever_stands_in_a_wish_for_a_restart_is_read_or_refused(path: str, value: Any) -> None:
    with suppress(WantedError):
        assert isinstance(read_time_wanted(changed(path, value, REBOOT)), TimeWanted)


@given(st.binary(max_size=200) | json_values.map(lambda one: json.dumps(one).encode()))
def test_no_bytes_bring_the_reader_down(content: bytes) -> None:
    with suppress(WantedError):
        assert read_network_wanted(content).network is None
    with suppress(WantedError):
        assert read_time_wanted(content).reboot is None


def test_an_answer_is_read_as_it_was_written() -> None:
    of_network = NetworkSideAnswer(
        boot="boot",
        manager=Manager.NETWORKD,
        adapter="eth0",
        network=NetworkAnswer(id="a" * 32, phase=Phase.WAITING, confirm_until=NOON),
        written=Written(adapter="eth0", settings=DNS_ONLY, source=Source.ETS, id="a" * 32, at=NOON),
        uses_time_servers=False,
        time_servers=PartAnswer(id="d" * 32, failure=Failure.NOT_TAKEN),
    )
    of_time = TimeSideAnswer(
        boot="boot",
        time_servers=("ptbtime1.ptb.de",),
        servers=PartAnswer(id="d" * 32),
        clock=PartAnswer(id="e" * 32, failure=Failure.SYNCHRONISED),
        reboot=PartAnswer(id="f" * 32, failure=Failure.CHANGE_WAITS),
    )
    least = NetworkSideAnswer(boot="", manager=Manager.UNKNOWN, refusal="it is no JSON")
    for network in (of_network, least):
        assert read_network_answer(network_answer_bytes(network)) == network
    for time in (of_time, TimeSideAnswer(boot="", refusal="it is too large")):
        assert read_time_answer(time_answer_bytes(time)) == time


def test_an_answer_of_one_half_is_none_of_the_other() -> None:
    assert read_network_answer(time_answer_bytes(TimeSideAnswer(boot=""))) is None


@given(json_values)
def test_what_is_no_answer_is_none(value: Any) -> None:
    content = json.dumps(value).encode()
    assert read_network_answer(content) is None
    assert read_time_answer(content) is None
