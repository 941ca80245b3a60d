"""Rows of a live list: those that came after a number, for a stream and for a page that asks.

A page knows the number of the newest row it has looked at and goes on from there. So nothing is lost
in silence: not between the page and its stream, not in a tab that was hidden, and not where streams
do not pass. Source: website 23, 24, 32.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from knxgw.monitoring.ring import Numbered, Ring

T = TypeVar("T")
Line = TypeVar("Line")
MOST_AT_ONCE = 500  # rows; a table in a browser keeps no more
LOOK_S = 1.0  # between two looks at what a list says beside its rows


class News(NamedTuple):
    """What came after a number."""

    number: int  # of the newest row there is: from there it goes on
    rows: Sequence[Mapping[str, str]] = ()
    dropped: int = 0  # rows that came and are not told
    rate: str | None = None  # what the list says beside its rows; None: as before

    @property
    def is_silent(self) -> bool:
        """Tell whether a page has nothing to learn from it."""
        return not self.rows and not self.dropped and self.rate is None

    def as_json(self) -> dict[str, Any]:
        """Return what a page gets."""
        said = {} if self.rate is None else {"rate": self.rate}
        return {"rows": list(self.rows), "dropped": self.dropped, **said}


@dataclass(frozen=True, slots=True)
class Feed:
    """A list as one page reads it; `since` may be called from any thread."""

    last: int  # number of the newest row when the page asked
    since: Callable[[int], News]


def newest(rows: Sequence[Numbered[T]]) -> int:
    """Return the number of the newest of the rows that a page shows; 0: there is none yet."""
    return rows[-1].number if rows else 0


def news_of(
    ring: Ring[T],
    after: int,
    chosen: Callable[[Sequence[Numbered[T]]], Sequence[Line]],
    cells: Callable[[Line], Mapping[str, str]],
) -> News:
    """Return the newest rows after a number that are `chosen`, and how many others there were."""
    batch = ring.since(after, ring.size)
    if not batch.rows:
        return News(batch.last, dropped=batch.dropped)
    lines = chosen(batch.rows)
    shown = lines[-MOST_AT_ONCE:]
    dropped = batch.dropped + len(lines) - len(shown)
    return News(batch.last, [cells(line) for line in shown], dropped)


class Said:
    """What a list says beside its rows: made now and then, told where it has changed."""

    def __init__(self, make: Callable[[], str], now_s: Callable[[], float]) -> None:
        """Take what makes the words; `now_s` is monotonic."""
        self._make, self._now_s = make, now_s
        self._made_at = -LOOK_S
        self._last: str | None = None

    def __call__(self) -> str | None:
        """Return the words, None where they are as before."""
        if self._now_s() - self._made_at < LOOK_S:
            return None
        self._made_at = self._now_s()
        before, self._last = self._last, self._make()
        return None if self._last == before else self._last
