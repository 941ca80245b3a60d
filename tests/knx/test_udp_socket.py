"""A UDP socket is read until it is empty, in turns, and says what the system refuses."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from knxgw.knx.udp_socket import LONGEST, MOST_AT_ONCE, UdpSocket
from tests.support.knxip_server import eventually

pytestmark = pytest.mark.real
LOCALHOST = "127.0.0.1"


class Ear:
    """What a socket has handed on."""

    def __init__(self) -> None:
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind((LOCALHOST, 0))
        self.heard: list[bytes] = []
        self.failures: list[OSError] = []
        self.socket = UdpSocket(bound, self.take, self.failures.append)

    def take(self, raw: bytes, source: tuple[str, int]) -> None:
        assert source[0] == LOCALHOST
        self.heard.append(raw)


@asynccontextmanager
async def ear() -> AsyncIterator[tuple[Ear, socket.socket]]:
    one = Ear()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
        mouth.connect(one.socket.address)
        try:
            yield one, mouth
        finally:
            one.socket.close()


async def test_all_that_waits_is_taken_in_its_order() -> None:
    async with ear() as (one, mouth):
        for number in range(3 * MOST_AT_ONCE):
            mouth.send(bytes([number]))
        await eventually(lambda: len(one.heard) == 3 * MOST_AT_ONCE, "all datagrams")
        assert one.heard == [bytes([number]) for number in range(3 * MOST_AT_ONCE)]


async def test_others_have_their_turn_while_many_come() -> None:
    async with ear() as (one, mouth):
        for _ in range(3 * MOST_AT_ONCE):
            mouth.send(b"x")
        one.socket._read()
        assert len(one.heard) == MOST_AT_ONCE


async def test_a_socket_closed_by_what_it_has_received_hands_on_nothing_more() -> None:
    async with ear() as (one, mouth):
        heard = []

        def close(raw: bytes, _source: tuple[str, int]) -> None:
            heard.append(raw)
            one.socket.close()

        one.socket._received = close
        mouth.send(b"first")
        mouth.send(b"second")
        await eventually(lambda: bool(heard), "the first datagram")
        assert heard == [b"first"]
        one.socket.close()  # again


async def test_what_is_longer_than_any_frame_is_cut() -> None:
    async with ear() as (one, mouth):
        mouth.send(bytes(3 * LONGEST))
        await eventually(lambda: bool(one.heard), "the datagram")
        assert len(one.heard[0]) == LONGEST + 1


async def test_it_says_why_the_system_does_not_send() -> None:
    async with ear() as (one, _mouth):
        assert one.socket.send(bytes(70_000), (LOCALHOST, 9))
        assert "too long" in str(one.failures[0])
