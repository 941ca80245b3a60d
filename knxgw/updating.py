"""Updates of the firmware, from a file or from the internet: what pages ask for, in threads of its own.

One thing at a time. A firmware is verified first and shown; it is installed when somebody says so, in a process of
its own, and the device restarts. Then the launcher has the word. Source: product 11.
"""

import asyncio
import json
import logging
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO, Any, NoReturn

from knxgw import __version__
from knxgw.catalogue.messages import Message
from knxgw.config.model import Configuration, FirmwareSettings
from knxgw.firmware.boot_disk import BootDisk
from knxgw.firmware.firmware_file import verify
from knxgw.firmware.installation_step import SPARE, Step
from knxgw.firmware.keys import trusted_keys
from knxgw.firmware.manifest import Manifest, Version
from knxgw.firmware.online import LARGEST_DOWNLOAD, Offer, Source, newest_for
from knxgw.firmware.signature import TrustedKeys
from knxgw.firmware.trouble import FirmwareError, not_taken
from knxgw.host.clock import system_clock
from knxgw.website.firmware import (
    Chosen,
    FirmwareControl,
    Happened,
    Newer,
    Stage,
    UpdateState,
)

log = logging.getLogger(__name__)
COPY_PIECE = 1 << 20
DAY_S, FIRST_LOOK_S = 86_400.0, 600.0
SHARES = {  # of the whole installation that is done when a step begins, and what the step adds
    Step.VERIFYING: (0.0, 0.05),
    Step.UNPACKING: (0.05, 0.1),
    Step.INSTALLING: (0.15, 0.8),
    Step.FINISHING: (0.95, 0.05),
}
RUNNING = Version.of(__version__)
InThread = Callable[[Callable[[], None]], None]


def in_thread(do: Callable[[], None]) -> None:
    """Do something in a thread that the end of the process does not wait for."""
    threading.Thread(target=do, name="firmware", daemon=True).start()


def source_of(settings: FirmwareSettings) -> Source:
    """Return where the configuration says that firmware comes from."""
    return Source(settings.index, settings.proxy)


