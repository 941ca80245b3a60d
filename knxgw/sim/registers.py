"""The register image of a simulated device, made from its model file: register exact."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from knxgw.catalogue.model import DeviceModel, Point, RegisterType, SunSpecChain, Table
from knxgw.errors import PeerRefusedError
from knxgw.modbus.codec import Raw, decode, encode, ordered_registers, scaled, unscaled
from knxgw.modbus.sunspec import END_OF_CHAIN, HEADER, MARKER

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
THE_END = (END_OF_CHAIN, 0)
COMMON_MODEL, COMMON_LENGTH = 1, 66  # the first model of every SunSpec device: who it is
NOT_IMPLEMENTED, NOT_A_NUMBER = [0x8000], [0x7FC0, 0]  # values a SunSpec device does not have
RESERVED = 0xFFFF  # what devices that allow reading gaps show there
_MEASURED_UNITS = ("A", "V", "W", "Wh")
_FLOATS = (RegisterType.F32, RegisterType.F64)


def _blank(point: Point) -> Sequence[int] | None:
    """Return how a point says that its value is not available, None: it has no way to."""
    if point.type in _FLOATS:
        return encode(point, math.nan)
    if not point.invalid:
        return None
    return ordered_registers(point, point.invalid[0].start.to_bytes(2 * point.count, "big"))


def _sunspec_chain(
    chain: SunSpecChain, *, is_float: bool, place: int, meters: int
) -> tuple[int, dict[int, int]]:
    """Return where the model of this image begins, and the registers around its points.

    Of the other meters in the chain there are the headers; their images have the rest.
    """
    nothing = NOT_A_NUMBER if is_float else NOT_IMPLEMENTED
    base = chain.bases[0]
    front = [*MARKER, COMMON_MODEL, COMMON_LENGTH, *[0] * COMMON_LENGTH]
    registers = {base + index: value for index, value in enumerate(front)}
    header, step = (chain.models[0], chain.length), HEADER + chain.length
    starts = [base + len(front) + step * meter for meter in range(meters)]
    for address, pair in (*((one, header) for one in starts), (starts[-1] + step, THE_END)):
        registers |= {address: pair[0], address + 1: pair[1]}
    own = starts[place] + HEADER
    body = (nothing * chain.length)[: chain.length]
    return starts[place], registers | {own + index: value for index, value in enumerate(body)}


class RegisterImage(ABC):
    """Answers reads and takes writes like the device; raises PeerRefusedError as it would."""

    def __init__(self, model: DeviceModel, unit_id: int, address_offset: int = 0) -> None:
        self.model = model
        self.unit_id = unit_id
        self.fixed: dict[str, Raw] = {}  # points that show what a person has set, come what may
        self.is_blank = False  # what it measures is not available
        self._offset = address_offset
        self.chain: dict[int, int] = {}  # what surrounds the points of a SunSpec device
        if model.chain is not None:
            is_float = any(p.type is RegisterType.F32 for p in model.points.values())
            self._offset, self.chain = _sunspec_chain(
                model.chain,
                is_float=is_float,
                place=address_offset,
                meters=len(model.connectors),
            )
        self._written: dict[str, Raw | None] = {}
        self._asked: dict[
            tuple[int, Table, int, int], tuple[tuple[Point | None, int, int], ...]
        ] = {}  # what each request covers: a poll asks the same again and again
        self._encoded: dict[str, tuple[Raw, list[int]]] = {}  # how each point was shown last
        self._places: dict[tuple[int, Table], dict[int, tuple[Point, int]]] = {}
        for point in model.points.values():
            unit = unit_id if point.unit_id is None else point.unit_id
            places = self._places.setdefault((unit, point.table), {})
            start = self._address(point)
            for index in range(point.count):
                if point.readable or start + index not in places:
                    places[start + index] = (point, index)
        self.unit_ids = frozenset(unit for unit, _ in self._places)
        self._writable = {
            (
                unit_id if point.unit_id is None else point.unit_id,
                point.table,
                self._address(point),
            ): point
            for point in model.points.values()
            if point.writable
        }

    def _shown(self, point: Point) -> Sequence[int] | None:
        """Return the registers of a point, None: nothing there."""
        if self.is_blank and point.unit in _MEASURED_UNITS and (blank := _blank(point)):
            return blank
        raw = self.fixed.get(point.name)
        raw = self.raw_value(point) if raw is None else raw
        if raw is None:
            return None
        last = self._encoded.get(point.name)
        if last is None or last[0] != raw or type(last[0]) is not type(raw):
            last = self._encoded[point.name] = (raw, encode(point, raw))
        return last[1]

    def show(self, name: str, value: float | str) -> None:
        """Have a point show a value [in its unit, or text] from now on."""
        point = self.model.points[name]
        self.fixed[name] = (
            value if isinstance(value, str) else unscaled(point, value, self._exponent(point))
        )

    def raw_of(self, point: Point, value: float) -> Raw:
        """Return the raw value that stands for `value` [unit of the point] at the scale in force."""
        return unscaled(point, value, self._exponent(point))

    def _exponent(self, point: Point) -> int:
        if point.scale_from is None:
            return 0
        exponent = self.model.points[point.scale_from]
        raw = self.fixed.get(exponent.name)
        raw = self.raw_value(exponent) if raw is None else raw
        return int(raw or 0)

    @abstractmethod
    def raw_value(self, point: Point) -> Raw | None:
        """Return what the device shows at a point now; None: nothing there."""

    def note_request(self, now_s: float) -> None:  # noqa: B027 - a hook that may stay empty
        """Hear that somebody asked something (watchdogs listen to this)."""

    def note_write(self, point: Point, raw: Raw | None) -> None:  # noqa: B027 - likewise
        """Hear that a point was written."""

    def read(self, unit: int, table: Table, address: int, count: int) -> list[int]:
        """Return registers as the device answers. Raises: PeerRefusedError."""
        asked = (unit, table, address, count)
        runs = self._asked.get(asked)
        if runs is None:
            runs = self._asked[asked] = self._runs(*asked)
        registers: list[int] = []
        for point, first, behind in runs:
            if point is None:
                registers.extend(self.chain.get(here, RESERVED) for here in range(first, behind))
                continue
            shown = self._shown(point)
            if shown is None and point.optional:
                raise PeerRefusedError("nothing there now", ILLEGAL_ADDRESS)
            registers += [RESERVED] * (behind - first) if shown is None else shown[first:behind]
        return registers

    def _runs(
        self, unit: int, table: Table, address: int, count: int
    ) -> tuple[tuple[Point | None, int, int], ...]:
        """Return what a request covers: points, each with its first register and that behind it.

        Where no point is, the two are addresses. Raises: PeerRefusedError.
        """
        places = self._places.get((unit, table))
        if places is None:
            raise PeerRefusedError("no such table", ILLEGAL_FUNCTION)
        rules = self.model.read
        is_fixed = self._check_block(table, address, count)
        runs: list[tuple[Point | None, int, int]] = []
        for here in range(address, address + count):
            place = places.get(here)
            if place is None or not place[0].readable:
                if not is_fixed:
                    self._check_beside(places, here, place)
                point, index = None, here
            else:
                point, index = place
                if rules.single and (here == address) != (index == 0):
                    raise PeerRefusedError("one value per request", ILLEGAL_ADDRESS)
            if runs and runs[-1][0] is point and runs[-1][2] == index:
                runs[-1] = (point, runs[-1][1], index + 1)
            else:
                runs.append((point, index, index + 1))
        if rules.single and count != places[address][0].count:
            raise PeerRefusedError("one whole value per request", ILLEGAL_ADDRESS)
        return tuple(runs)

    def _check_block(self, table: Table, address: int, count: int) -> bool:
        """Tell whether a request is for a fixed block. Raises: PeerRefusedError."""
        rules = self.model.read
        if count > rules.max_registers:
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
        position = 0
        while position < len(values):
            point = self._writable.get((unit, table, address + position))
            if point is None or position + point.count > len(values):
                raise PeerRefusedError("not writable", ILLEGAL_ADDRESS)
            raw = decode(point, list(values[position : position + point.count]))
            self._check_range(point, raw)
            self._written[point.name] = raw
            self.note_write(point, raw)
            position += point.count

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
        return point.address + (self._offset if point.relative else 0)
