"""Which firmware starts next."""

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from knxgw.firmware.boot_state import (
    BASE,
    MOST_STARTS,
    SLOTS,
    BootState,
    EventKind,
    Reason,
    begin_trial,
    candidates,
    decode,
    encode,
    ended_in_order,
    failed,
    given_up,
    gives_up,
    is_worn_out,
    newest,
    proved,
    reconstructed,
    started,
    unused_slot,
    with_package,
)

AT = "2026-11-29T12:00:00+00:00"
INSTALLED: Mapping[str, str] = {BASE: "1.0", "a": "1.2"}


def on_trial() -> BootState:
    """Return the state after an update from 1.0 to 1.2."""
    return begin_trial(BootState(), "a", "1.2", AT)


def test_a_new_firmware_is_started_first_and_the_one_of_before_stands_behind_it() -> None:
    assert candidates(on_trial(), INSTALLED) == ["a", BASE]


def test_a_firmware_that_has_proved_itself_is_kept() -> None:
    state = proved(on_trial(), "a", INSTALLED, AT)
    assert (state.active, state.previous, state.trial) == ("a", BASE, None)
    assert state.events[-1].kind is EventKind.KEPT
    assert candidates(state, INSTALLED) == ["a", BASE]


def test_one_failed_start_is_enough_to_give_a_new_firmware_up() -> None:
    for reason in (Reason.FAILED_START, Reason.NOT_READY):
        assert gives_up(on_trial(), "a", reason) is reason


def test_a_new_firmware_that_was_ready_may_end_once() -> None:
    state = on_trial()
    for reason in (Reason.CRASHED, Reason.WATCHDOG, Reason.MEMORY):
        assert gives_up(state, "a", reason) is None
    state = failed(state, "a")
    assert gives_up(state, "a", Reason.WATCHDOG) is Reason.WATCHDOG


def test_starts_without_an_outcome_are_counted_and_end_the_trial() -> None:
    state = on_trial()
    for _ in range(MOST_STARTS):
        assert not is_worn_out(state)
        state = started(state, "a")
    assert is_worn_out(state)


def test_a_healthy_firmware_that_is_told_to_end_has_its_start_taken_back() -> None:
    state = on_trial()
    for _ in range(3 * MOST_STARTS):
        state = ended_in_order(started(state, "a"), "a")
    assert not is_worn_out(state)
    assert ended_in_order(BootState(), BASE) == BootState()


def test_nothing_is_installed_while_the_firmware_that_runs_has_to_prove_itself() -> None:
    assert unused_slot(BootState(), BASE) == "a"
    assert unused_slot(BootState(active="a"), "a") == "b"
    assert unused_slot(on_trial(), BASE) is None
    assert unused_slot(BootState(active="a"), "b") is None, "it would be written over itself"
    assert unused_slot(BootState(active="a"), BASE) is None


def test_what_was_given_up_is_said_and_the_state_of_before_is_put_back_if_there_is_a_copy() -> None:
    state = given_up(on_trial(), Reason.NOT_READY, "1.0", AT)
    assert (state.active, state.trial, state.has_returned, state.is_restoring) == (
        BASE,
        None,
        True,
        False,
    )
    assert state.events[-1].reason is Reason.NOT_READY
    assert state.events[-1].instead == "1.0"
    assert not proved(state, BASE, INSTALLED, AT).has_returned


def test_a_newer_package_of_the_system_is_on_trial_and_an_older_one_is_left_alone() -> None:
    active, newer = proved(on_trial(), "a", INSTALLED, AT), {BASE: "1.3", "a": "1.2"}
    state = with_package(active, newer, AT)
    assert candidates(state, newer) == [BASE, "a"]
    assert with_package(state, newer, AT) is state, "once"
    assert with_package(active, {BASE: "1.1", "a": "1.2"}, AT) is active
    assert with_package(on_trial(), {BASE: "1.3", "a": "1.2"}, AT) == on_trial(), (
        "one after the other"
    )
    assert with_package(BootState(), {BASE: "1.3"}, AT) == BootState(), (
        "there is nothing to return to"
    )
    after = proved(state, BASE, newer, AT)
    assert (after.active, after.previous, after.events[-1].kind) == (BASE, "a", EventKind.KEPT)


