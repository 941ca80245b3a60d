"""Certificates that the device keeps in its state directory: reads, makes, renews and takes them.

Source: website 15.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from knxgw.catalogue.messages import Message, message
from knxgw.errors import ConfigError, FileLine, Finding, RejectedError, Severity
from knxgw.station.model import EARLIEST_VALID
from knxgw.store.certificate_files import CertificateFiles, Source
from knxgw.store.private_files import remove, write_private
from knxgw.store.trouble import StateError, cause
from knxgw.website.certificate import Certificate, load_certificate
from knxgw.website.own_certificate import is_due, new_key, signed, tidied

log = logging.getLogger(__name__)
Names = Callable[[], Iterable[str]]


def kept_certificate(
    files: CertificateFiles, now: datetime, names: Names | None = None
) -> tuple[Certificate | None, list[Finding]]:
    """Return the certificate that the device keeps, None: none; with what is to be said of it.

    With `names` its own is renewed where that is due. One that cannot be used is no reason not to
    start: charging does not wait for the website.
    """
    found: list[Finding] = []
    for file, source in files.kept():
        try:
            certificate = load_certificate(file, file, source)
            if source is Source.OWN and names is not None:
                certificate = renewed(files, certificate, names, now)
        except ConfigError as err:
            found += [unusable(file, one) for one in err.findings]
            continue
        place = FileLine(str(file), 0, "")
        return certificate, [
            *found,
            *(replace(one, place=place) for one in certificate.findings(now)),
        ]
    return None, found


def unusable(file: Path, why: Finding) -> Finding:
    """Return what is said of a file that cannot be used: it is left out."""
    words = message("kept_certificate_unusable", reason=_as_argument(why))
    return Finding(place=FileLine(str(file), 0, ""), words=words, severity=Severity.WARNING)


def _as_argument(why: Finding) -> Message | str:
    return why.words if isinstance(why.words, Message) else why.problem


def renewed(
    files: CertificateFiles, certificate: Certificate, names: Names, now: datetime
) -> Certificate:
    """Return the device's own certificate, renewed with the same key where that is due."""
    wanted = tuple(names())
    if now < EARLIEST_VALID or not is_due(certificate, wanted, now):
        return certificate
    try:
        following = make_own(files, wanted, now)
    except StateError as err:
        log.warning("the certificate of the website is not renewed: %s", err)
        return certificate
    log.info(
        "the certificate of the website was renewed with the same key, SHA-256 %s",
        following.fingerprint,
    )
    return following


def refuse_unset_clock(now: datetime) -> None:
    """Refuse to date a certificate by a clock that was never set. Raises: RejectedError."""
    if now < EARLIEST_VALID:
        raise RejectedError(f"the clock of this computer is wrong ({now:%Y-%m-%d}); set it first")


def make_own(files: CertificateFiles, names: Iterable[str], now: datetime) -> Certificate:
    """Make the device's own certificate; one that is there is renewed with the same key.

    Raises: StateError, the disk does not take it; RejectedError, the clock was never set.
    """
    refuse_unset_clock(now)
    try:
        key = files.own.read_bytes() if files.own.exists() else new_key()
        try:
            content = tidied(signed(names, key, now) + key)
        except (ValueError, TypeError):  # its words may repeat what the file contains
            key = new_key()
            log.warning("the key in %s cannot be used; a new one was made", files.own)
            content = signed(names, key, now) + key
        write_private(files.own, content)
        return load_certificate(files.own, files.own, Source.OWN)
    except OSError as err:
        raise StateError(cause(err, files.directory)) from err


def take_uploaded(files: CertificateFiles, content: bytes) -> Certificate:
    """Keep a certificate and its key that were uploaded.

    Raises: ConfigError, it cannot be used; StateError, the disk does not take it. Then nothing changes.
    """
    draft = files.uploaded.with_suffix(".draft")
    try:
        try:
            write_private(draft, content)
            load_certificate(draft, draft, called=message("uploaded_file"))
            write_private(files.uploaded, tidied(content))
        finally:
            remove(draft)
    except OSError as err:
        raise StateError(cause(err, files.directory)) from err
    return load_certificate(files.uploaded, files.uploaded, Source.UPLOADED)


def go_back_to_own(files: CertificateFiles, names: Names, now: datetime) -> Certificate:
    """Remove the uploaded certificate; return the device's own one, made where there is none.

    Raises: StateError, RejectedError; then nothing changes.
    """
    try:
        own = renewed(files, load_certificate(files.own, files.own, Source.OWN), names, now)
    except ConfigError:
        own = make_own(files, names(), now)
    try:
        remove(files.uploaded)
    except OSError as err:
        raise StateError(cause(err, files.directory)) from err
    return own
