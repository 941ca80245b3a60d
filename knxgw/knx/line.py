"""A KNX line: what one of its members sends reaches all the others.

The device itself is a member, each tunnel of its server is one, and behind them may be a wire (routing, a tunnel
of another interface). Without a wire the line is a whole one all the same: any KNX tool joins it by a tunnel.
"""

from typing import Protocol

from xknx.cemi import CEMILData
from xknx.telegram.address import IndividualAddress

from knxgw.knx.frames import Outcome


class Member(Protocol):
    """Somebody on a line."""

    @property
    def individual_address(self) -> IndividualAddress:
        """Return the address of this member; no two of a line have the same."""

    @property
    def is_behind(self) -> bool:
        """Tell whether frames wait for this member already: one more need not hurry."""

    def take(self, data: CEMILData) -> None:
        """Take a frame that another member has sent, whoever it is for; only queues, never raises."""


class Line(Protocol):
    """A line as its members see it; in the event loop only."""

    def join(self, member: Member) -> None:
        """Hand a member all frames from now on."""

    def leave(self, member: Member) -> None:
        """Hand a member nothing more."""

    def outcome_at_once(self, member: Member, data: CEMILData) -> Outcome | None:
        """Return what will become of a frame that has to wait for nobody; None: it has to, `send` it.

        If it is confirmed, `carry` has to follow.
        """

    def carry(self, member: Member, data: CEMILData) -> None:
        """Hand a frame that waits for nobody to all others."""

    async def send(self, member: Member, data: CEMILData) -> Outcome:
        """Send a frame of a member to all others; return what became of it. Never raises, may wait for the wire."""