def test_a_newer_package_that_does_not_work_is_not_tried_at_each_start_again() -> None:
    installed = {BASE: "1.3", "a": "1.2"}
    tried = with_package(BootState(active="a"), installed, AT)
    assert tried.trial is not None
    tried = replace(tried, trial=replace(tried.trial, has_copy=True))
    after = given_up(tried, Reason.FAILED_START, "1.2", AT)
    assert (after.active, after.refused, after.is_restoring) == ("a", "1.3", True)
    assert with_package(after, {BASE: "1.4", "a": "1.2"}, AT) is after, "the state comes back first"
    after = replace(after, is_restoring=False)
    assert with_package(after, installed, AT) is after
    assert candidates(after, installed) == ["a", BASE]
    again = with_package(after, {BASE: "1.4", "a": "1.2"}, AT)
    assert again.trial is not None, "a newer one is tried"


def test_a_package_in_force_that_another_firmware_had_to_replace_is_not_tried_again() -> None:
    installed = {BASE: "1.3", "a": "1.2"}
    after = proved(BootState(), "a", installed, AT)
    assert (after.active, after.has_returned) == ("a", True)
    assert with_package(after, installed, AT) is after


def test_a_firmware_in_force_that_another_one_had_to_replace_is_said_to_be_given_up() -> None:
    active = proved(on_trial(), "a", INSTALLED, AT)
    after = proved(active, BASE, INSTALLED, AT)
    assert (after.active, after.has_returned) == (BASE, True)
    assert (after.events[-1].kind, after.events[-1].version) == (EventKind.GIVEN_UP, "1.2")


def test_versions_are_ordered_by_their_numbers() -> None:
    assert newest({BASE: "1.9", "a": "1.10", "b": "1.2"}) == "a"
    assert newest({BASE: "1.9", "a": "1.9"}) == BASE
    assert newest({BASE: "1.9", "a": "what?"}) == BASE
    assert newest({}) == BASE


def test_without_a_stored_state_the_newest_that_has_proved_itself_runs_and_a_newer_one_is_on_trial() -> (
    None
):
    state = reconstructed({BASE: "1.9", "a": "1.10"}, [])
    assert state.trial is not None
    assert (state.active, state.trial.slot, state.trial.before) == (BASE, "a", BASE)
    assert reconstructed({BASE: "1.9", "a": "1.10"}, ["a"]) == BootState(active="a")
    state = reconstructed({BASE: "1.9", "a": "1.10", "b": "1.11"}, ["a"])
    assert state.trial is not None
    assert (state.active, state.trial.slot, state.trial.before) == ("a", "b", "a")
    state = reconstructed({BASE: "1.9", "a": "1.8"}, ["a"])
    assert state.trial is not None, "a package that may have been given up"
    assert (state.active, state.trial.slot, state.trial.before) == ("a", BASE, "a")
    assert reconstructed({BASE: "1.9"}, []) == BootState()
    assert reconstructed({"a": "1.8"}, []) == BootState(active="a")


@given(st.binary(max_size=300))
def test_a_state_that_cannot_be_read_is_none(content: bytes) -> None:
    assert decode(content) is None


def test_a_state_that_was_torn_anywhere_is_none_or_the_whole() -> None:
    content = encode(given_up(started(on_trial(), "a"), Reason.WATCHDOG, "1.0", AT))
    for length in range(len(content)):
        assert decode(content[:length]) is None


HAPPENINGS = st.sampled_from(
    ["update", "package", "start", "proved", *Reason]  # each reason is a failure
)


@given(st.lists(HAPPENINGS, max_size=60))
def test_whatever_happens_there_is_a_firmware_to_start_and_the_running_one_is_not_written_over(
    happenings: list[str],
) -> None:
    state, installed, version = BootState(), {BASE: "1.0"}, 1
    for happening in happenings:
        first = candidates(state, installed)[0]
        assert first in installed
        if happening == "update" and state.trial is None:
            slot = unused_slot(state, first)
            if slot is None:
                assert first != state.active
                continue
            assert slot in SLOTS
            assert slot != first
            assert slot != state.active
            version += 1
            installed[slot] = f"1.{version}"
            state = begin_trial(state, slot, installed[slot], AT)
        elif happening == "package":
            version += 1
            installed[BASE] = f"1.{version}"
            state = with_package(state, installed, AT)
        elif happening == "start":
            state = started(state, first)
        elif happening == "proved":
            state = proved(state, first, installed, AT)
        elif happening in set(Reason) and state.trial is not None:
            tried = state.trial.slot
            reason = gives_up(state, tried, Reason(happening))
            if reason is None:
                state = failed(state, tried)
            else:
                if tried != BASE:
                    installed.pop(tried)
                state = given_up(state, reason, "", AT)
        assert decode(encode(state)) == state
        assert state.active in installed