def is_to_look_daily(settings: FirmwareSettings) -> bool:
    """Tell whether newer firmware is to be looked for without being asked."""
    return settings.looks_daily and bool(settings.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an update needs of the device."""

    slot: str  # of the running firmware; "": there is no launcher
    disk: BootDisk
    settings: Callable[[], FirmwareSettings]
    restart: Callable[[], None]
    configuration: Callable[[], Path | None] = lambda: None  # its file
    keys: Callable[[], TrustedKeys] = trusted_keys
    now: Callable[[], datetime] = system_clock
    source: Callable[[FirmwareSettings], Source] = source_of
    in_thread: InThread = in_thread
    running: Version = RUNNING


class Updating:
    """The one update of a device that may be going on; safe from any thread."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._lock = threading.Lock()
        self._state = UpdateState()
        self._offer: Offer | None = None
        self._file: IO[bytes] | None = None  # the chosen firmware, verified
        self._is_wanted = True  # what is being downloaded

    def for_pages(self) -> FirmwareControl:
        """Return what pages may ask."""
        around = self._around
        if not around.slot:
            return FirmwareControl()
        return FirmwareControl(
            is_own=True,
            slot=around.slot,
            has_index=lambda: bool(around.settings().index),
            state=self.state,
            is_on_trial=lambda: around.disk.load().trial is not None,
            history=self.history,
            look=self.look,
            download=self.download,
            choose=self.choose,
            install=self.install,
            forget=self.forget,
        )

    def state(self) -> UpdateState:
        """Return how far it is."""
        with self._lock:
            return self._state

    def history(self) -> tuple[Happened, ...]:
        """Return what has happened to firmware here, the newest first."""
        return tuple(
            Happened(
                kind=event.kind.value,
                version=event.version,
                at=event.at,
                reason="" if event.reason is None else event.reason.value,
                instead=event.instead,
            )
            for event in reversed(self._around.disk.load().events)
        )

    # --- what pages ask for

    def look(self) -> None:
        """Look for a newer firmware in the list; what goes on already is not disturbed."""
        if self._begin(Stage.LOOKING):
            self._around.in_thread(partial(self._guarded, self._look))

    def download(self) -> None:
        """Download the newer firmware that was found, and verify it."""
        with self._lock:
            is_there = self._offer is not None
        if is_there and self._begin(Stage.DOWNLOADING):
            self._around.in_thread(partial(self._guarded, self._download))

    def choose(self, file: IO[bytes]) -> None:
        """Verify a file that is at its beginning, and keep it. Raises: FirmwareError; OSError."""
        manifest = self._verified(file)
        kept = self._new_file(manifest.total)
        file.seek(0)
        while piece := file.read(COPY_PIECE):
            kept.write(piece)
        kept.flush()
        with self._lock:
            if self._state.is_busy:
                kept.close()
                raise not_taken("firmware_busy")
            self._keep(kept, manifest)

    def install(self) -> None:
        """Install the chosen firmware; the device restarts with it."""
        with self._lock:
            if self._state.stage is not Stage.CHOSEN:
                return
            self._state = replace(self._state, stage=Stage.INSTALLING, share=0.0)
        self._around.in_thread(partial(self._guarded, self._install))

    def forget(self) -> None:
        """Give the chosen firmware or a download up, or forget a failure."""
        with self._lock:
            self._is_wanted = False
            if self._state.stage in {Stage.CHOSEN, Stage.FAILED, Stage.LOOKING}:
                self._drop()
                self._state = replace(self._state, stage=Stage.NONE, chosen=None, failure=None)

    async def look_daily(self) -> NoReturn:
        """Look for newer firmware once a day, where the configuration wants it."""
        while True:
            await asyncio.sleep(FIRST_LOOK_S)
            if self._around.slot and is_to_look_daily(self._around.settings()):
                with self._lock:
                    is_free = self._state.stage is Stage.NONE
                if is_free:
                    self.look()
                await asyncio.sleep(DAY_S - FIRST_LOOK_S)

    # --- in a thread of its own

    def _guarded(self, do: Callable[[], None]) -> None:
        """Do something whose failure must not leave the device busy for ever."""
        try:
            do()
        except Exception:
            log.exception("an update has failed: please report this")
            self._fail(not_taken("firmware_process_failed"))

    def _look(self) -> None:
        settings = self._around.settings()
        failure, offer = None, None
        try:
            offers = self._around.source(settings).offers()
            offer = newest_for(offers, self._around.running)
        except FirmwareError as err:
            failure = err.words
            log.warning("no newer firmware can be looked for: %s", err)
        newer = None if offer is None else Newer(version=str(offer.version), changes=offer.changes)
        with self._lock:
            if not self._is_wanted:  # given up meanwhile; something else may be going on
                return
            if failure is None:
                self._offer = offer
                self._state = replace(self._state, newer=newer)
            self._state = replace(
                self._state,
                stage=Stage.NONE,
                looked_at=self._around.now().isoformat("T", "seconds"),
                look_failure=failure,
            )

    def _download(self) -> None:
        offer = self._offer
        assert offer is not None  # noqa: S101 - `download` has looked
        try:
            kept = self._new_file(LARGEST_DOWNLOAD)
        except FirmwareError as err:
            self._fail(err)
            return

        def tell(there: int, size: int) -> bool:
            with self._lock:
                self._state = replace(self._state, share=min(1.0, there / size) if size else 0.0)
                return self._is_wanted

        try:
            self._around.source(self._around.settings()).download(offer, kept, tell)
            if not self._is_wanted:
                self._end(kept)
                return
            kept.seek(0)
            manifest = self._verified(kept)
        except FirmwareError as err:
            self._fail(err, kept)
        except OSError as err:
            self._fail(not_taken("firmware_not_written", problem=err.strerror or str(err)), kept)
        else:
            with self._lock:
                self._keep(kept, manifest)

    def _install(self) -> None:
        with self._lock:
            file = self._file
        assert file is not None  # noqa: S101 - it was chosen
        file.seek(0)
        command = [sys.executable, "-I", "-m", "knxgw.firmware.install_process"]
        arguments = [
            "--state",
            str(self._around.disk.directory),
            "--running",
            str(self._around.running),
            "--slot",
            self._around.slot,
        ]
        if (configuration := self._around.configuration()) is not None:
            arguments += ["--configuration", str(configuration)]
        try:
            with subprocess.Popen(  # noqa: S603 - our own program
                [*command, *arguments], stdin=file, stdout=subprocess.PIPE
            ) as process:
                assert process.stdout is not None  # noqa: S101 - it was asked for
                result = self._follow(process.stdout)
        except OSError as err:
            self._fail(not_taken("firmware_not_written", problem=err.strerror or str(err)))
            return
        if "version" in result:
            log.warning("firmware %s is installed; the device restarts with it", result["version"])
            with self._lock:
                self._drop()
                self._state = replace(self._state, stage=Stage.RESTARTING, share=1.0)
            self._around.restart()
            return
        if "refused" not in result:
            self._fail(not_taken("firmware_process_failed"))
            return
        words = result["refused"]
        self._fail(FirmwareError(Message(words, result.get("arguments", {}))))

    def _follow(self, output: IO[bytes]) -> Mapping[str, Any]:
        """Take the progress of the installation; return its last word."""
        result: Mapping[str, Any] = {}
        for line in output:
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if "step" not in said:
                result = said
                continue
            begins, adds = SHARES[Step(said["step"])]
            with self._lock:
                self._state = replace(self._state, share=begins + adds * float(said["share"]))
        return result

    def close(self) -> None:
        """Let the chosen firmware go, at the end of the device."""
        with self._lock:
            self._is_wanted = False
            self._drop()

    # --- parts

    def _begin(self, stage: Stage) -> bool:
        with self._lock:
            if self._state.is_busy:
                return False
            self._is_wanted = True
            self._drop()
            self._state = replace(self._state, stage=stage, share=0.0, chosen=None, failure=None)
            return True

    def _new_file(self, size: int) -> IO[bytes]:
        """Return a file without a name on the disk of the state: temporary files may be in memory.

        Raises: FirmwareError, so many bytes have no room; OSError.
        """
        directory = self._around.disk.directory
        try:
            free = shutil.disk_usage(directory).free
            if free < size + SPARE:
                needed = (size + SPARE) >> 20
                raise not_taken("firmware_no_space", needed_mib=needed, free_mib=free >> 20)
            return tempfile.TemporaryFile(dir=directory)
        except OSError as err:
            raise not_taken("firmware_not_written", problem=err.strerror or str(err)) from err

    def _verified(self, file: IO[bytes]) -> Manifest:
        from knxgw.firmware.install import judge  # noqa: PLC0415 - 20 modules only an update needs

        manifest = verify(file, self._around.keys())
        judge(manifest, self._around.running)
        return manifest

    def _keep(self, file: IO[bytes], manifest: Manifest) -> None:
        """Keep a verified file; with the lock."""
        self._drop()
        self._file = file
        chosen = Chosen(
            version=str(manifest.version),
            made_at=manifest.made_at,
            changes=manifest.changes,
            is_other_main=manifest.version.main != self._around.running.main,
            size=manifest.total,
        )
        self._state = replace(self._state, stage=Stage.CHOSEN, chosen=chosen, failure=None)

    def _drop(self) -> None:
        """Let the chosen file go; with the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _end(self, file: IO[bytes]) -> None:
        file.close()
        with self._lock:
            self._state = replace(self._state, stage=Stage.NONE)

    def _fail(self, error: FirmwareError, file: IO[bytes] | None = None) -> None:
        if file is not None:
            file.close()
        log.warning("the firmware is not installed: %s", error)
        with self._lock:
            self._drop()
            self._state = replace(self._state, stage=Stage.FAILED, chosen=None, failure=error.words)


def update_settings(configuration: Configuration | None) -> FirmwareSettings:
    """Return where firmware comes from; a device that is not configured takes uploads only."""
    return FirmwareSettings() if configuration is None else configuration.firmware
