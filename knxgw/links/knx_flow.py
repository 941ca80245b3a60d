"""How fast a routing link sends: at most 50 telegrams in any second, and never into a pause."""

import asyncio

from xknx.io.routing import _RoutingFlowControl
from xknx.knxip import RoutingBusy

from knxgw.allowance import ALMOST_ONE

LONGEST_PAUSE_MS = 5_000  # a receiver that needs longer asks again; the standard names 100 ms
MOST_REPEATED = 20  # each adds up to 50 ms to the pause, and 100 ms to the slow time after it


class BucketFlowControl(_RoutingFlowControl):
    """Keeps to 50 telegrams/s, but lets a few go at once, so that an answer need not wait.

    xknx pauses 20 ms after each telegram, which holds an answer up behind a value that was just
    sent. A bucket of `BURST` with `RATE_PER_S` sends at most 50 telegrams in any second as well.
    ROUTING_BUSY is obeyed as xknx does it, but no single one mutes us for long: anybody in the
    network may send it. Its control field is meant for devices that know it; all others pause.
    """

    BURST = 5.0
    RATE_PER_S = 45.0
    KEPT_FOR_ANSWERS = 3.0

    __slots__ = ("_filled_at", "_tokens")

    def __init__(self) -> None:
        super().__init__()
        self._tokens = self.BURST
        self._filled_at = self._loop.time()

    @property
    def has_room(self) -> bool:
        """Tell whether a telegram that nobody waits for may be sent beside the answers."""
        return self._tokens_now() >= self.KEPT_FOR_ANSWERS

    def handle_routing_busy(self, routing_busy: RoutingBusy) -> None:
        """Pause, up to some seconds."""
        wait_time_ms = min(routing_busy.wait_time, LONGEST_PAUSE_MS)
        super().handle_routing_busy(
            RoutingBusy(
                device_state=routing_busy.device_state,
                wait_time=wait_time_ms,
                control_field=routing_busy.control_field,
            )
        )
        self._received_busy_frames = min(self._received_busy_frames, MOST_REPEATED)

    def cancel(self) -> None:
        """End pauses: the link closes, and whoever waits has to see that."""
        super().cancel()
        self._ready.set()

    async def until_ready(self) -> bool:
        """Wait for a token, and for the end of a pause that a receiver asked for; return whether that took time."""
        has_waited = False
        while not self.is_ready:
            has_waited = True
            tokens = self._tokens_now()
            if tokens < ALMOST_ONE:
                await asyncio.sleep((1.0 - tokens) / self.RATE_PER_S)
            await self._ready.wait()
        return has_waited

    def note_sent(self) -> None:
        """Take a token for a telegram that goes out."""
        self._tokens = self._tokens_now() - 1.0
        self._filled_at = self._loop.time()

    @property
    def is_ready(self) -> bool:
        """Tell whether a telegram may be sent at once."""
        return self._tokens_now() >= ALMOST_ONE and self._ready.is_set()

    def _tokens_now(self) -> float:
        gained = (self._loop.time() - self._filled_at) * self.RATE_PER_S
        return min(self.BURST, self._tokens + gained)
