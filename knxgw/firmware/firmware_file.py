"""A firmware file: signed wheels in one file, which is verified before anything of it is used.

    offset  bytes
    0       8        KNXGWFW1
    8       4        length n of the manifest, big-endian, at most 256 KiB
    12      n        manifest: JSON in UTF-8 (`manifest`)
    12+n    1        number of signatures, 1 to 4
            72 each  name of the key (8 bytes), Ed25519 signature of the bytes 0 to 12+n-1
    …                the wheels, one after the other, in the order of the manifest; nothing after them

No archive: there are no names with paths to unpack, no lengths that lie and no compression that explodes
before the signature was found good. The manifest names the size and the SHA-256 of each wheel, so its
signature covers all of the file. A file is read once from the beginning to the end, in small pieces.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import IO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from knxgw.firmware.manifest import LARGEST_MANIFEST, Manifest, Part, decode, encode
from knxgw.firmware.signature import (
    ID_BYTES,
    SIGNATURE_BYTES,
    TrustedKeys,
    key_id,
)
from knxgw.firmware.trouble import not_taken

MAGIC = b"KNXGWFW1"
LENGTH_BYTES = 4
MOST_SIGNATURES = 4
PIECE = 256 * 1024
SUFFIX = ".knxfw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What stands before the wheels; its signature is good."""

    manifest: Manifest
    data_at: int  # where the first wheel begins [bytes]


def read_head(file: IO[bytes], keys: TrustedKeys) -> Head:
    """Return the head of a file that is at its beginning, if one of the keys has signed it.

    Raises: FirmwareError; OSError.
    """
    start = file.read(len(MAGIC) + LENGTH_BYTES)
    if start[: len(MAGIC)] != MAGIC:
        raise not_taken("firmware_no_firmware")
    length = int.from_bytes(start[len(MAGIC) :], "big")
    if len(start) < len(MAGIC) + LENGTH_BYTES or length > LARGEST_MANIFEST:
        raise not_taken("firmware_damaged")
    manifest, count = _exactly(file, length), _exactly(file, 1)[0]
    if not 1 <= count <= MOST_SIGNATURES:
        raise not_taken("firmware_damaged")
    signatures = []
    for _ in range(count):
        one = _exactly(file, ID_BYTES + SIGNATURE_BYTES)
        signatures.append((one[:ID_BYTES], one[ID_BYTES:]))
    keys.check(start + manifest, signatures)
    at = len(start) + length + 1 + count * (ID_BYTES + SIGNATURE_BYTES)
    return Head(manifest=decode(manifest), data_at=at)


def read_parts(
    file: IO[bytes], head: Head, take: Callable[[Part, bytes], None] | None = None
) -> None:
    """Read the wheels behind a head and check each; `take` gets them piece by piece.

    What `take` got of a file that is refused must not be used. Raises: FirmwareError; OSError.
    """
    for part in head.manifest.parts:
        digest, left = sha256(), part.size
        while left:
            piece = file.read(min(PIECE, left))
            if not piece:
                raise not_taken("firmware_damaged")
            digest.update(piece)
            left -= len(piece)
            if take is not None:
                take(part, piece)
        if digest.hexdigest() != part.sha256:
            raise not_taken("firmware_damaged")
    if file.read(1):
        raise not_taken("firmware_damaged")


def verify(file: IO[bytes], keys: TrustedKeys) -> Manifest:
    """Check a whole file that is at its beginning. Raises: FirmwareError; OSError."""
    head = read_head(file, keys)
    read_parts(file, head)
    return head.manifest


def write(
    out: IO[bytes], manifest: Manifest, key: Ed25519PrivateKey, read: Callable[[Part], bytes]
) -> None:
    """Write a file; `read` returns the content of each part. Raises: OSError."""
    content = encode(manifest)
    signed = MAGIC + len(content).to_bytes(LENGTH_BYTES, "big") + content
    out.write(signed)
    out.write(bytes([1]) + key_id(key.public_key()) + key.sign(signed))
    for part in manifest.parts:
        out.write(read(part))


def _exactly(file: IO[bytes], count: int) -> bytes:
    """Return so many bytes. Raises: FirmwareError, the file ends before."""
    content = file.read(count)
    if len(content) != count:
        raise not_taken("firmware_damaged")
    return content
