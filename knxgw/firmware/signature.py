"""Who may make a firmware: Ed25519 keys, and signatures of a manifest.

The public keys of the makers are data of the product (`product_db/firmware_keys.yaml`). Their private keys never
stand in the repository. Whoever builds a firmware of their own adds a public key to a folder of the administrator.

Source: [rfc-8032].
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from knxgw.errors import GatewayError
from knxgw.firmware.trouble import not_taken

ID_BYTES, SIGNATURE_BYTES = 8, 64
LARGEST_KEY_FILE = 16 * 1024


def key_id(key: Ed25519PublicKey) -> bytes:
    """Return what names a key in a file: the first bytes of its SHA-256."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return sha256(raw).digest()[:ID_BYTES]


class TrustedKeys:
    """The keys whose firmware this device takes."""

    def __init__(self, keys: Iterable[Ed25519PublicKey]) -> None:
        self._keys: Mapping[bytes, Ed25519PublicKey] = {key_id(key): key for key in keys}

    def __len__(self) -> int:
        return len(self._keys)

    def check(self, signed: bytes, signatures: Iterable[tuple[bytes, bytes]]) -> None:
        """Accept what one of the keys has signed. Raises: FirmwareError."""
        is_known = False
        for identity, signature in signatures:
            key = self._keys.get(identity)
            if key is None:
                continue
            is_known = True
            try:
                key.verify(signature, signed)
            except InvalidSignature:
                continue
            return
        if is_known:
            raise not_taken("firmware_signature_wrong")
        raise not_taken("firmware_signature_unknown")


def public_key(pem: bytes) -> Ed25519PublicKey:
    """Return a public key in PEM format. Raises: ValueError."""
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as err:
        raise ValueError("this is no public key in PEM format") from err
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("this is no Ed25519 key")  # noqa: TRY004 - of a file that cannot be used
    return key


def private_key(path: Path) -> Ed25519PrivateKey:
    """Return the private key of a file. Raises: GatewayError."""
    try:
        with path.open("rb") as file:
            key = load_pem_private_key(file.read(LARGEST_KEY_FILE), None)
    except OSError as err:
        raise GatewayError(f"{path} cannot be read: {err.strerror or err}") from err
    except (ValueError, TypeError, UnsupportedAlgorithm) as err:
        raise GatewayError(f"{path} holds no private key in PEM format without a password") from err
    if not isinstance(key, Ed25519PrivateKey):
        raise GatewayError(f"{path} holds no Ed25519 key; `knxgw firmware key` makes one")
    return key


def new_key() -> tuple[bytes, bytes]:
    """Return a new private and public key in PEM format."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private, public
