"""Overcurrent although everybody is at the minimum: confirm it, interrupt all, restart. Pure.

Source: load-management 12.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from knxgw.dlm.settings import Settings

RECURS_S = 600.0
LONGEST_RESTART_S = 900.0
RESTART_ROOM_MA = 1000
SHORTEST_S = 7.0  # a vehicle stops within 5 s, and the meter must have measured that
SEVERE_SAMPLES = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One phase as the supervision sees it [mA]."""

    phase: int
    carried_ma: int  # M_p
    base_ma: int  # B_p
    minimums_ma: int  # sum of the minima of all who charge on it
    are_all_at_minimum: bool  # all participants on it are there, and there is at least one
    is_new: bool  # the value came since the last cycle


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """Since when each phase has carried too much [monotonic s], while it is not confirmed yet."""

    above_fuse_since: tuple[float | None, ...] = (None, None, None)
    above_limit_since: tuple[float | None, ...] = (None, None, None)
    severe_samples: tuple[int, ...] = (0, 0, 0)  # consecutive samples far above the fuse

    @property
    def is_present(self) -> bool:
        """Tell whether an overcurrent is being confirmed on any phase."""
        return any(self.severe_samples) or any(self.above_limit_since) or any(self.above_fuse_since)


NO_EXCESS = Excess()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOut:
    """A lock-out that lasts: whom it interrupted, and how far its end is; instants are monotonic."""

    locked_at: float  # when it began
    interrupted: frozenset[int] = frozenset()  # numbers of the points that charged until then
    # since when one of them would fit again, perhaps from before the lock-out
    restart_possible_since: float | None = None
    stopped_since: float | None = None  # since when none of them has drawn
    is_released: bool = True  # the meter has shown what the line carries without them


@dataclass(frozen=True, slots=True, kw_only=True)
class Overcurrent:
    """What the supervision remembers; instants are monotonic seconds."""

    excess: Excess = NO_EXCESS
    lock_out: LockOut | None = None  # None: charging is not locked
    restart_after_s: float = 0.0  # how long a restart must have been possible
    restarted_at: float = -1e9  # end of the last lock-out

    @property
    def is_locked_out(self) -> bool:
        """Tell whether no charging point may charge, because of an overcurrent."""
        return self.lock_out is not None

    @property
    def needs_supervision(self) -> bool:
        """Tell whether an overcurrent is being confirmed, or has led to the lock-out.

        While that is so, each cycle has to supervise it.
        """
        return self.lock_out is not None or self.excess.is_present


def supervise(
    known: Overcurrent,
    settings: Settings,
    loads: Sequence[Load],
    now_s: float,
    *,
    may_restart: bool,
) -> Overcurrent:
    """Return what is known after a cycle; `loads` are of the phases whose value is fresh.

    `may_restart`: at least one of those that were interrupted fits again.
    """
    if known.lock_out is not None:
        return _continue_lock_out(known, known.lock_out, now_s, may_restart=may_restart)
    return _confirm(known, settings, loads, now_s)


def without_silent_phases(known: Overcurrent, silent: Sequence[int]) -> Overcurrent:
    """Return what is known while some phases are silent: nothing is counted on them, nor to restart."""

    def but_silent(times_s: tuple[float | None, ...]) -> tuple[float | None, ...]:
        return tuple(None if phase in silent else at for phase, at in enumerate(times_s))

    excess = known.excess
    if excess.is_present:
        excess = Excess(
            above_fuse_since=but_silent(excess.above_fuse_since),
            above_limit_since=but_silent(excess.above_limit_since),
            severe_samples=tuple(
                0 if phase in silent else count for phase, count in enumerate(excess.severe_samples)
            ),
        )
    lock_out = known.lock_out
    if lock_out is not None:
        lock_out = replace(lock_out, restart_possible_since=None)
    return replace(known, excess=excess, lock_out=lock_out)


def _confirm(
    known: Overcurrent, settings: Settings, loads: Sequence[Load], now_s: float
) -> Overcurrent:
    fuse_ma, limit_ma = settings.fuse_ma, settings.limit_ma + settings.lower_from_ma
    severe_ma = settings.severe_factor * fuse_ma
    before = known.excess
    above_fuse, above_limit = list(before.above_fuse_since), list(before.above_limit_since)
    severe = list(before.severe_samples)
    for load in loads:
        phase = load.phase
        fuse = _is_helpless_excess(
            load, fuse_ma, is_counting=before.above_fuse_since[phase] is not None
        )
        limit = _is_helpless_excess(
            load, limit_ma, is_counting=before.above_limit_since[phase] is not None
        )
        above_fuse[phase] = (above_fuse[phase] or now_s) if fuse else None
        above_limit[phase] = (above_limit[phase] or now_s) if limit else None
        if load.is_new:
            too_much = load.minimums_ma > 0 and load.base_ma + load.minimums_ma > severe_ma
            severe[phase] = severe[phase] + 1 if too_much else 0
    confirmed = (
        any(now_s - since >= settings.overcurrent_fuse_s for since in above_fuse if since)
        or any(now_s - since >= settings.overcurrent_limit_s for since in above_limit if since)
        or max(severe) >= SEVERE_SAMPLES
    )
    if confirmed:
        return _lock(known, settings, now_s)
    if (
        severe == list(before.severe_samples)
        and not any(above_limit)
        and not any(before.above_limit_since)
    ):
        return known
    excess = Excess(
        above_fuse_since=tuple(above_fuse),
        above_limit_since=tuple(above_limit),
        severe_samples=tuple(severe),
    )
    return replace(known, excess=excess)


def _is_helpless_excess(load: Load, most_ma: int, *, is_counting: bool) -> bool:
    """Tell whether lowering does not help: all are at the minimum, or that would be too much, too.

    One that comes back with more than its minimum does not restart the time.
    """
    helpless = load.are_all_at_minimum or (
        is_counting and load.base_ma + load.minimums_ma > most_ma
    )
    return helpless and load.carried_ma > most_ma


def _lock(known: Overcurrent, settings: Settings, now_s: float) -> Overcurrent:
    after_s = settings.restart_s
    if now_s - known.restarted_at <= RECURS_S:
        after_s = min(2 * known.restart_after_s, LONGEST_RESTART_S)
    return Overcurrent(
        lock_out=LockOut(locked_at=now_s),
        restart_after_s=after_s,
        restarted_at=known.restarted_at,
    )


def _continue_lock_out(
    known: Overcurrent, lock_out: LockOut, now_s: float, *, may_restart: bool
) -> Overcurrent:
    """Return what is known after a cycle in the lock-out.

    The lock-out ends when a restart has been possible for `restart_after_s`, the shortest lock-out is
    over, and the meter has shown what the line carries without the chargers.
    """
    possible_since = lock_out.restart_possible_since
    if not may_restart:
        if possible_since is None:
            return known
        return replace(known, lock_out=replace(lock_out, restart_possible_since=None))
    counted_since = now_s if possible_since is None else possible_since
    ends_at = max(counted_since + known.restart_after_s, lock_out.locked_at + SHORTEST_S)
    if lock_out.is_released and now_s >= ends_at:
        return Overcurrent(restart_after_s=known.restart_after_s, restarted_at=now_s)
    if possible_since is not None:
        return known
    return replace(known, lock_out=replace(lock_out, restart_possible_since=counted_since))
