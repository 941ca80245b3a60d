"""The register image of a simulated device, made from its model file: register exact."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from knxgw.catalogue.device_model import MAX_REGISTERS, DeviceModel, SunSpecChain
from knxgw.catalogue.points import Point, RegisterType, Table
from knxgw.catalogue.simulation import ReadableRange
from knxgw.errors import PeerRefusedError
from knxgw.modbus.codec import Raw, decode, encode, ordered_registers, scaled, unscaled
from knxgw.modbus.requests import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ILLEGAL_VALUE
from knxgw.modbus.sunspec import END_OF_CHAIN, MARKER

THE_END = (END_OF_CHAIN, 0)
COMMON_MODEL, COMMON_LENGTH = 1, 66  # the first model of every SunSpec device: who it is
COMMON_TEXTS = (16, 16, 8, 8, 16)  # its registers: manufacturer, model, options, version, serial
NOT_IMPLEMENTED, NOT_A_NUMBER = [0x8000], [0x7FC0, 0]  # values a SunSpec device does not have
RESERVED = 0xFFFF  # what devices that allow reading gaps show there
_MEASURED_UNITS = ("A", "V", "W", "Wh")
_FLOATS = (RegisterType.F32, RegisterType.F64)


def _twin(table: Table) -> Table:
    return Table.INPUT if table is Table.HOLDING else Table.HOLDING


def _blank(point: Point) -> Sequence[int] | None:
    """Return how a point says that its value is not available, None: it has no way to."""
    if point.type in _FLOATS:
        return encode(point, math.nan)
    if not point.invalid:
        return None
    return ordered_registers(point, point.invalid[0].start.to_bytes(2 * point.count, "big"))


def _common(model: DeviceModel, unit: int) -> list[int]:
    """Return the SunSpec model that tells who the device is."""
    registers: list[int] = []
    texts = (model.manufacturer, model.id, "", "", "simulated")
    for text, count in zip(texts, COMMON_TEXTS, strict=True):
        raw = text.encode("ascii", "replace")[: 2 * count].ljust(2 * count, b"\0")
        registers += [int.from_bytes(raw[at : at + 2], "big") for at in range(0, 2 * count, 2)]
    registers += [unit, NOT_IMPLEMENTED[0]]  # where it answers, and what fills it up
    return [*MARKER, COMMON_MODEL, COMMON_LENGTH, *registers]


def _body(model: DeviceModel, chain: SunSpecChain) -> list[int]:
    """Return a SunSpec model that has nothing but its id and length."""
    is_float = any(point.type is RegisterType.F32 for point in model.points.values())
    nothing = NOT_A_NUMBER if is_float else NOT_IMPLEMENTED
    registers = [chain.models[0], chain.length, *(nothing * chain.length)[: chain.length]]
    for one in model.simulation.readable:
        registers[one.address : one.address + one.count] = [one.gap] * one.count
    return registers


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chain:
    """The registers of a SunSpec device with several meters, and where one of them begins."""

    start: int  # where our model begins
    length: int  # registers of a model with its header
    registers: dict[int, int]


def _sunspec_chain(model: DeviceModel, chain: SunSpecChain, *, place: int, unit: int) -> _Chain:
    base, front, body = chain.bases[0], _common(model, unit), _body(model, chain)
    every = [*front, *body * len(model.connectors), *THE_END]
    return _Chain(
        start=base + len(front) + len(body) * place,
        length=len(body),
        registers={base + index: value for index, value in enumerate(every)},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Covered:
    """What a request covers: points, each with its first register and that behind it.

    Where no point is, the two are addresses.
    """

    runs: tuple[tuple[Point | None, int, int], ...]
    range: ReadableRange | None  # it reads any piece of these registers


def _moved(one: ReadableRange, offset: int) -> ReadableRange:
    return replace(one, address=one.address + offset) if one.is_relative else one


class RegisterImage(ABC):
    """Answers reads and takes writes like the device; raises PeerRefusedError as it would."""

    def __init__(self, model: DeviceModel, unit_id: int, address_offset: int = 0) -> None:
        self.model = model
        self.unit_id = unit_id
        self.fixed: dict[str, Raw] = {}  # points that show what a person has set, come what may
        self.is_blank = False  # what it measures is not available
        self._offset = address_offset
        self.is_silent = False  # answers nothing, as a device that lost its power
        self.chain: dict[int, int] = {}  # what surrounds the points of a SunSpec device
        self.body = range(0)  # our part of the chain
        self._neighbours: list[RegisterImage] = []  # the other meters in it
        self._ranges: tuple[ReadableRange, ...] = ()
        if model.chain is not None:
            made = _sunspec_chain(model, model.chain, place=address_offset, unit=unit_id)
            self._offset, self.chain = made.start, made.registers
            self.body = range(made.start, made.start + made.length)
        else:
            self._ranges = tuple(_moved(one, self._offset) for one in model.simulation.readable)
        self._written: dict[str, Raw | None] = {}
        self._asked: dict[tuple[int, Table, int, int], _Covered] = {}  # a poll asks the same again
        self._encoded: dict[str, tuple[Raw, list[int]]] = {}  # how each point was shown last
        self._places: dict[tuple[int, Table], dict[int, tuple[Point, int]]] = {}
        for point in model.points.values():
            unit = unit_id if point.unit_id is None else point.unit_id
            places = self._places.setdefault((unit, point.table), {})
            start = self._address(point)
            for index in range(point.count):
                if point.is_readable or start + index not in places:
                    places[start + index] = (point, index)
        if model.simulation.has_shared_tables:
            for unit in {unit for unit, _ in self._places}:
                pair = [(unit, table) for table in (Table.HOLDING, Table.INPUT)]
                both = self._places.get(pair[0], {}) | self._places.get(pair[1], {})
                self._places |= dict.fromkeys(pair, both)
            self._ranges += tuple(replace(one, table=_twin(one.table)) for one in self._ranges)
        self.unit_ids = frozenset(unit for unit, _ in self._places)
        self._writable = {
            (
                unit_id if point.unit_id is None else point.unit_id,
                point.table,
                self._address(point),
            ): point
            for point in model.points.values()
            if point.is_writable
        }

    def _shown(self, point: Point) -> Sequence[int] | None:
        """Return the registers of a point, None: nothing there."""
        if self.is_blank and point.unit in _MEASURED_UNITS and (blank := _blank(point)):
            return blank
        raw = self._raw_now(point)
        if raw is None:
            return None
        last = self._encoded.get(point.name)
        if last is None or last[0] != raw or type(last[0]) is not type(raw):
            last = self._encoded[point.name] = (raw, encode(point, raw))
        return last[1]

    def show(self, name: str, value: float | str) -> None:
        """Have a point show a value [in its unit, or text] from now on."""
        point = self.model.points[name]
        self.fixed[name] = value if isinstance(value, str) else self.raw_of(point, value)

    def raw_of(self, point: Point, value: float) -> Raw:
        """Return the raw value that stands for `value` [unit of the point] at the scale in force."""
        for name in point.ratio_points:
            ratio = self.model.points[name]
            raw = self._raw_now(ratio)
            value /= scaled(ratio, 1 if raw is None else raw)
        return unscaled(point, value, self._exponent(point))

    def _exponent(self, point: Point) -> int:
        if point.scale_from is None:
            return 0
        return int(self._raw_now(self.model.points[point.scale_from]) or 0)

    def _raw_now(self, point: Point) -> Raw | None:
        """Return what a point shows: what a person has set, else what the device has."""
        raw = self.fixed.get(point.name)
        return self.raw_value(point) if raw is None else raw

    @abstractmethod
    def raw_value(self, point: Point) -> Raw | None:
        """Return what the device shows at a point now; None: nothing there."""

    def note_request(self, now_s: float) -> None:  # noqa: B027 - a hook that may stay empty
        """Hear that somebody asked something (watchdogs listen to this)."""

    def note_write(self, point: Point) -> None:  # noqa: B027 - likewise
        """Hear that a point was written."""

    def read(self, unit: int, table: Table, address: int, count: int) -> list[int]:
        """Return registers as the device answers. Raises: PeerRefusedError."""
        asked = (unit, table, address, count)
        covered = self._asked.get(asked)
        if covered is None:
            covered = self._asked[asked] = self._cover(*asked)
        gap = RESERVED if covered.range is None else covered.range.gap
        registers: list[int] = []
        for point, first, behind in covered.runs:
            if point is None:
                around = (
                    self._register_beside(unit, table, here, gap) for here in range(first, behind)
                )
                registers.extend(around)
                continue
            shown = self._shown(point)
            if shown is None and point.is_optional and covered.range is None:
                raise PeerRefusedError("nothing there now", ILLEGAL_ADDRESS)
            registers += [gap] * (behind - first) if shown is None else shown[first:behind]
        return registers

    def stand_beside(self, other: "RegisterImage") -> None:
        """Show another meter in the same SunSpec chain as its own image does."""
        if self.chain and other.body and self.unit_ids & other.unit_ids:
            self._neighbours.append(other)

    def _register_beside(self, unit: int, table: Table, address: int, gap: int) -> int:
        """Return a register that shows no point of ours."""
        for other in self._neighbours:
            if address in other.body:
                return other.read(unit, table, address, 1)[0]
        return self.chain.get(address, gap)

    def _cover(self, unit: int, table: Table, address: int, count: int) -> _Covered:
        """Return what a request covers. Raises: PeerRefusedError."""
        places = self._places.get((unit, table))
        if places is None:
            raise PeerRefusedError("no such table", ILLEGAL_FUNCTION)
        whole = next((one for one in self._ranges if one.covers(table, address, count)), None)
        if whole is not None and count > whole.max_registers:
            raise PeerRefusedError("too many registers", ILLEGAL_VALUE)
        single = self.model.read.is_single and whole is None
        may_be_empty = whole is not None or self._check_block(table, address, count)
        runs: list[tuple[Point | None, int, int]] = []
        for here in range(address, address + count):
            place = places.get(here)
            if place is None or not place[0].is_readable:
                if not may_be_empty:
                    self._check_beside(places, here, place)
                point, index = None, here
            else:
                point, index = place
                if single and (here == address) != (index == 0):
                    raise PeerRefusedError("one value per request", ILLEGAL_ADDRESS)
            if runs and runs[-1][0] is point and runs[-1][2] == index:
                runs[-1] = (point, runs[-1][1], index + 1)
            else:
                runs.append((point, index, index + 1))
        if single and count != places[address][0].count:
            raise PeerRefusedError("one whole value per request", ILLEGAL_ADDRESS)
        return _Covered(runs=tuple(runs), range=whole)

    def _check_block(self, table: Table, address: int, count: int) -> bool:
        """Tell whether a request is for a fixed block. Raises: PeerRefusedError."""
        rules = self.model.read
        if count > (MAX_REGISTERS if self.chain else rules.max_registers):
            raise PeerRefusedError("too many registers", ILLEGAL_VALUE)
        fixed = rules.block_of(table, address, count)
        if fixed is not None and (address, count) != (fixed.address, fixed.count):
            raise PeerRefusedError("one whole block per request", ILLEGAL_ADDRESS)
        return fixed is not None

    def _check_beside(
        self, places: Mapping[int, tuple[Point, int]], here: int, place: tuple[Point, int] | None
    ) -> None:
        """See that a register that shows no point may be read. Raises: PeerRefusedError."""
        if here in self.chain:
            return
        gap = self.model.read.gap_registers
        before = any(address in places for address in range(here - gap, here))
        behind = any(address in places for address in range(here + 1, here + gap + 1))
        if gap == 0 or not (place or (before and behind)):  # only what lies between is read along
            raise PeerRefusedError("no such register", ILLEGAL_ADDRESS)

    def write(
        self, unit: int, table: Table, address: int, function: int, values: Sequence[int]
    ) -> None:
        """Take a write as the device does. Raises: PeerRefusedError."""
        if self.model.write.functions and function not in (*self.model.write.functions, 5, 15):
            raise PeerRefusedError("function not supported", ILLEGAL_FUNCTION)
        taken: list[tuple[Point, Raw | None]] = []
        position = 0
        while position < len(values):
            point = self._writable.get((unit, table, address + position))
            if point is None or position + point.count > len(values):
                raise PeerRefusedError("not writable", ILLEGAL_ADDRESS)
            raw = decode(point, list(values[position : position + point.count]))
            self._check_range(point, raw)
            taken.append((point, raw))
            position += point.count
        for point, raw in taken:  # all of it or nothing
            self._written[point.name] = raw
            self.note_write(point)

    @staticmethod
    def _check_range(point: Point, raw: Raw | None) -> None:
        if isinstance(raw, str) or raw is None:
            return
        value = scaled(point, raw)
        too_low = point.low is not None and value < point.low - 1e-6
        too_high = point.high is not None and value > point.high + 1e-6
        if too_low or too_high:
            raise PeerRefusedError(f"{point.name}: {value:g} out of range", ILLEGAL_VALUE)

    def _address(self, point: Point) -> int:
        return point.address + (self._offset if point.is_relative else 0)
