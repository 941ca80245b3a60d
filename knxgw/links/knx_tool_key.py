"""Data Secure with the tool key: what ETS and this device say to each other in private.

AES-CCM over the plain application layer data, with a frame's addresses, its sequence number and its
TPCI authenticated; always encrypted, never to a group address. The arithmetic is xknx's; its own
Data Secure serves group telegrams only, and cannot protect the numbered frames of a connection.
Source: [knx-standard] AN158, Data Secure; [xknx] 4.0.0, `xknx/secure/security_primitives.py`.
"""

import hmac
from copy import copy

from xknx.cemi import CEMILData
from xknx.exceptions import DataSecureError
from xknx.secure.data_secure_asdu import (
    SecureData,
    SecurityAlgorithmIdentifier,
    SecurityALService,
    SecurityControlField,
    counter_0,
)
from xknx.secure.security_primitives import (
    calculate_message_authentication_code_cbc,
    decrypt_ctr,
    encrypt_data_ctr,
)
from xknx.telegram.apci import APCI, SecureAPDU
from xknx.telegram.tpci import TDataGroup

from knxgw.links.knx_numbers import SecureNumbers

_MAC_LENGTH = 4
_DATA = SecurityControlField(
    tool_access=True,
    algorithm=SecurityAlgorithmIdentifier.CCM_ENCRYPTION,
    system_broadcast=False,
    service=SecurityALService.S_A_DATA,
)


class ToolKeySecurity:
    """Secures frames with one tool key."""

    def __init__(self, key: bytes, numbers: SecureNumbers) -> None:
        self._key = key
        self._numbers = numbers

    def outgoing(self, data: CEMILData) -> CEMILData:
        """Return a frame secured with our next number; it is reserved already."""
        if data.payload is None:
            return data  # transport layer control has nothing to secure
        number = self._numbers.next_own().to_bytes(6, "big")
        plain = bytes(data.payload.to_knx())
        ciphertext, code = encrypt_data_ctr(
            key=self._key,
            counter_0=counter_0(number, _addresses(data)),
            mac_cbc=self._code(data, number, _DATA, plain),
            payload=plain,
        )
        secured = copy(data)
        secured.payload = SecureAPDU(scf=_DATA, secured_data=SecureData(number, ciphertext, code))
        return secured

    def received(self, data: CEMILData, secured: SecureAPDU) -> CEMILData:
        """Verify and decrypt a frame, and note its number. Raises: DataSecureError, ConversionError."""
        self._check(data, secured)
        sealed = secured.secured_data
        number = int.from_bytes(sealed.sequence_number_bytes, "big")
        last_valid = self._numbers.last_valid(self._key, data.src_addr)
        if number <= last_valid:
            raise DataSecureError(
                f"Sequence number too low for {data.src_addr}: {number} received, "
                f"{last_valid} last valid"
            )
        plain, code = decrypt_ctr(
            key=self._key,
            counter_0=counter_0(sealed.sequence_number_bytes, _addresses(data)),
            mac=sealed.message_authentication_code,
            payload=sealed.secured_apdu,
        )
        expected = self._code(data, sealed.sequence_number_bytes, secured.scf, plain)
        if not hmac.compare_digest(code, expected):
            raise DataSecureError("Data Secure MAC verification failed")
        self._numbers.taken(self._key, data.src_addr, number)
        opened = copy(data)
        opened.payload = APCI.from_knx(plain)
        return opened

    def _check(self, data: CEMILData, secured: SecureAPDU) -> None:
        """Refuse what no tool sends here. Raises: DataSecureError."""
        if isinstance(data.tpci, TDataGroup):
            raise DataSecureError(f"Tool access to a group address: {data.dst_addr}")
        if secured.scf.to_knx() != _DATA.to_knx():
            raise DataSecureError(f"Not supported with the tool key: {secured.scf}")

    def _code(
        self, data: CEMILData, number: bytes, control: SecurityControlField, plain: bytes
    ) -> bytes:
        """Return the message authentication code, not yet encrypted."""
        return calculate_message_authentication_code_cbc(
            key=self._key,
            additional_data=control.to_knx(),
            payload=plain,
            block_0=_block_0(data, number, len(plain)),
        )[:_MAC_LENGTH]


def _addresses(data: CEMILData) -> bytes:
    return data.src_addr.to_knx() + data.dst_addr.to_knx()


def _block_0(data: CEMILData, number: bytes, length: int) -> bytes:
    """Return the first block of the code; it holds what is authenticated of the frame itself."""
    tpci = data.tpci.to_knx() & 0xFC | 0x03  # with the high bits of the secure APCI 0x3F1
    fields = (0, data.address_type.to_knx() | data.flags.frame_format, tpci, 0xF1, 0, length)
    return number + _addresses(data) + bytes(fields)
