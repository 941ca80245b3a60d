"""One request with its answer, or the error that came instead."""

from collections.abc import Awaitable, Sequence

from pymodbus import ModbusException
from pymodbus.client.mixin import ModbusClientMixin
from pymodbus.exceptions import ConnectionException, ModbusIOException
from pymodbus.pdu import ModbusPDU

from knxgw.catalogue.points import Table
from knxgw.errors import DecodeError, LinkError, LinkTimeoutError, PeerRefusedError
from knxgw.links.modbus_client import ModbusClient
from knxgw.modbus.requests import Read, Request, exception_text
from knxgw.modbus.writing import Write

_READS = {
    Table.HOLDING: ModbusClientMixin.read_holding_registers,
    Table.INPUT: ModbusClientMixin.read_input_registers,
    Table.COIL: ModbusClientMixin.read_coils,
    Table.DISCRETE: ModbusClientMixin.read_discrete_inputs,
}


_ENDED = "the connection was ended by the other end"


class WrongAnswerError(DecodeError):
    """Bytes came, but not the answer to this request."""


class DoubtfulAnswerError(DecodeError):
    """The answer belongs, or may belong, to an earlier request: the request is repeated."""


class EndedError(LinkError):
    """The connection was closed before the answer came."""


async def carry_out(client: ModbusClient, request: Request, *, numbered: bool) -> Sequence[int]:
    """Return what was read; nothing for a write.

    `numbered`: the wire itself says which request an answer belongs to.
    Raises: LinkTimeoutError (silence), EndedError, PeerRefusedError, DecodeError and its kinds.
    """
    try:
        if isinstance(request, Read):
            return await _read(client, request, numbered=numbered)
        await _write(client, request, numbered=numbered)
    except ConnectionException as err:  # it was closed between two requests
        raise EndedError(str(err)) from err
    return ()


async def _read(client: ModbusClient, request: Read, *, numbered: bool) -> Sequence[int]:
    block = request.block
    ask = _READS[block.table]
    call = ask(client, block.address, count=block.count, device_id=block.unit_id)
    answer = await _answer(
        client, call, block.table.read_function, block.unit_id, numbered=numbered
    )
    if block.table in (Table.COIL, Table.DISCRETE):
        bits = [int(bit) for bit in answer.bits]
        if len(bits) != -(-block.count // 8) * 8:
            raise WrongAnswerError(f"asked for {block.count} bits, got {len(bits)}")
        return bits[: block.count]
    if len(answer.registers) != block.count:
        raise WrongAnswerError(f"asked for {block.count} registers, got {len(answer.registers)}")
    return answer.registers


async def _write(client: ModbusClient, request: Write, *, numbered: bool) -> None:
    values, unit_id = list(request.registers), request.unit_id
    match request.function:
        case 5:
            call = client.write_coil(request.address, bool(values[0]), device_id=unit_id)
        case 6:
            call = client.write_register(request.address, values[0], device_id=unit_id)
        case _:
            call = client.write_registers(request.address, values, device_id=unit_id)
    answer = await _answer(client, call, request.function, unit_id, numbered=numbered)
    if answer.address != request.address:
        raise WrongAnswerError(
            f"wrote register {request.address}, {answer.address} was acknowledged"
        )
    if not _acknowledges(answer, request):
        raise DecodeError(f"wrote {values} to register {request.address}, acknowledged otherwise")


async def _answer(
    client: ModbusClient,
    call: Awaitable[ModbusPDU],
    function: int,
    unit_id: int,
    *,
    numbered: bool,
) -> ModbusPDU:
    """Return the answer to exactly this request."""
    client.ctx.expect()
    try:
        answer = await call
    except ModbusException as err:
        client.ctx.timed_out()
        is_over = isinstance(err, ModbusIOException)
        if client.ctx.has_received:
            why = "what arrived is not an answer to it"
            raise WrongAnswerError(why if is_over else f"{why}, and {_ENDED}") from err
        if not is_over:
            raise EndedError(_ENDED) from err
        if client.ctx.has_received_late:
            raise DoubtfulAnswerError("only the answer to an earlier request") from err
        raise LinkTimeoutError(
            f"no answer within {client.comm_params.timeout_connect:g} s"
        ) from err
    if numbered and answer.transaction_id != client.ctx.request_transaction_id:
        raise WrongAnswerError(f"an answer with number {answer.transaction_id} instead of its own")
    if answer.function_code & 0x7F != function or answer.dev_id != unit_id:
        raise WrongAnswerError("an answer to something else")
    if answer.isError():
        code = int(getattr(answer, "exception_code", 0))
        raise PeerRefusedError(f"refused, {exception_text(code)}", code)
    return answer


def _acknowledges(answer: ModbusPDU, request: Write) -> bool:
    """Tell whether an answer echoes the written value, or their count."""
    match request.function:
        case 5:
            return answer.bits[:1] == [bool(request.registers[0])]
        case 6:
            return answer.registers == [request.registers[0]]
        case _:
            return answer.count == len(request.registers)
