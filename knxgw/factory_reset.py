"""The factory reset: everything that belongs to whoever used the device goes, and a power cut does not stop it.

It is asked for by a file in the state directory, which goes last: a device that finds it at its start ends what
was begun. Three ways lead to it: the website, the programming button, and `knxgw factory-reset`.

Gone: configuration and its versions, keyrings, accounts, sessions and energy history, faults, what was begun on pages,
an uploaded certificate, and the network settings (then DHCP). Kept: the firmware, the initial password, the device's own
certificate and identity, its factory key (FDSK), to which security goes back, and the numbers of KNX Secure, which
must never be used twice. A configuration file of the host cannot be removed from here: it is set aside as long as it
stays what it is.

Source: product 8.27 to 8.32.
"""

import logging
import shutil
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from knxgw.errors import GatewayError
from knxgw.firmware.boot_disk import BootDisk
from knxgw.store import (
    certificate_files,
    database,
    device_id,
    fdsk_file,
    initial_password,
    lock,
)
from knxgw.store.database import Database
from knxgw.store.private_files import remove, write_private
from knxgw.store.trouble import StateError, cause

log = logging.getLogger(__name__)
REQUEST_NAME = "knxgw.factory-reset"
SET_ASIDE_NAME = "knxgw.set-aside"
LONGEST_DIGEST = 64
OURS = "knxgw."  # how the files of a state directory are named; folders of other parts are theirs
KEPT = frozenset(  # all others go, whatever wrote them
    {
        REQUEST_NAME,
        SET_ASIDE_NAME,  # another reset takes nothing back
        lock.FILE_NAME,
        initial_password.FILE_NAME,
        device_id.FILE_NAME,
        fdsk_file.FILE_NAME,
        certificate_files.OWN_NAME,
        *(f"{database.FILE_NAME}{suffix}" for suffix in ("", "-wal", "-shm")),  # it is erased
    }
)


class FactoryReset:
    """The factory reset of one state directory."""

    def __init__(self, directory: Path, network: Callable[[], None] = lambda: None) -> None:
        """Reset a device; `network` lets it use DHCP again. May raise GatewayError."""
        self._directory = directory
        self._request = directory / REQUEST_NAME
        self._network = network

    def ask(self, configuration: Path | None = None) -> None:
        """Ask for it, for good; `configuration`: the file of the host that is to be set aside. Raises: StateError."""
        digest = "" if configuration is None else digest_of(configuration)
        try:
            write_private(self._request, digest.encode())
        except OSError as err:
            raise StateError(cause(err, self._directory)) from err

    @property
    def is_asked(self) -> bool:
        """Tell whether it was asked for, or was begun and not ended."""
        return self._request.is_file()

    def carry_out(self, stored: Database) -> None:
        """Do it, or what of it is left to do; the request goes last. Raises: StateError.

        Files go first: that makes room where the disk is full.
        """
        try:
            digest = self._request.read_text(encoding="ascii")[:LONGEST_DIGEST]
            for path in self._directory.iterdir():
                if path.name.startswith(OURS) and path.name not in KEPT:
                    _remove(path)
            BootDisk(self._directory, None).erase_copy()
            stored.erase()
            if digest:
                write_private(self._directory / SET_ASIDE_NAME, digest.encode())
        except (OSError, ValueError) as err:
            reason = err if isinstance(err, OSError) else OSError(str(err))
            raise StateError(cause(reason, self._directory)) from err
        try:
            self._network()
        except GatewayError as err:  # the rest is done all the same
            log.warning("the network settings were not reset: %s", err)
        try:
            remove(self._request)
        except OSError as err:
            raise StateError(cause(err, self._directory)) from err
        log.warning("the device was reset to its factory settings")

    def finish(self) -> None:
        """At a start: end what was asked for or begun. Raises: StateError."""
        if self.is_asked:
            with closing(Database(self._directory)) as stored:
                self.carry_out(stored)


def _remove(path: Path) -> None:
    """Remove a file or a folder. Raises: OSError."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


class SetAside:
    """The configuration file of the host that a reset has set aside, while it stays what it was."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / SET_ASIDE_NAME

    def holds(self, configuration: Path) -> bool:
        """Tell whether a file is the one that was set aside."""
        try:
            digest = self._path.read_text(encoding="ascii")
        except (OSError, ValueError):
            return False
        return bool(digest) and digest == digest_of(configuration)

    def forget(self) -> None:
        """Take the file again, whatever it says. Raises: OSError."""
        remove(self._path)


def digest_of(configuration: Path) -> str:
    """Return what tells a file from others, "": it is not there or cannot be read."""
    try:
        return sha256(configuration.read_bytes()).hexdigest()
    except OSError:
        return ""
