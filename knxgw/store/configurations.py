"""The configurations that a device has had: files of the state directory, and its own one.

Each version is one file with its text and where it came from, so that a power cut never leaves one without
the other. They stand apart from the database, whose damage must not cost the installer's work.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from knxgw.store.private_files import remove, write_private
from knxgw.store.trouble import StateError, cause

log = logging.getLogger(__name__)
OWN_NAME = "knxgw.configuration.yaml"
FOLDER_NAME = "knxgw.configurations"
MOST_VERSIONS = 50
LONGEST_NOTE = 200  # characters
_SUFFIX = ".json"


class Origin(StrEnum):
    """Where a version came from."""

    FILE = "file"  # somebody wrote the file, and it was read at a start or on SIGHUP
    WEBSITE = "website"
    RESTORED = "restored"  # an earlier version, on the website
    RETURNED = "returned"  # the one before, because nobody confirmed a change


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What a configuration was, when it came into force, and through whom."""

    number: int  # 1, 2, ...; none is used twice
    at: datetime  # when it came into force
    origin: Origin
    account: str | None = None  # of the website; None: of the host
    note: str = ""
    text: str = ""


class Configurations:
    """The versions of one state directory; to be used by one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self.own = (
            directory / OWN_NAME
        )  # of a device whose configuration is no file of the installer's
        self._folder = directory / FOLDER_NAME

    def versions(self) -> tuple[Version, ...]:
        """Return the versions, the newest first; one that cannot be read is left out."""
        found = (self.version(number) for number in sorted(self._numbers(), reverse=True))
        return tuple(version for version in found if version is not None)

    def newest(self) -> Version | None:
        """Return the newest version, None: there is none, or it cannot be read."""
        numbers = self._numbers()
        return self.version(max(numbers)) if numbers else None

    def version(self, number: int) -> Version | None:
        """Return a version, None: there is none, or it cannot be read."""
        path = self._path(number)
        try:
            return _version(number, json.loads(path.read_bytes()))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as err:
            log.warning("%s is not a version of a configuration: %s", path, err)
            return None

    def keep(
        self, text: str, *, at: datetime, origin: Origin, account: str | None = None, note: str = ""
    ) -> Version:
        """Keep a text that came into force as the newest version, unless the newest one has that text.

        The oldest ones beyond 50 are removed. Returns the newest version. Raises: StateError.
        """
        numbers = sorted(self._numbers())
        newest = self.newest()
        if newest is not None and newest.text == text:
            return newest
        version = Version(
            number=numbers[-1] + 1 if numbers else 1,
            at=at,
            origin=origin,
            account=account,
            note=note[:LONGEST_NOTE],
            text=text,
        )
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            write_private(self._path(version.number), _content(version), like=self.own.parent)
            for number in numbers[: max(0, len(numbers) + 1 - MOST_VERSIONS)]:
                remove(self._path(number))
        except OSError as err:
            raise StateError(cause(err, self._folder)) from err
        return version

    def forget(self) -> None:
        """Remove the device's own configuration and every version, for a reset. Raises: StateError."""
        try:
            remove(self.own)
            for number in self._numbers():
                remove(self._path(number))
        except OSError as err:
            raise StateError(cause(err, self._folder)) from err

    def _numbers(self) -> list[int]:
        try:
            names = [path.stem for path in self._folder.iterdir() if path.suffix == _SUFFIX]
        except OSError:
            return []
        return [int(name) for name in names if name.isdecimal() and name.isascii()]

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:06d}{_SUFFIX}"


def _content(version: Version) -> bytes:
    fields = {
        "at": version.at.isoformat(),
        "origin": version.origin,
        "account": version.account,
        "note": version.note,
        "text": version.text,
    }
    return json.dumps(fields, ensure_ascii=False, indent=1).encode()


def _version(number: int, fields: Mapping[str, object]) -> Version:
    """Return a version as it was stored. Raises: KeyError, TypeError, ValueError."""
    text, account = fields["text"], fields.get("account")
    if not isinstance(text, str) or not isinstance(account, str | None):
        raise TypeError("the text or the account is none")
    return Version(
        number=number,
        at=datetime.fromisoformat(str(fields["at"])),
        origin=Origin(str(fields["origin"])),
        account=account,
        note=str(fields.get("note", "")),
        text=text,
    )
