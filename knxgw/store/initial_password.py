"""The initial password of the website, and the request to go back to it: files of the state directory.

They stand apart from the database: the password outlives a factory reset, and whoever may write to
the directory can ask for it beside a running gateway.
"""

from contextlib import suppress
from pathlib import Path

from knxgw.store.private_files import write_private

FILE_NAME = "knxgw.initial-password"
REQUEST_NAME = "knxgw.password-reset"
LONGEST = 100


def read(directory: Path) -> str | None:
    """Return the initial password, None: there is none yet. Raises: OSError."""
    try:
        with (directory / FILE_NAME).open("rb") as file:
            return file.read(LONGEST).decode("ascii", "replace").strip()
    except FileNotFoundError:
        return None


def write(directory: Path, password: str) -> None:
    """Store the initial password for this user's eyes only. Raises: OSError.

    A power cut leaves the previous file or the new one.
    """
    write_private(directory / FILE_NAME, f"{password}\n".encode("ascii"))


class ResetRequest:
    """The request to go back to the initial password, until a gateway has taken it."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / REQUEST_NAME

    def make(self) -> None:
        """Ask for it. Raises: OSError."""
        write_private(self._path, b"")

    def stamp(self) -> tuple[int, int] | None:
        """Return what tells this request from others, None: there is none."""
        try:
            found = self._path.lstat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    def remove(self) -> None:
        """Take it back, or note that it was done; where the disk does not let it be, it stays."""
        with suppress(OSError):
            self._path.unlink()
