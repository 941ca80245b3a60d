"""Which write of a charger goes first: the priority of each, and the spacing of the model. Pure.

| kind | what it does | may break the spacing |
|---|---|---|
| `PAUSE` | lets no current flow | once per spacing |
| `LATE_FEED` | feeds the watchdog, after another write was preferred since it was due | no |
| `LOWER` | reduces a current that may flow, or replaces a setpoint that is uncertain | once per spacing |
| `RELEASE_ON` | continues a release of the cable | no |
| `FIRST_RAISE` | raises the current, for the first time after connecting | no |
| `ENABLE` | completes an offer whose setpoint is acknowledged | no |
| `ARM` | arms the watchdog | no |
| `FEED` | feeds the watchdog | no |
| `RELEASE` | begins to release the cable | no |
| `RAISE` | raises the current | no |

Reasons: reducing the current protects the main fuse. After connecting, the minimum is written until the
gateway knows the last decision; that is then written before anything else, so that every charger has it
soon. `ENABLE` comes before newer, higher setpoints: otherwise a setpoint that changes often would hold a
vehicle at 0 A. A newer, lower setpoint is `LOWER` and comes before `ENABLE`. The watchdog is armed when
the offer is complete, and before anything is raised again: after a lost connection it is usually still
armed, and a vehicle would wait for it each time. A feeding gives way once to any more urgent write; after
that it gives way only to a pause, which cannot come twice without a raise in between.

This bounds the waiting time where a model has a spacing. A lowering or a pause waits for one spacing at most.
`ENABLE` waits for two, counted from the last setpoint before it; there are two such setpoints where the offer
falls meanwhile, unless the charger is paused. A feeding is due one spacing early, and comes at most
`FEED_LATE_SPACINGS` after its time, the last of them only where a lowering and a pause came just before it.
Source: load-management 9.3 (breaking the spacing). The order is ours.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, auto

from knxgw.catalogue.control import WriteStep


class WriteKind(IntEnum):
    """The purpose of a write, the most urgent first."""

    PAUSE = auto()
    LATE_FEED = auto()
    LOWER = auto()
    RELEASE_ON = auto()
    FIRST_RAISE = auto()
    ENABLE = auto()
    ARM = auto()
    FEED = auto()
    RELEASE = auto()
    RAISE = auto()


URGENT = frozenset({WriteKind.PAUSE, WriteKind.LOWER})


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededWrite:
    """One needed write, due from `due_at` [monotonic s] on."""

    kind: WriteKind
    step: WriteStep
    registers: tuple[int, ...]
    due_at: float = -math.inf

    @property
    def is_urgent(self) -> bool:
        """Tell whether it overtakes everything, and may break the spacing."""
        return self.kind in URGENT


class Spacing:
    """The minimum time between two writes; an urgent write may break it once per spacing."""

    def __init__(self, interval_s: float) -> None:
        self.interval_s = interval_s
        self.last_at = -math.inf
        self._broken_at = -math.inf

    def note_write(self, now_s: float) -> None:
        """Note a write at this moment; one before its time has broken the spacing."""
        if now_s < self.last_at + self.interval_s:
            self._broken_at = now_s
        self.last_at = now_s

    def allowed_at(self, wanted: NeededWrite) -> float:
        """Return the earliest time of a write [monotonic s]."""
        spaced_at = self.last_at + self.interval_s
        if wanted.is_urgent and self._broken_at + self.interval_s < spaced_at:
            return wanted.due_at
        return max(spaced_at, wanted.due_at)

    def soonest_at(self, writes: Iterable[NeededWrite]) -> float:
        """Return the earliest time of any of the writes [monotonic s]; infinity without any."""
        return min(map(self.allowed_at, writes), default=math.inf)

    def pick(self, writes: Iterable[NeededWrite], now_s: float) -> NeededWrite | None:
        """Return the write to make now: of the allowed ones the most urgent."""
        allowed = [write for write in writes if self.allowed_at(write) <= now_s]
        return min(allowed, key=lambda write: write.kind, default=None)
