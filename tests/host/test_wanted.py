"""What the gateway wants crosses to the root side as it is, and nothing else does."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.host.answer import Answer, Failure, NetworkAnswer, PartAnswer, answer_bytes, read_answer
from knxgw.host.manager import Manager
from knxgw.host.network_change import Phase
from knxgw.host.network_plan import IPv4Settings, Mode
from knxgw.host.networkd_file import Source, Written
from knxgw.host.wanted import (
    LARGEST,
    ClockWish,
    NetworkWish,
    RebootWish,
    ServersWish,
    Wanted,
    WantedError,
    new_id,
    read_wanted,
    wanted_bytes,
)

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
DNS_ONLY = IPv4Settings(mode=Mode.AUTOMATIC, name_servers=(IPv4Address("192.0.2.53"),))
ALL = Wanted(
    network=NetworkWish(
        id="a" * 32, settings=DNS_ONLY, source=Source.WEBSITE, must_be_confirmed=True
    ),
    keep="b" * 32,
    give_back="c" * 32,
    time_servers=ServersWish(
        id="d" * 32, servers=("ptbtime1.ptb.de", "192.0.2.123", "2001:db8::1")
    ),
    clock=ClockWish(id="e" * 32, at=NOON, known_at=12.5),
)

REBOOT = Wanted(reboot=RebootWish(id="f" * 32, boot="1e2d3c4b-0000-4abc-8def-0123456789ab"))


def changed(path: str, value: Any, wanted: Wanted = ALL) -> bytes:
    """Return good wishes in which one value is another."""
    content = json.loads(wanted_bytes(wanted))
    *above, last = path.split(".")
    place = content
    for name in above:
        place = place[name]
    place[last] = value
    return json.dumps(content).encode()


def test_what_is_wanted_is_read_as_it_was_written() -> None:
    assert read_wanted(wanted_bytes(ALL)) == ALL
    assert read_wanted(wanted_bytes(Wanted())) == Wanted()
    assert read_wanted(wanted_bytes(REBOOT)) == REBOOT
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
        ("time_servers.servers", "pool.ntp.org"),
        ("time_servers.servers", ["pool.ntp.org\nRootDistanceMaxSec=99"]),
        ("time_servers.servers", ["two words"]),
        ("time_servers.servers", ["-x"]),
        ("time_servers.servers", ["[Time]"]),
        ("time_servers.servers", ["a"] * 17),
        ("clock.at", "1999-12-31T23:59:59+00:00"),
        ("clock.at", "2199-12-31T23:59:59+00:00"),
        ("clock.at", "2026-12-01T12:00:00"),
        ("clock.at", 5),
        ("clock.known_at", -1),
        ("clock.known_at", True),
        ("clock.known_at", float("nan")),
    ],
)
def test_one_wrong_value_refuses_all(path: str, value: Any) -> None:
    with pytest.raises(WantedError):
        read_wanted(changed(path, value))


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
        ("keep", "b" * 32),
        ("command", "poweroff"),
    ],
)
def test_a_restart_of_the_machine_is_read_as_strictly(path: str, value: Any) -> None:
    with pytest.raises(WantedError):
        read_wanted(changed(path, value, REBOOT))


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"{}", b"\xff", b"[" * 5000, b" " * (LARGEST + 1), b'"x"']
)
def test_what_is_no_wish_is_refused(content: bytes) -> None:
    with pytest.raises(WantedError):
        read_wanted(content)


PLACES = (
    *("version", "network", "network.settings", "network.settings.address", "keep"),
    *("time_servers", "time_servers.servers", "clock", "clock.at", "clock.known_at"),
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.sampled_from(PLACES),
    json_values,
)
def test_whatever_stands_at_a_place_is_read_or_refused(path: str, value: Any) -> None:
    with suppress(WantedError):
        assert isinstance(read_wanted(changed(path, value)), Wanted)


@given(st.sampled_from(("reboot", "reboot.id", "reboot.boot", "reboot.more", "keep")), json_values)
def test_whatever_stands_in_a_wish_for_a_restart_is_read_or_refused(path: str, value: Any) -> None:
    with suppress(WantedError):
        assert isinstance(read_wanted(changed(path, value, REBOOT)), Wanted)


@given(st.binary(max_size=200) | json_values.map(lambda one: json.dumps(one).encode()))
def test_no_bytes_bring_the_reader_down(content: bytes) -> None:
    with suppress(WantedError):
        assert read_wanted(content).reboot is None


def test_an_answer_is_read_as_it_was_written() -> None:
    whole = Answer(
        boot="boot",
        manager=Manager.NETWORKD,
        adapter="eth0",
        network=NetworkAnswer(id="a" * 32, phase=Phase.WAITING, confirm_until=NOON),
        written=Written(adapter="eth0", settings=DNS_ONLY, source=Source.ETS, id="a" * 32, at=NOON),
        time_servers=("ptbtime1.ptb.de",),
        servers=PartAnswer(id="d" * 32),
        clock=PartAnswer(id="e" * 32, failure=Failure.SYNCHRONISED),
        can_reboot=True,
        reboot=PartAnswer(id="f" * 32, failure=Failure.CHANGE_WAITS),
    )
    least = Answer(boot="", manager=Manager.UNKNOWN, refusal="it is no JSON")
    assert [read_answer(answer_bytes(one)) for one in (whole, least)] == [whole, least]


def test_an_older_root_side_cannot_restart_the_machine() -> None:
    content = json.loads(answer_bytes(Answer(boot="", manager=Manager.UNKNOWN, can_reboot=True)))
    del content["can_reboot"]
    found = read_answer(json.dumps(content).encode())
    assert found is not None
    assert not found.can_reboot


@given(json_values)
def test_what_is_no_answer_is_none(value: Any) -> None:
    assert read_answer(json.dumps(value).encode()) is None
