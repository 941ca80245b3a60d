"""What pages may ask of the recordings of the device; safe from any thread.

The defaults are those of a device that has recorded nothing yet.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NoReturn, Protocol

from knxgw.catalogue.points import Table
from knxgw.errors import RejectedError
from knxgw.monitoring.objects import ObjectLine
from knxgw.monitoring.plot_ring import PlotData, Span
from knxgw.monitoring.recorder import Plot
from knxgw.monitoring.requests import Explain, RequestRing, RequestWords
from knxgw.monitoring.ring import Ring
from knxgw.monitoring.self_test import Progress
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


ReadRegisters = Callable[[str, Table, int, int], RequestWords]
"""Reads registers of a device once, behind its polls: device, table, address, count; waits for them.

Raises: RejectedError, they cannot be read so; LinkError, PeerError, what came instead.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """The Modbus monitor: rows, what they mean, and registers that a person reads."""

    kept: RequestRing
    explain: Explain
    devices: Callable[[], tuple[tuple[str, str], ...]]  # identity and name of each
    read_once: ReadRegisters


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """The group objects; what is done to one raises RejectedError if it cannot be done."""

    listed: Callable[[str], tuple[ObjectLine, ...]]  # with words of a language
    read: Callable[[int], None]
    send: Callable[[int], None]
    write: Callable[[int, str], None]  # as a service, to an input


def _refuse(*_what: object) -> NoReturn:
    raise RejectedError("the device does not run")


def no_requests() -> Requests:
    """Return the Modbus monitor of a device that has asked nothing."""
    return Requests(kept=RequestRing(), explain=_refuse, devices=tuple, read_once=_refuse)


def no_objects() -> Objects:
    """Return the objects of a device that has none."""
    return Objects(listed=lambda _language: (), read=_refuse, send=_refuse, write=_refuse)


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTest:
    """The self-test: what it has found so far, and how to begin one."""

    progress: Callable[[], Progress] = Progress
    start: Callable[[], None] = lambda: None
