"""Values over time: curves of straight lines with exact integrals, and lines of steps.

Times are seconds of the scenario, currents mA.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Curve:
    """A quantity that moves along straight lines and may jump; it goes on as its last line does."""

    __slots__ = ("slopes", "times", "values")

    def __init__(self, at_s: float, value: float) -> None:
        self.times: list[float] = [at_s]
        self.values: list[float] = [value]
        self.slopes: list[float] = [0.0]

    def add(self, at_s: float, value: float, slope: float) -> None:
        """Go on from here with another line; at the same moment as the last one, replace that."""
        if at_s == self.times[-1]:
            self.values[-1], self.slopes[-1] = value, slope
            return
        self.times.append(at_s)
        self.values.append(value)
        self.slopes.append(slope)

    def at(self, at_s: float) -> float:
        """Return the value; at a jump the one after it."""
        index = max(0, bisect_right(self.times, at_s) - 1)
        return self.values[index] + self.slopes[index] * max(0.0, at_s - self.times[index])

    def pieces(self, from_s: float, to_s: float) -> Iterator[tuple[float, float, float, float]]:
        """Give the straight lines between two moments: start, end, value there, value there."""
        index = max(0, bisect_right(self.times, from_s) - 1)
        last = len(self.times) - 1
        while index <= last and self.times[index] < to_s:
            start_s = max(from_s, self.times[index])
            end_s = to_s if index == last else min(to_s, self.times[index + 1])
            if end_s > start_s:
                first = self.values[index] + self.slopes[index] * (start_s - self.times[index])
                yield start_s, end_s, first, first + self.slopes[index] * (end_s - start_s)
            index += 1

    def between(self, from_s: float, to_s: float) -> "Curve":
        """Return the part between two moments as a curve of its own."""
        low = max(0, bisect_right(self.times, from_s) - 1)
        high = bisect_left(self.times, to_s)
        part = Curve(self.times[low], self.values[low])
        part.times = self.times[low : high + 1]
        part.values = self.values[low : high + 1]
        part.slopes = self.slopes[low : high + 1]
        return part

    def highest(self, from_s: float, to_s: float) -> float:
        """Return the highest value between two moments, the ends included."""
        highest = self.at(to_s)
        for _, _, first, last in self.pieces(from_s, to_s):
            highest = max(highest, first, last)
        return highest

    def integral(self, from_s: float, to_s: float) -> float:
        """Return the area below the curve."""
        return sum(
            (first + last) / 2 * (end_s - start_s)
            for start_s, end_s, first, last in self.pieces(from_s, to_s)
        )

    def above(self, limit: float, from_s: float, to_s: float) -> list[tuple[float, float]]:
        """Return the intervals in which the curve is above a limit."""
        found: list[tuple[float, float]] = []
        for piece in self.pieces(from_s, to_s):
            part = _part_above(piece, limit)
            if part is None:
                continue
            if found and math.isclose(found[-1][1], part[0], abs_tol=1e-9):
                found[-1] = (found[-1][0], part[1])
            else:
                found.append(part)
        return found

    def integral_above(self, limit: float, from_s: float, to_s: float) -> float:
        """Return the area between the curve and a limit below it."""
        total = 0.0
        for piece in self.pieces(from_s, to_s):
            part = _part_above(piece, limit)
            if part is not None:
                start_s, end_s, first, last = piece
                slope = (last - first) / (end_s - start_s)
                one, two = (first + slope * (moment_s - start_s) - limit for moment_s in part)
                total += (one + two) / 2 * (part[1] - part[0])
        return total


def _part_above(
    piece: tuple[float, float, float, float], limit: float
) -> tuple[float, float] | None:
    start_s, end_s, first, last = piece
    if first <= limit and last <= limit:
        return None
    if first >= limit and last >= limit:
        return start_s, end_s
    crossing_s = start_s + (limit - first) / (last - first) * (end_s - start_s)
    return (start_s, crossing_s) if first > limit else (crossing_s, end_s)


class Steps(Generic[T]):
    """A value that changes in steps."""

    __slots__ = ("times", "values")

    def __init__(self, at_s: float, value: T) -> None:
        self.times: list[float] = [at_s]
        self.values: list[T] = [value]

    @property
    def last(self) -> T:
        """Return the newest value."""
        return self.values[-1]

    def add(self, at_s: float, value: T) -> None:
        """Note the value from now on."""
        self.times.append(at_s)
        self.values.append(value)

    def at(self, at_s: float) -> T:
        """Return the value after everything that happened at this moment."""
        return self.values[max(0, bisect_right(self.times, at_s) - 1)]

    def before(self, at_s: float) -> T:
        """Return the value before anything that happened at this moment."""
        return self.values[max(0, bisect_left(self.times, at_s) - 1)]

    def changes(self, from_s: float, to_s: float) -> list[tuple[float, T]]:
        """Return the changes after one moment until another."""
        low, high = bisect_right(self.times, from_s), bisect_right(self.times, to_s)
        return list(zip(self.times[low:high], self.values[low:high], strict=True))
