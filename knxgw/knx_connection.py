"""The connection of the device with KNX: its line, and the session on whichever wire is configured.

The line outlives each session: tunnels of the device's server stay open while another wire is configured.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NoReturn

from knxgw.device.identity import Traffic
from knxgw.errors import RejectedError
from knxgw.knx.flow_counts import FlowCounts
from knxgw.links.keep_alive import keep_alive
from knxgw.links.knx_group_communication import GroupCommunication
from knxgw.links.knx_line import DeviceOnLine, KnxLine
from knxgw.links.knx_management import KnxManagement
from knxgw.links.knx_numbers import SecureNumbers
from knxgw.links.knx_object_diagnostics import DiagnosedObjects
from knxgw.links.knx_port import BusAttachment, KnxPort
from knxgw.links.knx_telegram_tap import TelegramTap
from knxgw.monitoring.recorder import Recorder
from knxgw.objects.server import ObjectServer
from knxgw.station.owner import Inbox

KNX_LAST_DELAY_S = 10.0  # a link that is back is noticed within the time of a link check
NO_KNX = "KNX is not connected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Who speaks on KNX, and who hears it."""

    objects: ObjectServer  # group telegrams
    inbox: Inbox  # what they command
    management: KnxManagement  # tools
    numbers: SecureNumbers  # one for all sessions: not all of them are stored yet
    recorder: Recorder  # each telegram
    learn_secret: Callable[[str | bytes], None]  # that no log may show
    wall_clock: Callable[[], datetime]


class KnxConnection:
    """One session after the other, on the line of the device; in the event loop only."""

    def __init__(self, served: Served, wire: BusAttachment | None) -> None:
        """Begin with a wire, None: the line has none; nothing is connected before `run`."""
        self._served = served
        self.line = KnxLine()
        self.join(self.session(wire), wire)

    @property
    def is_up(self) -> bool:
        """Tell whether telegrams are answered."""
        return self.port.is_up

    def connected_port(self) -> KnxPort:
        """Return the port, which is connected. Raises: RejectedError."""
        if not self.port.is_up:
            raise RejectedError(NO_KNX)
        return self.port

    def session(self, wire: BusAttachment | None) -> KnxPort:
        """Return a session on the line, with that wire or without one; nothing is connected yet."""
        device = DeviceOnLine(self.line, None if wire is None else wire.link)
        link = replace(wire or BusAttachment(link=device), link=device, overhear=device.overhear)
        link.keep_numbers(self._served.numbers)
        for secret in link.secrets:
            self._served.learn_secret(secret)
        note = self._served.recorder.telegrams.note
        port = KnxPort(link, TelegramTap(note, self._served.wall_clock))
        GroupCommunication(port, self._served.objects, self._served.inbox.put).join()
        return port

    def join(self, session: KnxPort, wire: BusAttachment | None) -> None:
        """Use a session from now on; group objects answer no faster than its wire can."""
        self.port = session  # of now
        self.is_on_wire = wire is not None  # and not on a line of its own
        self._served.management.join(session)
        if wire is not None:
            self._served.objects.outbox.limits = wire.response_limits

    async def run(self) -> NoReturn:
        """Keep the session of now alive, until cancelled."""
        port = self.port
        await keep_alive("KNX", port.run, last_delay_s=KNX_LAST_DELAY_S, on_failure=port.failed)

    def wake(self) -> None:
        """Look for something to send: a value has changed."""
        self.port.wake()

    # --- for tools and pages

    def diagnosed_objects(self) -> DiagnosedObjects | None:
        """Return the group objects for tools; None: the site is secured."""
        if self.port.is_secure:
            return None
        return DiagnosedObjects(self._served.objects, self.port, self._served.inbox.put)

    def traffic(self) -> Traffic:
        """Return what went over the connection since it was configured, for tools."""
        return Traffic(
            lost_to_ip=self._served.objects.outbox.dropped_responses + self.port.overflowed,
            lost_to_knx=self._served.management.dropped,
            sent_to_ip=self.port.sent,
            sent_to_knx=self.port.received,
        )

    def flow(self) -> FlowCounts:
        """Return how telegrams were held back, a copy; safe from any thread."""
        return replace(self.port.flow)
