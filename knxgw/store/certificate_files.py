"""Certificates of the website that the device itself keeps: files of the state directory.

Each has the certificate and its key in one file, so that a power cut never leaves a key without its
certificate. They stand apart from the database, as the initial password does.
"""

from enum import Enum
from pathlib import Path

from knxgw.store.private_files import remove, write_private
from knxgw.store.trouble import StateError, cause

OWN_NAME = "knxgw.own-certificate.pem"
UPLOADED_NAME = "knxgw.uploaded-certificate.pem"
PROVED_NAME = "knxgw.https-proved"
LONGEST_PROOF = 200


class Source(Enum):
    """Where a certificate comes from."""

    NAMED = "named by the configuration file"
    UPLOADED = "uploaded on the website"
    OWN = "made by the device"


class CertificateFiles:
    """The files of one state directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.own = directory / OWN_NAME  # made by the device
        self.uploaded = directory / UPLOADED_NAME  # by a page
        self._proved = directory / PROVED_NAME

    def kept(self) -> list[tuple[Path, Source]]:
        """Return the certificates that there are, the one to be used first; none of them is read."""
        places = ((self.uploaded, Source.UPLOADED), (self.own, Source.OWN))
        return [(file, source) for file, source in places if file.exists()]

    def proved(self) -> str:
        """Return with which key somebody has logged in by https, "": nobody has."""
        try:
            with self._proved.open("rb") as file:
                return file.read(LONGEST_PROOF).decode("ascii", "replace").strip()
        except OSError:
            return ""

    def note_proved(self, key_id: str) -> None:
        """Note that somebody has logged in by https with a key. Raises: OSError."""
        write_private(self._proved, f"{key_id}\n".encode("ascii"))

    def forget(self) -> None:
        """Forget what belongs to whoever used the device; its own certificate stays. Raises: OSError."""
        remove(self.uploaded)
        remove(self._proved)

    def remove_all(self) -> None:
        """Remove every certificate: the website answers by http again. Raises: OSError."""
        self.forget()
        remove(self.own)


def forget_certificates(directory: Path) -> None:
    """Forget an uploaded certificate and its key, for a reset to the factory settings.

    The device's own one stays, as the initial password does: it tells a browser that it is this device.
    Raises: StateError.
    """
    try:
        CertificateFiles(directory).forget()
    except OSError as err:
        raise StateError(cause(err, directory)) from err
