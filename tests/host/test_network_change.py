"""A change of the network: every state with every event."""

import itertools

import pytest

from knxgw.host.network_change import CONFIRM_S, Change, Event, Phase

ENDS = {Phase.KEPT, Phase.RETURNED, Phase.FAILED}


@pytest.mark.proves("W40")
def test_a_change_that_must_be_confirmed_returns_after_120_s() -> None:
    change = Change(id="1").after(Event.TRIED, 1000.0)
    assert CONFIRM_S == 120.0
    assert not change.is_over(1119.9)
    assert change.is_over(1120.0)
    assert change.after(Event.TIME_OVER, 1120.0).phase is Phase.RETURNED


def test_a_change_that_is_confirmed_stays() -> None:
    kept = Change(id="1").after(Event.TRIED, 1000.0).after(Event.CONFIRMED, 1010.0)
    assert kept.phase is Phase.KEPT
    assert not kept.is_over(5000.0)
    assert kept.after(Event.TIME_OVER, 5000.0) is kept


@pytest.mark.parametrize(("phase", "event"), list(itertools.product(Phase, Event)))
def test_what_has_ended_stays_as_it_is_and_only_what_waits_has_a_deadline(
    phase: Phase, event: Event
) -> None:
    change = Change(id="1", phase=phase, return_at=5.0 if phase is Phase.WAITING else None)
    after = change.after(event, 1.0)
    if phase in ENDS:
        assert after is change
    assert (after.return_at is not None) == (after.phase is Phase.WAITING)


@pytest.mark.parametrize("event", Event)
def test_a_start_ends_every_change_that_was_not_over(event: Event) -> None:
    change = Change(id="1").after(event, 0.0).after(Event.FOUND, 1.0)
    assert change.phase in ENDS
