"""Which write of a charger goes first: what each is for, and what the model's spacing allows. Pure.

| kind | what it does | may break the spacing |
|---|---|---|
| `PAUSE` | lets no current flow | once per spacing |
| `LATE_FEED` | feeds the watchdog, after another write was preferred since it was due | no |
| `LOWER` | takes away current that may flow, or a setpoint nobody is sure of | once per spacing |
| `RELEASE_ON` | goes on with a release of the cable that has begun | no |
| `FIRST_RAISE` | gives more current, for the first time after connecting | no |
| `ENABLE` | completes an offer whose setpoint the charger has taken | no |
| `ARM` | arms the watchdog | no |
| `FEED` | feeds the watchdog | no |
| `RELEASE` | begins to release the cable | no |
| `RAISE` | gives more current | no |

Why so: taking away current is what protects the main fuse. After connecting, the minimum is told until
the gateway has found out what was decided before; that is then told once before anything else, so that
every charger has it soon. `ENABLE` comes before newer, higher setpoints, or one that changes often would
hold a vehicle at 0 A; a newer lower setpoint is `LOWER` and comes before it. The watchdog is armed when
the offer is complete, and before anything is raised again: after a lost connection it is armed from
before as a rule, and a vehicle would wait for it each time. A feeding gives way once to whatever is
more urgent; from then on it only gives way to a pause, which cannot come twice without a raise between.

From that follows how long anything waits where a model has a spacing: a lowering or a pause one spacing
at most; `ENABLE` two, counted from the last setpoint before it, of which there are two where the offer
falls meanwhile, unless the charger is paused; a feeding, which is due one spacing early,
`FEED_LATE_SPACINGS` after its time, the last of them only where a lowering and a pause came just before
it.
Source: load-management 9.3 (breaking the spacing). The order is ours.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum, auto

from knxgw.catalogue.model import WriteStep


class Kind(IntEnum):
    """What a write is for, the most urgent first."""

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


URGENT = frozenset({Kind.PAUSE, Kind.LOWER})


@dataclass(frozen=True, slots=True, kw_only=True)
class NeededWrite:
    """One write that is needed, from `from_s` [monotonic s] on."""

    kind: Kind
    step: WriteStep
    registers: tuple[int, ...]
    due_at: float = -math.inf

    @property
    def is_urgent(self) -> bool:
        """Tell whether it overtakes everything, and may break the spacing."""
        return self.kind in URGENT


class Spacing:
    """The time a model wants between two writes, which something urgent may break once per spacing."""

    def __init__(self, interval_s: float) -> None:
        self.interval_s = interval_s
        self.last_at = -math.inf
        self._broken_at = -math.inf

    def note_write(self, now_s: float) -> None:
        """Note a write."""
        if now_s < self.last_at + self.interval_s:
            self._broken_at = now_s
        self.last_at = now_s

    def allowed_at(self, wanted: NeededWrite) -> float:
        """Return from when on a write may be made."""
        spaced_at = self.last_at + self.interval_s
        if wanted.is_urgent and self._broken_at + self.interval_s < spaced_at:
            return wanted.due_at
        return max(spaced_at, wanted.due_at)

    def soonest_at(self, writes: Iterable[NeededWrite]) -> float:
        """Return when the next of some writes may be made; infinity without any."""
        return min(map(self.allowed_at, writes), default=math.inf)

    def pick(self, writes: Iterable[NeededWrite], now_s: float) -> NeededWrite | None:
        """Return the write to make now: of those that may be made, the first by the table."""
        allowed = [one for one in writes if self.allowed_at(one) <= now_s]
        return min(allowed, key=lambda one: one.kind, default=None)
