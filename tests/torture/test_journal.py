"""The journal notices every state that no power cut can have left."""

import pytest

from tests.torture.journal import (
    GENERAL,
    BrokenStateError,
    Command,
    Journal,
    Key,
    What,
    nothing_commanded,
)

POINTS = (1, 2)
GRID: Key = (What.GRID_CONTROL, GENERAL)
INTERRUPTED: Key = (What.INTERRUPTION, 1)
SETPOINT: Key = (What.SETPOINT, 2)
STORY = (
    Command(key=INTERRUPTED, value=1),
    Command(key=SETPOINT, value=8000),
    Command(key=GRID, value=1),
    Command(key=SETPOINT, value=9000),
)


def reported(*, unheard: int = 0) -> Journal:
    journal = Journal(POINTS)
    for number, command in enumerate(STORY):
        journal.note(command, heard=number >= unheard)
    return journal


def state(**values: int) -> dict[Key, int | None]:
    keys = {"interrupted": INTERRUPTED, "setpoint": SETPOINT, "grid": GRID}
    return nothing_commanded(POINTS) | {keys[name]: value for name, value in values.items()}


@pytest.mark.parametrize(
    "found",
    [
        state(),
        state(interrupted=1),
        state(interrupted=1, setpoint=8000),
        state(interrupted=1, setpoint=8000, grid=1),
    ],
)
def test_the_state_after_any_of_the_commands_may_be_stored(found: dict[Key, int | None]) -> None:
    assert not reported().found(found)


def test_the_state_after_all_of_them_is_the_newest() -> None:
    journal = reported()
    assert journal.found(state(interrupted=1, setpoint=9000, grid=1))
    assert journal.found(journal.stored), "nothing was commanded since"


def test_a_value_that_was_never_commanded_is_broken() -> None:
    with pytest.raises(BrokenStateError, match=r"setpoint \[mA\] of charging point 2 is 8500"):
        reported().found(state(interrupted=1, setpoint=8500))


def test_values_that_never_held_together_are_broken() -> None:
    with pytest.raises(BrokenStateError, match="never held together"):
        reported().found(state(setpoint=8000))


def test_what_one_look_found_is_never_lost_later() -> None:
    journal = reported()
    journal.found(state(interrupted=1, setpoint=8000))
    with pytest.raises(BrokenStateError, match="interruption of charging point 1 is 0; it was 1"):
        journal.found(state(setpoint=8000))


def test_the_first_commands_may_be_unheard_during_the_start_but_none_in_the_middle() -> None:
    assert not reported(unheard=2).found(state(grid=1))
    assert not reported(unheard=2).found(state(setpoint=8000))
    with pytest.raises(BrokenStateError, match="never held together"):
        reported(unheard=2).found(state(interrupted=1, grid=1))
    with pytest.raises(BrokenStateError, match="never held together"):
        reported(unheard=1).found(state(grid=1))
