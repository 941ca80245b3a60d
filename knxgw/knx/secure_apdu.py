"""KNX Data Secure on one APDU: seals what goes out, opens what comes in. Pure: keys, numbers and chance are given.

**What is protected.** A secured telegram is an ordinary one whose APDU is the service 3F1: a control octet (SCF), a
sequence number of six octets, the sealed APDU, and a code of four octets (MAC). The cipher is AES-128 in CCM: a
CBC-MAC over block 0, the control octet and the APDU says that nobody has changed anything; a key stream in counter
mode hides code and APDU, the code first. Block 0 and the counter hold the sequence number and both addresses; block
0 also the kind of address and the TPCI as it is sent, so a telegram cannot be replayed to somebody else, nor in
another place of a connection. Priority, hop count and repeat flag may change on the way and are not protected.

**Numbers.** A receiver takes a number only if it is higher than the last one it took of this sender with this key;
equal numbers are replays. Two devices that do not know where the other one is use S-A_Sync: the request carries a
challenge, sealed with the number that the asker uses next. The answer is sealed with a nonce of chance in the place
of a number; on the wire that nonce is XORed with the challenge, so only an answer to *this* challenge can be opened.
It says which number the answerer sends next, and which one it takes next.

Only encryption with authentication (algorithm 1) is done here: of authentication alone there are three readings in
the field, and ETS never configures it. The arithmetic of the blocks is xknx's.
Source: [knx-standard] AN158, Data Secure; [xknx] 4.0.0, `xknx/secure/security_primitives.py`.
"""

import hmac
from dataclasses import dataclass
from enum import IntEnum

from xknx.cemi import CEMILData
from xknx.secure.security_primitives import (
    calculate_message_authentication_code_cbc,
    decrypt_ctr,
    encrypt_data_ctr,
)

SECURE = bytes.fromhex("03F1")  # the service, without TPCI bits
NUMBER_OCTETS, MAC_OCTETS, SERIAL_OCTETS, CHALLENGE_OCTETS = 6, 4, 6, 6
SECURED_OCTETS = 2 + 1 + NUMBER_OCTETS + MAC_OCTETS  # that an APDU is longer once it is secured
HIGHEST_NUMBER = (1 << 48) - 1
TOOL_ACCESS = 0x80  # in the control octet
DATA_BY_TOOL, SYNC_REQUEST_BY_TOOL, SYNC_RESPONSE_TO_TOOL = 0x90, 0x92, 0x93
_HEAD = len(SECURE) + 1  # octets before the number


class Failure(IntEnum):
    """Why a secured telegram was not taken; the codes of the failure log.

    Source: [knx-standard] 3/5/1, security interface object, property 55.
    """

    CONTROL = 1  # the control octet says what does not exist, or not here
    NUMBER = 2  # it was used before
    CRYPTO = 3  # another key, or somebody has changed something
    ACCESS = 4  # who asks may not do that


class SecureError(Exception):
    """A secured telegram is not taken."""

    def __init__(self, failure: Failure, words: str) -> None:
        super().__init__(words)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Envelope:
    """What of a frame is protected beside its APDU."""

    source: bytes  # 2 octets
    destination: bytes  # 2 octets
    kind: int  # A000EEEE: type of the address, extended frame format
    tpci: int  # as it is sent, without the bits of the APCI

    @classmethod
    def of(cls, data: CEMILData) -> "Envelope":
        """Return that of a frame."""
        return cls(
            source=data.src_addr.to_knx(),
            destination=data.dst_addr.to_knx(),
            kind=data.address_type.to_knx() | data.flags.frame_format,
            tpci=data.tpci.to_knx() & 0xFC,
        )

    def block_0(self, nonce: bytes, length: int) -> bytes:
        """Return the first block of the code."""
        fields = (0, self.kind, self.tpci | SECURE[0], SECURE[1], 0, length)
        return nonce + self.source + self.destination + bytes(fields)

    def counter_0(self, nonce: bytes) -> bytes:
        """Return the first counter of the key stream."""
        return nonce + self.source + self.destination + bytes.fromhex("000000000100")


@dataclass(frozen=True, slots=True)
class SecuredApdu:
    """A secured APDU in its parts, not opened yet."""

    control: int
    number: bytes  # of a synchronisation's answer: its nonce, hidden
    body: bytes
    mac: bytes


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """Somebody asks where our numbers are."""

    number: int  # that the asker uses next
    serial_number: bytes  # whom it asks; zero: whoever has the address
    challenge: bytes


def parse(apdu: bytes) -> SecuredApdu:
    """Return the parts of a secured APDU. Raises: SecureError, it is too short to be one."""
    if len(apdu) < _HEAD + NUMBER_OCTETS + MAC_OCTETS or apdu[:2] != SECURE:
        raise SecureError(Failure.CONTROL, "it is too short for a secured telegram")
    rest = apdu[_HEAD:]
    return SecuredApdu(
        control=apdu[2],
        number=rest[:NUMBER_OCTETS],
        body=rest[NUMBER_OCTETS:-MAC_OCTETS],
        mac=rest[-MAC_OCTETS:],
    )


