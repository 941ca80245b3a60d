"""The factory reset: what goes, what stays, and that a power cut does not stop it."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from knxgw.catalogue.interface_objects import LoadState
from knxgw.catalogue.load import catalogue
from knxgw.charging.scope import DEVICE
from knxgw.cli import main
from knxgw.device.identity import Identity
from knxgw.device.kept_state import restore, state_bytes
from knxgw.device.model import DeviceModel, Outside
from knxgw.device.security import MODE, TOOL_KEY
from knxgw.errors import GatewayError
from knxgw.factory_reset import REQUEST_NAME, SET_ASIDE_NAME, FactoryReset, SetAside
from knxgw.firmware.boot_disk import BootDisk
from knxgw.firmware.boot_state import BootState
from knxgw.run import _finish
from knxgw.store import initial_password
from knxgw.store.configurations import Configurations, Origin
from knxgw.store.database import Database, FaultRow, SessionRow
from knxgw.store.fdsk_file import fdsk
from knxgw.store.knx_device_files import KnxDeviceFiles
from knxgw.store.lock import StateLock
from knxgw.store.private_files import write_private
from tests.firmware.makers import slot
from tests.support.processes import GOOD, free_port, health
from tests.support.waiting import wait_until

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
KEPT = {
    *("knxgw.sqlite", "knxgw.initial-password", "knxgw.own-certificate.pem", "knxgw.device-id"),
    "firmware",
}
PERSONAL = (  # what the program writes, and what a power cut may leave of it
    *("knxgw.unapplied.json", "knxgw.first-charges.json", "knxgw.configuration-before.yaml"),
    "knxgw.https-proved",
    *("knxgw.uploaded-certificate.pem", "knxgw.uploaded-certificate.draft"),
    *("knxgw.configuration.yaml.new", "knxgw.password-reset", "knxgw.keyrings/1.knxkeys"),
    "knxgw.sqlite.damaged-20261129",
)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """Return the state directory of a device that was used."""
    return used_device(tmp_path)


def used_device(folder: Path) -> Path:
    """Return the state directory of a device that was used."""
    directory = folder / "state"
    with closing(Database(directory)) as database:
        session = SessionRow(point=1, started_at=None, ended_at=None, duration_s=60, energy_mwh=1)
        fault = FaultRow(at=None, scope=DEVICE, code="Comm", present=True)
        database.save({DEVICE: {"a": 1}}, [session], [fault], {"sent": 7})
    initial_password.write(directory, "INITIAL")
    configurations = Configurations(directory)
    write_private(configurations.own, b"knx: {link: none}\n")
    configurations.keep("knx: {link: none}\n", at=NOON, origin=Origin.WEBSITE)
    (directory / "knxgw.keyrings").mkdir()
    for name in ("knxgw.device-id", "knxgw.own-certificate.pem", *PERSONAL):
        (directory / name).write_text("{}")
    disk = BootDisk(directory, None)
    slot(disk.path("a"), "0.2")
    disk.save(BootState(active="a"))
    disk.keep_copy("a", "0.2")
    (disk.root / "before.new").mkdir()
    (disk.root / "before.new" / "knxgw.sqlite").write_text("accounts")
    disk.note_panel("chip=board led_app=3")
    return directory


def stored(state: Path) -> tuple[int, int, dict[str, int]]:
    """Return what the database still has: sessions, faults, numbers."""
    with closing(Database(state)) as database:
        return len(database.sessions()), len(database.faults()), database.load_numbers()


def assert_reset(state: Path) -> None:
    """Look at a device after its reset."""
    assert stored(state) == (0, 0, {"sent": 7})
    assert initial_password.read(state) == "INITIAL"
    assert Configurations(state).versions() == ()
    disk = BootDisk(state, None)
    assert disk.installed() == {"a": "0.2"}, "the firmware stays"
    assert disk.load().active == "a"
    firmware = {path.name for path in disk.root.iterdir()}
    assert firmware <= {"slots", "boot.json", "before"}, "of the copy only the schema is left"
    with closing(sqlite3.connect(disk.root / "before" / "knxgw.sqlite")) as copy:
        assert copy.execute("SELECT count(*) FROM sessions").fetchone() == (0,)
    left = {path.name for path in state.iterdir()}
    assert left - {"knxgw.sqlite-wal", "knxgw.sqlite-shm", "knxgw.lock"} == KEPT


@pytest.mark.proves("W39", "8.27", "8.28", "8.31", "8.32")
def test_a_reset_takes_what_belongs_to_whoever_used_the_device(state: Path) -> None:
    networks: list[str] = []
    reset = FactoryReset(state, lambda: networks.append("DHCP"))
    reset.ask()
    assert (state / REQUEST_NAME).exists()
    reset.finish()
    assert networks == ["DHCP"]
    assert not (state / REQUEST_NAME).exists()
    assert_reset(state)


@pytest.mark.proves("8.30")
def test_after_a_reset_the_knx_device_has_no_address_and_nothing_loaded(state: Path) -> None:
    files = KnxDeviceFiles(state)

    def device() -> DeviceModel:
        identity = Identity(serial_number=bytes(6), fdsk=fdsk(state))
        model = DeviceModel(catalogue().interface_objects, identity, Outside())
        if stored := files.state():
            assert restore(model, stored, files.segment)
        return model

    used = device()
    used.set_individual_address(0x1114)
    used.loadables[1].state = LoadState.ERROR
    factory_key, project_key = fdsk(state), bytes(range(16))
    used.keep(MODE, b"\1")
    used.keep(TOOL_KEY, project_key)
    files.write(state_bytes(used), {})
    assert device().individual_address == 0x1114
    assert (device().is_secure, device().tool_key) == (True, project_key)
    reset = FactoryReset(state)
    reset.ask()
    reset.finish()
    assert device().individual_address == 0xFFFF
    assert {one.state for one in device().loadables.values()} == {LoadState.UNLOADED}
    assert not list(state.glob("knxgw.keyrings*"))
    assert (device().is_secure, device().tool_key) == (False, factory_key)
    assert len(factory_key) == 16


def test_a_reset_that_was_cut_off_anywhere_is_ended_by_the_next_start(state: Path) -> None:
    """Here it ends by itself after each step; with real kills: tests/torture."""

    def fail() -> None:
        raise KeyboardInterrupt

    reset = FactoryReset(state, fail)
    reset.ask()
    with pytest.raises(KeyboardInterrupt):
        reset.finish()
    assert FactoryReset(state).is_asked
    FactoryReset(state).finish()
    assert_reset(state)


def test_network_settings_that_cannot_be_reset_do_not_keep_the_rest(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise GatewayError("nobody answers")

    reset = FactoryReset(state, fail)
    reset.ask()
    reset.finish()
    assert "the network settings were not reset: nobody answers" in caplog.text
    assert_reset(state)


def test_a_file_of_the_host_is_set_aside_while_it_stays_what_it_was(
    state: Path, tmp_path: Path
) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("knx: {link: none}\n")
    reset = FactoryReset(state)
    reset.ask(file)
    assert not SetAside(state).holds(file)
    reset.finish()
    assert SetAside(state).holds(file)
    file.write_text("knx: {link: routing}\n")
    assert not SetAside(state).holds(file)
    file.write_text("knx: {link: none}\n")
    SetAside(state).forget()
    assert not SetAside(state).holds(file)
    assert not SetAside(state).holds(tmp_path / "not there")


@pytest.mark.proves("8.31")
def test_a_reset_that_cannot_be_ended_does_not_keep_the_device_from_starting(
    state: Path, caplog: pytest.LogCaptureFixture
) -> None:
    reset = FactoryReset(state)
    reset.ask()
    with StateLock(state):  # it is held by somebody
        _finish(reset, state)
    assert "is tried again at the next start" in caplog.text
    caplog.clear()  # the ERROR was meant
    assert (state / REQUEST_NAME).exists()
    _finish(reset, state)
    assert not (state / REQUEST_NAME).exists()


# --- the command


def command(state: Path, *options: str, answer: str = "") -> Result:
    arguments = ["factory-reset", "--state", str(state), *options]
    return CliRunner().invoke(main, arguments, input=answer)


def test_the_command_asks_first_and_resets_a_device_that_does_not_run(state: Path) -> None:
    refused = command(state, answer="n\n")
    assert refused.exit_code == 1
    assert stored(state)[0] == 1
    done = command(state, answer="y\n")
    assert done.exit_code == 0, done.output
    assert "The device is reset." in done.output
    assert_reset(state)


def test_the_command_leaves_a_request_for_a_gateway_that_runs(state: Path) -> None:
    with StateLock(state):
        done = command(state, "--yes")
    assert done.exit_code == 0
    assert "resets itself and starts again" in done.output
    assert (state / REQUEST_NAME).exists()
    assert stored(state)[0] == 1


def test_a_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    done = command(tmp_path / "nowhere", "--yes")
    assert done.exit_code == 1
    assert "give its directory with --state" in done.stderr
    assert list(tmp_path.iterdir()) == []


# --- a device that runs


@pytest.mark.real
@pytest.mark.proves("W39", "8.27", "8.31")
def test_a_running_device_resets_itself_and_is_unconfigured_then_until_its_file_changes(
    state: Path, tmp_path: Path
) -> None:
    port = free_port()
    file = tmp_path / "site.yaml"
    file.write_text(GOOD.format(web=port, port=free_port()), encoding="utf-8")
    (state / "knxgw.configuration-before.yaml").unlink()  # of a change that nobody has confirmed
    listen = f"127.0.0.1:{port}"
    environment = os.environ | {"KNXGW_SUPERVISED": "1", "KNXGW_LISTEN": listen}
    program = [sys.executable, "-m", "knxgw", "run", "--config", str(file), "--state", str(state)]
    said = tmp_path / "said"

    def start() -> "subprocess.Popen[bytes]":
        with said.open("ab") as out:
            return subprocess.Popen(program, stderr=out, env=environment)

    process = start()
    try:
        wait_until(lambda: health(port) is not None, 30.0, said.read_text)
        FactoryReset(state).ask(file)
        assert process.wait(20) == 75
        assert_reset_but_for_the_new_start(state)
        (state / REQUEST_NAME).touch()  # and one that a power cut has interrupted
        process = start()
        wait_until(lambda: "is set aside" in said.read_text(), 20.0, said.read_text)
        wait_until(lambda: "is not configured" in said.read_text(), 20.0, said.read_text)
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: health(port) is not None, 20.0, said.read_text)
        wait_until(lambda: not (state / SET_ASIDE_NAME).exists(), 20.0, said.read_text)
    finally:
        process.terminate()
        process.wait(20)


def assert_reset_but_for_the_new_start(state: Path) -> None:
    """Look at a device that has reset itself; its file is one of the host."""
    assert stored(state) == (0, 0, {"sent": 7})
    assert (state / SET_ASIDE_NAME).exists()
    assert not (state / REQUEST_NAME).exists()
