"""The folder in which the gateway leaves wishes and root leaves answers, seen from root's side.

Each half of the root side has files of its own in it. It belongs to the gateway's user, who may be anybody if the
gateway is broken: nothing in it is followed, opened or trusted without a look. Everything goes through a descriptor
of the folder itself.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

from knxgw.host.wanted import LARGEST, WantedError

FOLDER = "host"
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ_FLAGS = (
    os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
)  # a pipe does not hold it up
_WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ANSWER_MODE = 0o644


class Side(StrEnum):
    """The halves of the root side; their files have these names."""

    NETWORK = "network"
    TIME = "time"  # and the restart of the machine

    @property
    def wanted(self) -> str:
        """Return the file in which the gateway says what it wants."""
        return f"{self.value}-wanted.json"

    @property
    def taken(self) -> str:
        """Return where that file is while it is read."""
        return f"{self.value}-taken.json"

    @property
    def answer(self) -> str:
        """Return the file of the answer."""
        return f"{self.value}-answer.json"


class RootFolder:
    """The folder of one state directory, opened, and the files of one half of the root side in it."""

    def __init__(self, descriptor: int, owner: int, side: Side) -> None:
        self._folder = descriptor
        self._owner = owner
        self._side = side

    @classmethod
    @contextmanager
    def opened(cls, state: Path, side: Side) -> Iterator["RootFolder"]:
        """Open the folder of a state directory, which the gateway makes. Raises: OSError, WantedError."""
        above = os.open(state, _FOLDER_FLAGS)
        try:
            owner = os.fstat(above).st_uid
            descriptor = os.open(FOLDER, _FOLDER_FLAGS, dir_fd=above)
        except FileNotFoundError as err:
            raise WantedError("the gateway has not made its folder yet") from err
        finally:
            os.close(above)
        try:
            if os.fstat(descriptor).st_uid != owner:
                raise WantedError("the folder belongs to somebody else")
            yield cls(descriptor, owner, side)
        finally:
            os.close(descriptor)

    def take(self) -> bytes | None:
        """Return what is wanted and remove it; None: nothing. Raises: OSError, WantedError.

        It is moved away first: what is written meanwhile is the next one.
        """
        try:
            self._rename(self._side.wanted, self._side.taken)
        except FileNotFoundError:
            return None
        try:
            return self._read(self._side.taken, owners={self._owner})
        finally:
            self._remove_taken()

    def _remove_taken(self) -> None:
        try:
            os.unlink(self._side.taken, dir_fd=self._folder)
        except IsADirectoryError:
            os.rmdir(self._side.taken, dir_fd=self._folder)

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
            return self._read(self._side.answer, owners={0, self._owner})
        return b""

    def answer(self, content: bytes) -> None:
        """Leave an answer. Raises: OSError."""
        new = f"{self._side.answer}.new"
        with suppress(FileNotFoundError):  # of somebody who was killed
            os.unlink(new, dir_fd=self._folder)
        descriptor = os.open(new, _WRITE_FLAGS, _ANSWER_MODE, dir_fd=self._folder)
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(content)
            os.fchmod(descriptor, _ANSWER_MODE)
        finally:
            os.close(descriptor)
        self._rename(new, self._side.answer)

    def _rename(self, old: str, new: str) -> None:
        os.rename(old, new, src_dir_fd=self._folder, dst_dir_fd=self._folder)
