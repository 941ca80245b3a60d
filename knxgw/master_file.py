"""The file that says what a device does: the installer's, or the device's own in its state directory."""

import os
import stat
from contextlib import suppress
from pathlib import Path

from knxgw.store.configurations import Configurations, Version
from knxgw.store.private_files import remove, sync_folder, write_private

BEFORE_NAME = "knxgw.configuration-before.yaml"


class MasterFile:
    """Where the configuration stands, and how pages change it; to be used by one thread at a time.

    What may cut off whoever changes it is `unconfirmed`: the previous text is kept beside it until somebody
    confirms the change, so that also a device that was started again meanwhile returns to it.
    """

    def __init__(self, given: Path, state: Path, *, may_be_missing: bool = False) -> None:
        """Take a file as the master. `may_be_missing`: where it is not there, the device has its own."""
        self.kept = Configurations(state)
        self._given = given
        self._may_be_missing = may_be_missing
        self._before = state / BEFORE_NAME
        self.given_up: Version | None = None  # what was taken back at the start

    @property
    def path(self) -> Path:
        """Return where the configuration stands, or will stand."""
        if self._may_be_missing and not self._given.exists():
            return self.kept.own
        return self._given

    @property
    def is_own(self) -> bool:
        """Tell whether it is the device's own file, which nobody writes but the device."""
        return self.path == self.kept.own

    @property
    def is_writable(self) -> bool:
        """Tell whether the file can be replaced, in its folder."""
        path = self._target
        is_there = path.exists()
        return os.access(path.parent, os.W_OK | os.X_OK) and (
            not is_there or os.access(path, os.W_OK)
        )

    @property
    def _target(self) -> Path:
        return self.path.resolve()

    def write(self, text: str) -> None:
        """Replace what the file says. Raises: OSError.

        A power cut leaves the previous file or the new one. Owner and mode of the file stay.
        """
        target = self._target
        if self.is_own or not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            write_private(target, text.encode())
            return
        before = target.stat()
        new = target.with_name(f"{target.name}.new")
        with suppress(FileNotFoundError):
            new.unlink()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(new, flags, stat.S_IMODE(before.st_mode))
        try:
            os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
            with suppress(PermissionError):  # of another user, but of a folder that is ours
                os.fchown(descriptor, before.st_uid, before.st_gid)
            with open(descriptor, "wb", closefd=False) as file:
                file.write(text.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        new.replace(target)
        sync_folder(target.parent)

    def put_back(self, text: str) -> None:
        """Let the file say what it said before; "": there was no configuration. Raises: OSError."""
        if text:
            self.write(text)
        elif self.is_own:
            remove(self.path)

    def begin_unconfirmed(self, before: str) -> None:
        """Keep the text to which the device returns unless the next change is confirmed. Raises: OSError."""
        write_private(self._before, before.encode())

    def confirm(self) -> None:
        """Note that the last change is confirmed, or was taken back. Raises: OSError."""
        remove(self._before)

    def take_back_unconfirmed(self) -> bool:
        """Return to the text before a change that nobody has confirmed; tell whether there was one.

        To be called at the start. Raises: OSError.
        """
        try:
            before = self._before.read_bytes().decode()
        except FileNotFoundError:
            return False
        self.put_back(before)
        self.confirm()
        newest = self.kept.newest()
        self.given_up = newest if newest is not None and newest.text != before else None
        return True
