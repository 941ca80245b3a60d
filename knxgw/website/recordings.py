"""What pages may ask of the recordings of the device; safe from any thread.

The defaults are those of a device that has recorded nothing yet.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from knxgw.monitoring.plot_ring import PlotData, Span
from knxgw.monitoring.recorder import Plot
from knxgw.monitoring.ring import Ring
from knxgw.monitoring.telegrams import AddressNews, Interpret, Meaning, Telegram, TelegramRing


class ReadPlot(Protocol):
    """Returns a span of the plot; `phase` 0…2, None: all; `after`: only the steps after that one."""

    def __call__(self, span: Span, *, phase: int | None = None, after: int | None = None) -> Plot:
        """Return it."""


def no_plot(span: Span, *, phase: int | None = None, after: int | None = None) -> Plot:
    """Return the plot of a device that has recorded nothing."""
    data = PlotData(step_s=span.step_s, first=0, last=-1, values={}, highest={})
    return Plot(data=data, first_at=datetime.fromtimestamp(0, UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Telegrams:
    """The group monitor: `kept.ring` for rows and live batches, `interpret` for what they mean."""

    kept: TelegramRing
    interpret: Interpret

    @property
    def ring(self) -> Ring[Telegram]:
        """Return the telegrams that are kept."""
        return self.kept.ring

    def news(self, address: int) -> AddressNews:
        """Return what was heard on a raw group address."""
        return self.kept.news(address)


def no_telegrams() -> Telegrams:
    """Return the group monitor of a device that has heard nothing."""
    return Telegrams(kept=TelegramRing(), interpret=lambda _address, _payload: Meaning())
