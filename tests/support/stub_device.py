"""As much of a device that ETS programs as the KNX port needs to show, and a client that asks it.

The device tells its device descriptor, with and without a connection, and its individual address in
programming mode. It knows one client at a time, repeats nothing and has no time-outs.
"""

import asyncio

from xknx.cemi import CEMIFlags, CEMILData, CEMIPriority
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import (
    APCI,
    DeviceDescriptorRead,
    DeviceDescriptorResponse,
    IndividualAddressRead,
    IndividualAddressResponse,
)
from xknx.telegram.tpci import (
    TPCI,
    TAck,
    TConnect,
    TDataBroadcast,
    TDataConnected,
    TDataIndividual,
    TDisconnect,
)

from knxgw.knx.frames import FrameKind, Outcome, Security
from knxgw.links.knx_port import KnxPort

MASK = 0x57B0  # KNX IP, System B
BROADCAST = GroupAddress("0/0/0")


class StubDevice:
    """Registers for all frames but group telegrams."""

    def __init__(self, port: KnxPort, *, programming_mode: bool = False) -> None:
        self.programming_mode = programming_mode
        self.peer: IndividualAddress | None = None
        self.obeyed: list[APCI] = []
        self.answers: list[asyncio.Future[Outcome]] = []
        self.link_changes: list[str] = []
        self._port = port
        self._expected = self._next = 0  # sequence numbers of the connection
        port.register(self, FrameKind.BROADCAST, FrameKind.INDIVIDUAL, FrameKind.CONTROL)

    def link_up(self) -> None:
        """Note that the link is there."""
        self.link_changes.append("up")

    def link_down(self) -> None:
        """Lose the connection with the link."""
        self.link_changes.append("down")
        self.peer = None

    def take(self, data: CEMILData, security: Security) -> None:
        """Take a frame."""
        match data.tpci:
            case TConnect():
                self.peer, self._expected, self._next = data.src_addr, 0, 0
            case TDisconnect() if data.src_addr == self.peer:
                self.peer = None
            case TDataConnected() if data.src_addr == self.peer:
                self._connected(data, data.tpci.sequence_number, security)
            case TDataIndividual():
                self._obey(data, TDataIndividual(), security)
            case TDataBroadcast() if self.programming_mode:
                if isinstance(data.payload, IndividualAddressRead):
                    answer = IndividualAddressResponse()
                    self._send(BROADCAST, TDataBroadcast(), answer, security)

    def _connected(self, data: CEMILData, number: int, security: Security) -> None:
        if number not in (self._expected, self._expected - 1 & 0xF):
            return
        self._send(data.src_addr, TAck(sequence_number=number), None)
        if number != self._expected:
            return  # repeated: acknowledged again, and no more
        self._expected = number + 1 & 0xF
        if security is not Security.REFUSED:
            self._obey(data, TDataConnected(sequence_number=self._next), security)
            self._next = self._next + 1 & 0xF

    def _obey(self, data: CEMILData, tpci: TPCI, security: Security) -> None:
        assert data.payload is not None
        self.obeyed.append(data.payload)
        if isinstance(data.payload, DeviceDescriptorRead):
            answer = DeviceDescriptorResponse(descriptor=0, value=MASK)
            self._send(data.src_addr, tpci, answer, security)

    def _send(
        self,
        to: IndividualAddress | GroupAddress,
        tpci: TPCI,
        payload: APCI | None,
        security: Security = Security.PLAIN,
    ) -> None:
        data = frame(str(self._port.individual_address), to, tpci, payload)
        self.answers.append(self._port.send(data, security))


def frame(
    source: str,
    to: IndividualAddress | GroupAddress | str,
    tpci: TPCI,
    payload: APCI | None = None,
    priority: CEMIPriority = CEMIPriority.SYSTEM,
) -> CEMILData:
    """Return a management frame; `to` as a text is an individual address."""
    return CEMILData(
        flags=CEMIFlags(priority=priority),
        src_addr=IndividualAddress(source),
        dst_addr=IndividualAddress(to) if isinstance(to, str) else to,
        tpci=tpci,
        payload=payload,
    )
