"""Device management: a request of a client, asked of the device, and the answer to it.

Source: [knx-standard] 3/6/3 (cEMI server).
"""

from collections.abc import Callable

from xknx.cemi import CEMIErrorCode

from knxgw.knxip.cemi import (
    CallFunction,
    Local,
    ManagementRequest,
    ReadProperty,
    Reset,
    WriteProperty,
    function_confirmation,
    local_indication,
    read_confirmation,
    write_confirmation,
)
from knxgw.knxip.ports import PropertyServer


async def perform(
    request: ManagementRequest, properties: PropertyServer, say: Callable[[bytes], None]
) -> bytes | None:
    """Return the answer of the device as cEMI; None: there is none, or it comes later by `say`."""
    match request:
        case ReadProperty():
            return read_confirmation(request, await _read(request, properties))
        case WriteProperty():
            return write_confirmation(request, await _write(request, properties))
        case CallFunction(is_command=True):
            answer = await properties.command(request.address, request.data)
            return function_confirmation(request, answer)
        case CallFunction():
            answer = await properties.state(request.address, request.data)
            return function_confirmation(request, answer)
        case Local(tpdu=tpdu, is_connected=is_connected):
            properties.take_local(
                tpdu,
                lambda answer: say(local_indication(answer, is_connected=is_connected)),
                is_connected=is_connected,
            )
        case Reset():
            pass  # of the server itself
    return None


async def _read(request: ReadProperty, properties: PropertyServer) -> bytes | CEMIErrorCode:
    if request.count == 0:
        return CEMIErrorCode.CEMI_ERROR_PROP_INDEX_RANGE
    return await properties.read(request.address, request.start, request.count)


async def _write(request: WriteProperty, properties: PropertyServer) -> CEMIErrorCode | None:
    if request.count == 0:
        return CEMIErrorCode.CEMI_ERROR_PROP_INDEX_RANGE
    return await properties.write(request.address, request.start, request.count, request.data)
