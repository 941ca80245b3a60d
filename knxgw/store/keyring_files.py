"""Keyrings that were uploaded on the website, each with its password: files of the state directory.

The name is made from the content. So a keyring that is in force stays as it is until another one comes into force,
and a configuration of before finds its own again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from knxgw.store.private_files import remove, write_private
from knxgw.store.trouble import StateError, cause

FOLDER_NAME = "knxgw.keyrings"
MOST = 10  # keyrings; the oldest one gives way
DIGITS = 16
_KEYRING, _PASSWORD, _CHECKED = ".knxkeys", ".password", "checked"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyringPaths:
    """Where a keyring and its password stand."""

    keyring: Path
    password: Path


class KeyringFiles:
    """The keyrings of one state directory; to be used by one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / FOLDER_NAME

    def keep(
        self,
        content: bytes,
        password: str,
        check: Callable[[KeyringPaths], T],
        *,
        in_force: str | None = None,
    ) -> tuple[KeyringPaths, T]:
        """Keep a keyring that passes a check, which reads it; return where it is, and what the check says.

        `in_force`: the path of the keyring that is used, which gives no way.

        Raises: what the check raises, and nothing is kept; StateError.
        """
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            tried = self._paths(_CHECKED)
            try:
                write_private(tried.keyring, content)
                write_private(tried.password, password.encode())
                found = check(tried)
                kept = self._paths(sha256(content).hexdigest()[:DIGITS])
                tried.password.replace(kept.password)
                tried.keyring.replace(kept.keyring)
            finally:
                remove(tried.keyring)
                remove(tried.password)
            self._make_room(in_force)
        except OSError as err:
            raise StateError(cause(err, self._folder)) from err
        return kept, found

    def forget(self) -> None:
        """Remove every keyring, for a reset to the factory settings. Raises: StateError."""
        try:
            if self._folder.exists():
                for file in self._folder.iterdir():
                    remove(file)
        except OSError as err:
            raise StateError(cause(err, self._folder)) from err

    def _paths(self, name: str) -> KeyringPaths:
        return KeyringPaths(
            keyring=self._folder / f"{name}{_KEYRING}", password=self._folder / f"{name}{_PASSWORD}"
        )

    def _make_room(self, in_force: str | None) -> None:
        kept = sorted(self._folder.glob(f"*{_KEYRING}"), key=lambda one: one.stat().st_mtime)
        for file in kept[:-MOST]:
            if str(file) == in_force:
                continue
            remove(file)
            remove(file.with_suffix(_PASSWORD))
