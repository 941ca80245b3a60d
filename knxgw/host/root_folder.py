"""The folder in which the gateway leaves wishes and root leaves answers, seen from root's side.

It belongs to the gateway's user, who may be anybody if the gateway is broken: nothing in it is followed, opened
or trusted without a look. Everything goes through a descriptor of the folder itself.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from knxgw.host.wanted import LARGEST, WantedError

FOLDER = "host"
WANTED, TAKEN = "wanted.json", "taken.json"
ANSWER, _NEW_ANSWER = "answer.json", "answer.json.new"
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_FLAGS = (
    os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
)  # a pipe does not hold it up
_WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER_MODE, _ANSWER_MODE = 0o750, 0o644


class RootFolder:
    """The folder of one state directory, opened."""

    def __init__(self, descriptor: int, owner: int) -> None:
        self._folder = descriptor
        self._owner = owner

    @classmethod
    @contextmanager
    def opened(cls, state: Path) -> Iterator["RootFolder"]:
        """Open the folder of a state directory; it is made if it is not there. Raises: OSError, WantedError."""
        above = os.open(state, _FOLDER_FLAGS)
        try:
            owner = os.fstat(above)
            is_new = _is_made(above)
            descriptor = os.open(FOLDER, _FOLDER_FLAGS, dir_fd=above)
        finally:
            os.close(above)
        try:
            if is_new:  # by its descriptor: whatever has taken its name meanwhile is not given away
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            if os.fstat(descriptor).st_uid != owner.st_uid:
                raise WantedError("the folder belongs to somebody else")
            yield cls(descriptor, owner.st_uid)
        finally:
            os.close(descriptor)

    def take(self) -> bytes | None:
        """Return what is wanted and remove it; None: nothing. Raises: OSError, WantedError.

        It is moved away first: what is written meanwhile is the next one.
        """
        try:
            os.rename(WANTED, TAKEN, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except FileNotFoundError:
            return None
        try:
            return self._read(TAKEN, owners={self._owner})
        finally:
            self._remove_taken()

    def _remove_taken(self) -> None:
        try:
            os.unlink(TAKEN, dir_fd=self._folder)
        except IsADirectoryError:
            os.rmdir(TAKEN, dir_fd=self._folder)

    def _read(self, name: str, *, owners: set[int]) -> bytes:
        try:
            descriptor = os.open(name, _READ_FLAGS, dir_fd=self._folder)
        except OSError as err:
            raise WantedError(f"it cannot be opened as a file: {err.strerror}") from err
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
                raise WantedError("it is no file of its own")
            if found.st_uid not in owners:
                raise WantedError("it belongs to somebody else")
            if found.st_size > LARGEST:
                raise WantedError("it is too large")
            return file.read(LARGEST + 1)

    def last_answer(self) -> bytes:
        """Return the answer that is there, b"" if there is none: the gateway may have changed it."""
        with suppress(OSError, WantedError):
            return self._read(ANSWER, owners={0, self._owner})
        return b""

    def answer(self, content: bytes) -> None:
        """Leave an answer. Raises: OSError."""
        with suppress(FileNotFoundError):  # of somebody who was killed
            os.unlink(_NEW_ANSWER, dir_fd=self._folder)
        descriptor = os.open(_NEW_ANSWER, _WRITE_FLAGS, _ANSWER_MODE, dir_fd=self._folder)
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(content)
            os.fchmod(descriptor, _ANSWER_MODE)
        finally:
            os.close(descriptor)
        os.rename(_NEW_ANSWER, ANSWER, src_dir_fd=self._folder, dst_dir_fd=self._folder)


def _is_made(above: int) -> bool:
    """Make the folder; tell whether it was not there. Raises: OSError."""
    try:
        os.mkdir(FOLDER, _FOLDER_MODE, dir_fd=above)
    except FileExistsError:
        return False
    return True
