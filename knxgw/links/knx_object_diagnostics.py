"""The group objects that run, for a tool that diagnoses them; see `GroupObjects`.

What it writes comes to the station as a telegram would, and what it sends goes out as any telegram does.
"""

import asyncio
from collections.abc import Callable

from xknx.dpt import DPTArray, DPTBinary
from xknx.telegram.address import GroupAddress
from xknx.telegram.apci import APCI, GroupValueRead, GroupValueWrite

from knxgw.device.group_objects import SeenObject
from knxgw.errors import DecodeError, RejectedError
from knxgw.links.knx_group_communication import group_frame
from knxgw.links.knx_port import KnxPort
from knxgw.objects.codec import Payload, size_bits
from knxgw.objects.server import ObjectServer
from knxgw.objects.table import GroupObject
from knxgw.station.model import Command


class DiagnosedObjects:
    """The group objects of one server on a port."""

    def __init__(
        self, server: ObjectServer, port: KnxPort, on_command: Callable[[Command], None]
    ) -> None:
        self._server = server
        self._port = port
        self._on_command = on_command

    def find(self, number: int) -> SeenObject | None:
        """Return a group object."""
        one = self._server.by_number.get(number)
        return None if one is None else _seen(one)

    def has_address(self, address: int) -> bool:
        """Tell whether some group object has a group address."""
        return self._server.has_address(address)

    def take(self, number: int, value: bytes) -> bool:
        """Let one object take a value as from the bus."""
        one = self._server.by_number.get(number)
        payload = _payload(value, is_compact=one is not None and _bits(one) < 8)
        try:
            commands = self._server.written_alone(number, payload)
        except (DecodeError, RejectedError):
            return False
        self._hand_on(commands)
        return True

    def send_value(self, number: int) -> bool:
        """Send the value that an object has."""
        if not self._port.is_up:
            return False
        try:
            self._server.send_again(number)
        except RejectedError:
            return False
        self._port.wake()
        return True

    def send_write(self, address: int, value: bytes, *, is_compact: bool) -> bool:
        """Write a value to a group address, on the bus and here."""
        return self._send(address, GroupValueWrite(_payload(value, is_compact=is_compact)))

    def send_read(self, address: int) -> bool:
        """Read a group address, on the bus and here."""
        return self._send(address, GroupValueRead())

    def _send(self, raw: int, service: APCI) -> bool:
        address = GroupAddress(raw)
        outcome = self._port.send(group_frame(self._port.individual_address, address, service))
        if outcome.done():  # it is dropped: no link, or too much waits already
            return False
        self._hand_on(self._server.received(address, service, asyncio.get_running_loop().time()))
        return True

    def _hand_on(self, commands: list[Command]) -> None:
        for command in commands:
            self._on_command(command)
        self._port.wake()


def _seen(one: GroupObject) -> SeenObject:
    main, _, sub = (one.dpt or "").partition(".")
    return SeenObject(
        flags=one.flags,
        priority=one.priority,
        bits=_bits(one),
        datapoint_type=(int(main or 0), int(sub or 0)),
        value=None if one.payload is None else _octets(one.payload),
    )


def _bits(one: GroupObject) -> int:
    return size_bits(one.dpt) or 8


def _payload(value: bytes, *, is_compact: bool) -> Payload:
    return DPTBinary(value[0]) if is_compact else DPTArray(tuple(value))


def _octets(payload: Payload) -> bytes:
    return bytes([payload.value]) if isinstance(payload, DPTBinary) else bytes(payload.value)
