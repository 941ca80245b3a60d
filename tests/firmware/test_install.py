"""A firmware is installed beside the one that runs, or nothing has changed."""

import os
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from knxgw.errors import GatewayError
from knxgw.firmware import install as installing
from knxgw.firmware.boot_disk import BootDisk
from knxgw.firmware.boot_state import BASE, BootState
from knxgw.firmware.install import Installation
from knxgw.firmware.installation_step import Step
from knxgw.firmware.manifest import Platform, Version
from knxgw.firmware.pack import pack
from knxgw.firmware.signature import private_key
from knxgw.firmware.trouble import FirmwareError, not_taken
from knxgw.firmware.wheels import choose, tags_of, this_platform
from tests.firmware.makers import (
    DEVELOPMENT_KEY,
    development_keys,
    firmware,
    manifest,
    slot,
    wheel,
    wheels,
)

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)
X86 = Platform("3.11", "x86_64")


@pytest.fixture
def disk(tmp_path: Path) -> BootDisk:
    """Return a device whose firmware 0.1 was installed with the system."""
    (tmp_path / "state").mkdir()
    return BootDisk(tmp_path / "state", slot(tmp_path / "base", "0.1"))


def installation(
    disk: BootDisk,
    running: str = "0.1",
    slot: str = BASE,
    tell: Callable[[Step, float], None] = lambda _step, _share: None,
) -> Installation:
    return Installation(
        disk=disk,
        keys=development_keys(),
        running=Version.of(running),
        slot=slot,
        now=lambda: NOON,
        tell=tell,
    )


def install(disk: BootDisk, file: Path, running: str = "0.1", slot: str = BASE) -> None:
    with file.open("rb") as content:
        installation(disk, running, slot).install(content)


def why(disk: BootDisk, file: Path, running: str = "0.1") -> str:
    """Return why a firmware is not installed; nothing may have changed then."""
    before = files_of(disk)
    with pytest.raises(FirmwareError) as refusal:
        install(disk, file, running)
    assert files_of(disk) == before
    return refusal.value.words.id


def files_of(disk: BootDisk) -> set[str]:
    """Return the files of a device, but for folders that are empty."""
    files = {str(path) for path in disk.directory.rglob("*") if not path.is_dir()}
    return files - {str(disk.root / "lock")}


