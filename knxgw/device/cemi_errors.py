"""What a tool without a line is told of a property that cannot be read or written. Pure."""

from collections.abc import Mapping

from xknx.cemi import CEMIErrorCode
from xknx.telegram.apci import ReturnCode

__all__ = ["CEMIErrorCode", "cemi_error"]
_ERRORS: Mapping[ReturnCode, CEMIErrorCode] = {
    ReturnCode.E_ADDRESS_VOID: CEMIErrorCode.CEMI_ERROR_VOID_DP,
    ReturnCode.E_ACCESS_READ_ONLY: CEMIErrorCode.CEMI_ERROR_READ_ONLY,
    ReturnCode.E_ACCESS_WRITE_ONLY: CEMIErrorCode.CEMI_ERROR_ILLEGAL_COMMAND,
    ReturnCode.E_DATA_TYPE_CONFLICT: CEMIErrorCode.CEMI_ERROR_TYPE_CONFLICT,
    ReturnCode.E_DATA_VOID: CEMIErrorCode.CEMI_ERROR_OUT_OF_RANGE,
}


def cemi_error(code: ReturnCode) -> CEMIErrorCode:
    """Return the error of a cEMI server for a return code of the device."""
    return _ERRORS.get(code, CEMIErrorCode.CEMI_ERROR_UNSPECIFIED)
