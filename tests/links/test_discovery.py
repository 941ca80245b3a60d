"""Discovery follows what the device is and where it is reached, and never disturbs it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import IPv4Interface
from uuid import UUID

import pytest

from knxgw.errors import LinkError
from knxgw.links.discovery.discovery import LOOK_S, Discovery, NoteNames, Situation
from knxgw.links.discovery.introduction import Introduction
from knxgw.links.discovery.places import Place

LAN = Place(adapter="eth0", interface=IPv4Interface("192.168.1.5/24"))
MOVED = Place(adapter="eth0", interface=IPv4Interface("192.168.1.77/24"))
GARAGE = Introduction(name="Garage", id=UUID(int=1), port=8080)
HERE = Situation(said=GARAGE, places=(LAN,))


class Protocol:
    """A protocol without a network: notes what is told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.troubles: list[Exception] = []  # of the next tries

    async def tell(self, place: Place, situation: Situation, note_names: NoteNames) -> None:
        if self.troubles:
            raise self.troubles.pop(0)
        self.said.append(f"hello {situation.said.name} {place.address}")
        note_names(frozenset({f"{situation.said.host_label}.local"}))
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.3)  # goodbyes take a moment
            self.said.append(f"bye {situation.said.name} {place.address}")


class Told:
    """One discovery, and what holds."""

    def __init__(self) -> None:
        self.protocol = Protocol()
        self.situation: Situation | None = HERE
        self.trouble: Exception | None = None
        self.discovery = Discovery(self.look, {"SSDP": self.protocol.tell})

    def look(self) -> Situation | None:
        if self.trouble is not None:
            raise self.trouble
        return self.situation


@asynccontextmanager
async def reported() -> AsyncIterator[Told]:
    one = Told()
    async with asyncio.TaskGroup() as group:
        running = group.create_task(one.discovery.run())
        await asyncio.sleep(0.1)
        yield one
        running.cancel()


async def test_the_device_says_hello_and_at_the_end_goodbye() -> None:
    async with reported() as one:
        await asyncio.sleep(3600)
        assert one.protocol.said == ["hello Garage 192.168.1.5"]
        assert one.discovery.host_names == {"garage.local"}
    assert one.protocol.said[1:] == ["bye Garage 192.168.1.5"]
    assert one.discovery.host_names == frozenset()


@pytest.mark.proves("W61")
async def test_another_address_is_found_within_seconds() -> None:
    async with reported() as one:
        one.situation = replace(HERE, places=(MOVED,))
        await asyncio.sleep(LOOK_S + 1)
        assert one.protocol.said[1:] == ["bye Garage 192.168.1.5", "hello Garage 192.168.1.77"]


@pytest.mark.proves("W61")
async def test_a_change_of_the_configuration_is_followed_at_once() -> None:
    async with reported() as one:
        one.situation = replace(HERE, said=replace(GARAGE, name="Yard"))
        one.discovery.look_again()
        await asyncio.sleep(1)
        assert one.protocol.said[1:] == ["bye Garage 192.168.1.5", "hello Yard 192.168.1.5"]
        assert one.discovery.host_names == {"yard.local"}
        one.situation = None
        one.discovery.look_again()
        await asyncio.sleep(1)
        assert one.protocol.said[3:] == ["bye Yard 192.168.1.5"]
        assert one.discovery.host_names == frozenset()


async def test_another_look_without_a_change_says_nothing() -> None:
    async with reported() as one:
        one.situation = replace(HERE, own_addresses=frozenset({"10.0.0.1"}))
        one.discovery.look_again()
        await asyncio.sleep(60)
        assert len(one.protocol.said) == 1


@pytest.mark.proves("W61")
async def test_a_network_that_fails_is_said_once_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        async with reported() as one:
            one.protocol.troubles = [OSError(19, "no such device")] * 3 + [LinkError("mDNS: away")]
            one.situation = replace(HERE, places=(MOVED,))
            await asyncio.sleep(LOOK_S * 6)
            assert one.protocol.said[-1] == "hello Garage 192.168.1.77"
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2, said
    assert "not announced by SSDP at eth0" in said[0]
    assert "charging goes on" in said[0]


@pytest.mark.parametrize("why", [OSError(24, "too many open files"), ValueError("a bug")])
async def test_what_is_told_goes_on_while_the_system_names_no_addresses(
    why: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        async with reported() as one:
            one.trouble = why
            await asyncio.sleep(LOOK_S * 6)
            assert one.protocol.said == ["hello Garage 192.168.1.5"]
            one.trouble, one.situation = None, replace(HERE, places=(MOVED,))
            await asyncio.sleep(LOOK_S + 1)
            assert one.protocol.said[-1] == "hello Garage 192.168.1.77"
    assert len(caplog.records) == 1, "it is said once"
    caplog.clear()  # it was expected


async def test_a_mistake_of_ours_is_an_error_of_the_log_and_ends_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with reported() as one:
        one.protocol.troubles = [ValueError("a bug")]
        one.situation = replace(HERE, places=(MOVED,))
        await asyncio.sleep(LOOK_S * 3)
        assert one.protocol.said[-1] == "hello Garage 192.168.1.77"
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1
    caplog.clear()  # it was expected
