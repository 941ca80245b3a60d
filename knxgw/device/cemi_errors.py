"""What a tool without a line is told of a property that cannot be read or written. Pure."""

from collections.abc import Mapping

from xknx.cemi import CEMIErrorCode
from xknx.telegram.apci import ReturnCode

__all__ = ["CEMIErrorCode", "cemi_error", "write_error"]
_ERRORS: Mapping[ReturnCode, CEMIErrorCode] = {
    ReturnCode.E_ADDRESS_VOID: CEMIErrorCode.CEMI_ERROR_VOID_DP,
    ReturnCode.E_ACCESS_READ_ONLY: CEMIErrorCode.CEMI_ERROR_READ_ONLY,
    ReturnCode.E_ACCESS_WRITE_ONLY: CEMIErrorCode.CEMI_ERROR_ILLEGAL_COMMAND,
    ReturnCode.E_DATA_TYPE_CONFLICT: CEMIErrorCode.CEMI_ERROR_TYPE_CONFLICT,
    ReturnCode.E_DATA_VOID: CEMIErrorCode.CEMI_ERROR_OUT_OF_RANGE,
    ReturnCode.E_MEMORY_ERROR: CEMIErrorCode.CEMI_ERROR_MEMORY,
    ReturnCode.E_TEMPORARILY_NOT_AVAILABLE: CEMIErrorCode.CEMI_ERROR_TEMPORARILY_READ_ONLY,
}


def cemi_error(code: ReturnCode) -> CEMIErrorCode:
    """Return the error of a cEMI server for a return code of the device."""
    return _ERRORS.get(code, CEMIErrorCode.CEMI_ERROR_UNSPECIFIED)


def write_error(code: ReturnCode) -> CEMIErrorCode | None:
    """Return the same of a write, None: it was done."""
    return None if code is ReturnCode.E_SUCCESS else cemi_error(code)
