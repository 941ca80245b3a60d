"""Installs a firmware in the slot that is not in use; nothing that runs is touched.

    verified file ── wheels ──> slots/b.new (a virtual environment) ── written to the disk ──> slots/b
                                                                          └──> boot.json: b is on trial

Each step ends with something complete or with something that the next attempt removes. Only the last one, a file
that is replaced as a whole, makes the new firmware start.
"""

import os
import shutil
import venv
import zipfile
from collections.abc import Callable, Sequence
from compileall import compile_dir
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from installer import install as install_wheel
from installer.destinations import SchemeDictionaryDestination
from installer.exceptions import InstallerError
from installer.sources import WheelFile

from knxgw.firmware.boot_disk import BootDisk, sync_folder, version_of
from knxgw.firmware.boot_state import begin_trial, unused_slot
from knxgw.firmware.firmware_file import Head, read_head, read_parts
from knxgw.firmware.installation_step import SPARE, Step, Tell
from knxgw.firmware.manifest import Manifest, Part, Version
from knxgw.firmware.signature import TrustedKeys
from knxgw.firmware.trouble import not_taken
from knxgw.firmware.wheels import wheels_for_this_machine

GROWS = 6  # times the size of its wheels an installed firmware takes, with compiled modules
MOST_ENTRIES = 20_000  # of one wheel
LARGEST_UNPACKED = 400 << 20  # bytes of one wheel


def judge(manifest: Manifest, running: Version) -> None:
    """Refuse a firmware that must not follow the one that runs. Raises: FirmwareError."""
    if manifest.version <= running:
        raise not_taken("firmware_not_newer", version=str(manifest.version), running=str(running))
    if running < manifest.lowest_previous:
        raise not_taken(
            "firmware_too_far", version=str(manifest.version), lowest=str(manifest.lowest_previous)
        )
    wheels_for_this_machine(manifest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """Where a firmware is installed, and what is known of the device."""

    disk: BootDisk
    keys: TrustedKeys
    running: Version
    slot: str  # of the firmware that runs
    now: Callable[[], datetime]
    tell: Tell = lambda _step, _share: None
    accepts: Callable[[Path], None] = lambda _venv: None  # Raises: FirmwareError

    def install(self, file: IO[bytes]) -> Manifest:
        """Install the firmware of a file, for the next start. Raises: FirmwareError; OSError."""
        try:
            with self.disk.locked():
                return self._install(file)
        except BlockingIOError as err:
            raise not_taken("firmware_busy") from err

    def _install(self, file: IO[bytes]) -> Manifest:
        self.tell(Step.VERIFYING, 0)
        file.seek(0)
        head = read_head(file, self.keys)
        manifest = head.manifest
        judge(manifest, self.running)
        read_parts(file, head)
        slot = unused_slot(self.disk.load(), self.slot)
        if slot is None:
            raise not_taken("firmware_on_trial")
        folder = self.disk.root / "slots"
        building, wheels = folder / f"{slot}.new", folder / "wheels"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _clear(building, wheels)
        _check_space(folder, manifest, self.disk.path(slot))
        self.disk.remove_slot(slot)
        try:
            wheels.mkdir(mode=0o700)
            file.seek(head.data_at)
            self._unpack(file, head, wheels)
            self._build(building, [wheels / name for name in wheels_for_this_machine(manifest)])
            self.tell(Step.FINISHING, 0)
            if version_of(building) != str(manifest.version):
                raise not_taken(
                    "firmware_manifest_invalid", problem="its wheel has another version"
                )
            self.accepts(building)
            os.sync()  # all of it is on the disk before it gets its name
            building.rename(self.disk.path(slot))
            sync_folder(folder)
            at = self.now().isoformat("T", "seconds")
            self.disk.save(begin_trial(self.disk.load(), slot, str(manifest.version), at))
        finally:
            shutil.rmtree(building, ignore_errors=True)
            shutil.rmtree(wheels, ignore_errors=True)
        return manifest

    def _unpack(self, file: IO[bytes], head: Head, wheels: Path) -> None:
        """Write the wheels of a file that stands before the first one. Raises: FirmwareError; OSError."""
        done = 0

        def take(part: Part, piece: bytes) -> None:
            nonlocal done
            with (wheels / part.name).open("ab") as out:
                out.write(piece)
            done += len(piece)
            self.tell(Step.UNPACKING, done / head.manifest.total)

        read_parts(file, head, take)

    def _build(self, target: Path, wheels: Sequence[Path]) -> None:
        """Make a virtual environment with these wheels. Raises: FirmwareError; OSError."""
        self.tell(Step.INSTALLING, 0)
        venv.EnvBuilder(symlinks=True, with_pip=False).create(target)
        library = next((target / "lib").glob("python3*")) / "site-packages"
        places = {
            "purelib": str(library),
            "platlib": str(library),
            "scripts": str(target / "bin"),
            "data": str(target),
            "headers": str(target / "include"),
        }
        destination = SchemeDictionaryDestination(places, str(target / "bin" / "python"), "posix")
        for number, wheel in enumerate(wheels, start=1):
            _install_wheel(wheel, destination)
            self.tell(Step.INSTALLING, 0.7 * number / len(wheels))
        compile_dir(library, quiet=2, workers=1)  # else each first import would write to the disk
        self.tell(Step.INSTALLING, 1)


def _clear(*left: Path) -> None:
    """Remove what an attempt before has left."""
    for path in left:
        shutil.rmtree(path, ignore_errors=True)


def _check_space(folder: Path, manifest: Manifest, replaced: Path) -> None:
    """Refuse what would fill the disk; `replaced`: a slot that makes room. Raises: FirmwareError; OSError."""
    needed = manifest.total * GROWS + SPARE
    free = shutil.disk_usage(folder).free + _size_of(replaced)
    if free < needed:
        raise not_taken("firmware_no_space", needed_mib=needed >> 20, free_mib=free >> 20)


def _size_of(folder: Path) -> int:
    """Return how much room a folder takes [bytes], as far as it can be told."""
    try:
        return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))
    except OSError:
        return 0


def _install_wheel(wheel: Path, destination: SchemeDictionaryDestination) -> None:
    """Install one wheel. Raises: FirmwareError; OSError."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            _check_archive(archive, wheel.name)
            install_wheel(WheelFile(archive), destination, {"INSTALLER": b"knxgw"})
    except (zipfile.BadZipFile, InstallerError, ValueError, KeyError, FileExistsError) as err:
        raise not_taken("firmware_wheel_broken", wheel=wheel.name, problem=str(err)) from err


def _check_archive(archive: zipfile.ZipFile, name: str) -> None:
    """Refuse a wheel that would unpack to more than a wheel ever does. Raises: FirmwareError."""
    entries = archive.infolist()
    unpacked = sum(entry.file_size for entry in entries)
    if len(entries) > MOST_ENTRIES or unpacked > LARGEST_UNPACKED:
        raise not_taken(
            "firmware_wheel_broken", wheel=name, problem="it is too large when unpacked"
        )
