"""What a request on the bus means to people: registers by name, with raw and decoded values. Pure."""

from collections.abc import Iterator, Sequence

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.points import Point, Table, TextFormat
from knxgw.errors import DecodeError
from knxgw.modbus.codec import Raw, as_text, decode, scaled
from knxgw.modbus.plan import Block
from knxgw.modbus.requests import Request
from knxgw.modbus.writing import Write
from knxgw.monitoring.requests import PointValue, RequestWords
from knxgw.monitoring.telegrams import HIDDEN

CARD_POINT = "rfid"
SHOWN_OF_A_CARD = 4


def explain(
    request: Request, registers: Sequence[int], model: DeviceModel | None, offset: int = 0
) -> RequestWords:
    """Return a request in words; `registers` are those that came back, none if none did.

    `model`: of the device, None: nobody knows it any more, and all values stand without a name.
    `offset`: what is added to the addresses of its connector.
    """
    if isinstance(request, Write):
        point = None if model is None else model.points.get(request.point)
        values = tuple(_of_write(request, point))
        return RequestWords(
            is_write=True,
            function=request.function,
            unit_id=request.unit_id,
            table=request.table.value,
            address=request.address,
            count=len(request.registers),
            values=values,
        )
    block = request.block
    return RequestWords(
        is_write=False,
        function=block.table.read_function,
        unit_id=block.unit_id,
        table=block.table.value,
        address=block.address,
        count=block.count,
        values=tuple(_of_read(block, registers, model, offset)),
    )


def _of_write(request: Write, point: Point | None) -> Iterator[PointValue]:
    """Yield the point of a write; None: it is not known, and only its registers are shown."""
    if point is None:
        yield PointValue(name=request.point, address=request.address, raw=_hex(request.registers))
    else:
        yield _value(point, request.address, request.registers, {})


def _of_read(
    block: Block, registers: Sequence[int], model: DeviceModel | None, offset: int
) -> Iterator[PointValue]:
    """Yield the points of a read, without values where no registers came back.

    A read without points shows each register, but not those of a card.
    """
    if not registers:
        for point in block.points:
            yield PointValue(name=point.name, address=_address(point, offset), raw="")
        return
    if not block.points:
        hidden = _hidden_addresses(model, block.table, offset)
        for address, register in enumerate(registers, block.address):
            raw = HIDDEN if address in hidden else f"{register:04X}"
            yield PointValue(name="", address=address, raw=raw)
        return
    parts = {point.name: block.registers_of(point, offset, registers) for point in block.points}
    raws = {point.name: _decoded(point, parts[point.name]) for point in block.points}
    for point in block.points:
        yield _value(point, _address(point, offset), parts[point.name], raws)


def _value(
    point: Point, address: int, registers: Sequence[int], raws: dict[str, Raw | None]
) -> PointValue:
    """Return a point in words: what its registers contain, and what that means.

    `raws`: the decoded values of the request, None: no valid one. A point that is written is not among
    them: it is decoded here. Of a card only the end is shown.
    """
    raw = raws[point.name] if point.name in raws else _decoded(point, registers)
    if is_hidden(point):
        shown = as_text(point, raw)[-SHOWN_OF_A_CARD:] if raw is not None else ""
        text = f"…{shown}" if shown else ""
        return PointValue(name=point.name, address=address, raw=HIDDEN, text=text)
    registers_text = _hex(registers)
    if raw is None:  # the registers hold no valid value
        return PointValue(name=point.name, address=address, raw=registers_text)
    code = point.codes.get(raw) if isinstance(raw, int | str) else None
    meaning = "" if code is None else code.meaning
    if isinstance(raw, str):
        text = " ".join(part for part in (raw, meaning) if part)
        return PointValue(name=point.name, address=address, raw=registers_text, text=text)
    return PointValue(
        name=point.name,
        address=address,
        raw=registers_text,
        number=_scaled(point, raw, raws),
        unit=point.unit or "",
        text=meaning,
    )


def _scaled(point: Point, raw: int | float, raws: dict[str, Raw | None]) -> float:
    """Return a number in the unit of its point; without its exponent as it is in the registers."""
    exponent = raws.get(point.scale_from, 0) if point.scale_from else 0
    try:
        return scaled(point, raw, 0 if exponent is None else exponent)
    except DecodeError:
        return float(raw)


def _decoded(point: Point, registers: Sequence[int]) -> Raw | None:
    """Return the raw value in the registers of a point; None: they contain none, or cannot be read."""
    try:
        return decode(point, registers)
    except DecodeError:
        return None


def is_hidden(point: Point) -> bool:
    """Tell whether nobody may read a point as a whole: it is a card."""
    return point.name == CARD_POINT or point.format is TextFormat.CARD


def _hidden_addresses(model: DeviceModel | None, table: Table, offset: int) -> frozenset[int]:
    """Return the registers of a table that belong to a card, at any connector."""
    if model is None:
        return frozenset()
    offsets = {0, offset, *(one.address_offset for one in model.connectors)}
    tables = {Table.HOLDING, Table.INPUT} if table in (Table.HOLDING, Table.INPUT) else {table}
    return frozenset(
        address
        for point in model.points.values()
        if is_hidden(point) and point.table in tables
        for shift in (offsets if point.is_relative else {0})
        for address in range(point.address + shift, point.address + shift + point.count)
    )


def _address(point: Point, offset: int) -> int:
    return point.address + (offset if point.is_relative else 0)


def _hex(registers: Sequence[int]) -> str:
    return " ".join(f"{register:04X}" for register in registers)
