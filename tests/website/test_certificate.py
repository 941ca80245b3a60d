"""What is wrong with a certificate or its key is said, and what the key file contains never is."""

from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from ssl import PEM_cert_to_DER_cert, TLSVersion

import pytest

from knxgw.errors import ConfigError, Finding, Severity
from knxgw.website.certificate import SOON, load_certificate
from tests.support.certificates import (
    BEGAN_AT,
    ENDS_AT,
    NAMES,
    key_bytes,
    write_certificate,
)

SECRET = "MIGHAgEAMBMGByqGSM49"  # noqa: S105 - looks like the beginning of a key
DAY = timedelta(days=1)


def key_is(content: bytes) -> Callable[[Path, Path], object]:
    return lambda _, key: key.write_bytes(content)


def certificate_is(content: bytes) -> Callable[[Path, Path], object]:
    return lambda certificate, _: certificate.write_bytes(content)


WRONG: dict[str, tuple[Callable[[Path, Path], object], str, str]] = {
    "no certificate": (lambda one, _: one.unlink(), "website.certificate", "there is no file"),
    "no key": (lambda _, key: key.unlink(), "website.key", "there is no file"),
    "a folder": (
        lambda _, key: key.rename(key.with_suffix(".moved")).with_suffix(".key").mkdir(),
        "website.key",
        "cannot be read; give this user the right",
    ),
    "not PEM": (certificate_is(b"\x30\x82"), "website.certificate", "no certificate in PEM format"),
    "empty": (certificate_is(b""), "website.certificate", "no certificate in PEM format"),
    "a key as certificate": (
        lambda one, key: one.write_bytes(key.read_bytes()),
        "website.certificate",
        "no certificate in PEM format; name the file that begins with BEGIN CERTIFICATE",
    ),
    "a certificate as key": (
        lambda one, key: key.write_bytes(one.read_bytes()),
        "website.key",
        "no private key in PEM format; name the file that begins with BEGIN PRIVATE KEY",
    ),
    "a damaged key": (
        key_is(f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----\n".encode()),
        "website.key",
        "no private key in PEM format",
    ),
    "another key": (key_is(key_bytes(2)), "website.key", "does not belong to the certificate"),
    "a password": (
        key_is(key_bytes(1, b"word")),
        "website.key",
        "is protected by a password; save it without one (openssl pkey",
    ),
}


@pytest.mark.proves("W15")
@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_with_a_remedy(name: str, tmp_path: Path) -> None:
    spoil, key, words = WRONG[name]
    files = write_certificate(tmp_path)
    spoil(*files)
    with pytest.raises(ConfigError) as caught:
        load_certificate(*files)
    (found,) = caught.value.findings
    assert (found.key, found.severity) == (key, Severity.ERROR)
    assert words in str(found)
    assert found.remedy
    assert SECRET not in str(found)
    assert "PRIVATE KEY-----" not in str(found)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.proves("W15")
def test_a_good_one_shows_its_names_its_end_and_its_fingerprint(tmp_path: Path) -> None:
    files = write_certificate(tmp_path)
    found = load_certificate(*files)
    der = PEM_cert_to_DER_cert(files[0].read_text())
    assert found.fingerprint == sha256(der).digest().hex(":").upper()
    assert found.names == NAMES
    assert found.context.minimum_version is TLSVersion.TLSv1_2
    (note,) = found.findings(BEGAN_AT + DAY)
    assert note.severity is Severity.NOTE
    for word in (*NAMES, f"{ENDS_AT:%Y-%m-%d}", found.fingerprint):
        assert word in note.problem
    assert "key" not in repr(found)


def risks(findings: list[Finding]) -> list[str]:
    return [str(one) for one in findings if one.severity is Severity.WARNING]


@pytest.mark.proves("W15")
def test_what_browsers_warn_of_is_a_warning(tmp_path: Path) -> None:
    found = load_certificate(*write_certificate(tmp_path))
    assert risks(found.findings(ENDS_AT - SOON - DAY)) == []
    for now, words in (
        (ENDS_AT - SOON, "expires on 2090-01-01; renew it"),
        (ENDS_AT, "expired on 2090-01-01: browsers warn of it; renew it"),
        (BEGAN_AT - DAY, "valid from 2020-01-01 only, or the clock of this computer is wrong"),
    ):
        (said,) = risks(found.findings(now))
        assert words in said


@pytest.mark.proves("W15")
def test_one_that_names_nothing_is_a_warning(tmp_path: Path) -> None:
    found = load_certificate(*write_certificate(tmp_path, names=()))
    (said,) = risks(found.findings(BEGAN_AT + DAY))
    assert "names neither a host nor an address" in said


def test_the_chain_may_follow_and_the_key_may_stand_beside_it(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    (tmp_path / "issuer").mkdir()
    issuer = write_certificate(tmp_path / "issuer", 2)[0].read_bytes()
    fingerprint = load_certificate(certificate, key).fingerprint
    both = certificate.read_bytes() + issuer + key.read_bytes()
    certificate.write_bytes(both)
    assert load_certificate(certificate, certificate).fingerprint == fingerprint
