"""APDUs as octets, beside xknx's classes: those that xknx cannot read or write.

A device acknowledges what it does not understand, and some negative answers have no class.
"""

from dataclasses import dataclass

from xknx.cemi import CEMIFlags, CEMILData
from xknx.exceptions import ConversionError, CouldNotParseCEMI, UnsupportedCEMIMessage
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import APCI
from xknx.telegram.tpci import TPCI

_HEAD_OCTETS = 8  # control fields, addresses, length, TPCI
_GROUP = 0x0080  # in the control fields: the destination is a group address


@dataclass(slots=True)
class RawService(APCI):
    """A service as it is on the line; its first octet has no TPCI bits."""

    apdu: bytes

    def calculated_length(self) -> int:
        """Return the length without the first octet."""
        return len(self.apdu) - 1

    def to_knx(self) -> bytearray:
        """Return the octets."""
        return bytearray(self.apdu)

    @classmethod
    def from_knx(cls, raw: bytes) -> "RawService":
        """Take the octets."""
        return cls(raw)

    def __str__(self) -> str:
        return f"APDU {self.apdu.hex()}"


def apdu_of(data: CEMILData) -> bytes:
    """Return the APDU of a frame that has one, b"" else."""
    return b"" if data.payload is None else bytes(data.payload.to_knx())


def as_can_be_written(data: CEMILData, raw: bytes) -> CEMILData:
    """Return a frame that can go out as it came: xknx reads some services that it refuses to write.

    `raw`: from the first control field on.
    """
    try:
        data.to_knx()
    except (ConversionError, ValueError, OverflowError):
        return with_unread_service(raw) or data
    return data


def with_unread_service(raw: bytes) -> CEMILData | None:
    """Return a frame whose service xknx cannot read; None: it is not even a frame with an APDU.

    `raw`: from the first control field on.
    """
    if len(raw) <= _HEAD_OCTETS or len(raw) != _HEAD_OCTETS + raw[6]:
        return None
    control = int.from_bytes(raw[:2], "big")
    is_group = bool(control & _GROUP)
    destination = (
        GroupAddress.from_knx(raw[4:6]) if is_group else IndividualAddress.from_knx(raw[4:6])
    )
    try:
        tpci = TPCI.resolve(
            raw_tpci=raw[7], dst_is_group_address=is_group, dst_is_zero=not destination.raw
        )
        flags = CEMIFlags.from_knx(control)
    except (ConversionError, CouldNotParseCEMI, UnsupportedCEMIMessage):
        return None
    if tpci.control:
        return None
    return CEMILData(
        flags=flags,
        src_addr=IndividualAddress.from_knx(raw[2:4]),
        dst_addr=destination,
        tpci=tpci,
        payload=RawService(bytes([raw[7] & 0b11]) + raw[8:]),
    )
