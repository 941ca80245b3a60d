"""An update that pages ask for: from a file or from the internet, to the installed firmware and the restart."""

import json
import shutil
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from knxgw import updating
from knxgw.config.model import FirmwareSettings
from knxgw.firmware.boot_disk import BootDisk
from knxgw.firmware.boot_state import BASE
from knxgw.firmware.keys import ALLOWS_DEVELOPMENT
from knxgw.firmware.manifest import Version
from knxgw.firmware.online import Offer, Source, newest_for
from knxgw.firmware.trouble import FirmwareError
from knxgw.updating import Surroundings, Updating
from knxgw.website.firmware import Stage
from tests.firmware.makers import development_keys, firmware, slot
from tests.support.certificates import write_certificate

pytestmark = pytest.mark.real
NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)


class Device:
    """A device whose firmware 0.1 runs, and what is done to it."""

    def __init__(self, directory: Path) -> None:
        (directory / "state").mkdir()
        self.disk = BootDisk(directory / "state", slot(directory / "base", "0.1"))
        self.settings = FirmwareSettings()
        self.restarts = 0
        self.started: list[Callable[[], None]] = []
        self.is_held = False
        self.source = Source("")
        self.updating = Updating(
            Surroundings(
                slot=BASE,
                disk=self.disk,
                settings=lambda: self.settings,
                restart=self._restart,
                keys=development_keys,
                now=lambda: NOON,
                source=lambda _settings: self.source,
                in_thread=self._in_thread,
                running=Version.of("0.1"),
            )
        )

    def _restart(self) -> None:
        self.restarts += 1

    def _in_thread(self, do: Callable[[], None]) -> None:
        if self.is_held:
            self.started.append(do)
        else:
            do()

    def choose(self, file: Path) -> None:
        with file.open("rb") as content:
            self.updating.choose(content)

    @property
    def stage(self) -> Stage:
        return self.updating.state().stage

    def is_at(self, stage: Stage) -> bool:
        return self.stage is stage


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    monkeypatch.setenv(ALLOWS_DEVELOPMENT, "1")  # of the process that installs
    found = Device(tmp_path)
    yield found
    found.updating.close()


@pytest.mark.proves("11.5")
def test_a_file_is_verified_shown_installed_and_started(device: Device, tmp_path: Path) -> None:
    device.choose(firmware(tmp_path))
    state = device.updating.state()
    assert state.stage is Stage.CHOSEN
    assert state.chosen is not None
    assert (state.chosen.version, state.chosen.is_other_main) == ("0.2", False)
    assert device.disk.installed() == {BASE: "0.1"}, "nothing is installed before somebody says so"
    device.updating.install()
    assert device.updating.state().failure is None
    assert device.is_at(Stage.RESTARTING)
    assert device.restarts == 1
    assert device.disk.installed() == {BASE: "0.1", "a": "0.2"}
    (happened,) = device.updating.history()
    assert (happened.kind, happened.version) == ("installed", "0.2")


def test_another_main_version_is_named_before_it_is_installed(
    device: Device, tmp_path: Path
) -> None:
    device.choose(firmware(tmp_path, "1.0"))
    chosen = device.updating.state().chosen
    assert chosen is not None
    assert chosen.is_other_main


def test_a_file_that_is_refused_leaves_what_was_chosen_before(
    device: Device, tmp_path: Path
) -> None:
    file = firmware(tmp_path)
    device.choose(file)
    broken = tmp_path / "broken.knxfw"
    broken.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(FirmwareError):
        device.choose(broken)
    chosen = device.updating.state().chosen
    assert chosen is not None


def test_while_one_is_installed_nothing_else_begins(device: Device, tmp_path: Path) -> None:
    file = firmware(tmp_path)
    device.choose(file)
    device.is_held = True
    device.updating.install()
    device.updating.install()
    device.updating.look()
    device.updating.forget()
    assert len(device.started) == 1
    with pytest.raises(FirmwareError, match="another update"):
        device.choose(file)
    device.started.pop()()
    assert device.is_at(Stage.RESTARTING)


