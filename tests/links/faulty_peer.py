"""Simulated chargers behind a wire that does what a fault says, on a null modem, in virtual time.

Frames are made by `raw_peer`, registers by the simulated chargers: only what comes between is wrong.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pymodbus.transport import NULLMODEM_HOST, CommParams, CommType, ModbusProtocol

from knxgw.catalogue.points import Table
from knxgw.errors import PeerRefusedError
from knxgw.sim.charger import SimulatedCharger
from tests.links.raw_peer import framed, unframed

CLOSE = None  # in place of bytes: the connection ends
Said = list[tuple[float, bytes | None]]  # what is said, each after [s]


def truth(image: SimulatedCharger, pdu: bytes) -> bytes:
    """Return what a charger in good order answers."""
    function, address = pdu[0], int.from_bytes(pdu[1:3], "big")
    try:
        if function in (3, 4):
            table = Table.HOLDING if function == 3 else Table.INPUT
            registers = image.read(image.unit_id, table, address, int.from_bytes(pdu[3:5], "big"))
            data = b"".join(register.to_bytes(2, "big") for register in registers)
            return bytes((function, len(data))) + data
        image.write(image.unit_id, Table.HOLDING, address, function, written(pdu))
    except PeerRefusedError as err:
        return bytes((function | 0x80, err.code))
    return pdu[:5]


def written(pdu: bytes) -> tuple[int, ...]:
    """Return the registers of a write request."""
    data = pdu[3:5] if pdu[0] == 6 else pdu[6:]
    return tuple(int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, and the right answer to it."""

    peer: "FaultyPeer"
    connection: "Connection"
    request: bytes  # the whole frame
    number: int
    unit: int
    pdu: bytes
    right: bytes  # the content of the right answer
    count: int  # requests to this unit since the fault began, from 1 on
    place: int  # requests on this connection, from 1 on

    def frame(self, content: bytes | None = None, **other: int) -> bytes:
        """Return the answer's frame, with another content, unit or number if given."""
        return framed(
            self.peer.transport,
            other.get("unit", self.unit),
            self.right if content is None else content,
            other.get("number", self.number),
        )


Behaviour = Callable[[Asked], Said]
# Raises what an attempt to connect gets; True: it is taken, and ended at once.
Door = Callable[["FaultyPeer"], bool | None]


def right(asked: Asked) -> Said:
    """Answer as one should."""
    return [(0.005, asked.frame())]


def open_door(_peer: "FaultyPeer") -> None:
    """Let everybody in."""


@dataclass(slots=True)
class FaultyPeer:
    """What listens: units, how it behaves, and to which of them that applies."""

    transport: str
    port: int
    images: Mapping[int, SimulatedCharger]
    behave: Behaviour = right
    door: Door = open_door
    units: frozenset[int] | None = None  # None: all
    ends_s: float | None = None  # every connection, so long after it was made; None: never
    ended_s: float = float("-inf")  # when the last connection ended
    begun_s: float = 0.0  # when the fault began
    opened: int = 0  # connections since
    memory: dict[str, object] = field(default_factory=dict)  # of the fault
    open: list["Connection"] = field(default_factory=list)
    counts: dict[int, int] = field(default_factory=dict)

    def begin(self, behave: Behaviour, door: Door, units: frozenset[int] | None) -> None:
        """Be out of order from now on."""
        self.behave, self.door, self.units = behave, door, units
        self.memory.clear()
        self.counts.clear()
        self.opened = 0
        self.begun_s = asyncio.get_running_loop().time()

    def end(self) -> None:
        """Be in order again."""
        self.behave, self.door, self.ends_s = right, open_door, None

    def hang_up(self) -> None:
        """End every connection, as one that loses power."""
        for connection in list(self.open):
            connection.end()

    def listen(self) -> "Listener":
        """Return what pymodbus listens with."""
        return Listener(self)

    def answer(self, connection: "Connection", request: bytes) -> Said:
        """Return what is said to a request."""
        number, unit, pdu = unframed(self.transport, request)
        self.counts[unit] = self.counts.get(unit, 0) + 1
        connection.asked += 1
        asked = Asked(
            peer=self,
            connection=connection,
            request=request,
            number=number,
            unit=unit,
            pdu=pdu,
            right=truth(self.images[unit], pdu),
            count=self.counts[unit],
            place=connection.asked,
        )
        applies = self.units is None or unit in self.units
        return self.behave(asked) if applies else right(asked)


class Listener(ModbusProtocol):
    """Takes connections on the null modem."""

    def __init__(self, peer: FaultyPeer) -> None:
        params = CommParams(comm_type=CommType.TCP, source_address=(NULLMODEM_HOST, peer.port))
        super().__init__(params, True)
        self._peer = peer

    def callback_new_connection(self) -> ModbusProtocol:
        """Take a connection, or raise why not."""
        self._peer.opened += 1
        return Connection(self._peer, is_slammed=bool(self._peer.door(self._peer)))

    def callback_connected(self) -> None:
        """Nothing to do."""

    def callback_disconnected(self, exc: Exception | None) -> None:
        """Nothing to do."""

    def callback_data(self, data: bytes, addr: tuple[str, int] | None = None) -> int:
        """Nothing comes here."""
        return len(data)


class Connection(Listener):
    """One connection of a peer."""

    def __init__(self, peer: FaultyPeer, *, is_slammed: bool) -> None:
        super().__init__(peer)
        self.asked = 0
        self.held = b""  # an answer of before
        self.begun_s = self.loop.time()
        if is_slammed:
            self.loop.call_soon(self.end)
            return
        peer.open.append(self)
        if peer.ends_s is not None:
            self.loop.call_later(peer.ends_s, self.end)

    def callback_disconnected(self, exc: Exception | None) -> None:
        """Note when its place became free."""
        self._gone()

    def callback_data(self, data: bytes, addr: tuple[str, int] | None = None) -> int:
        """Answer a request; the null modem hands over whole ones."""
        for delay_s, said in self._peer.answer(self, data):
            self.loop.call_later(delay_s, self.end if said is CLOSE else self.say, said or b"")
        return len(data)

    def say(self, said: bytes) -> None:
        """Say something, unless the other end has gone."""
        if self.is_active() and said:
            self.send(said)

    def end(self, _nothing: bytes = b"") -> None:
        """End the connection."""
        if self.is_active():
            self._gone()
            self.close()

    def _gone(self) -> None:
        if self in self._peer.open:
            self._peer.open.remove(self)
            self._peer.ended_s = self.loop.time()
