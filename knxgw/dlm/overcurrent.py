"""Overcurrent though all are at the minimum: confirm it, interrupt all, restart. Pure.

A phase that carries too much although all are at the minimum has an *excess*: lowering offers cannot help. If
it lasts, it is *confirmed* as an overcurrent, and a lock-out begins: all charging points are *interrupted*
(with the queue only some, if that is enough). Two *severe* samples in a row, by which base load and minima
are far above the fuse, confirm it sooner. The lock-out ends with a *restart*: the charging points are
newcomers then.

Source: load-management 12.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from knxgw.dlm.settings import LOWERED_WITHIN_S, Settings

RECURS_S = 600.0  # an overcurrent so soon after a restart doubles the next wait (12.4c)
LONGEST_RESTART_S = 900.0  # the wait does not double beyond that (12.4c)
RESTART_ROOM_MA = 1000  # a restart needs so much beside a minimum (12.4a)
OTHERS_AFTER_S = 300.0  # then one that only waited before the lock-out may end it, too (12.4e)
SHORTEST_S = LOWERED_WITHIN_S  # of a lock-out: until then a vehicle may not have stopped (12.4d)
SEVERE_SAMPLES = 2  # so many in a row confirm a severe overcurrent at once (12.2c)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseLoad:
    """What the supervision must know of a phase in one cycle [mA]."""

    phase: int  # 0 to 2
    carried_ma: int  # M_p, but no more than the vehicles will leave once they have obeyed
    base_ma: int  # B_p
    minimums_ma: int  # the sum of the minima of all participants that charge on it
    are_all_at_minimum: bool  # there is a participant on it, and none has more
    is_new: bool  # the meter has measured it since the last cycle


@dataclass(frozen=True, slots=True, kw_only=True)
class Excess:
    """Since when each phase has carried too much although all are at the minimum [monotonic s]; None: it does not.

    By phase, and only while no overcurrent is confirmed yet.
    """

    above_fuse_since: tuple[float | None, ...] = (None, None, None)
    above_limit_since: tuple[float | None, ...] = (None, None, None)
    severe_samples: tuple[int, ...] = (0, 0, 0)  # consecutive samples far above the fuse

    @property
    def is_present(self) -> bool:
        """Tell whether any phase has an excess, which is being timed, or has had a severe sample."""
        times = (*self.above_fuse_since, *self.above_limit_since)
        return any(self.severe_samples) or any(since is not None for since in times)


NO_EXCESS = Excess()


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOut:
    """A lock-out that lasts: which charging points it interrupted, and how near its end is [monotonic s]."""

    locked_at: float  # when it began
    # numbers of the charging points that charged until then
    interrupted: frozenset[int] = frozenset()
    # since when one of them would fit again, perhaps from before the lock-out; None: none fits
    restart_possible_since: float | None = None
    stopped_since: float | None = None  # since when none of them has drawn; None: one still does
    is_released: bool = (
        True  # nothing has to be waited for: the meter has shown the line without them, or a
    )
    # vehicle has not stopped although there was time enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Overcurrent:
    """What the supervision remembers; instants are monotonic seconds."""

    excess: Excess = NO_EXCESS
    lock_out: LockOut | None = None  # None: charging is not locked
    restart_after_s: float = 0.0  # how long a restart must have been possible; 0: no lock-out yet
    restarted_at: float = -1e9  # end of the last lock-out

    @property
    def is_locked_out(self) -> bool:
        """Tell whether an overcurrent was confirmed, and no charging point may charge."""
        return self.lock_out is not None

    @property
    def has_recurred(self) -> bool:
        """Tell whether the present lock-out began less than 10 min after the last restart (`RECURS_S`).

        Then a minimum that fits is not enough for those on full phases (`overcurrent_step`). False where
        there is no lock-out.
        """
        return self.lock_out is not None and self.lock_out.locked_at - self.restarted_at <= RECURS_S

    @property
    def needs_supervision(self) -> bool:
        """Tell whether every cycle has to supervise the phases: an excess is timed, or a lock-out lasts."""
        return self.lock_out is not None or self.excess.is_present


def supervise(
    overcurrent: Overcurrent,
    settings: Settings,
    loads: Sequence[PhaseLoad],
    now_s: float,
    *,
    may_restart: bool,
) -> Overcurrent:
    """Return what is known of an overcurrent after a cycle, in which a lock-out may begin or end.

    `loads`: of each phase with a usable meter value. `may_restart`: there is room for a restart now
    (`overcurrent_step._is_restart_possible`). Source: load-management 12.
    """
    if overcurrent.lock_out is not None:
        return _continue_lock_out(overcurrent, overcurrent.lock_out, now_s, may_restart=may_restart)
    return _supervise_excess(overcurrent, settings, loads, now_s)


def without_silent_phases(overcurrent: Overcurrent, silent_phases: Sequence[int]) -> Overcurrent:
    """Return what is known of an overcurrent in an emergency, without the excess on silent phases (0 to 2).

    The meter is silent or wrong there, so nothing confirms the excess: when the phase is measured again,
    its time starts from 0. The time until a lock-out ends starts from 0 even where no phase is silent,
    because no restart is possible in an emergency. Source: load-management 12.2e, 12.4b.
    """

    def cleared(since: tuple[float | None, ...]) -> tuple[float | None, ...]:
        return tuple(None if phase in silent_phases else at for phase, at in enumerate(since))

    excess = overcurrent.excess
    if excess.is_present:
        excess = Excess(
            above_fuse_since=cleared(excess.above_fuse_since),
            above_limit_since=cleared(excess.above_limit_since),
            severe_samples=tuple(
                0 if phase in silent_phases else count
                for phase, count in enumerate(excess.severe_samples)
            ),
        )
    lock_out = overcurrent.lock_out
    if lock_out is not None:
        lock_out = replace(lock_out, restart_possible_since=None)
    return replace(overcurrent, excess=excess, lock_out=lock_out)


def _supervise_excess(
    overcurrent: Overcurrent, settings: Settings, loads: Sequence[PhaseLoad], now_s: float
) -> Overcurrent:
    """Return what is known of an excess after a cycle without a lock-out; once it is confirmed, one begins.

    An excess is a phase above the fuse or the limit although all are at the minimum, or a severe sample. It
    is confirmed once it has lasted for 6 s (fuse) or 60 s (limit), or by two severe samples in a row
    (`_is_confirmed`). While nothing has changed the same object is returned. Source: load-management 12.2.
    """
    before = overcurrent.excess
    excess = _timed_excess(before, settings, loads, now_s)
    if _is_confirmed(excess, settings, now_s):
        return _with_new_lock_out(overcurrent, settings, now_s)
    return overcurrent if excess == before else replace(overcurrent, excess=excess)


def _timed_excess(
    before: Excess, settings: Settings, loads: Sequence[PhaseLoad], now_s: float
) -> Excess:
    """Return since when each phase has carried too much, and how many severe samples in a row it has had.

    Too much is more than the fuse, or more than the limit by `lower_from_ma`, although all are at the
    minimum, so that lowering offers cannot help. A sample is severe if a vehicle charges on the phase, and base
    load and minima exceed 1.25 times the fuse (`severe_factor`); each one is counted once (`PhaseLoad.is_new`).
    A phase that is not in `loads` keeps what `before` says of it.
    """
    fuse_ma = settings.fuse_ma
    above_limit_from_ma = settings.limit_ma + settings.lower_from_ma
    severe_ma = settings.severe_factor * fuse_ma
    above_fuse, above_limit = list(before.above_fuse_since), list(before.above_limit_since)
    severe_samples = list(before.severe_samples)
    for load in loads:
        phase = load.phase
        is_above_fuse = _is_excess_despite_minimums(
            load, fuse_ma, is_timed=before.above_fuse_since[phase] is not None
        )
        is_above_limit = _is_excess_despite_minimums(
            load, above_limit_from_ma, is_timed=before.above_limit_since[phase] is not None
        )
        above_fuse[phase] = _timed_since(above_fuse[phase], now_s) if is_above_fuse else None
        above_limit[phase] = _timed_since(above_limit[phase], now_s) if is_above_limit else None
        if load.is_new:
            is_severe = load.minimums_ma > 0 and load.base_ma + load.minimums_ma > severe_ma
            severe_samples[phase] = severe_samples[phase] + 1 if is_severe else 0
    return Excess(
        above_fuse_since=tuple(above_fuse),
        above_limit_since=tuple(above_limit),
        severe_samples=tuple(severe_samples),
    )


def _timed_since(before: float | None, now_s: float) -> float:
    """Return since when an excess that is present has been timed [monotonic s]; one that is new, since now.

    `before`: since when it had been by the cycle before; None: there was none.
    """
    return now_s if before is None else before


def _is_confirmed(excess: Excess, settings: Settings, now_s: float) -> bool:
    """Tell whether some phase has carried too much for so long, or so clearly, that it is an overcurrent.

    That is: above the fuse for `overcurrent_fuse_s` (6 s), above the limit for `overcurrent_limit_s` (60
    s), or far above the fuse in two samples in a row (`SEVERE_SAMPLES`).
    """
    above_fuse_s = [now_s - since for since in excess.above_fuse_since if since is not None]
    above_limit_s = [now_s - since for since in excess.above_limit_since if since is not None]
    return (
        any(lasted_s >= settings.overcurrent_fuse_s for lasted_s in above_fuse_s)
        or any(lasted_s >= settings.overcurrent_limit_s for lasted_s in above_limit_s)
        or max(excess.severe_samples) >= SEVERE_SAMPLES
    )


def _is_excess_despite_minimums(load: PhaseLoad, most_ma: int, *, is_timed: bool) -> bool:
    """Tell whether a phase carries more than `most_ma` although all are at the minimum: lowering cannot help.

    Once such an excess is timed (`is_timed`), it is enough that base load and minima alone are too much: a
    participant that starts with more than its minimum must not restart the time. Source: load-management
    12.2d.
    """
    is_lowering_useless = load.are_all_at_minimum or (
        is_timed and load.base_ma + load.minimums_ma > most_ma
    )
    return is_lowering_useless and load.carried_ma > most_ma


def _with_new_lock_out(overcurrent: Overcurrent, settings: Settings, now_s: float) -> Overcurrent:
    """Return what is known when a lock-out begins now: since when it lasts, and how long a restart must wait.

    A restart must have been possible for `restart_s` (60 s). If the last lock-out ended less than 10 min
    ago (`RECURS_S`), that time is twice as long as it was for that one, at most 15 min. Source:
    load-management 12.3, 12.4c.
    """
    restart_after_s = settings.restart_s
    if now_s - overcurrent.restarted_at <= RECURS_S:
        restart_after_s = min(2 * overcurrent.restart_after_s, LONGEST_RESTART_S)
    return Overcurrent(
        lock_out=LockOut(locked_at=now_s),
        restart_after_s=restart_after_s,
        restarted_at=overcurrent.restarted_at,
    )


def lock_out_ends_at(overcurrent: Overcurrent) -> float | None:
    """Return when the lock-out ends [monotonic s], if a restart stays possible until then, to be shown to people.

    None: there is no lock-out, or no restart is possible now. The lock-out lasts longer if the meter has
    not shown by then what the line carries without the chargers.
    """
    lock_out = overcurrent.lock_out
    if lock_out is None or lock_out.restart_possible_since is None:
        return None
    return _earliest_end_at(overcurrent, lock_out, lock_out.restart_possible_since)


def _earliest_end_at(overcurrent: Overcurrent, lock_out: LockOut, possible_since: float) -> float:
    """Return when a lock-out ends at the earliest [monotonic s], if a restart stays possible until then.

    `possible_since`: since when a restart has been possible. A lock-out lasts for 5 s at least
    (`SHORTEST_S`): until then a vehicle may not have stopped.
    """
    return max(possible_since + overcurrent.restart_after_s, lock_out.locked_at + SHORTEST_S)


def _continue_lock_out(
    overcurrent: Overcurrent, lock_out: LockOut, now_s: float, *, may_restart: bool
) -> Overcurrent:
    """Return what is known after one more cycle of a lock-out, which may end it.

    It ends when a restart has been possible for `restart_after_s` without a break (`may_restart`: it is
    now), and the meter has shown what the line carries without the chargers, or has waited long enough for a
    vehicle that does not stop (`is_released`). It lasts 5 s at least. While nothing has changed the same object is returned. Source: load-management 12.4.
    """
    possible_since = lock_out.restart_possible_since
    if not may_restart:  # the time begins again later
        if possible_since is None:
            return overcurrent
        return replace(overcurrent, lock_out=replace(lock_out, restart_possible_since=None))
    counted_since = now_s if possible_since is None else possible_since
    ends_at = _earliest_end_at(overcurrent, lock_out, counted_since)
    if lock_out.is_released and now_s >= ends_at:  # the lock-out is over
        return Overcurrent(restart_after_s=overcurrent.restart_after_s, restarted_at=now_s)
    if possible_since is not None:  # it is being timed already
        return overcurrent
    return replace(overcurrent, lock_out=replace(lock_out, restart_possible_since=counted_since))
