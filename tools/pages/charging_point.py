"""Writes the page on the behaviour of a charging point, drawn from the tables that run; pure."""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from itertools import product

from knxgw.catalogue.codes import ChargingState, Reason
from knxgw.catalogue.product import Product
from knxgw.catalogue.texts import Texts
from knxgw.charging.states import (
    PROCESS_TABLE,
    SHOWN_TABLE,
    Hold,
    Process,
    ProcessInput,
    advance,
    shown_state_of,
    strongest_hold,
)

# --- the machine as people see it: what GO 50 shows, and what happens ------------------------------


class Input(StrEnum):
    """What can happen to a charging point; group objects by their keys."""

    PLUGGED_IN = "plugged in"
    UNPLUGGED = "unplugged"
    START = "{start_stop} = 1"
    STOP = "{start_stop} = 0"
    INTERRUPTED = "{interruption} = 1"
    RELEASED = "{interruption} = 0"
    GRID_CONTROL_BEGINS = "{grid_supporting_control} = 1 (0 A)"
    GRID_CONTROL_ENDS = "{grid_supporting_control} = 0 (0 A)"
    LOCK_OUT_BEGINS = "lock-out begins"
    LOCK_OUT_ENDS = "lock-out ends"
    PAUSE_BEGINS = "our own 0 A begins"
    PAUSE_ENDS = "our own 0 A has ended"


INTERRUPTIONS: Mapping[Input, Input] = {  # begins -> ends
    Input.INTERRUPTED: Input.RELEASED,
    Input.GRID_CONTROL_BEGINS: Input.GRID_CONTROL_ENDS,
    Input.LOCK_OUT_BEGINS: Input.LOCK_OUT_ENDS,
}
_WITHOUT_VEHICLE = (0, 1, 2, 3, 5, 11)  # what a charger may report then
Situation = tuple[ChargingState, Process, frozenset[Input], bool]
"""Reported state, process, interruptions in force (by what began them), our own pause."""


def situations() -> Iterable[Situation]:
    """Yield every situation a charging point can be in."""
    for reported, process, chosen, paused in product(
        ChargingState,
        Process,
        product((False, True), repeat=len(INTERRUPTIONS)),
        (False, True),
    ):
        empty = process is Process.NO_VEHICLE
        if reported not in _WITHOUT_VEHICLE if empty else reported is ChargingState.AVAILABLE:
            continue
        held = frozenset(one for one, on in zip(INTERRUPTIONS, chosen, strict=True) if on)
        yield reported, process, held, paused


def shown_in(situation: Situation) -> ChargingState:
    """Return what GO 50 shows in a situation."""
    reported, process, held, paused = situation
    return shown_state_of(
        reported, strongest_hold(process, is_interrupted=bool(held), is_paused=paused)
    )


def after(situation: Situation, given: Input, *, manual: bool) -> Situation | None:
    """Return the situation after an input; None when it is not possible (`OpNotPossible`).

    The charger reports what it reported before, but 6 after plugging in and 5 after unplugging.
    """
    reported, process, held, paused = situation
    for begins, ends in INTERRUPTIONS.items():
        if given in (begins, ends):
            kept = held | {begins} if given is begins else held - {begins}
            return reported, process, kept, paused
    if given in (Input.PAUSE_BEGINS, Input.PAUSE_ENDS):
        return reported, process, held, given is Input.PAUSE_BEGINS
    if given is Input.PLUGGED_IN and process is Process.NO_VEHICLE:
        reported = ChargingState.CONNECTED
    elif given is Input.UNPLUGGED and process is not Process.NO_VEHICLE:
        reported = ChargingState.AVAILABLE
    following = advance(process, _process_input(situation, given, manual=manual))
    return None if following is None else (reported, following, held, paused)


def _process_input(situation: Situation, given: Input, *, manual: bool) -> ProcessInput:
    if given is Input.START and shown_in(situation) is not ChargingState.MANUAL_START:
        return ProcessInput.START_OTHERWISE
    return {
        Input.PLUGGED_IN: ProcessInput.PLUGGED_IN_TO_WAIT if manual else ProcessInput.PLUGGED_IN,
        Input.UNPLUGGED: ProcessInput.UNPLUGGED,
        Input.START: ProcessInput.START,
    }.get(given, ProcessInput.STOP)


