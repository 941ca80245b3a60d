"""Tells of the device by SSDP in one network: at the start, again and again, and at the end."""

import asyncio
import random
import socket
from asyncio import DatagramTransport
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any, NoReturn

from knxgw.links.discovery.one_network import keep_to_adapter
from knxgw.links.discovery.places import Place
from knxgw.links.discovery.ssdp import GROUP, MAX_AGE_S, PORT, Doorman, RootDevice

AGAIN_S = MAX_AGE_S / 3  # twice lost, and it is still known
TWICE_S = 0.2  # packets may be lost: the first and the last words are said twice
HOPS = 2  # as UPnP wants it


class _Listener(asyncio.DatagramProtocol):
    """Answers searches of one network, each a little later."""

    def __init__(self, doorman: Doorman, send: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._doorman, self._send = doorman, send
        self._loop = asyncio.get_running_loop()
        self._waiting: set[asyncio.TimerHandle] = set()  # the doorman keeps them few

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Answer a search; whatever else is said is ignored, also what we say ourselves."""
        admitted = self._doorman.admit(data, (str(addr[0]), addr[1]), self._loop.time())
        if admitted is None:
            return
        delay_s, answers = admitted
        handle: asyncio.TimerHandle | None = None

        def answer() -> None:
            if handle is not None:
                self._waiting.discard(handle)
            for one in answers:
                self._send(one, addr)

        handle = self._loop.call_later(delay_s, answer)
        self._waiting.add(handle)

    def connection_lost(self, exc: Exception | None) -> None:
        """Answer nobody any more."""
        for one in self._waiting:
            one.cancel()


async def tell_by_ssdp(
    place: Place, device: RootDevice, on_open: Callable[[], object] = lambda: None
) -> NoReturn:
    """Announce the device in one network and answer searches, until cancelled; then say goodbye.

    `on_open` is called when it can. Raises: OSError, the network is not there.
    """
    with ExitStack() as stack:
        talking = await _endpoint(stack, _talking(place), asyncio.DatagramProtocol)
        doorman = Doorman(place, device, random.random)
        await _endpoint(stack, _listening(place), lambda: _Listener(doorman, talking.sendto))
        on_open()
        try:
            await asyncio.sleep(TWICE_S * random.random())  # noqa: S311 - many may start at once
            await _say_twice(talking, device.alive())
            while True:
                await asyncio.sleep(AGAIN_S)
                _say(talking, device.alive())
        finally:
            await _say_twice(talking, device.byebye())


async def _say_twice(transport: DatagramTransport, messages: tuple[bytes, ...]) -> None:
    _say(transport, messages)
    await asyncio.sleep(TWICE_S)
    _say(transport, messages)


def _say(transport: DatagramTransport, messages: Iterable[bytes]) -> None:
    for one in messages:
        transport.sendto(one, (GROUP, PORT))


async def _endpoint(
    stack: ExitStack, sock: socket.socket, protocol: Callable[[], asyncio.DatagramProtocol]
) -> DatagramTransport:
    """Give a socket to the loop, until the stack is left."""
    try:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            protocol, sock=sock
        )
    except BaseException:
        sock.close()
        raise
    stack.callback(transport.close)
    return transport


def _talking(place: Place) -> socket.socket:
    """Return the socket that announces and answers. Raises: OSError, the address is gone."""
    return _prepared(place, (place.address, 0), None)


def _listening(place: Place) -> socket.socket:
    """Return the socket that hears the searches of one network. Raises: OSError."""
    membership = socket.inet_aton(GROUP) + socket.inet_aton(place.address)
    return _prepared(place, (GROUP, PORT), membership)


def _prepared(network: Place, address: tuple[str, int], membership: bytes | None) -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own = socket.inet_aton(network.address)
    try:
        one.setblocking(False)  # noqa: FBT003 - a function of the library
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # others may listen there, too
        keep_to_adapter(one, network.adapter)
        one.bind(address)
        one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, own)
        one.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, HOPS)
        if membership is not None:
            one.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    except OSError:
        one.close()
        raise
    return one
