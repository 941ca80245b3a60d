"""Which firmware starts next: a small state machine on the disk. Pure, and of the standard library only.

The launcher reads this module from its own folder, before any firmware is there to import from.

A *slot* is a virtual environment with one firmware. `base` is the one that was installed with the system, whose
package manager may bring a newer one; `a` and `b` stand in the state directory, and an update writes the one that is
not in use.

    installed ──begin_trial──> trial ──kept──> active
                                 │
                                 └──given_up──> the slot of before is active again

A new firmware is on *trial* until it has been healthy for a while. Each of its starts is counted before it
begins, so that a machine that dies with it every time (a power cut cannot be told from that) gives it up
too. One failed start is enough to give it up, and so are two crashes after it was ready: whoever
updated waits at the website, and charging does.

The state is one JSON file that is replaced as a whole. If it cannot be read all the same, the newest firmware
that is there is tried again: it was complete before its slot got its name, and one that was given up is
not there any more.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

BASE = "base"
SLOTS = ("a", "b")
FORMAT = 1
MOST_EVENTS = 50
MOST_CRASHES = 2  # of a firmware on trial, after it was ready
MOST_STARTS = 4  # of a firmware on trial, whatever became of them
LARGEST_FILE = 256 * 1024


class Reason(StrEnum):
    """Why a firmware was given up, or does not run."""

    FAILED_START = "failed_start"  # it ended before it was healthy
    NOT_READY = "not_ready"  # it was not healthy in time
    WATCHDOG = "watchdog"  # it gave no sign of life any more
    MEMORY = "memory"  # it took too much memory
    CRASHED = "crashed"  # it ended by itself after it was healthy
    POWER_CUTS = "power_cuts"  # it was started several times, and each time the machine stopped
    NOT_THERE = "not_there"  # its slot is incomplete
    NO_COPY = "no_copy"  # the state could not be copied before its first start


class EventKind(StrEnum):
    """What happened to a firmware."""

    INSTALLED = "installed"
    KEPT = "kept"
    GIVEN_UP = "given_up"


@dataclass(frozen=True)
class Event:
    """One line of the history of the firmware."""

    kind: EventKind
    version: str
    at: str  # ISO 8601 in UTC, by the clock of the machine
    reason: Reason | None = None  # of GIVEN_UP
    instead: str = ""  # of GIVEN_UP: the version that runs again


@dataclass(frozen=True)
class Trial:
    """A firmware that has not proved itself yet."""

    slot: str
    version: str
    before: str  # the slot to return to
    has_copy: bool = False  # of the state, as it was before the first start
    may_lack_copy: bool = False  # it may have run before: it goes on even if no copy can be made
    starts: int = 0
    crashes: int = 0


@dataclass(frozen=True)
class BootState:
    """Which slot runs, which one is on trial, and what has happened."""

    active: str = BASE
    previous: str | None = None
    trial: Trial | None = None
    is_restoring: bool = False  # the previous state is being put back: goes on after a power cut
    has_returned: bool = False  # the running firmware has not said yet that another was given up
    refused: str = ""  # version of a base that was given up: it is not tried again
    events: tuple[Event, ...] = ()

    def noting(self, event: Event) -> "BootState":
        """Return the state with one more event."""
        return replace(self, events=(*self.events, event)[-MOST_EVENTS:])


# --- on the disk


def encode(state: BootState) -> bytes:
    """Return a state as it is stored."""
    return json.dumps({"format": FORMAT, **asdict(state)}, indent=1).encode()


def decode(content: bytes) -> BootState | None:
    """Return a state that was stored, None: it cannot be read."""
    try:
        fields = json.loads(content)
        return _state(fields) if fields["format"] == FORMAT else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _state(fields: Mapping[str, Any]) -> BootState:
    """Return a state of its fields. Raises: KeyError, TypeError, ValueError."""
    trial = fields["trial"]
    return BootState(
        active=_slot(fields["active"]),
        previous=None if fields["previous"] is None else _slot(fields["previous"]),
        trial=None if trial is None else _trial(trial),
        is_restoring=fields["is_restoring"] is True,
        has_returned=fields["has_returned"] is True,
        refused=str(fields.get("refused", "")),
        events=tuple(_event(one) for one in fields["events"])[-MOST_EVENTS:],
    )


def _trial(fields: Mapping[str, Any]) -> Trial:
    return Trial(
        slot=_slot(fields["slot"]),
        version=str(fields["version"]),
        before=_slot(fields["before"]),
        has_copy=fields["has_copy"] is True,
        may_lack_copy=fields["may_lack_copy"] is True,
        starts=_count(fields["starts"]),
        crashes=_count(fields["crashes"]),
    )


def _event(fields: Mapping[str, Any]) -> Event:
    reason = fields["reason"]
    return Event(
        kind=EventKind(fields["kind"]),
        version=str(fields["version"]),
        at=str(fields["at"]),
        reason=None if reason is None else Reason(reason),
        instead=str(fields["instead"]),
    )


def _slot(name: object) -> str:
    if name != BASE and name not in SLOTS:
        raise ValueError(f"{name!r} is no slot")
    return str(name)


def _count(number: object) -> int:
    if not isinstance(number, int) or not 0 <= number < 1000:
        raise ValueError("no count")
    return number


# --- versions


def version_key(version: str) -> tuple[int, ...]:
    """Return what orders versions such as "1.4"; what is no version comes first."""
    parts = version.split(".")
    if all(part.isascii() and part.isdecimal() and len(part) < 6 for part in parts):
        return tuple(int(part) for part in parts)
    return ()


def newest(installed: Mapping[str, str]) -> str:
    """Return the slot with the newest version; of equal ones `base`."""
    return max(
        installed,
        key=lambda slot: (version_key(installed[slot]), slot == BASE),
        default=BASE,
    )


# --- what happens


def reconstructed(installed: Mapping[str, str], proved_slots: Collection[str]) -> BootState:
    """Return the state of a device whose stored one is not there or cannot be read.

    `proved_slots`: those that have proved themselves before. A newer one that has not is on trial, and so is a newer
    base: nobody knows any more whether it ever worked.
    """
    proved_ones = {slot: version for slot, version in installed.items() if slot in proved_slots}
    newer = newest(installed)
    active = newest(proved_ones)  # the base, if no slot has proved itself
    if active not in installed or version_key(installed[newer]) <= version_key(installed[active]):
        return BootState(active=active if active in installed else newer)
    trial = Trial(slot=newer, version=installed[newer], before=active, may_lack_copy=True)
    return BootState(active=active, trial=trial)


def begin_trial(state: BootState, slot: str, version: str, at: str) -> BootState:
    """Return the state after an update was installed in a slot: the next start tries it."""
    trial = Trial(slot=slot, version=version, before=state.active)
    return replace(state, trial=trial).noting(Event(EventKind.INSTALLED, version, at))


def with_package(state: BootState, installed: Mapping[str, str], at: str) -> BootState:
    """Return the state with the base on trial if it is newer than the active slot, and was not given up before.

    The system's package manager has installed it then, while the firmware of the active slot was in force.
    """
    base, active = installed.get(BASE, ""), installed.get(state.active)
    if state.trial is not None or state.is_restoring or active is None or base == state.refused:
        return state
    is_newer = version_key(base) > version_key(active)
    return begin_trial(state, BASE, base, at) if is_newer else state


def candidates(state: BootState, installed: Mapping[str, str]) -> list[str]:
    """Return the slots that are there, the one to start first in front."""
    wanted: list[str] = []
    if state.trial is not None:
        wanted.append(state.trial.slot)
    wanted.append(state.active if state.active in installed else BASE)
    if state.previous is not None:
        wanted.append(state.previous)
    wanted += sorted(
        installed, key=lambda slot: (version_key(installed[slot]), slot == BASE), reverse=True
    )
    return [slot for slot in dict.fromkeys(wanted) if slot in installed]


def unused_slot(state: BootState, running: str) -> str | None:
    """Return the slot that an update may write, None: the firmware that runs has to prove itself first.

    `running`: the slot of that firmware. Nothing is written while it is on trial, or stands in for another.
    """
    if state.trial is not None or running != state.active:
        return None
    return next(slot for slot in SLOTS if slot != running)


def started(state: BootState, slot: str) -> BootState:
    """Return the state to be stored before a slot is started."""
    trial = state.trial
    if trial is None or trial.slot != slot:
        return state
    return replace(state, trial=replace(trial, starts=trial.starts + 1))


def proved(state: BootState, slot: str, installed: Mapping[str, str], at: str) -> BootState:
    """Return the state after a slot has been healthy for a while; `installed`: the version of each slot."""
    trial, version = state.trial, installed.get(slot, "")
    if trial is not None and trial.slot == slot:
        kept = replace(state, active=slot, previous=trial.before, trial=None, has_returned=False)
        return kept.noting(Event(EventKind.KEPT, version, at))
    if state.active == slot:
        return replace(state, has_returned=False)
    before = installed.get(state.active, "")
    if version_key(version) > version_key(before):  # the one in force is not there any more
        after = replace(state, active=slot, previous=state.active, has_returned=False)
        return after.noting(Event(EventKind.KEPT, version, at))
    event = Event(EventKind.GIVEN_UP, before, at, Reason.FAILED_START, version)
    refused = before if state.active == BASE else state.refused
    after = replace(state, active=slot, previous=None, has_returned=True, refused=refused)
    return after.noting(event)


def gives_up(state: BootState, slot: str, reason: Reason) -> Reason | None:
    """Return why a firmware on trial is given up after this failure, None: it gets another chance."""
    trial = state.trial
    if trial is None or trial.slot != slot:
        return None
    if reason in (Reason.CRASHED, Reason.WATCHDOG, Reason.MEMORY):
        return reason if trial.crashes + 1 >= MOST_CRASHES else None
    return reason


def failed(state: BootState, slot: str) -> BootState:
    """Return the state after a crash of a firmware on trial that is not given up for it."""
    trial = state.trial
    if trial is None or trial.slot != slot:
        return state
    return replace(state, trial=replace(trial, crashes=trial.crashes + 1))


def ended_in_order(state: BootState, slot: str) -> BootState:
    """Return the state after a healthy firmware was told to end, or asked to be started again."""
    trial = state.trial
    if trial is None or trial.slot != slot:
        return state
    return replace(state, trial=replace(trial, starts=max(0, trial.starts - 1)))


def is_worn_out(state: BootState) -> bool:
    """Tell whether a firmware on trial was started too often without an outcome."""
    return state.trial is not None and state.trial.starts >= MOST_STARTS


def given_up(state: BootState, reason: Reason, instead: str, at: str) -> BootState:
    """Return the state after the firmware on trial was given up; `instead`: the previous version."""
    trial = state.trial
    if trial is None:
        return state
    event = Event(EventKind.GIVEN_UP, trial.version, at, reason, instead)
    return replace(
        state,
        active=trial.before,
        trial=None,
        is_restoring=trial.has_copy,
        has_returned=True,
        refused=trial.version if trial.slot == BASE else state.refused,
    ).noting(event)
