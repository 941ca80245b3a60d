"""The certificate that the device makes for itself: ECDSA P-256, renewed with the same key.

Nobody but itself vouches for it: people compare its fingerprint. It is no authority (CA), so that
whoever lets a browser trust it trusts this one website, and nothing that its key could sign.
Source: website 15.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from knxgw.website.certificate import Certificate

LASTS = timedelta(days=820)  # Apple's systems take no more than 825
RENEWED = timedelta(days=30)  # before its end
BEFORE = timedelta(hours=1)  # the clock of a browser may be behind ours
_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "knxgw")])


def new_key() -> bytes:
    """Return a new key in PEM format."""
    return _pem_of(generate_private_key(SECP256R1()))


def signed(names: Iterable[str], key_pem: bytes, now: datetime) -> bytes:
    """Return a certificate in PEM format for names and addresses, signed with its own key.

    Raises: ValueError, it is no key that can sign; its words may tell of the key.
    """
    key = load_pem_private_key(key_pem, password=None)
    if not isinstance(key, EllipticCurvePrivateKey | RSAPrivateKey):
        raise ValueError("no key of these kinds")  # noqa: TRY004 - one kind of error for a bad key
    public = key.public_key()
    begins = now.replace(microsecond=0) - BEFORE
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=isinstance(key, RSAPrivateKey),
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    found = (
        x509.CertificateBuilder()
        .subject_name(_NAME)
        .issuer_name(_NAME)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + LASTS)
        .add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, SHA256())
    )
    return found.public_bytes(Encoding.PEM)


def tidied(content: bytes) -> bytes:
    """Return the certificates and the key that a text contains, and nothing else of it.

    Raises: ValueError, TypeError: one of both is missing, or the key has a password.
    """
    chain = x509.load_pem_x509_certificates(content)
    key = load_pem_private_key(content, password=None)
    return b"".join(one.public_bytes(Encoding.PEM) for one in chain) + _pem_of(key)


def is_due(certificate: Certificate, names: Iterable[str], now: datetime) -> bool:
    """Tell whether the device's own certificate has to be renewed: it ends, or names are missing.

    An IPv6 address alone is no reason: many a network has another one every day, and browsers would
    ask each time whether the new certificate is to be trusted.
    """
    if not certificate.valid_from <= now < certificate.valid_until - RENEWED:
        return True
    missing = set(names_in_certificate(names)) - set(certificate.names)
    return any(":" not in one for one in missing)


def names_in_certificate(names: Iterable[str]) -> list[str]:
    """Return names as a certificate has them; one that it cannot have is left out."""
    return [str(one.value) for one in _alternatives(names)]


def is_self_signed(file: Path) -> bool:
    """Tell whether nobody else vouches for the certificate of a file. Raises: OSError, ValueError."""
    leaf = x509.load_pem_x509_certificates(file.read_bytes())[0]
    return leaf.issuer == leaf.subject


def _alternatives(names: Iterable[str]) -> list[x509.IPAddress | x509.DNSName]:
    found: list[x509.IPAddress | x509.DNSName] = []
    for name in dict.fromkeys(names):
        try:
            found.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            try:
                found.append(x509.DNSName(name.encode("idna").decode("ascii")))
            except UnicodeError:
                continue
    return found


def _pem_of(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
