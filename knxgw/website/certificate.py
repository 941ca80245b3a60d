"""The website's own certificate: reads it with its key, and says what is wrong with either.

What a key file contains is never part of a message. Source: website 15.
"""

import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from knxgw.catalogue.messages import Message, message
from knxgw.errors import ConfigError, FileLine, Finding, Severity
from knxgw.store.certificate_files import Source

CERTIFICATE_KEY, KEY_KEY = "website.certificate", "website.key"
LARGEST_FILE = 1 << 20  # bytes; a chain of certificates has some thousand
SOON = timedelta(days=21)
Called = str | Message  # a file, in words
_SPKI = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """A certificate that can be used, with what a person compares."""

    source: Source = Source.NAMED
    context: ssl.SSLContext = field(repr=False)  # has the key
    key_id: str = field(
        repr=False
    )  # SHA-256 of the public key: a renewal with the same key has the same
    fingerprint: str  # SHA-256 of the certificate, as browsers show it
    names: tuple[str, ...]  # hosts and addresses that it is for
    valid_from: datetime
    valid_until: datetime

    def ends_soon(self, now: datetime) -> bool:
        """Tell whether somebody should renew it: in three weeks at the latest."""
        return now >= self.valid_until - SOON

    def findings(self, now: datetime) -> list[Finding]:
        """Return what whoever starts the gateway is told of it, risks included."""
        day = f"{self.valid_until:%Y-%m-%d}"
        names = ", ".join(self.names) or "-"
        used = message("certificate_used", names=names, day=day, fingerprint=self.fingerprint)
        found = [_finding(used, Severity.NOTE)]
        if now < self.valid_from:
            begins = f"{self.valid_from:%Y-%m-%d}"
            found.append(_finding(message("certificate_not_yet_valid", day=begins)))
        elif now >= self.valid_until:
            found.append(_finding(message("certificate_expired", day=day)))
        elif self.ends_soon(now):
            found.append(_finding(message("certificate_expires_soon", day=day)))
        if not self.names:
            found.append(_finding(message("certificate_without_names")))
        return found


def load_certificate(
    certificate: Path, key: Path, source: Source = Source.NAMED, *, called: Message | None = None
) -> Certificate:
    """Read a certificate, its chain and its key. Raises: ConfigError.

    An expired one is read as well: charging must start, whatever browsers say of the website.
    `called`: what the files are called instead of their paths.
    """
    leaf = _leaf(certificate, called or str(certificate))
    _check_key(key, leaf, called or str(key))
    return Certificate(
        source=source,
        context=_context(certificate, key, called or str(certificate)),
        key_id=sha256(leaf.public_key().public_bytes(*_SPKI)).hexdigest(),
        fingerprint=leaf.fingerprint(SHA256()).hex(":").upper(),
        names=_names(leaf),
        valid_from=leaf.not_valid_before_utc.astimezone(UTC),
        valid_until=leaf.not_valid_after_utc.astimezone(UTC),
    )


def _leaf(file: Path, called: Called) -> x509.Certificate:
    """Return the first certificate of a file: the one of the website itself."""
    data = _read(file, CERTIFICATE_KEY, called)
    try:
        return x509.load_pem_x509_certificates(data)[0]
    except ValueError:
        raise _mistake(CERTIFICATE_KEY, message("certificate_not_pem", file=called)) from None


def _check_key(file: Path, leaf: x509.Certificate, called: Called) -> None:
    data = _read(file, KEY_KEY, called)
    try:
        key = load_pem_private_key(data, password=None)
        is_same = key.public_key().public_bytes(*_SPKI) == leaf.public_key().public_bytes(*_SPKI)
    except TypeError:
        raise _mistake(KEY_KEY, message("key_has_password", file=called)) from None
    except (ValueError, UnsupportedAlgorithm):  # their words may repeat what the file contains
        raise _mistake(KEY_KEY, message("key_not_pem", file=called)) from None
    if not is_same:
        raise _mistake(KEY_KEY, message("key_of_another_certificate", file=called))


def _context(certificate: Path, key: Path, called: Called) -> ssl.SSLContext:
    """Return how the website speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(certificate, key, password=str)  # OpenSSL must not ask a terminal
    except OSError as err:
        reason = getattr(err, "reason", None) or err.strerror or type(err).__name__
        words = message("certificate_refused", file=called, reason=str(reason))
        raise _mistake(CERTIFICATE_KEY, words) from None
    return context


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ()
    hosts = found.get_values_for_type(x509.DNSName)
    return (*hosts, *(str(one) for one in found.get_values_for_type(x509.IPAddress)))


def _read(file: Path, key: str, called: Called) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(LARGEST_FILE)
    except FileNotFoundError:
        raise _mistake(key, message("named_file_missing", file=called)) from None
    except OSError:
        raise _mistake(key, message("named_file_unreadable", file=called)) from None


def _finding(
    words: Message, severity: Severity = Severity.WARNING, key: str = CERTIFICATE_KEY
) -> Finding:
    """Return a finding about a key; whoever knows the configuration file gives it its place."""
    return Finding(place=FileLine("configuration", 1, key), words=words, severity=severity)


def _mistake(key: str, words: Message) -> ConfigError:
    return ConfigError([_finding(words, Severity.ERROR, key)])