@pytest.mark.proves("11.5", "11")
def test_a_firmware_is_installed_in_a_slot_and_is_on_trial_then(
    disk: BootDisk, tmp_path: Path
) -> None:
    install(disk, firmware(tmp_path))
    assert disk.installed() == {BASE: "0.1", "a": "0.2"}
    trial = disk.load().trial
    assert trial is not None
    assert (trial.slot, trial.version, trial.before) == ("a", "0.2", BASE)
    python = disk.path("a") / "bin" / "python"
    check = subprocess.run(
        [python, "-I", "-c", "import helper_of_tests, knxgw; print(knxgw.__file__)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(disk.path("a")) in check.stdout
    assert list((disk.path("a")).rglob("__pycache__/__main__.*.pyc")), "compiled beforehand"
    assert sorted(path.name for path in (disk.root / "slots").iterdir()) == ["a"]


def test_the_next_one_goes_to_the_other_slot_and_the_one_after_to_the_first_again(
    disk: BootDisk, tmp_path: Path
) -> None:
    for version, expected in (("0.2", "a"), ("0.3", "b"), ("0.4", "a")):
        running = disk.installed()[disk.load().active]
        install(disk, firmware(tmp_path, version), running, disk.load().active)
        trial = disk.load().trial
        assert trial is not None
        assert trial.slot == expected
        disk.save(BootState(active=expected, previous=trial.before))
    assert disk.installed() == {BASE: "0.1", "a": "0.4", "b": "0.3"}


def test_progress_is_told_and_goes_forward(disk: BootDisk, tmp_path: Path) -> None:
    reported: list[tuple[int, float]] = []
    steps = list(Step)
    with firmware(tmp_path).open("rb") as content:
        installation(
            disk, tell=lambda step, share: reported.append((steps.index(step), share))
        ).install(content)
    assert reported == sorted(reported)
    assert {steps[step] for step, _ in reported} == set(Step)


@pytest.mark.proves("11.2")
def test_only_a_newer_one_is_taken(disk: BootDisk, tmp_path: Path) -> None:
    file = firmware(tmp_path)
    assert why(disk, file, "0.2") == "firmware_not_newer"
    assert why(disk, file, "0.10") == "firmware_not_newer"
    assert why(disk, file, "1.0") == "firmware_not_newer"


def test_one_that_needs_a_version_between_says_which(disk: BootDisk, tmp_path: Path) -> None:
    assert why(disk, firmware(tmp_path, "2.0", lowest="1.5"), "1.4") == "firmware_too_far"


@pytest.mark.proves("11.4")
def test_one_for_another_machine_says_for_which(disk: BootDisk, tmp_path: Path) -> None:
    parts = wheels(tmp_path / "parts", "0.2")
    of_another = "numbers-1.0-cp311-cp311-manylinux2014_s390x.whl"
    wheel(parts, "numbers", "1.0", {"numbers.py": ""}).rename(parts / of_another)
    target = tmp_path / "other.knxfw"
    found = manifest(parts, platforms=(Platform("3.11", "s390x"),))
    pack(found, parts, private_key(DEVELOPMENT_KEY), target)
    assert why(disk, target) == "firmware_other_platform"


def test_a_full_disk_is_noticed_before_anything_is_unpacked(
    disk: BootDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = firmware(tmp_path)
    free = shutil.disk_usage(tmp_path).free
    # more than there is, also if another test gives room back meanwhile
    monkeypatch.setattr(installing, "SPARE", 2 * free + (1 << 40))
    assert why(disk, file) == "firmware_no_space"


@pytest.mark.proves("11.9")
def test_a_firmware_that_the_configuration_stands_against_is_not_taken(
    disk: BootDisk, tmp_path: Path
) -> None:
    def refuse(venv: Path) -> None:
        assert (venv / "bin" / "python").exists()
        raise not_taken("firmware_refuses_configuration", problem="line 3")

    before = files_of(disk)
    with firmware(tmp_path).open("rb") as content, pytest.raises(FirmwareError, match="line 3"):
        Installation(
            disk=disk,
            keys=development_keys(),
            running=Version.of("0.1"),
            slot=BASE,
            now=lambda: NOON,
            accepts=refuse,
        ).install(content)
    assert files_of(disk) == before


@pytest.mark.parametrize(
    "member", ["../outside.py", "/etc/outside.py", "knxgw-0.2.data/scripts/../../../outside"]
)
def test_a_wheel_that_would_write_outside_its_place_is_refused(
    disk: BootDisk, tmp_path: Path, member: str
) -> None:
    parts = wheels(tmp_path / "parts", "0.2")
    wheel(parts, "knxgw", "0.2", {"knxgw/__init__.py": "", member: "#!python\n"})
    target = tmp_path / "evil.knxfw"
    pack(manifest(parts), parts, private_key(DEVELOPMENT_KEY), target)
    outside = set(tmp_path.iterdir())
    assert why(disk, target) == "firmware_wheel_broken"
    assert set(tmp_path.iterdir()) == outside


def test_a_wheel_that_is_a_bomb_is_refused_before_it_is_unpacked(
    disk: BootDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = wheels(tmp_path / "parts", "0.2")
    with zipfile.ZipFile(
        parts / "knxgw-0.2-py3-none-any.whl", "a", zipfile.ZIP_DEFLATED
    ) as archive:
        archive.writestr("knxgw/zeros", bytes(3_000_000))
    target = tmp_path / "bomb.knxfw"
    pack(manifest(parts), parts, private_key(DEVELOPMENT_KEY), target)
    monkeypatch.setattr(installing, "LARGEST_UNPACKED", 2_000_000)
    assert why(disk, target) == "firmware_wheel_broken"


def test_one_installation_at_a_time(disk: BootDisk, tmp_path: Path) -> None:
    with disk.locked():
        assert why(disk, firmware(tmp_path)) == "firmware_busy"
    install(disk, tmp_path / "knxgw-0.2.knxfw")


def test_a_firmware_that_has_to_prove_itself_first_is_not_followed_by_another(
    disk: BootDisk, tmp_path: Path
) -> None:
    install(disk, firmware(tmp_path))
    assert why(disk, firmware(tmp_path, "0.3"), "0.2") == "firmware_on_trial"


def test_without_room_the_firmware_of_before_is_still_there(
    disk: BootDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot(disk.path("a"), "0.0")
    file = firmware(tmp_path)
    monkeypatch.setattr(installing, "SPARE", shutil.disk_usage(tmp_path).free * 2)
    assert why(disk, file) == "firmware_no_space"
    assert disk.installed()["a"] == "0.0"


def test_what_an_attempt_before_has_left_is_removed(disk: BootDisk, tmp_path: Path) -> None:
    left = disk.root / "slots" / "a.new"
    left.mkdir(parents=True)
    (left / "torn").write_text("half")
    slot(disk.path("a"), "0.0")  # of nobody: neither in force nor on trial
    install(disk, firmware(tmp_path))
    assert disk.installed()["a"] == "0.2"
    assert not left.exists()


def test_a_file_in_the_place_of_the_folder_is_an_error_that_says_so(
    disk: BootDisk, tmp_path: Path
) -> None:
    disk.root.write_text("")
    with pytest.raises(OSError, match=os.strerror(17)):
        install(disk, firmware(tmp_path))


# --- which wheels


def test_the_best_wheel_of_each_project_is_chosen() -> None:
    names = [
        "a-1.0-py3-none-any.whl",
        "a-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "a-1.0-cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64.whl",
        "b_c-2.0-cp38-abi3-manylinux_2_28_x86_64.whl",
        "d-1.0-py2.py3-none-any.whl",
        "e-1.0-cp312-cp312-manylinux2014_x86_64.whl",
    ]
    chosen = choose(names, ["a", "b-c", "d", "e"], tags_of(X86))
    assert chosen == {"a": names[1], "b-c": names[3], "d": names[4]}
    arm = choose(names, ["a", "b-c"], tags_of(Platform("3.11", "aarch64")))
    assert arm == {"a": names[2]}


def test_a_pack_without_a_wheel_for_a_platform_names_what_is_missing(tmp_path: Path) -> None:
    parts = wheels(tmp_path / "parts", "0.2")
    wheel(parts, "numbers", "1.0", {"numbers.py": ""}).rename(
        parts / "numbers-1.0-cp311-cp311-manylinux2014_x86_64.whl"
    )
    assert manifest(parts, platforms=(X86,)).platforms == (X86,)
    with pytest.raises(GatewayError, match=r"no wheel for aarch64, Python 3\.11: numbers"):
        manifest(parts, platforms=(X86, Platform("3.11", "aarch64")))


def test_wheels_that_no_platform_needs_are_left_out(tmp_path: Path) -> None:
    parts = wheels(tmp_path / "parts", "0.2")
    wheel(parts, "numbers", "1.0", {"numbers.py": ""})
    other = parts / "numbers-1.0-cp27-cp27m-win32.whl"
    other.write_bytes(b"never read")
    names = [part.name for part in manifest(parts).parts]
    assert len(names) == 3
    assert other.name not in names


def test_a_folder_without_our_wheel_is_no_firmware(tmp_path: Path) -> None:
    wheel(tmp_path, "numbers", "1.0", {"numbers.py": ""})
    with pytest.raises(GatewayError, match="no wheel of knxgw"):
        manifest(tmp_path)
    assert str(this_platform()).endswith(this_platform().python)
