"""One process per state directory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from knxgw.store.lock import FILE_NAME, StateInUseError, StateLock


def test_the_directory_is_made_and_the_lock_names_its_process(tmp_path: Path) -> None:
    with StateLock(tmp_path / "new" / "state"):
        assert (tmp_path / "new" / "state" / FILE_NAME).read_text() == f"{os.getpid()}\n"


def test_a_second_lock_is_refused_and_names_who_has_it(tmp_path: Path) -> None:
    with StateLock(tmp_path):
        with pytest.raises(StateInUseError, match=f"another gateway, process {os.getpid()};"):
            StateLock(tmp_path)
        assert (tmp_path / FILE_NAME).read_text() == f"{os.getpid()}\n", "left alone"
    StateLock(tmp_path).close()


@pytest.mark.parametrize("content", [b"", b"no number", b"\xff\xfe", b"9" * 100])
def test_a_lock_is_a_lock_whatever_its_file_says(tmp_path: Path, content: bytes) -> None:
    with StateLock(tmp_path):
        (tmp_path / FILE_NAME).write_bytes(content)
        with pytest.raises(StateInUseError):
            StateLock(tmp_path)


def test_what_a_process_left_behind_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("1\n")  # alive, but it does not hold the lock
    StateLock(tmp_path).close()


def test_a_longer_number_of_before_does_not_stay(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("123456789012345\n")
    with StateLock(tmp_path):
        assert (tmp_path / FILE_NAME).read_text() == f"{os.getpid()}\n"


@pytest.mark.real
def test_a_killed_process_frees_the_directory(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib, time; from knxgw.store.lock import StateLock;"
        f"lock = StateLock(pathlib.Path({str(tmp_path)!r})); print('held', flush=True);"
        "time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StateInUseError, match=f"process {holder.pid};"):
            StateLock(tmp_path)
    finally:
        holder.kill()
        holder.communicate()
    StateLock(tmp_path).close()


def test_a_lock_is_released_once_even_if_its_descriptor_is_reused(tmp_path: Path) -> None:
    lock = StateLock(tmp_path)
    lock.close()
    with (tmp_path / "other").open("w") as other:  # it gets the number that has become free
        lock.close()
        other.write("still open")
