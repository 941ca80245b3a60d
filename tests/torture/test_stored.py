"""A look reads what is there, changes nothing, and notices what is damaged."""

from pathlib import Path
from typing import Any

import pytest

from knxgw.charging.scope import DEVICE, Scope, point_scope
from knxgw.store.database import FILE_NAME, Database, FaultRow, SessionRow
from tests.torture.journal import GENERAL, BrokenStateError, What, nothing_commanded
from tests.torture.stored import FaultLine, Running, SessionLine, look

POINTS = (1, 2)
SESSION = {
    "started_at": "2026-07-01T12:00:00+00:00",
    "ended_at": None,
    "duration_s": 5,
    "energy_mwh": 7,
    "highest_power_w": 4140,
    "card": "1234",
    "ending": None,
    "held_by": None,
    "is_open": True,
}
RECORD = {"interruption": True, "setpoint_ma": 8000, "connected": True, "session": SESSION}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def save(state: Path, records: dict[Scope, dict[str, Any]]) -> Database:
    """Return the database that is still open: its log is not brought into it."""
    database = Database(state)
    session = SessionRow(
        point=1,
        started_at=None,
        ended_at=None,
        duration_s=1,
        energy_mwh=2,
        highest_power_w=3,
        card="4",
        ending="held back",
        held_by=6,
    )
    fault = FaultRow(at=None, scope=point_scope(1), code="Comm", present=True)
    database.save(records, [session], [fault])
    return database


def test_a_look_tells_everything_and_leaves_the_files_alone(state: Path, tmp_path: Path) -> None:
    database = save(state, {DEVICE: {"grid_control": True}, point_scope(1): RECORD})
    before = {file.name: file.read_bytes() for file in state.iterdir()}
    found = look(state, tmp_path / "copy", POINTS)
    after = {file.name: file.read_bytes() for file in state.iterdir()}
    database.close()
    assert after == before
    assert found.wishes == nothing_commanded(POINTS) | {
        (What.GRID_CONTROL, GENERAL): 1,
        (What.INTERRUPTION, 1): 1,
        (What.SETPOINT, 1): 8000,
    }
    assert found.sessions == (SessionLine(1, 1, None, None, 1, 2, 3, "4", "held back", 6),)
    assert found.faults == (FaultLine(1, None, "cp1", "Comm", 1),)
    assert found.running == {1: Running(**SESSION), 2: None}  # type: ignore[arg-type]
    assert found.connected == {1: True, 2: None}


def test_a_state_that_was_never_written_is_empty(state: Path, tmp_path: Path) -> None:
    assert look(state, tmp_path / "copy", POINTS).wishes == nothing_commanded(POINTS)


@pytest.mark.parametrize(
    "torn",
    [
        {key: value for key, value in RECORD.items() if key != "interruption"},
        RECORD | {"setpoint_ma": "8000"},
        RECORD | {"interruption": 1},
        RECORD | {"session": SESSION | {"energy_mwh": 1.5}},
        RECORD | {"session": SESSION | {"highest_power_w": 1.5}},
        RECORD | {"session": SESSION | {"card": None}},
        RECORD | {"session": {}},
    ],
)
def test_a_torn_record_is_broken(torn: dict[str, Any], state: Path, tmp_path: Path) -> None:
    save(state, {point_scope(1): torn}).close()
    with pytest.raises(BrokenStateError, match="a record is torn"):
        look(state, tmp_path / "copy", POINTS)


def test_a_damaged_file_is_broken(state: Path, tmp_path: Path) -> None:
    save(state, {point_scope(1): RECORD | {"text": "x" * 20_000}}).close()
    file = state / FILE_NAME
    whole = file.read_bytes()
    for damaged in (whole[:5000], whole[:6000] + bytes(9000) + whole[15_000:]):
        file.write_bytes(damaged)
        with pytest.raises(BrokenStateError):
            look(state, tmp_path / "copy", POINTS)
