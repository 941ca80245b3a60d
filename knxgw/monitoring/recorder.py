"""Everything that a device records while it runs, whether anyone looks or not."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from knxgw.monitoring.plot_ring import PlotData, PlotRing, Span
from knxgw.monitoring.requests import RequestRing
from knxgw.monitoring.telegrams import TelegramRing


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A span of the plot, and when it is."""

    data: PlotData
    first_at: datetime  # aware, UTC: begin of the first step, by the wall clock of now


class Recorder:
    """The recordings of one device, from power-on to its end; reading is safe from any thread."""

    def __init__(self, wall_clock: Callable[[], datetime], now_s: Callable[[], float]) -> None:
        self.plot = PlotRing()
        self.telegrams = TelegramRing()
        self.requests = RequestRing()
        self._wall_clock = wall_clock
        self._now_s = now_s

    def read_plot(self, span: Span, *, phase: int | None = None, after: int | None = None) -> Plot:
        """Return a span of the plot; see `PlotRing.read`."""
        now_s = self._now_s()
        data = self.plot.read(span, now_s, phase=phase, after=after)
        ago = timedelta(seconds=now_s - data.first * data.step_s)
        return Plot(data=data, first_at=self._wall_clock() - ago)
