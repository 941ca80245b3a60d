"""The device certificate: serial number and FDSK as 36 characters, as ETS takes them. Pure.

22 octets (serial number, FDSK) and a check value of four bits are written in Base32, six groups of six. The check
value is a CRC of the 44 half octets, polynomial x^4 + x + 1, begun with 0.
Source: [thelsing-knx] `examples/knx-linux/fdsk.cpp`.
"""

import base64
import binascii

from knxgw.knx.fixed_values import KEY_OCTETS

SERIAL_OCTETS = 6
CHARACTERS, GROUP = 36, 6
_CRC = (0, 3, 6, 5, 12, 15, 10, 9, 11, 8, 13, 14, 7, 4, 1, 2)
_MISREAD = str.maketrans("018", "OLB")  # these digits do not occur


class CertificateError(ValueError):
    """A text is no device certificate; its words do not repeat it."""


def certificate_text(serial_number: bytes, fdsk: bytes) -> str:
    """Return the certificate in groups: it is as secret as the FDSK."""
    content = serial_number + fdsk
    octets = content + bytes([_crc4(content) << 4])
    characters = base64.b32encode(octets).decode("ascii")[:CHARACTERS]
    return "-".join(characters[at : at + GROUP] for at in range(0, CHARACTERS, GROUP))


def read_certificate(text: str) -> tuple[bytes, bytes]:
    """Return serial number and FDSK of a certificate that was typed. Raises: CertificateError."""
    characters = "".join(text.split()).replace("-", "").upper().translate(_MISREAD)
    if len(characters) != CHARACTERS:
        raise CertificateError(f"a device certificate has {CHARACTERS} characters")
    try:
        octets = base64.b32decode(characters + "A===")
    except binascii.Error:
        raise CertificateError("a device certificate has letters and digits 2 to 7 only") from None
    content, check = octets[: SERIAL_OCTETS + KEY_OCTETS], octets[-1] >> 4
    if _crc4(content) != check:
        raise CertificateError("a character of the device certificate is wrong")
    return content[:SERIAL_OCTETS], content[SERIAL_OCTETS:]


def _crc4(content: bytes) -> int:
    value = 0
    for octet in content:
        for half in (octet >> 4, octet & 0xF):
            value = _CRC[value ^ half]
    return value
