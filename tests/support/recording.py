"""Read what `tests.support.bus_recorder` wrote, and account for every telegram of it."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.support.waiting import wait_until

Predicate = Callable[["Recorded"], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """One group telegram as it was seen on the bus."""

    time_s: float  # seconds since the epoch
    source: str
    destination: str
    service: str  # read, write or response
    payload: str | None  # hex; up to 6 bits are one byte; None for a read

    @classmethod
    def from_line(cls, line: str) -> Self | None:
        """Return the telegram of a line, or None for the line that says "ready"."""
        fields = json.loads(line)
        if "ready" in fields:
            return None
        return cls(
            time_s=fields["time"],
            source=fields["source"],
            destination=fields["destination"],
            service=fields["service"],
            payload=fields["payload"],
        )

    def __str__(self) -> str:
        return f"{self.source} -> {self.destination} {self.service} {self.payload or ''}".rstrip()


Expected = tuple[str, str | Predicate]  # group address; payload in hex, or what must hold


class Recording:
    """The telegrams of a file that a recorder still writes, or has written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_from = 0

    def telegrams(self) -> list[Recorded]:
        """Return all telegrams since the start, or since the last `mark`."""
        return self._all()[self._read_from :]

    def mark(self) -> None:
        """Leave what was recorded up to now out of what follows."""
        self._read_from = len(self._all())

    def wait_ready(self, timeout_s: float = 10.0) -> None:
        """Wait until the recorder is on the bus. Raises: TimeoutError."""
        wait_until(lambda: bool(self._lines()), timeout_s, f"{self.path} to say it is ready")

    def wait_for(self, predicate: Predicate, timeout_s: float = 5.0) -> Recorded:
        """Return the first telegram that fits, waiting for it. Raises: TimeoutError."""
        wait_until(
            lambda: any(map(predicate, self.telegrams())),
            timeout_s,
            lambda: f"a telegram that fits; seen:\n{_listed(self.telegrams())}",
        )
        return next(filter(predicate, self.telegrams()))

    def wait_for_count(self, count: int, timeout_s: float = 5.0) -> list[Recorded]:
        """Return the telegrams once there are `count` or more. Raises: TimeoutError."""
        wait_until(
            lambda: len(self.telegrams()) >= count,
            timeout_s,
            lambda: f"{count} telegrams; seen:\n{_listed(self.telegrams())}",
        )
        return self.telegrams()

    def expect(
        self,
        expected: Iterable[Expected],
        *,
        services: Sequence[str] = ("write", "response"),
        source: str | None = None,
        timeout_s: float = 5.0,
        quiet_s: float = 0.2,
        ordered: bool = False,
    ) -> list[Recorded]:
        """Wait for these telegrams and return them; anything missing, too much or twice fails.

        Counts only `services`, and only those of `source` if given. `quiet_s` is how long the bus
        must stay silent after the last one. Several telegrams of one group address keep their
        order; `ordered` asks it of all. Raises: AssertionError.
        """
        wanted = list(expected)

        def counted() -> list[Recorded]:
            return [
                telegram
                for telegram in self.telegrams()
                if telegram.service in services and source in {None, telegram.source}
            ]

        _try_until(lambda: len(counted()) >= len(wanted), timeout_s)
        if quiet_s:
            _try_until(lambda: len(counted()) > len(wanted), quiet_s)
        telegrams = counted()
        missing, unexpected = _compare(wanted, telegrams, ordered=ordered)
        if missing or unexpected:
            raise AssertionError(
                f"missing:\n{_listed(map(_shown, missing))}\n"
                f"unexpected or twice:\n{_listed(unexpected)}\nall:\n{_listed(telegrams)}"
            )
        return telegrams

    def _all(self) -> list[Recorded]:
        return [seen for line in self._lines() if (seen := Recorded.from_line(line)) is not None]

    def _lines(self) -> list[str]:
        if not self.path.exists():
            return []
        complete, _, _ = self.path.read_text().rpartition("\n")  # the last line may be half there
        return complete.splitlines()


def _compare(
    wanted: list[Expected], telegrams: list[Recorded], *, ordered: bool
) -> tuple[list[Expected], list[Recorded]]:
    """Return what is missing and what is too much."""
    missing = list(wanted)
    unexpected: list[Recorded] = []
    for telegram in telegrams:
        nexts = missing[:1] if ordered else missing
        same = [entry for entry in nexts if entry[0] == telegram.destination]
        if same and _fits(telegram, same[0][1]):
            missing.remove(same[0])
        else:
            unexpected.append(telegram)
    return missing, unexpected


def _fits(telegram: Recorded, payload: str | Predicate) -> bool:
    if isinstance(payload, str):
        return telegram.payload == payload.lower()
    return payload(telegram)


def _shown(entry: Expected) -> str:
    payload = entry[1] if isinstance(entry[1], str) else getattr(entry[1], "__name__", "predicate")
    return f"{entry[0]} {payload}"


def _listed(items: Iterable[object]) -> str:
    return "\n".join(f"  {item}" for item in items) or "  nothing"


def _try_until(condition: Callable[[], bool], timeout_s: float) -> None:
    try:
        wait_until(condition, timeout_s, "the telegrams")
    except TimeoutError:
        return  # the comparison that follows says what is missing
