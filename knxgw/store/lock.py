"""One process per state directory: a lock that the kernel frees with the process that held it."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from knxgw.catalogue.messages import message
from knxgw.store.trouble import StateError

FILE_NAME = "knxgw.lock"
LONGEST_NUMBER = 20  # digits of a process


class StateInUseError(StateError):
    """Another gateway uses the state directory; `process` is its process id, None if unknown."""

    def __init__(self, directory: Path, process: int | None) -> None:
        self.process = process
        place = str(directory)
        super().__init__(
            message("state_in_use", directory=place)
            if process is None
            else message("state_in_use_by_process", directory=place, process=process)
        )


class StateLock:
    """The lock on a state directory, held until `close` or the end of the process."""

    def __init__(self, directory: Path) -> None:
        """Take the lock at once. Raises: StateInUseError; OSError, the directory cannot be used."""
        directory.mkdir(parents=True, exist_ok=True)
        self._file = os.open(directory / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with suppress(OSError):  # disk full: the lock holds, only the process id is missing
                os.ftruncate(self._file, 0)
                os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)
        except BlockingIOError as err:
            process = _number(os.pread(self._file, LONGEST_NUMBER, 0))
            os.close(self._file)
            raise StateInUseError(directory, process) from err
        except OSError:
            os.close(self._file)
            raise
        self._is_held = True

    def close(self) -> None:
        """Release the lock; a second call does nothing. The file stays: only the lock counts.

        Closing twice could close a descriptor that has been reused since.
        """
        if self._is_held:
            self._is_held = False
            os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _number(text: bytes) -> int | None:
    digits = text.strip()
    return int(digits) if digits.isdigit() else None
