"""The factory reset: everything that belongs to whoever used the device goes, and a power cut does not stop it.

It is asked for by a file in the state directory, which goes last: a device that finds it at its start ends what
was begun. Three ways lead to it: the website, the programming button, and `knxgw factory-reset`.

Gone: configuration and its versions, keyrings, accounts, sessions and energy history, faults, what was begun on pages,
an uploaded certificate, and the network settings (then DHCP). Kept: the firmware, the initial password, the device's own
certificate and identity, and the numbers of KNX Secure, which must never be used twice. A configuration
file of the host cannot be removed from here: it is set aside as long as it stays what it is.

Source: product 8.27 to 8.32.
"""

import logging
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from knxgw.errors import GatewayError
from knxgw.firmware.boot_disk import BootDisk
from knxgw.master_file import MasterFile
from knxgw.store.certificate_files import forget_certificates
from knxgw.store.configurations import Configurations
from knxgw.store.database import Database
from knxgw.store.keyring_files import KeyringFiles
from knxgw.store.private_files import remove, write_private
from knxgw.store.trouble import StateError, cause
from knxgw.store.unapplied_file import UnappliedFile

log = logging.getLogger(__name__)
REQUEST_NAME = "knxgw.factory-reset"
SET_ASIDE_NAME = "knxgw.set-aside"
LONGEST_DIGEST = 64


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
        return self._request.exists()

    def carry_out(self, database: Database) -> None:
        """Do it, or what of it is left to do; the request goes last. Raises: StateError."""
        try:
            digest = self._request.read_text(encoding="ascii")[:LONGEST_DIGEST]
            database.erase()
            forget_certificates(self._directory)
            Configurations(self._directory).forget()
            MasterFile(self._directory, self._directory).confirm()
            UnappliedFile(self._directory).forget()
            KeyringFiles(self._directory).forget()
            BootDisk(self._directory, None).forget_copy()
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
            with closing(Database(self._directory)) as database:
                self.carry_out(database)


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
