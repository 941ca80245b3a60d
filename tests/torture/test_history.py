"""The books of sessions and faults notice what is lost, doubled, torn or too much."""

from collections.abc import Sequence

import pytest

from tests.torture.history import FaultBook, SessionBook
from tests.torture.journal import BrokenStateError, nothing_commanded
from tests.torture.stored import FaultLine, Running, SessionLine, Stored

START, END, LATER = (f"2026-07-01T12:0{n}:00+00:00" for n in (0, 1, 2))
DELIVERED_MWH = {1: 5000}


def stored(
    running: Running | None = None,
    sessions: Sequence[SessionLine] = (),
    faults: Sequence[FaultLine] = (),
    *,
    connected: bool = True,
) -> Stored:
    return Stored(
        wishes=nothing_commanded((1,)),
        sessions=tuple(sessions),
        faults=tuple(faults),
        running={1: running},
        connected={1: connected},
    )


def session(
    energy_mwh: int, *, started_at: str = START, is_open: bool = True, highest_power_w: int = 4140
) -> Running:
    return Running(
        started_at=started_at,
        ended_at=None if is_open else END,
        duration_s=60,
        energy_mwh=energy_mwh,
        highest_power_w=highest_power_w,
        ending=None if is_open else "unplugged",
        is_open=is_open,
    )


def line(energy_mwh: int, number: int = 1, *, ending: str = "unplugged") -> SessionLine:
    return SessionLine(number, 1, START, END, 60, energy_mwh, 4140, "", ending)


def charging(energy_mwh: int = 3000) -> SessionBook:
    """Return a book that has seen an open session."""
    book = SessionBook({1: 1})
    book.plugged(1)
    book.found(stored(session(energy_mwh)), DELIVERED_MWH)
    return book


def left(energy_mwh: int = 3000) -> SessionBook:
    """Return a book of a session whose vehicle has left, which the store does not know yet."""
    book = charging(energy_mwh)
    book.unplugged(1)
    return book


def test_a_session_grows_is_closed_and_makes_room_for_the_next_one() -> None:
    book = charging()
    book.found(stored(session(4000)), DELIVERED_MWH)
    book.unplugged(1)
    book.found(stored(session(4000)), DELIVERED_MWH)
    assert not book.is_free(1), "the store does not know that it has left"
    closed = session(5000, is_open=False)
    book.found(stored(closed, [line(5000)], connected=False), DELIVERED_MWH)
    assert book.is_free(1)
    book.plugged(1)
    book.found(stored(closed, [line(5000)], connected=False), DELIVERED_MWH)
    book.found(stored(session(10, started_at=END), [line(5000)]), {1: 10})


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (stored(session(5002)), "5000 mWh delivered"),
        (stored(session(-1)), "5000 mWh delivered"),
        (stored(session(2999)), "went back"),
        (stored(session(4000, started_at=END)), "went back"),
        (stored(session(4000, highest_power_w=4139)), "went back"),
        (stored(session(4000, started_at="2026-07-01")), "has no zone"),
        (stored(session(4000, started_at="noon")), "is no time"),
        (stored(None), "is gone"),
        (stored(session(4000, is_open=False)), "the list says None"),
        (stored(session(4000, is_open=False), [line(4000)]), "no vehicle has left"),
    ],
)
def test_an_open_session_that_cannot_be_is_broken(found: Stored, message: str) -> None:
    with pytest.raises(BrokenStateError, match=message):
        charging().found(found, DELIVERED_MWH)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (stored(session(4000, is_open=False), [line(4000), line(4000, 2)]), "no vehicle has left"),
        (stored(session(4000, is_open=False), [line(4001)]), "the list says"),
        (stored(session(4000, is_open=False), [line(4000, ending="removed")]), "the list says"),
        (stored(session(4000), [line(4000)]), "a session of nobody"),
        (stored(session(2000, is_open=False), [line(2000)]), "went back"),
        (stored(session(6000, is_open=False), [line(6000)]), "5000 mWh delivered"),
        (stored(session(4000, is_open=False), [line(4000, 2)]), "not numbered one by one"),
    ],
)
def test_a_closed_session_that_cannot_be_is_broken(found: Stored, message: str) -> None:
    with pytest.raises(BrokenStateError, match=message):
        left().found(found, DELIVERED_MWH)


def test_a_closed_session_stays_as_it_is() -> None:
    book = left()
    closed = session(4000, is_open=False)
    book.found(stored(closed, [line(4000)], connected=False), DELIVERED_MWH)
    for changed in ([], [line(4001)]):
        with pytest.raises(BrokenStateError, match="lost or changed"):
            book.found(stored(closed, changed), DELIVERED_MWH)


# --- faults


def fault(number: int, present: int, at: str | None = START) -> FaultLine:
    return FaultLine(number, at, "cp1", "NotReachable", present)


def history(*lines: FaultLine) -> Stored:
    return stored(faults=lines)


def test_faults_come_and_go_and_may_come_again_in_the_next_life() -> None:
    book = FaultBook((1,))
    came, went, again = fault(1, 1), fault(2, 0, END), fault(3, 1, LATER)
    book.found(history(came, went, again))
    anew = fault(4, 1, LATER)
    book.found(history(came, went, again, anew))
    book.found(history(came, went, again, anew, fault(5, 0, LATER)))


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([fault(1, 0)], "that was not there"),
        ([fault(1, 1), fault(2, 1)], "that was there"),
        ([fault(1, 2)], "comes or goes"),
        ([fault(1, 1), fault(3, 0)], "not numbered one by one"),
        ([fault(1, 1, LATER), fault(2, 0, START)], "goes back"),
        ([fault(1, 1, "")], "is no time"),
        ([FaultLine(1, None, "cp1", "NotReach", 1)], "nobody knows"),
        ([FaultLine(1, None, "cp7", "NotReachable", 1)], "nobody knows"),
    ],
)
def test_a_history_of_faults_that_cannot_be_is_broken(lines: list[FaultLine], message: str) -> None:
    with pytest.raises(BrokenStateError, match=message):
        FaultBook((1,)).found(history(*lines))


def test_no_fault_is_forgotten() -> None:
    book = FaultBook((1,))
    book.found(history(fault(1, 1), fault(2, 0)))
    with pytest.raises(BrokenStateError, match="lost or changed"):
        book.found(history(fault(1, 1)))