def transitions() -> Mapping[ChargingState, Mapping[Input, tuple[ChargingState | None, ...]]]:
    """Return, for every value of GO 50 and every input, which values may follow.

    None among them: the input may be impossible in that state.
    """
    found: dict[ChargingState, dict[Input, set[ChargingState | None]]] = {
        state: {given: set() for given in Input} for state in ChargingState
    }
    for situation in situations():
        for given, manual in product(Input, (False, True)):
            following = after(situation, given, manual=manual)
            value = None if following is None else shown_in(following)
            found[shown_in(situation)][given].add(value)
    return {
        state: {given: tuple(sorted(values, key=_order)) for given, values in row.items()}
        for state, row in found.items()
    }


def _order(state: ChargingState | None) -> int:
    return -1 if state is None else int(state)


# --- the page --------------------------------------------------------------------------------------

_INTRODUCTION = """\
<!-- Made by `make generate` from knxgw/charging/: change the tables there, not this page. -->

# A charging point

What group object {state} shows, which state may follow which, and what decides the current. All tables on
this page are made from the tables that the gateway runs on. Numbers are those of charging point 1.

A charger reports its own state. The gateway knows what the charger does not: that a process was
cancelled, that it waits for a start, that KNX or the grid operator interrupts it, that the gateway itself
ordered a pause. So there are two tables. The first defines how a charging process advances. The second
defines the state that is shown, from the charger's report and the strongest hold on the charging point.
When a hold ends, nothing is "restored": the state that applies then is shown.

## The charging process
"""
_SHOWN = """\
## What is shown

Rows: what the charger reports; columns: the strongest hold. "Our own 0 A" includes its echo: for
8 s after the pause, what the charger reports about it does not count as its own state.
"""
_TRANSITIONS = """\
## Every state and every input

Computed from the two tables over all situations. If there is more than one value, the state depends on the
holds beneath (an interruption that ends shows the state that applies now). "-" means that the situation
may not allow it: then nothing changes, and `OpNotPossible` is reported. Plugging in is shown for automatic and
manual start together.
"""
_REASONS = """\
## What decides the current

Any source of 0 A wins; otherwise the smallest cap; otherwise the setpoint. What is shown is the
highest effective rank, as number ({reason}), as text ({reason_text}, in the language of the bus) and in words on
the status page. {offer} is the current offered. The offer is always 0 A or within minimum and maximum.
"""
_EXPLAINED = """\
The ranks, from the highest: a configuration fault (nothing is written to the chargers concerned;
without an object that load management needs, no vehicle charges), a fault of the charger, a vehicle
that does not follow the offer, interruption ({interruption}), grid-supporting control with 0 A ({grid_supporting_control}), the overcurrent
lock-out, grid-supporting control with 6 A where the minimum is higher, cancelled, waiting for a
start; then the caps: grid-supporting control with 6 A, the minimum while the gateway starts, stops
or has had an internal error; last the setpoint ({setpoint}).

Interruption and grid-supporting control are independent and may begin and end in any order. A
setpoint written in the meantime is stored and applies at the end.

## Faults of the vehicle

- `NotFollowing` ({not_following}): the current stays above the offer by more than 1.5 A (or a tenth of it) for
  10 s, counted from 6 s after the last lowering. The charging point is offered 0 A.
- `NotStopping` ({not_stopping}): it still draws more than 1 A 10 s later.
- `NotStopping` ends when the draw falls to 1 A or below; `NotFollowing` when the vehicle is
  unplugged, or has drawn no more than 1 A for 5 minutes. A restart of the gateway ends both.

## Start, restart and end

| event | interruption ({interruption}) | grid-supporting control ({grid_supporting_control}) | setpoint ({setpoint}) | cancelled |
|---|---|---|---|---|
| restart of the gateway, power return | as stored | read from the bus, else as stored | as stored, clamped again | as stored |
| KNX comes back | kept | read again | kept | kept |
| the charger comes back | sent again | sent again | sent again | kept |
| another configuration | kept | read from the bus | kept, clamped again | kept |

After a start no charging point gets more than the minimum until the bus has answered whether
grid-supporting control is active: at most 4 s after the read, and 8.5 s after the start if the KNX link
is not up yet. After that the stored value applies; the gateway follows a later answer at once.
Without a group address on {grid_supporting_control} there is nothing to wait for. The stored value of an object that has no
group address any more is not restored, because no telegram could end it.

When the gateway ends in order, it sends every charger the offer that applies without the gateway: under
load management the minimum, or 0 A during an interruption; without load management the present offer.
Fail-safe and watchdogs of the chargers stay armed.

If the stored state was damaged or cannot be read, the fault is `StateLost`: the gateway works, but
everything that may have held a charging point back counts as holding it back. An interruption counts as
active, a setpoint as the lowest, grid-supporting control as active, and a process that {start_stop} can start waits
for a start. This applies to each object that has a group address, until the bus changes it: by an answer to
the read of {grid_supporting_control} at the start, or by writing {interruption}, {setpoint}, {start_stop}. Lost counters start from zero.

If the gateway has an internal error that it cannot handle, the fault is `ContactSupport`: it continues to
control all charging points, but none gets more than the minimum until a restart.
"""


