"""A ring of numbered rows: one writes and never waits, others read from any thread.

Each reader keeps the number it has read up to. One that is too slow, or that takes less than what
came, learns how many rows it has missed; nobody else notices.
"""

from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Numbered(NamedTuple, Generic[T]):
    """A row with its number; numbers rise by one from 1 and are never used twice in a process."""

    number: int
    row: T


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch(Generic[T]):
    """Rows in the order they came; what a reader passes as `after` next time is `last`."""

    rows: tuple[Numbered[T], ...]
    last: int  # number of the newest row there is, 0: none yet
    dropped: int = 0  # rows after the reader's number that are not among `rows`


class Ring(Generic[T]):
    """The newest `size` rows.

    Only one thread may write at a time. The number of a row follows from its place: a reader copies the
    list in one operation of the interpreter, and leaves out what may have been overwritten meanwhile. There
    is one place more than rows, for the row that is being written.
    """

    def __init__(self, size: int) -> None:
        """Keep `size` rows, at least one."""
        self._size = size
        self._places = size + 1
        self._rows: list[T | None] = [None] * self._places
        self._last = 0

    @property
    def size(self) -> int:
        """Return how many rows are kept at most."""
        return self._size

    @property
    def last(self) -> int:
        """Return the number of the newest row, 0: none yet. It counts the rows there have been."""
        return self._last

    def append(self, row: T) -> None:
        """Add a row; the oldest one gives way."""
        number = self._last + 1
        self._rows[number % self._places] = row
        self._last = number

    def rows(self, *, before: int | None = None) -> tuple[Numbered[T], ...]:
        """Return the rows that are kept, the oldest first; only those with a number below `before`."""
        last = self._last
        newest = last if before is None else min(last, before - 1)
        return self._numbered(range(max(1, last - self._size + 1), newest + 1))

    def since(self, after: int, most: int) -> Batch[T]:
        """Return the newest rows with a number above `after`, at most `most`.

        A number that is not of this process, because it is higher than any, counts as none: then
        everything that is kept is new.
        """
        last = self._last
        if after > last:
            after = 0
        first = max(after + 1, last - min(most, self._size) + 1)
        found = self._numbered(range(first, last + 1))
        return Batch(rows=found, last=last, dropped=last - after - len(found))

    def _numbered(self, numbers: range) -> tuple[Numbered[T], ...]:
        """Return the rows with these numbers; one that may have been overwritten meanwhile is left out."""
        kept = self._rows[:]
        oldest = self._last + 1 - self._size  # read after the copy
        found = ((number, kept[number % self._places]) for number in numbers if number >= oldest)
        return tuple(Numbered(number, row) for number, row in found if row is not None)
