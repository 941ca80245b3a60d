"""The folder between gateway and root: whatever a broken gateway leaves there, root follows nothing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from knxgw.host.root_folder import FOLDER, RootFolder, Side
from knxgw.host.wanted import LARGEST, WantedError

WANTED, TAKEN, ANSWER = Side.TIME.wanted, Side.TIME.taken, Side.TIME.answer


@contextmanager
def opened(state: Path) -> Iterator[RootFolder]:
    with RootFolder.opened(state, Side.TIME) as folder:
        yield folder


@pytest.fixture(autouse=True)
def _made_by_the_gateway(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()


def test_a_wish_is_taken_once(tmp_path: Path) -> None:
    with opened(tmp_path) as folder:
        assert folder.take() is None
        (tmp_path / FOLDER / WANTED).write_bytes(b"a wish")
        assert folder.take() == b"a wish"
        assert folder.take() is None
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_an_answer_replaces_the_one_before_and_can_be_read_by_the_gateway(tmp_path: Path) -> None:
    with opened(tmp_path) as folder:
        assert folder.last_answer() == b""
        folder.answer(b"one")
        (tmp_path / FOLDER / f"{ANSWER}.new").write_bytes(b"of somebody who was killed")
        folder.answer(b"two")
        assert folder.last_answer() == b"two"
    path = tmp_path / FOLDER / ANSWER
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o644
    assert list((tmp_path / FOLDER).iterdir()) == [path]


@pytest.mark.proves("W40")
def test_a_link_to_a_secret_is_neither_read_nor_written(tmp_path: Path) -> None:
    secret = tmp_path / "shadow"
    secret.write_bytes(b"secret")
    with opened(tmp_path) as folder:
        (tmp_path / FOLDER / WANTED).symlink_to(secret)
        with pytest.raises(WantedError):
            folder.take()
        (tmp_path / FOLDER / WANTED).hardlink_to(secret)
        with pytest.raises(WantedError):
            folder.take()
        for name in (ANSWER, f"{ANSWER}.new"):
            (tmp_path / FOLDER / name).symlink_to(secret)
        assert folder.last_answer() == b""
        folder.answer(b"an answer")
    assert secret.read_bytes() == b"secret"
    assert not (tmp_path / FOLDER / ANSWER).is_symlink()


def test_a_pipe_or_a_folder_in_the_place_of_a_wish_holds_nobody_up(tmp_path: Path) -> None:
    with opened(tmp_path) as folder:
        os.mkfifo(tmp_path / FOLDER / WANTED)
        with pytest.raises(WantedError):
            folder.take()
        (tmp_path / FOLDER / WANTED).mkdir()
        with pytest.raises((WantedError, OSError)):
            folder.take()
        assert not (tmp_path / FOLDER / TAKEN).exists()


def test_a_wish_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with opened(tmp_path) as folder:
        (tmp_path / FOLDER / WANTED).write_bytes(b"x" * (LARGEST + 1))
        with pytest.raises(WantedError, match="too large"):
            folder.take()


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to somebody else")
def test_what_belongs_to_somebody_else_than_the_gateway_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / FOLDER).mkdir(parents=True)
    for path in (state, state / FOLDER):
        os.chown(path, 1234, 1234)
    with opened(state) as folder:
        (state / FOLDER / WANTED).write_bytes(b"of root")
        with pytest.raises(WantedError, match="somebody else"):
            folder.take()
    os.chown(state / FOLDER, 4321, 4321)
    with pytest.raises(WantedError, match="somebody else"), opened(state):
        pass


def test_a_link_in_the_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / FOLDER).rename(tmp_path / "elsewhere")
    (tmp_path / FOLDER).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="director"), opened(tmp_path):
        pass


def test_root_makes_no_folder_that_would_belong_to_root(tmp_path: Path) -> None:
    (tmp_path / FOLDER).rmdir()
    with pytest.raises(WantedError, match="has not made"), opened(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_each_half_of_the_root_side_has_files_of_its_own(tmp_path: Path) -> None:
    (tmp_path / FOLDER / Side.NETWORK.wanted).write_bytes(b"of the network")
    with opened(tmp_path) as folder:
        assert folder.take() is None
    with RootFolder.opened(tmp_path, Side.NETWORK) as folder:
        assert folder.take() == b"of the network"
