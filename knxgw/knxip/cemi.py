"""cEMI messages of tunnels and of device management.

xknx reads and writes L_Data. Property services are read here, as xknx refuses object types that it does not
know; function properties, reset and T_Data it does not have. Source: [xknx] `cemi/cemi_frame.py`.
"""

from dataclasses import dataclass, replace

from xknx.cemi import CEMIErrorCode, CEMIFrame, CEMILData
from xknx.cemi import CEMIMessageCode as Code
from xknx.exceptions import UnsupportedCEMIMessage
from xknx.telegram.address import IndividualAddress

from knxgw.errors import DecodeError
from knxgw.knx.group_telegram import group_telegram_bytes, read_group_telegram
from knxgw.knx.raw_service import as_can_be_written, with_unread_service
from knxgw.knxip.ports import FunctionAnswer, PropertyAddress
from knxgw.knxip.wire import PARSE_ERRORS

CONNECTED_REQUEST, CONNECTED_INDICATION = 0x41, 0x89  # T_Data_Connected
INDIVIDUAL_REQUEST, INDIVIDUAL_INDICATION = 0x4A, 0x94  # T_Data_Individual
_FUNCTION_CONFIRMATION = 0xFA
_ADDRESS = 4  # octets of object type, instance and property
_HEADER = 6  # with count and start
_CONFIRM_ERROR = 0x01  # in control field 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadProperty:
    """M_PropRead.req."""

    address: PropertyAddress
    start: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteProperty:
    """M_PropWrite.req."""

    address: PropertyAddress
    start: int
    count: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFunction:
    """M_FuncPropCommand.req, or M_FuncPropStateRead.req."""

    address: PropertyAddress
    data: bytes
    is_command: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """M_Reset.req."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """T_Data_Connected.req, or T_Data_Individual.req: an application layer service without a bus."""

    tpdu: bytes
    is_connected: bool


ManagementRequest = ReadProperty | WriteProperty | CallFunction | Reset | Local


def read_management(cemi: bytes) -> ManagementRequest | None:
    """Return what a client of the device management asks; None: a message it is not for.

    Raises: DecodeError.
    """
    if not cemi:
        raise DecodeError("an empty cEMI message")
    code, body = cemi[0], cemi[1:]
    match code:
        case Code.M_PROP_READ_REQ.value | Code.M_PROP_WRITE_REQ.value:
            return _property_request(code, body)
        case Code.M_FUNC_PROP_COMMAND_REQ.value | Code.M_FUNC_PROP_STATE_READ_REQ.value:
            is_command = code == Code.M_FUNC_PROP_COMMAND_REQ.value
            return CallFunction(address=_address(body), data=body[_ADDRESS:], is_command=is_command)
        case Code.M_RESET_REQ.value:
            return Reset()
        case _ if code in (CONNECTED_REQUEST, INDIVIDUAL_REQUEST):
            return Local(tpdu=_tpdu(body), is_connected=code == CONNECTED_REQUEST)
    return None


def read_confirmation(request: ReadProperty, answer: bytes | CEMIErrorCode) -> bytes:
    """Return M_PropRead.con."""
    if isinstance(answer, CEMIErrorCode):
        return _property_message(Code.M_PROP_READ_CON, request, 0, bytes((answer,)))
    return _property_message(Code.M_PROP_READ_CON, request, request.count, answer)


def write_confirmation(request: WriteProperty, error: CEMIErrorCode | None) -> bytes:
    """Return M_PropWrite.con."""
    if error is None:
        return _property_message(Code.M_PROP_WRITE_CON, request, request.count, b"")
    return _property_message(Code.M_PROP_WRITE_CON, request, 0, bytes((error,)))


def property_indication(address: PropertyAddress, start: int, count: int, data: bytes) -> bytes:
    """Return M_PropInfo.ind: a property has another value."""
    read = ReadProperty(address=address, start=start, count=count)
    return _property_message(Code.M_PROP_INFO_IND, read, count, data)


def function_confirmation(request: CallFunction, answer: FunctionAnswer | None) -> bytes:
    """Return M_FuncPropCommand.con, which is M_FuncPropStateRead.con as well."""
    said = b"" if answer is None else bytes((answer.return_code,)) + answer.data
    return bytes((_FUNCTION_CONFIRMATION,)) + _address_bytes(request.address) + said


def local_indication(tpdu: bytes, *, is_connected: bool) -> bytes:
    """Return T_Data_Connected.ind or T_Data_Individual.ind."""
    code = CONNECTED_INDICATION if is_connected else INDIVIDUAL_INDICATION
    return bytes((code, 0)) + bytes(6) + bytes((len(tpdu) - 1,)) + tpdu


def read_data_request(cemi: bytes, source: IndividualAddress) -> CEMILData | None:
    """Return the frame of an L_Data.req, sent by `source`; None: of a format that nobody here speaks.

    A service that xknx cannot read goes on as it is: whoever it is for may know it. Raises: DecodeError.
    """
    try:
        data = read_group_telegram(cemi) or _read_by_xknx(cemi)
    except UnsupportedCEMIMessage:
        data = with_unread_service(cemi[2 + cemi[1] :]) if len(cemi) > 1 else None
        if data is None:
            return None
    except PARSE_ERRORS as err:
        raise DecodeError(f"{cemi.hex()}: {err}") from err
    if not isinstance(data, CEMILData):
        raise DecodeError(f"no L_Data: {cemi.hex()}")
    data.src_addr = source
    if data.flags.confirm_error:
        data.flags = replace(data.flags, confirm_error=False)
    return data


def _read_by_xknx(cemi: bytes) -> CEMILData | None:
    """Return a frame that may go out again. Raises: what xknx raises."""
    found = CEMIFrame.from_knx(cemi).data
    return as_can_be_written(found, cemi[2 + cemi[1] :]) if isinstance(found, CEMILData) else None


def data_confirmation(cemi: bytes, source: IndividualAddress, *, is_good: bool) -> bytes | None:
    """Return L_Data.con to an L_Data.req, the same frame as `source` sends it; None: it is cut off."""
    control_at = 2 + (cemi[1] if len(cemi) > 1 else 0)
    if len(cemi) < control_at + 4:
        return None
    confirmed = bytearray(cemi)
    confirmed[0] = Code.L_DATA_CON.value
    confirmed[control_at] &= ~_CONFIRM_ERROR
    if not is_good:
        confirmed[control_at] |= _CONFIRM_ERROR
    confirmed[control_at + 2 : control_at + 4] = source.to_knx()
    return bytes(confirmed)


def data_indication(data: CEMILData) -> bytes:
    """Return L_Data.ind. Raises: what xknx raises on what it cannot write."""
    found = group_telegram_bytes(Code.L_DATA_IND, data)
    return found or CEMIFrame(code=Code.L_DATA_IND, data=data).to_knx()


def _property_request(code: int, body: bytes) -> ReadProperty | WriteProperty:
    if len(body) < _HEADER:
        raise DecodeError(f"a property request of {len(body)} octets")
    address = _address(body)
    count, start = body[4] >> 4, int.from_bytes(body[4:6], "big") & 0x0FFF
    if code == Code.M_PROP_WRITE_REQ.value:
        return WriteProperty(address=address, start=start, count=count, data=body[_HEADER:])
    if len(body) > _HEADER:
        raise DecodeError(f"a property is read, and there are data: {body.hex()}")
    return ReadProperty(address=address, start=start, count=count)


def _property_message(
    code: Code, request: ReadProperty | WriteProperty, count: int, data: bytes
) -> bytes:
    span = (count << 12 | request.start).to_bytes(2, "big")
    return bytes((code.value,)) + _address_bytes(request.address) + span + data


def _address(body: bytes) -> PropertyAddress:
    if len(body) < _ADDRESS:
        raise DecodeError(f"no property: {body.hex()}")
    return PropertyAddress(
        object_type=int.from_bytes(body[:2], "big"), instance=body[2], property_id=body[3]
    )


def _address_bytes(address: PropertyAddress) -> bytes:
    return address.object_type.to_bytes(2, "big") + bytes((address.instance, address.property_id))


def _tpdu(body: bytes) -> bytes:
    """Return the TPDU of a T_Data request.

    Its length counts the octets after the first one, as in L_Data; one that counts all is taken too.
    """
    at = 1 + (body[0] if body else 0) + 6
    tpdu = body[at + 1 :]
    if len(tpdu) < 2 or body[at] not in (len(tpdu) - 1, len(tpdu)):
        raise DecodeError(f"no TPDU: {body.hex()}")
    return tpdu