def seal(key: bytes, envelope: Envelope, number: int, apdu: bytes, control: int) -> bytes:
    """Return an APDU secured with a number (S-A_Data)."""
    nonce = number.to_bytes(NUMBER_OCTETS, "big")
    sealed = _Cipher(key, envelope, nonce).sealed(bytes([control]), apdu)
    return SECURE + bytes([control]) + nonce + sealed


def open_data(key: bytes, envelope: Envelope, secured: SecuredApdu) -> bytes:
    """Return the APDU that was secured (S-A_Data). Raises: SecureError."""
    cipher = _Cipher(key, envelope, secured.number)
    return cipher.opened(bytes([secured.control]), secured.body, secured.mac)


def open_sync_request(key: bytes, envelope: Envelope, secured: SecuredApdu) -> SyncRequest:
    """Return what a request to synchronise says. Raises: SecureError."""
    if len(secured.body) != SERIAL_OCTETS + CHALLENGE_OCTETS:
        raise SecureError(Failure.CONTROL, "it is no request to synchronise")
    serial_number, hidden = secured.body[:SERIAL_OCTETS], secured.body[SERIAL_OCTETS:]
    shown = bytes([secured.control]) + serial_number
    challenge = _Cipher(key, envelope, secured.number).opened(shown, hidden, secured.mac)
    return SyncRequest(int.from_bytes(secured.number, "big"), serial_number, challenge)


def seal_sync_request(key: bytes, envelope: Envelope, asked: SyncRequest) -> bytes:
    """Return a request to synchronise, as a tool sends it."""
    nonce = asked.number.to_bytes(NUMBER_OCTETS, "big")
    control = bytes([SYNC_REQUEST_BY_TOOL])
    sealed = _Cipher(key, envelope, nonce).sealed(control + asked.serial_number, asked.challenge)
    return SECURE + control + nonce + asked.serial_number + sealed


def seal_sync_response(
    key: bytes, envelope: Envelope, nonce: bytes, challenge: bytes, numbers: tuple[int, int]
) -> bytes:
    """Return the answer to a challenge.

    `nonce`: six octets of chance. `numbers`: the one that we send next, the one that we take next.
    """
    content = b"".join(one.to_bytes(NUMBER_OCTETS, "big") for one in numbers)
    control = bytes([SYNC_RESPONSE_TO_TOOL])
    sealed = _Cipher(key, envelope, nonce).sealed(control, content)
    return SECURE + control + _xor(nonce, challenge) + sealed


def open_sync_response(
    key: bytes, envelope: Envelope, secured: SecuredApdu, challenge: bytes
) -> tuple[int, int]:
    """Return the numbers of an answer to our challenge, as a tool reads it. Raises: SecureError."""
    if len(secured.body) != 2 * NUMBER_OCTETS:
        raise SecureError(Failure.CONTROL, "it is no answer of a synchronisation")
    cipher = _Cipher(key, envelope, _xor(secured.number, challenge))
    content = cipher.opened(bytes([secured.control]), secured.body, secured.mac)
    next_sent, next_taken = content[:NUMBER_OCTETS], content[NUMBER_OCTETS:]
    return int.from_bytes(next_sent, "big"), int.from_bytes(next_taken, "big")


@dataclass(frozen=True, slots=True, repr=False)
class _Cipher:
    """AES-128 in CCM for one telegram; `shown` is authenticated and stays readable."""

    key: bytes
    envelope: Envelope
    nonce: bytes  # 6 octets, in the place of the number

    def sealed(self, shown: bytes, content: bytes) -> bytes:
        """Return content and code, hidden."""
        hidden, mac = encrypt_data_ctr(
            key=self.key,
            counter_0=self.envelope.counter_0(self.nonce),
            mac_cbc=self._code(shown, content),
            payload=content,
        )
        return hidden + mac

    def opened(self, shown: bytes, hidden: bytes, mac: bytes) -> bytes:
        """Return the content. Raises: SecureError, if the code is another one."""
        content, code = decrypt_ctr(
            key=self.key,
            counter_0=self.envelope.counter_0(self.nonce),
            mac=mac,
            payload=hidden,
        )
        if not hmac.compare_digest(code, self._code(shown, content)):
            raise SecureError(Failure.CRYPTO, "Data Secure MAC verification failed")
        return content

    def _code(self, shown: bytes, content: bytes) -> bytes:
        return calculate_message_authentication_code_cbc(
            key=self.key,
            additional_data=shown,
            payload=content,
            block_0=self.envelope.block_0(self.nonce, len(content)),
        )[:MAC_OCTETS]


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))
