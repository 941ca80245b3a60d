"""Telegrams that a receiver on routing was too slow for: ours are told to all, those of others are noted.

Source: [knx-standard] 3/8/5 (ROUTING_LOST_MESSAGE).
"""

import asyncio
import logging
from collections.abc import Callable

from xknx.knxip import RoutingLostMessage

from knxgw.allowance import Allowance
from knxgw.knx.flow_counts import FlowCounts

log = logging.getLogger(__name__)
GATHER_S = 1.0  # losses of this time are told in one message: a flood must not make another one
MOST_REPORTED = 0xFFFF  # of one message
LOGGED_EVERY_S = 600.0  # at the most: what others lose is not up to us


class Losses:
    """Counts, tells and logs the losses of one link."""

    def __init__(self, counts: FlowCounts, send: Callable[[RoutingLostMessage], None]) -> None:
        """Count in `counts`; `send` tells the group."""
        self._counts = counts
        self._send = send
        self._unreported = 0
        self._timer: asyncio.TimerHandle | None = None
        self._lines = Allowance(most=1, every_s=LOGGED_EVERY_S)
        self._unlogged = 0

    def note_own(self, count: int) -> None:
        """Note telegrams that we could not take; they are told with those of the next moment."""
        self._counts.lost_here += count
        self._unreported += count
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GATHER_S, self._tell)

    def note_of_others(self, notice: RoutingLostMessage, now_s: float) -> None:
        """Note what another member of the group has lost; a line of the log now and then."""
        self._counts.notices_received += 1
        self._counts.lost_at_others += notice.lost_messages
        self._unlogged += notice.lost_messages
        if self._lines.take(now_s):
            log.warning(
                "devices on KNX routing have lost %d telegrams: more come than they can take",
                self._unlogged,
            )
            self._unlogged = 0

    def forget(self) -> None:
        """Tell nothing more: the link has closed."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._unreported = None, 0

    def _tell(self) -> None:
        reported, self._unreported, self._timer = min(self._unreported, MOST_REPORTED), 0, None
        self._counts.notices_sent += 1
        self._send(RoutingLostMessage(lost_messages=reported))
