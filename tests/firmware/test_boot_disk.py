"""What the launcher keeps on the disk survives a power cut at any step."""

import errno
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from knxgw.firmware.boot_disk import STATE_FILE, BootDisk, version_of
from knxgw.firmware.boot_state import BASE, BootState, Trial, begin_trial
from knxgw.store.database import FILE_NAME, Database
from tests.firmware.makers import slot

AT = "2026-11-29T12:00:00+00:00"
NUMBER = "SELECT number FROM secure_numbers WHERE name = 'sent'"


@pytest.fixture
def disk(tmp_path: Path) -> BootDisk:
    """Return a device with the state of a gateway, and a firmware that the system has installed."""
    state = tmp_path / "state"
    database = Database(state)
    database.save({}, numbers={"sent": 7})
    database.close()
    (state / "knxgw.configuration.yaml").write_text("knx: {link: none}\n")
    return BootDisk(state, slot(tmp_path / "base", "1.0"))


def execute(disk: BootDisk, *statements: str) -> None:
    """Change the file of the state, as a firmware does."""
    with closing(sqlite3.connect(disk.directory / FILE_NAME)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def value(disk: BootDisk, query: str) -> object:
    """Ask the file of the state."""
    with closing(sqlite3.connect(disk.directory / FILE_NAME)) as connection:
        return connection.execute(query).fetchone()[0]


def test_the_slots_that_are_complete_are_found_with_their_versions(disk: BootDisk) -> None:
    assert disk.installed() == {BASE: "1.0"}
    slot(disk.path("a"), "1.2")
    slot(disk.root / "slots" / "b.new", "1.3")
    assert disk.installed() == {BASE: "1.0", "a": "1.2"}
    (disk.path("a") / "bin" / "python").unlink()  # its Python was removed from the system
    assert disk.installed() == {BASE: "1.0"}
    assert version_of(disk.root) is None


def test_the_state_is_stored_and_one_that_cannot_be_read_is_made_of_what_is_there(
    disk: BootDisk,
) -> None:
    slot(disk.path("a"), "1.2")
    stored = begin_trial(BootState(), "a", "1.2", AT)
    disk.save(stored)
    assert disk.load() == stored
    again = BootState(trial=Trial(slot="a", version="1.2", before=BASE, may_lack_copy=True))
    (disk.root / STATE_FILE).write_bytes(b"\0" * 100)
    assert disk.load() == again
    (disk.root / STATE_FILE).unlink()
    assert disk.load() == again
    disk.note_proved("a")
    disk.note_proved(BASE)
    assert disk.load() == BootState(active="a")


def test_a_slot_is_removed_and_the_base_never_is(disk: BootDisk) -> None:
    slot(disk.path("a"), "1.2")
    disk.remove_slot("a")
    disk.remove_slot("a")
    disk.remove_slot(BASE)
    assert disk.installed() == {BASE: "1.0"}


@pytest.mark.proves("11.7")
def test_what_a_firmware_wrote_stays_if_it_has_not_changed_the_schema(disk: BootDisk) -> None:
    disk.keep_copy("a", "1.2")
    execute(disk, "UPDATE secure_numbers SET number = 9", "CREATE TABLE of_the_trial (a)")
    disk.put_back()
    assert value(disk, NUMBER) == 9
    assert value(disk, "SELECT count(*) FROM of_the_trial") == 0


@pytest.mark.proves("11.7")
@pytest.mark.parametrize("written", [9, 5])
def test_a_schema_that_the_one_of_before_cannot_read_gives_way_to_the_copy_but_numbers_only_grow(
    disk: BootDisk, written: int
) -> None:
    before = value(disk, "PRAGMA user_version")
    disk.keep_copy("a", "1.2")
    execute(
        disk,
        f"UPDATE secure_numbers SET number = {written}",  # noqa: S608 - a number of ours
        "CREATE TABLE of_the_trial (a)",
        "PRAGMA user_version = 99",
    )
    disk.put_back()
    disk.put_back()  # after a power cut
    assert value(disk, "PRAGMA user_version") == before
    assert value(disk, NUMBER) == max(7, written)
    database = Database(disk.directory)
    assert database.load_numbers() == {"sent": max(7, written)}
    database.close()
    assert not list(disk.directory.glob("*.damaged-*"))


def test_a_state_file_that_the_new_firmware_has_broken_gives_way_to_the_copy(
    disk: BootDisk,
) -> None:
    disk.keep_copy("a", "1.2")
    (disk.directory / FILE_NAME).write_bytes(b"no database at all" * 1000)
    disk.put_back()
    assert value(disk, NUMBER) == 7


def test_the_configuration_of_before_comes_back_once(disk: BootDisk) -> None:
    own = disk.directory / "knxgw.configuration.yaml"
    disk.keep_copy("a", "1.2")
    own.write_text("of: the new firmware\n")
    disk.put_back()
    assert own.read_text() == "knx: {link: none}\n"
    own.write_text("of: somebody\n")
    disk.put_back()
    assert own.read_text() == "of: somebody\n"


def test_a_copy_that_is_there_belongs_to_the_trial_also_if_the_state_was_lost(
    disk: BootDisk,
) -> None:
    slot(disk.path("a"), "1.2")
    disk.keep_copy("a", "1.2")
    trial = disk.load().trial
    assert trial is not None
    assert trial.has_copy
    disk.forget_copy()
    trial = disk.load().trial
    assert trial is not None
    assert not trial.has_copy


def test_a_state_that_was_lost_while_it_was_put_back_is_put_back_all_the_same(
    disk: BootDisk,
) -> None:
    disk.keep_copy("a", "1.2")  # of a firmware that was given up: its slot is gone
    assert disk.load() == BootState(is_restoring=True)
    slot(disk.path("a"), "1.3")
    disk.note_proved("a")
    assert disk.load() == BootState(active="a", is_restoring=True)


def test_a_database_that_somebody_has_locked_is_put_back_later_with_all_its_numbers(
    disk: BootDisk,
) -> None:
    disk.keep_copy("a", "1.2")
    execute(disk, "UPDATE secure_numbers SET number = 500", "PRAGMA user_version = 99")
    with closing(sqlite3.connect(disk.directory / FILE_NAME, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            disk.put_back()
        other.execute("ROLLBACK")
    disk.put_back()
    assert value(disk, NUMBER) == 500


def test_a_reset_during_a_trial_leaves_an_empty_way_back(disk: BootDisk) -> None:
    execute(disk, "INSERT INTO runs (version, boot) VALUES ('1.0', 'a')")
    disk.keep_copy("a", "1.2")
    (disk.root / "before.new").mkdir()
    execute(disk, "PRAGMA user_version = 99")
    disk.erase_copy()
    disk.put_back()
    assert value(disk, "SELECT count(*) FROM runs") == 0
    assert value(disk, NUMBER) == 7
    assert not (disk.root / "before.new").exists()
    assert (disk.directory / "knxgw.configuration.yaml").exists()
    Database(disk.directory).close()


def test_two_processes_may_store_the_state_at_once(disk: BootDisk) -> None:
    program = "import sys; from pathlib import Path; from knxgw.firmware.boot_disk import BootDisk; from knxgw.firmware.boot_state import BootState; disk = BootDisk(Path(sys.argv[1]), None); [disk.save(BootState()) for _ in range(60)]"
    command = [sys.executable, "-c", program, str(disk.directory)]
    writers = [subprocess.Popen(command) for _ in range(2)]
    assert [one.wait(60) for one in writers] == [0, 0]
    assert disk.load() == BootState()
    (disk.root / "boot.json.77.new").touch()
    disk.tidy()
    assert [path.name for path in disk.root.iterdir()] == ["boot.json"]


def test_a_slot_that_cannot_be_looked_at_is_not_there(
    disk: BootDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot(disk.path("a"), "1.2")
    path = type(disk.root)
    for name in ("exists", "glob"):
        real = getattr(path, name)

        def fails(self: Path, *args: object, real: Callable[..., object] = real) -> object:
            if "slots" in self.parts:
                raise OSError(errno.EIO, "the disk fails")
            return real(self, *args)

        monkeypatch.setattr(path, name, fails)
        assert disk.installed() == {BASE: "1.0"}
        assert disk.load() == BootState()


def test_what_is_stored_is_for_the_gateway_only(disk: BootDisk) -> None:
    disk.keep_copy("a", "1.2")
    disk.save(BootState())
    files = [path for path in disk.root.rglob("*") if path.is_file()]
    assert len(files) == 4
    assert {path.stat().st_mode & 0o077 for path in files} == {0}
