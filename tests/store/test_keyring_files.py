"""Keyrings of the website: kept only if they pass the check, private, a few at most."""

import os
import stat
from pathlib import Path

import pytest

from knxgw.store.keyring_files import FOLDER_NAME, MOST, KeyringFiles, KeyringPaths


def same(paths: KeyringPaths) -> bytes:
    return paths.keyring.read_bytes()


def test_a_keyring_is_kept_under_a_name_made_from_it_for_the_gateway_alone(tmp_path: Path) -> None:
    files = KeyringFiles(tmp_path)
    first, found = files.keep(b"one", "word", same)
    second, _ = files.keep(b"two", "other", same)
    assert found == b"one"
    assert first.keyring != second.keyring
    assert first.keyring.read_bytes() == b"one", "the one in force stays as it is"
    assert first.password.read_text() == "word"
    folder = tmp_path / FOLDER_NAME
    assert {stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_what_does_not_pass_leaves_nothing(tmp_path: Path) -> None:
    def refuse(_paths: KeyringPaths) -> None:
        raise ValueError("no keyring")

    with pytest.raises(ValueError, match="no keyring"):
        KeyringFiles(tmp_path).keep(b"x", "word", refuse)
    assert list((tmp_path / FOLDER_NAME).iterdir()) == []


def test_the_oldest_one_gives_way_and_a_reset_removes_all(tmp_path: Path) -> None:
    files = KeyringFiles(tmp_path)
    for number in range(MOST + 2):
        kept, _ = files.keep(b"%d" % number, "word", same)
        os.utime(kept.keyring, (number, number))
    left = sorted((tmp_path / FOLDER_NAME).glob("*.knxkeys"))
    assert len(left) == MOST
    assert {one.read_bytes() for one in left}.isdisjoint({b"0", b"1"})
    assert all(one.with_suffix(".password").exists() for one in left)
    files.forget()
    assert list((tmp_path / FOLDER_NAME).iterdir()) == []


def test_the_keyring_that_is_in_force_gives_no_way(tmp_path: Path) -> None:
    files = KeyringFiles(tmp_path)
    used, _ = files.keep(b"used", "word", same)
    os.utime(used.keyring, (0, 0))
    for number in range(MOST + 2):
        files.keep(b"%d" % number, "word", same, in_force=str(used.keyring))
    assert used.keyring.read_bytes() == b"used"
    assert used.password.read_text() == "word"
