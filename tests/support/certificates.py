"""Certificates of the tests, each with a key of its own."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

NAMES = ("localhost", "127.0.0.1")
BEGAN_AT = datetime(2020, 1, 1, tzinfo=UTC)
ENDS_AT = datetime(2090, 1, 1, tzinfo=UTC)


@cache
def key_number(number: int) -> EllipticCurvePrivateKey:
    """Return one of the keys."""
    return generate_private_key(SECP256R1())


def certificate_of(
    key: EllipticCurvePrivateKey,
    names: Sequence[str] = NAMES,
    *,
    valid_from: datetime = BEGAN_AT,
    valid_until: datetime = ENDS_AT,
) -> x509.Certificate:
    """Return a certificate that nobody but itself vouches for."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "knxgw")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid_from)
        .not_valid_after(valid_until)
    )
    if names:
        found = x509.SubjectAlternativeName([_name(one) for one in names])
        builder = builder.add_extension(found, critical=False)
    return builder.sign(key, SHA256())


def write_certificate(
    directory: Path, number: int = 1, names: Sequence[str] = NAMES, *, days_left: int | None = None
) -> tuple[Path, Path]:
    """Write `website.pem` and `website.key`, readable by us alone; return their paths."""
    key = key_number(number)
    now = datetime.now(UTC)  # noqa: TID251 - files that a real gateway judges
    until = ENDS_AT if days_left is None else now + timedelta(days=days_left)
    certificate, file = directory / "website.pem", directory / "website.key"
    found = certificate_of(key, names, valid_until=until)
    certificate.write_bytes(found.public_bytes(Encoding.PEM))
    file.write_bytes(key_bytes(number))
    for one in (certificate, file):
        one.chmod(0o600)
    return certificate, file


def key_bytes(number: int, password: bytes | None = None) -> bytes:
    """Return a key as its file has it."""
    return key_number(number).private_bytes(
        Encoding.PEM,
        PrivateFormat.PKCS8,
        NoEncryption() if password is None else BestAvailableEncryption(password),
    )


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(text))
    except ValueError:
        return x509.DNSName(text)