def numbers_of(product: Product) -> Mapping[str, int]:
    """Return the number of every group object by its key, at charging point 1."""
    return {one.key: one.number for one in product.objects}


def charging_point_page(product: Product) -> str:
    """Return the page as Markdown."""
    texts, numbers = product.texts, numbers_of(product)
    severities = {code.name.lower(): n for code, n in product.faults.charging_point.items()}
    parts = [
        _INTRODUCTION.format(**numbers),
        *_diagram(),
        "",
        *_process_table(),
        "",
        _SHOWN,
        *_shown_table(texts),
        "",
        _TRANSITIONS,
        *_transition_table(texts, numbers),
        "",
        _REASONS.format(**numbers),
        *reason_table(texts, numbers),
        "",
        _EXPLAINED.format(**numbers, **severities),
    ]
    return "\n".join(parts)


def _diagram() -> Iterable[str]:
    names = {process: process.name.title().replace("_", "") for process in Process}
    yield "```mermaid"
    yield "stateDiagram-v2"
    for process, name in names.items():
        yield f"    {name}: {process.value}"
    yield f"    [*] --> {names[Process.NO_VEHICLE]}"
    for process, row in PROCESS_TABLE.items():
        for given, following in row.items():
            if following is not None and following is not process:
                yield f"    {names[process]} --> {names[following]}: {given.value}"
    yield "```"


def _process_table() -> Iterable[str]:
    yield from _head("process", *(given.value for given in ProcessInput))
    for process, row in PROCESS_TABLE.items():
        yield _row(process.value, *(following or "-" for following in row.values()))


def _shown_table(texts: Texts) -> Iterable[str]:
    yield from _head("the charger reports", *(hold.value for hold in Hold))
    for reported, row in SHOWN_TABLE.items():
        yield _row(_named(reported, texts), *(str(int(state)) for state in row.values()))


def _transition_table(texts: Texts, numbers: Mapping[str, int]) -> Iterable[str]:
    inputs = (given.value.format(**numbers) for given in Input)
    yield from _head(f"{numbers['state']} shows", *inputs)
    for state, row in transitions().items():
        yield _row(_named(state, texts), *(_values(following) for following in row.values()))


def _values(following: tuple[ChargingState | None, ...]) -> str:
    return ", ".join("-" if state is None else str(int(state)) for state in following)


def reason_table(texts: Texts, numbers: Mapping[str, int]) -> Iterable[str]:
    """Yield the reasons of the limit as a table; `name` is what a scenario of the bench calls it."""
    bus = numbers["reason_text"]
    yield from _head(
        str(numbers["reason"]), "name", "in words", "in German", f"{bus} (en)", f"{bus} (de)"
    )
    for reason in Reason:
        words, short = texts.reasons[reason].words, texts.reasons[reason].bus
        name = f"`{reason.name.lower()}`"
        yield _row(str(int(reason)), name, words.en, words.de, short.en, short.de)


def _named(state: ChargingState, texts: Texts) -> str:
    return f"{int(state)} {texts.states[state].name.en}"


def _head(*cells: str) -> Iterable[str]:
    yield _row(*cells)
    yield "|" + "---|" * len(cells)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
