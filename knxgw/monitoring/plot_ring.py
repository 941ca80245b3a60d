"""The plot's memory: one hour in steps of 2 s, and a day in minutes with mean and maximum. Pure.

Every step has a place by its number, which is the monotonic time divided by the length of a step. So a
wall clock that is set moves the whole plot and tears nothing, and a step nobody wrote is a gap.
About 0.5 MiB with five charging points. One thread writes; any may read.
"""

from array import array
from collections.abc import Mapping
from dataclasses import dataclass

from knxgw.monitoring.plot_sample import Sample, Trace

GAP = -(2**31)  # stands for "not known" in the arrays
HIGHEST = 2**31 - 1
MOST_TRACES = 64  # more than eight charging points have; bounds the memory whatever is configured


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One of the two views of the past."""

    step_s: int
    steps: int


HOUR = Span(step_s=2, steps=1800)
DAY = Span(step_s=60, steps=1440)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotData:
    """The steps `first` to `last` of some traces; None: a gap."""

    step_s: int
    first: int  # number of the step: it covers [first * step_s, (first + 1) * step_s) [monotonic s]
    last: int  # lower than `first`: there is nothing
    values: Mapping[Trace, tuple[int | None, ...]]  # [mA]; the mean where a step is a minute
    highest: Mapping[Trace, tuple[int | None, ...]]  # [mA]; empty where a step is one sample


class _Steps:
    """The newest steps of every trace."""

    def __init__(self, steps: int) -> None:
        self._steps = steps + 2  # one that is written while another thread reads is not among those
        self._values: dict[Trace, array[int]] = {}
        self.last: int | None = None  # step that was written last

    def put(self, step: int, sample: Sample) -> None:
        """Write a step; what lies between it and the one before becomes a gap."""
        passed = self._steps if self.last is None else min(max(1, step - self.last), self._steps)
        for gone in range(step - passed + 1, step + 1):
            for values in self._values.values():
                values[gone % self._steps] = GAP
        for trace, value in sample.items():
            values = self._values.get(trace) or self._begin(trace)
            if values:
                values[step % self._steps] = max(GAP + 1, min(value, HIGHEST))
        self.last = step

    def _begin(self, trace: Trace) -> "array[int]":
        if len(self._values) >= MOST_TRACES and not self._forget():
            return array("i")
        values = self._values[trace] = array("i", [GAP]) * self._steps
        return values

    def _forget(self) -> bool:
        """Drop traces of which nothing is known any more, as of a charging point that was removed."""
        gone = [trace for trace, values in self._values.items() if max(values) == GAP]
        for trace in gone:
            del self._values[trace]
        return bool(gone)

    def read(
        self, first: int, last: int, phase: int | None
    ) -> Mapping[Trace, tuple[int | None, ...]]:
        """Return some steps of the traces of a phase, None: of all, with limit and offers."""
        copies = {
            trace: values[:]
            for trace, values in list(self._values.items())
            if phase is None or trace.phase == phase or trace.is_bound
        }
        found = {}
        for trace, values in copies.items():
            row = (values[step % self._steps] for step in range(first, last + 1))
            found[trace] = tuple(None if value == GAP else value for value in row)
        return found


class PlotRing:
    """Takes a sample every 2 s, and tells of the last hour and of the last day."""

    def __init__(self) -> None:
        self._hour = _Steps(HOUR.steps)
        self._means, self._highest = _Steps(DAY.steps), _Steps(DAY.steps)
        self._minute: int | None = None  # that is being summed up
        self._sums: dict[Trace, tuple[int, int, int]] = {}  # sum, how many, highest

    def put(self, sample: Sample, now_s: float) -> None:
        """Take what is known now; a second sample of the same 2 s takes the place of the first."""
        step, minute = int(now_s // HOUR.step_s), int(now_s // DAY.step_s)
        if self._hour.last is not None and step < self._hour.last:
            return  # a monotonic clock does not go back
        self._hour.put(step, sample)
        if self._minute is not None and minute != self._minute:
            self._end_minute(self._minute)
        self._minute = minute
        for trace, value in sample.items():
            total, count, highest = self._sums.get(trace, (0, 0, value))
            self._sums[trace] = total + value, count + 1, max(highest, value)

    def _end_minute(self, minute: int) -> None:
        self._means.put(
            minute, {trace: round(total / n) for trace, (total, n, _) in self._sums.items()}
        )
        self._highest.put(minute, {trace: highest for trace, (_, _, highest) in self._sums.items()})
        self._sums = {}

    def read(
        self, span: Span, now_s: float, *, phase: int | None = None, after: int | None = None
    ) -> PlotData:
        """Return a span up to now: all of it, or only the steps after a number that is known already.

        The minute that runs is not shown yet.
        """
        of_hour = span is HOUR
        values = self._hour if of_hour else self._means
        now = int(now_s // span.step_s)
        last = now if of_hour else now - 1
        first = last - span.steps + 1
        if after is not None:
            first = max(first, min(after, last) + 1)
        written = values.last
        seen = last if written is None else min(last, written)
        known = values.read(first, seen, phase)
        tail = (None,) * (last - max(seen, first - 1))
        highest = {} if of_hour else self._highest.read(first, seen, phase)
        if written is None:
            known, highest = {}, {}
        return PlotData(
            step_s=span.step_s,
            first=first,
            last=last,
            values={trace: row + tail for trace, row in known.items()},
            highest={trace: row + tail for trace, row in highest.items()},
        )
