"""The transport layer of the device: connections that tools open to it. Pure; time is handed in.

A tool opens one connection, numbers what it sends from 0 to 15, and waits for an acknowledgement of each. The
device has one connection at a time: whoever else asks is told that it is closed. States and events are those of
the connection-oriented server; whatever a tool does wrong ends its connection, never the device.

States: closed (`_peer` is None), open and idle, open and waiting for an acknowledgement (`_unacknowledged`).
Source: [knx-standard] 3/3/4 (transport layer).
"""

from collections import deque
from dataclasses import dataclass

from xknx.telegram.address import IndividualAddress
from xknx.telegram.tpci import TPCI, TAck, TConnect, TDataConnected, TDisconnect, TNak

from knxgw.knx.frames import Security

CONNECTION_S = 6.0  # without traffic
ACKNOWLEDGE_S = 3.0
MOST_REPETITIONS = 3
MOST_WAITING = 8  # answers; a tool asks one thing after the other
SEQUENCE_NUMBERS = 16


@dataclass(frozen=True, slots=True)
class Tpdu:
    """What goes to a tool: a control TPDU, or an APDU with its number."""

    destination: IndividualAddress
    tpci: TPCI
    apdu: bytes = b""
    security: Security = Security.PLAIN


Apdu = tuple[bytes, Security]  # an answer, and how it is to be secured


class TransportLayer:
    """The server side of connections."""

    def __init__(self) -> None:
        self._peer: IndividualAddress | None = None
        self._expected = 0  # number of the next one that the tool sends
        self._next = 0  # number of our next one
        self._unacknowledged: Apdu | None = None
        self._repetitions = 0
        self._waiting: deque[Apdu] = deque()
        self._closes_at = 0.0  # [s], while it is open
        self._repeats_at = 0.0  # [s], while something is not acknowledged

    @property
    def peer(self) -> IndividualAddress | None:
        """Return who has opened the connection, None: it is closed."""
        return self._peer

    def due_at(self) -> float:
        """Return when `tick` has something to do [s]."""
        if self._peer is None:
            return float("inf")
        if self._unacknowledged is None:
            return self._closes_at
        return min(self._closes_at, self._repeats_at)

    # --- from a tool

    def control(self, source: IndividualAddress, tpci: TPCI, now_s: float) -> list[Tpdu]:
        """Take a control TPDU; return what goes out."""
        match tpci:
            case TConnect():
                return self._connect(source, now_s)
            case TDisconnect():
                if source == self._peer:
                    self.close()
                return []
            case TAck(sequence_number=number) if source == self._peer:
                return self._acknowledged(number, now_s)
            case TNak(sequence_number=number) if source == self._peer:
                return self._refused(number, now_s)
        return []

    def data(self, source: IndividualAddress, number: int, now_s: float) -> tuple[bool, list[Tpdu]]:
        """Take the number of an APDU; tell whether it is to be served, and what goes out before that."""
        if source != self._peer:
            return False, []
        if number == self._expected:
            self._expected = _after(number)
            self._closes_at = now_s + CONNECTION_S
            return True, [Tpdu(source, TAck(number))]
        if _after(number) == self._expected:  # our acknowledgement got lost
            return False, [Tpdu(source, TAck(number))]
        return False, [Tpdu(source, TNak(number))]

    def _connect(self, source: IndividualAddress, now_s: float) -> list[Tpdu]:
        if self._peer is not None and source != self._peer:
            return [Tpdu(source, TDisconnect())]
        # A tool that connects again has forgotten its connection: answers of that one must not reach the new one
        self.close()
        self._peer = source
        self._closes_at = now_s + CONNECTION_S
        return []

    def _acknowledged(self, number: int, now_s: float) -> list[Tpdu]:
        if self._unacknowledged is None:
            return []
        if number != self._next:
            return self._end()
        self._unacknowledged = None
        self._next = _after(self._next)
        self._closes_at = now_s + CONNECTION_S
        return self._send(self._waiting.popleft(), now_s) if self._waiting else []

    def _refused(self, number: int, now_s: float) -> list[Tpdu]:
        if number != self._next:
            return []
        return self._end() if self._unacknowledged is None else self._repeat(now_s)

    # --- to the tool

    def respond(self, apdu: bytes, now_s: float, security: Security = Security.PLAIN) -> list[Tpdu]:
        """Send an answer, or let it wait for the acknowledgement of the one before."""
        if self._peer is None:
            return []
        if self._unacknowledged is None:
            return self._send((apdu, security), now_s)
        if len(self._waiting) == MOST_WAITING:
            return self._end()
        self._waiting.append((apdu, security))
        return []

    def _send(self, apdu: Apdu, now_s: float) -> list[Tpdu]:
        self._unacknowledged, self._repetitions = apdu, 0
        return self._transmit(now_s)

    def _repeat(self, now_s: float) -> list[Tpdu]:
        if self._repetitions == MOST_REPETITIONS:
            return self._end()
        self._repetitions += 1
        return self._transmit(now_s)

    def _transmit(self, now_s: float) -> list[Tpdu]:
        assert self._peer is not None  # noqa: S101 - only while it is open
        assert self._unacknowledged is not None  # noqa: S101 - as above
        self._repeats_at = now_s + ACKNOWLEDGE_S
        self._closes_at = now_s + CONNECTION_S
        apdu, security = self._unacknowledged
        return [Tpdu(self._peer, TDataConnected(self._next), apdu, security)]

    # --- time and end

    def tick(self, now_s: float) -> list[Tpdu]:
        """Do what time asks for: repeat an answer, or close a connection without traffic."""
        if self._peer is None:
            return []
        if self._unacknowledged is not None and now_s >= self._repeats_at:
            return self._repeat(now_s)
        return self._end() if now_s >= self._closes_at else []

    def _end(self) -> list[Tpdu]:
        """Close the connection and say so."""
        peer = self._peer
        self.close()
        return [] if peer is None else [Tpdu(peer, TDisconnect())]

    def close(self) -> None:
        """Close the connection without a word; answers that wait are for nobody."""
        self._peer = None
        self._expected = self._next = 0
        self._unacknowledged = None
        self._waiting.clear()


def _after(number: int) -> int:
    return (number + 1) % SEQUENCE_NUMBERS
