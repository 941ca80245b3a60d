"""KNX IP Secure on one frame: the wrapper of a session, and the codes of its handshake. Pure.

**A session** lives in a TCP connection. Client and server exchange public keys of X25519, made for this session; the
session key is half of the SHA-256 of what both compute from them. So a recording stays closed even to somebody who
learns all passwords later. The answer of the server has a code made with the *device authentication code*, by which
the client knows the server; the client then proves that it knows the password of a *user*. Both codes cover the XOR of
the two public keys: who stands between them has other keys, and its codes are wrong.

**The wrapper** hides a whole frame: AES-128 in CCM as in `knx/secure_apdu.py`, with a code of 16 octets. Header and
session number are authenticated; sequence number, serial number and tag are in the blocks. Each side counts what it
sends from 0 up, and takes only higher numbers than the last.
Source: [knx-standard] AN159, KNX IP Secure; [xknx] 4.0.0, `xknx/io/ip_secure.py`.
"""

import hmac
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from xknx.secure.security_primitives import (
    calculate_message_authentication_code_cbc,
    decrypt_ctr,
    encrypt_data_ctr,
)

from knxgw.errors import DecodeError
from knxgw.knx.fixed_values import KEY_OCTETS
from knxgw.knxip.wire import FRAME_START, HEADER

MAC_OCTETS, PUBLIC_OCTETS = 16, 32
WRAPPER, SESSION_RESPONSE, AUTHENTICATE = 0x0950, 0x0952, 0x0953
_SESSION, _NUMBER, _SERIAL, _TAG = 2, 6, 6, 2  # octets of the head of a wrapper
_HEAD = HEADER + _SESSION + _NUMBER + _SERIAL + _TAG
_HANDSHAKE_COUNTER = bytes(14) + bytes.fromhex("FF00")


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A frame in its wrapper, not opened yet."""

    session: int
    number: int
    nonce: bytes = field(repr=False)  # number, serial number and tag, as they stand there
    head: bytes = field(repr=False)  # what is authenticated and readable
    hidden: bytes = field(repr=False)
    mac: bytes = field(repr=False)


def read_wrapper(raw: bytes) -> Wrapped:
    """Return the parts of a wrapped frame. Raises: DecodeError, it is too short."""
    if len(raw) < _HEAD + HEADER + MAC_OCTETS:
        raise DecodeError(f"{len(raw)} octets are too short for a wrapped frame")
    begin = HEADER + _SESSION
    return Wrapped(
        session=int.from_bytes(raw[HEADER:begin], "big"),
        number=int.from_bytes(raw[begin : begin + _NUMBER], "big"),
        nonce=raw[begin:_HEAD],
        head=raw[:begin],
        hidden=raw[_HEAD:-MAC_OCTETS],
        mac=raw[-MAC_OCTETS:],
    )


def opened(key: bytes, wrapped: Wrapped) -> bytes:
    """Return the frame in a wrapper. Raises: DecodeError, it is not of this key, or was changed."""
    frame, code = decrypt_ctr(
        key=key,
        counter_0=wrapped.nonce + bytes.fromhex("FF00"),
        mac=wrapped.mac,
        payload=wrapped.hidden,
    )
    if not hmac.compare_digest(code, _code(key, wrapped.head, wrapped.nonce, frame)):
        raise DecodeError("the code of a wrapped frame is wrong")
    return frame


def wrapped(key: bytes, session: int, nonce: bytes, frame: bytes) -> bytes:
    """Return a frame in its wrapper; `nonce`: see `nonce_of`."""
    total = _HEAD + len(frame) + MAC_OCTETS
    head = _header(WRAPPER, total) + session.to_bytes(_SESSION, "big")
    hidden, mac = encrypt_data_ctr(
        key=key,
        counter_0=nonce + bytes.fromhex("FF00"),
        mac_cbc=_code(key, head, nonce, frame),
        payload=frame,
    )
    return head + nonce + hidden + mac


def nonce_of(number: int, serial_number: bytes, tag: bytes = bytes(_TAG)) -> bytes:
    """Return what tells a frame from all others: number, serial number of the sender, and a tag outside of sessions."""
    return number.to_bytes(_NUMBER, "big") + serial_number + tag


def session_response_code(key: bytes, session: int, keys_xored: bytes) -> bytes:
    """Return the code by which a client knows the server; `key`: its device authentication code."""
    return _handshake_code(key, SESSION_RESPONSE, session.to_bytes(_SESSION, "big"), keys_xored)


def authenticate_code(key: bytes, user: int, keys_xored: bytes) -> bytes:
    """Return the code by which the server knows a user; `key`: the hash of the user's password."""
    return _handshake_code(key, AUTHENTICATE, bytes((0, user)), keys_xored)


class KeyPair:
    """The keys of one side of one session."""

    def __init__(self, private: bytes | None = None) -> None:
        """Make new ones; `private`: those of an example."""
        self._private = (
            X25519PrivateKey.generate()
            if private is None
            else X25519PrivateKey.from_private_bytes(private)
        )

    @property
    def public(self) -> bytes:
        """Return what the other side is told."""
        return self._private.public_key().public_bytes_raw()

    def session_key(self, other: bytes) -> bytes:
        """Return the key of a session. Raises: ValueError, for a public key that would give everybody the same."""
        shared = self._private.exchange(X25519PublicKey.from_public_bytes(other))
        return sha256(shared).digest()[:KEY_OCTETS]


def xored(one: bytes, other: bytes) -> bytes:
    """Return what the codes of the handshake say of both public keys."""
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _handshake_code(key: bytes, service: int, said: bytes, keys_xored: bytes) -> bytes:
    total = HEADER + len(said) + (PUBLIC_OCTETS if service == SESSION_RESPONSE else 0) + MAC_OCTETS
    code = calculate_message_authentication_code_cbc(
        key=key, additional_data=_header(service, total) + said + keys_xored
    )
    return encrypt_data_ctr(key=key, counter_0=_HANDSHAKE_COUNTER, mac_cbc=code)[1]


def _code(key: bytes, head: bytes, nonce: bytes, frame: bytes) -> bytes:
    return calculate_message_authentication_code_cbc(
        key=key,
        additional_data=head,
        payload=frame,
        block_0=nonce + len(frame).to_bytes(2, "big"),
    )


def _header(service: int, total: int) -> bytes:
    return FRAME_START + service.to_bytes(2, "big") + total.to_bytes(2, "big")
