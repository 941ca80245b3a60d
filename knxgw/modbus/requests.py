"""Modbus requests, and how the log names them and their refusals."""

from dataclasses import dataclass

from knxgw.catalogue.points import Table
from knxgw.errors import PeerError, PeerRefusedError
from knxgw.modbus.plan import Block
from knxgw.modbus.writing import Write

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3  # Modbus exception codes
NO_SUCH_POINT = (ILLEGAL_FUNCTION, ILLEGAL_ADDRESS)
NO_SUCH_BLOCK = (*NO_SUCH_POINT, ILLEGAL_VALUE)  # the third one also for too many registers
_GATEWAY_CODES = (10, 11)  # path unavailable, target does not answer
# Source: [modbus] V1.1b3, section 7.
_MEANINGS = {
    ILLEGAL_FUNCTION: "illegal function",
    ILLEGAL_ADDRESS: "illegal data address",
    ILLEGAL_VALUE: "illegal data value",
    4: "device failure",
    5: "acknowledged, but not done yet",
    6: "device busy",
    7: "negative acknowledgement",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "no answer to the gateway",
}
NAMED = 3  # points of a request that the log names
_KINDS = {
    Table.HOLDING: "holding register",
    Table.INPUT: "input register",
    Table.COIL: "coil",
    Table.DISCRETE: "discrete input",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """One read request."""

    block: Block

    @property
    def unit_id(self) -> int:
        """Return the unit that is addressed."""
        return self.block.unit_id


Request = Read | Write


def reports_silence(error: PeerError) -> bool:
    """Tell whether an error is of a gateway on the way: the device itself has not answered."""
    return isinstance(error, PeerRefusedError) and error.code in _GATEWAY_CODES


def exception_text(code: int) -> str:
    """Return the text for an exception code."""
    return f"exception {code}, {_MEANINGS.get(code, 'which no standard defines')}"


def describe(request: Request) -> str:
    """Return direction, registers, their points, function and unit of a request."""
    if isinstance(request, Read):
        block = request.block
        names = ", ".join(point.name for point in block.points[:NAMED])
        if len(block.points) > NAMED:
            names += f" and {len(block.points) - NAMED} more"
        where = _registers(block.table, block.address, block.count)
        what, function = f"read of {where}", block.table.read_function
    else:
        names = request.point
        where = _registers(request.table, request.address, len(request.registers))
        what, function = f"write of {where}", request.function
    return f"{what}{f' ({names})' if names else ''}, function {function}, unit {request.unit_id}"


def _registers(table: Table, address: int, count: int) -> str:
    """Return registers in words, such as "holding registers 5 to 7"."""
    kind = _KINDS[table]
    return f"{kind} {address}" if count == 1 else f"{kind}s {address} to {address + count - 1}"
