"""The object server on the KNX port: group telegrams in, answers and values out."""

import asyncio
from collections.abc import Callable

from xknx.cemi import CEMIFlags, CEMILData, CEMIPriority
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import APCI
from xknx.telegram.tpci import TDataGroup

from knxgw.catalogue.flags import Priority
from knxgw.knx.frames import FrameKind, Outcome, Outgoing, Security
from knxgw.links.knx_port import KnxPort
from knxgw.objects.outbox import OutgoingTelegram
from knxgw.objects.server import ObjectServer
from knxgw.station.model import BusAsked, Command

CEMI_PRIORITY = {one: CEMIPriority[one.name] for one in Priority}


def group_frame(
    source: IndividualAddress,
    address: GroupAddress,
    apci: APCI,
    priority: Priority = Priority.LOW,
) -> CEMILData:
    """Return the frame of a group telegram."""
    return CEMILData(
        flags=CEMIFlags(priority=CEMI_PRIORITY[priority]),
        src_addr=source,
        dst_addr=address,
        tpci=TDataGroup(),
        payload=apci,
    )


def _now_s() -> float:
    return asyncio.get_running_loop().time()


class GroupCommunication:
    """Connects one object server with the port, from `join` to `leave`."""

    def __init__(
        self, port: KnxPort, server: ObjectServer, on_command: Callable[[Command], None]
    ) -> None:
        self._port = port
        self._server = server
        self._on_command = on_command
        self._sending: tuple[OutgoingTelegram, APCI] | None = None
        self._has_joined = False
        self._reported = server.outbox.dropped_responses  # of those, how many the port has heard of

    def join(self) -> None:
        """Take and send group telegrams from now on."""
        self._has_joined = True
        self._port.register(self, FrameKind.GROUP)
        self._port.add_source(self)

    def leave(self) -> None:
        """Take and send nothing more; another object server may join."""
        self._has_joined = False
        self._port.unregister(self)
        self._port.remove_source(self)

    # --- as a receiver

    def link_up(self) -> None:
        """Read what has the I flag, and let the station ask for the rest."""
        self._server.bus_ready()
        self._on_command(BusAsked())

    def link_down(self) -> None:
        """Forget answers: their readers have given up."""
        self._server.outbox.drop_responses()

    def take(self, data: CEMILData, security: Security) -> None:
        """Take a group telegram; Data Secure has refused what its address does not allow."""
        if not isinstance(data.dst_addr, GroupAddress) or data.payload is None:
            return
        for command in self._server.received(data.dst_addr, data.payload, _now_s()):
            self._on_command(command)
        waiting = self._server.outbox.waiting_responses
        if waiting:
            self._port.answer()
            waiting = self._server.outbox.waiting_responses
            if waiting >= self._server.outbox.limits.merge_at:
                self._port.note_backlog(waiting)
        self._tell_losses()

    def _tell_losses(self) -> None:
        """Let senders know of reads that are not answered, as too many came."""
        dropped = self._server.outbox.dropped_responses
        lost, self._reported = dropped - self._reported, dropped
        if lost:
            self._port.note_lost(lost)

    # --- as a source

    def due(self, now_s: float, *, requested_only: bool) -> CEMIPriority | None:
        """Return the priority of the telegram that may be sent now."""
        priority = self._server.next_priority(now_s, must_be_answer=requested_only)
        self._tell_losses()
        return None if priority is None else CEMI_PRIORITY[priority]

    def next_frame(self, now_s: float, *, requested_only: bool) -> Outgoing | None:
        """Return the telegram that is sent now."""
        self._sending = self._server.next_telegram(now_s, must_be_answer=requested_only)
        if self._sending is None:
            return None
        due, apci = self._sending
        source = self._port.individual_address
        return Outgoing(group_frame(source, due.address, apci, due.priority))

    def finished(self, outcome: Outcome) -> None:
        """Note that a telegram was sent: it reaches our own other objects, too; or that it was not."""
        sending, self._sending = self._sending, None
        if sending is None or not self._has_joined:
            return
        due, apci = sending
        if outcome is Outcome.DROPPED:
            self._server.unsent(due)
            return
        for command in self._server.sent(due, apci, _now_s()):
            self._on_command(command)

    def wait_s(self, now_s: float) -> float:
        """Return how long until something may have to be sent [s]."""
        return self._server.wait_s(now_s)