def test_what_was_chosen_can_be_given_up(device: Device, tmp_path: Path) -> None:
    device.choose(firmware(tmp_path))
    device.updating.forget()
    assert device.is_at(Stage.NONE)
    device.updating.install()
    assert device.disk.installed() == {BASE: "0.1"}


def test_an_installation_that_fails_says_why_and_changes_nothing(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.choose(firmware(tmp_path))
    monkeypatch.delenv(ALLOWS_DEVELOPMENT)  # the process that installs looks for itself
    device.updating.install()
    state = device.updating.state()
    assert state.stage is Stage.FAILED
    assert state.failure is not None
    assert "signed by nobody" in state.failure.problem()
    assert device.restarts == 0
    device.updating.forget()
    assert device.is_at(Stage.NONE)


# --- over the internet


class Server(ThreadingHTTPServer):
    """An https server with files, a redirection and answers that are cut off."""

    def __init__(self, directory: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.cut: set[str] = set()
        self.lengths: dict[str, str] = {}  # what is said instead
        certificate, key = write_certificate(directory, names=("127.0.0.1",))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.trust = ssl.create_default_context(cafile=certificate)

    @property
    def base(self) -> str:
        return f"https://127.0.0.1:{self.server_port}"

    def source(self, path: str = "/firmware.json") -> Source:
        handler = urllib.request.HTTPSHandler(context=self.trust)
        return Source(f"{self.base}{path}", "", (handler,))


class Handler(BaseHTTPRequestHandler):
    """Answers with what the server has."""

    server: Server

    def do_GET(self) -> None:
        if self.path == "/plain":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/firmware.json")
            self.end_headers()
            return
        content = self.server.files.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", self.server.lengths.get(self.path, str(len(content))))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if self.path in self.server.cut else content)

    def log_message(self, *_what: object) -> None:
        """Say nothing."""


@contextmanager
def serving(directory: Path) -> Iterator[Server]:
    server = Server(directory)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(tmp_path) as found:
        yield found


def listed(*versions: str, **more: object) -> bytes:
    """Return a list of firmware."""
    offers = [
        {
            "version": version,
            "url": f"files/knxgw-{version}.knxfw",
            "changes": {"en": ["better"]},
            **more,
        }
        for version in versions
    ]
    return json.dumps({"format": 1, "firmware": offers}).encode()


@pytest.mark.proves("11.3")
def test_a_newer_firmware_is_found_downloaded_and_verified(
    device: Device, server: Server, tmp_path: Path
) -> None:
    server.files["/firmware.json"] = listed("0.1", "0.2", "0.0")
    server.files["/files/knxgw-0.2.knxfw"] = firmware(tmp_path).read_bytes()
    device.settings = replace(device.settings, index="https://127.0.0.1/")
    device.source = server.source()
    device.updating.look()
    newer = device.updating.state().newer
    assert newer is not None
    assert (newer.version, newer.changes["en"]) == ("0.2", ("better",))
    assert device.updating.state().looked_at == "2026-11-29T12:00:00+00:00"
    device.updating.download()
    assert device.is_at(Stage.CHOSEN)
    device.updating.install()
    assert device.restarts == 1


def test_no_newer_one_is_no_failure(device: Device, server: Server) -> None:
    server.files["/firmware.json"] = listed("0.1") + b"\n"
    device.source = server.source()
    device.updating.look()
    state = device.updating.state()
    assert (state.newer, state.look_failure, state.stage) == (None, None, Stage.NONE)
    device.updating.download()
    assert device.is_at(Stage.NONE)


def look_failure(device: Device, source: Source) -> str:
    device.source = source
    device.updating.look()
    failure = device.updating.state().look_failure
    assert failure is not None
    return failure.problem()


@pytest.mark.proves("11.3")
def test_a_list_that_cannot_be_read_says_why(device: Device, server: Server) -> None:
    assert "404" in look_failure(device, server.source("/nowhere"))
    assert "without encryption" in look_failure(device, server.source("/plain"))
    assert "certificate" in look_failure(device, Source(f"{server.base}/firmware.json"))
    assert "https" in look_failure(device, Source("http://127.0.0.1/firmware.json"))
    assert "refused" in look_failure(device, Source("https://127.0.0.1:1/firmware.json"))
    assert "refused" in look_failure(device, Source("https://127.0.0.1/x", "http://127.0.0.1:1"))
    for content in (b"", b"[]", b"{}", b'{"format": 2}', listed("one"), b"\xff", b"0" * (1 << 21)):
        server.files["/firmware.json"] = content
        assert "none:" in look_failure(device, server.source()), content[:20]


def test_a_download_that_fails_says_why_and_leaves_nothing(
    device: Device, server: Server, tmp_path: Path
) -> None:
    server.files["/firmware.json"] = listed("0.2")
    device.source = server.source()

    def failure() -> str:
        device.updating.look()
        device.updating.download()
        state = device.updating.state()
        assert state.stage is Stage.FAILED
        assert state.failure is not None
        return state.failure.problem()

    assert "404" in failure()
    content = firmware(tmp_path).read_bytes()
    server.files["/files/knxgw-0.2.knxfw"] = content
    server.cut.add("/files/knxgw-0.2.knxfw")
    assert "downloaded" in failure()
    server.cut.clear()
    server.files["/files/knxgw-0.2.knxfw"] = content[:-1] + b"\0\0"
    assert "damaged" in failure()
    assert list(device.disk.directory.iterdir()) == []


def test_a_server_that_says_nonsense_or_comes_too_slowly_does_not_keep_the_device_busy(
    device: Device, server: Server, tmp_path: Path
) -> None:
    server.files["/firmware.json"] = listed("0.2")
    times = iter([0.0, 1000.0])
    handler = urllib.request.HTTPSHandler(context=server.trust)
    slow = Source(f"{server.base}/firmware.json", "", (handler,), lambda: next(times, 1000.0))
    assert "too slowly" in look_failure(device, slow)
    assert device.is_at(Stage.NONE)
    device.source = server.source()
    device.updating.look()
    server.lengths["/files/knxgw-0.2.knxfw"] = "many"
    server.files["/files/knxgw-0.2.knxfw"] = firmware(tmp_path).read_bytes()
    device.updating.download()
    assert device.is_at(Stage.CHOSEN), "the length is only for the progress"


def test_an_error_of_the_program_is_said_and_the_next_update_can_begin(
    device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Source):
        def offers(self) -> tuple[Offer, ...]:
            raise ZeroDivisionError

    device.source = Broken("")
    device.updating.look()
    assert device.is_at(Stage.FAILED)
    assert "please report this" in caplog.text
    caplog.clear()  # the ERROR was meant


def test_a_search_that_takes_long_can_be_given_up_and_its_answer_is_dropped(
    device: Device, server: Server
) -> None:
    server.files["/firmware.json"] = listed("0.2")
    device.source = server.source()
    device.is_held = True
    device.updating.look()
    assert device.is_at(Stage.LOOKING)
    device.updating.forget()
    assert device.is_at(Stage.NONE)
    device.started.pop()()
    assert device.updating.state().newer is None


def test_a_firmware_for_which_the_disk_has_no_room_is_not_taken(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = firmware(tmp_path)
    monkeypatch.setattr(updating, "SPARE", shutil.disk_usage(tmp_path).free)
    with pytest.raises(FirmwareError, match="too little space"):
        device.choose(file)


def test_the_newest_one_that_may_follow_is_offered(server: Server) -> None:
    server.files["/firmware.json"] = listed("0.2", "0.10", "0.9")
    offers = server.source().offers()
    newest = newest_for(offers, Version.of("0.1"))
    assert newest is not None
    assert str(newest.version) == "0.10"
    server.files["/firmware.json"] = listed("3.0", lowest_previous="2.0")
    assert newest_for(server.source().offers(), Version.of("0.1")) is None
