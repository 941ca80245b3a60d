"""What devices show while somebody watches them; pure.

Of a charger it matters when a vehicle was plugged in or out: that tells somebody who stands in front of it
which one it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from knxgw.charging.quantities import PHASE_CURRENTS, Quantity, Value

DRAWS_MA = (
    1000  # from here on a vehicle charges, where the charger does not say that one is plugged in
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A device that is watched."""

    id: str  # as `config.devices` has it
    connection: object = (
        None  # of the draft that is watched: another device may have the number later
    )
    is_heard: bool = False
    is_in_use: bool = False  # the gateway has its connection, so it is not asked
    is_used_otherwise: bool = False  # the gateway has its connection with other settings
    values: Mapping[Quantity, Value] = field(default_factory=dict)
    is_plugged: bool | None = None  # None: not known
    changed_at: float | None = None  # when `is_plugged` did, the last time [monotonic s]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchProgress:
    """A watch that goes on or has ended."""

    number: int = 0  # counts the watches of this start; 0: none yet
    watched: tuple[Watched, ...] = ()
    is_running: bool = False

    @property
    def latest(self) -> Watched | None:
        """Return the device at which a vehicle was plugged in or out last; None: at none yet."""
        changed = [one for one in self.watched if one.changed_at is not None]
        return max(changed, key=lambda one: one.changed_at or 0.0, default=None)

    def of(self, device_id: str) -> Watched | None:
        """Return what a device shows; None: it is not watched."""
        return next((one for one in self.watched if one.id == device_id), None)


def seen_again(
    before: Watched, values: Mapping[Quantity, Value], now_s: float, *, is_heard: bool
) -> Watched:
    """Return a device with its newest values."""
    if not is_heard:
        return replace(before, is_heard=False)
    is_plugged = _is_plugged(values)
    has_changed = None not in {before.is_plugged, is_plugged} and is_plugged != before.is_plugged
    return replace(
        before,
        is_heard=True,
        values=dict(values),
        is_plugged=before.is_plugged if is_plugged is None else is_plugged,
        changed_at=now_s if has_changed else before.changed_at,
    )


def phases_of(
    values: Mapping[Quantity, Value], wanted: Sequence[Quantity] = PHASE_CURRENTS
) -> dict[int, float]:
    """Return what is known of the phases 1…3."""
    found = {phase: values.get(one) for phase, one in enumerate(wanted, 1)}
    return {phase: float(value) for phase, value in found.items() if isinstance(value, int)}


def _is_plugged(values: Mapping[Quantity, Value]) -> bool | None:
    connected = values.get(Quantity.CONNECTED)
    if connected is not None:
        return bool(connected)
    drawn_ma = phases_of(values)
    return max(drawn_ma.values()) >= DRAWS_MA if drawn_ma else None
