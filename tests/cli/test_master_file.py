"""The file that says what a device does: replaced as a whole, and put back as it was."""

import os
import stat
from pathlib import Path

import pytest

from knxgw.master_file import MasterFile


def test_a_link_to_a_file_stays_a_link_and_the_file_its_mode(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    real.write_text("a: 1\n", encoding="utf-8")
    real.chmod(0o640)
    link.symlink_to(real)
    master = MasterFile(link, tmp_path / "state")
    master.write("a: 2\n")
    assert link.is_symlink()
    assert real.read_text(encoding="utf-8") == "a: 2\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_a_device_that_had_no_configuration_has_none_again(tmp_path: Path) -> None:
    master = MasterFile(tmp_path / "none.yaml", tmp_path, may_be_missing=True)
    master.write("a: 1\n")
    master.put_back("")
    assert not master.path.exists(), "an empty file would keep the device from starting"


def test_a_file_at_the_default_place_comes_before_the_own_one(tmp_path: Path) -> None:
    given = tmp_path / "knxgw.yaml"
    master = MasterFile(given, tmp_path / "state", may_be_missing=True)
    assert master.is_own
    given.write_text("a: 1\n", encoding="utf-8")
    assert master.path == given
    assert not master.is_own


@pytest.mark.parametrize("kept", ["a: 1\n", ""])
def test_what_nobody_confirmed_is_taken_back_at_the_next_start(tmp_path: Path, kept: str) -> None:
    file = tmp_path / "knxgw.yaml"
    master = MasterFile(file, tmp_path, may_be_missing=True)
    master.begin_unconfirmed(kept)
    master.write("a: 2\n")
    again = MasterFile(file, tmp_path, may_be_missing=True)
    assert again.take_back_unconfirmed()
    assert (again.path.read_text(encoding="utf-8") if again.path.exists() else "") == kept
    assert not again.take_back_unconfirmed()


def test_a_file_that_cannot_be_replaced_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "knxgw.yaml"
    file.write_text("a: 1\n", encoding="utf-8")
    master = MasterFile(file, tmp_path / "state")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        master.write("a: 2\n")
    assert file.read_text(encoding="utf-8") == "a: 1\n"
