"""Group telegrams read from their octets and written as them: nearly every frame on a line is one.

xknx does that as well, and everything else; it takes several times as long, because it looks for all services
(docs/decisions/speed-of-knx.md). What stands here gives the same or nothing.
"""

from functools import lru_cache
from struct import Struct

from xknx.cemi import CEMIFlags, CEMILData, CEMIMessageCode
from xknx.cemi.flags import CEMIFrameFormat
from xknx.dpt import DPTArray, DPTBinary
from xknx.exceptions import ConversionError
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import APCI, GroupValueRead, GroupValueResponse, GroupValueWrite
from xknx.telegram.tpci import TDataGroup

_HEAD = 10  # octets before the one with the rest of the APCI: code, length of additional information, L_Data
_GROUP = 0x80  # in control field 2: the destination is a group address
_SERVICE, _READ, _RESPONSE, _WRITE = 0x03C0, 0x0000, 0x0040, 0x0080
_T_DATA_GROUP = TDataGroup()
_SERVICES = (GroupValueRead, GroupValueResponse, GroupValueWrite)
_STANDARD_FRAME = 0x8000  # in the control fields
_LONGEST_STANDARD_APDU = 16  # octets, with the one that the length does not count
_HEAD_OF_FRAME = Struct(">BBHHHB")
_FLAGS_KEPT = 64  # control fields; there are a handful in an installation


def read_group_telegram(cemi: bytes) -> CEMILData | None:
    """Return the L_Data of a group telegram with a value or a question for one; None: let xknx read it."""
    if len(cemi) <= _HEAD or cemi[1] or not cemi[3] & _GROUP or len(cemi) != _HEAD + cemi[8]:
        return None
    destination = cemi[6] << 8 | cemi[7]
    payload = _service(cemi) if destination and cemi[9] <= 0b11 else None
    flags = _flags(cemi[2] << 8 | cemi[3])
    if payload is None or flags is None:
        return None
    return CEMILData(
        flags=flags,
        src_addr=IndividualAddress(cemi[4] << 8 | cemi[5]),
        dst_addr=GroupAddress(destination),
        tpci=_T_DATA_GROUP,
        payload=payload,
    )


def group_telegram_bytes(code: CEMIMessageCode, data: CEMILData) -> bytes | None:
    """Return the cEMI frame of a group telegram that fits into a standard frame; None: let xknx write it."""
    payload = data.payload
    if not isinstance(payload, _SERVICES) or data.tpci != _T_DATA_GROUP:
        return None
    if type(data.dst_addr) is not GroupAddress:
        return None
    apdu = payload.to_knx()
    if len(apdu) > _LONGEST_STANDARD_APDU:
        return None
    control = data.flags.to_knx() | _STANDARD_FRAME | _GROUP
    head = _HEAD_OF_FRAME.pack(
        code.value, 0, control, data.src_addr.raw, data.dst_addr.raw, len(apdu) - 1
    )
    return head + apdu


def _service(cemi: bytes) -> APCI | None:
    service = (cemi[9] << 8 | cemi[10]) & _SERVICE
    is_short = len(cemi) == _HEAD + 1
    if service == _READ:
        return GroupValueRead() if is_short else None
    if service not in (_RESPONSE, _WRITE):
        return None
    value = DPTBinary(cemi[10] & DPTBinary.APCI_BITMASK) if is_short else DPTArray(cemi[11:])
    return GroupValueWrite(value) if service == _WRITE else GroupValueResponse(value)


@lru_cache(_FLAGS_KEPT)
def _flags(control: int) -> CEMIFlags | None:
    """Return control fields; those of equal frames are one object, which nobody may change."""
    try:
        flags = CEMIFlags.from_knx(control)
    except ConversionError:
        return None
    return flags if flags.frame_format is CEMIFrameFormat.STANDARD else None
