"""Encodes the steps of a model file as write requests: registers, function, address."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from knxgw.catalogue.control import StepValue, WriteStep
from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.points import Point, Table
from knxgw.charging.limits import NOMINAL_V
from knxgw.modbus.codec import Raw, decode, encode, scaled, unscaled


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write request."""

    unit_id: int
    table: Table
    address: int
    registers: tuple[int, ...]
    function: int
    point: str
    is_urgent: bool


class _EncodedStep(NamedTuple):
    """What a step writes for an offer."""

    amount: float  # of the offer [mA, or W of a power]
    registers: tuple[int, ...]


class StepWriter:
    """Encodes the steps of one charger."""

    def __init__(
        self, model: DeviceModel, *, unit_id: int, address_offset: int, minimum_ma: int
    ) -> None:
        """Encode for one charger; `address_offset` is added to the addresses of its connector."""
        self._model = model
        self._unit_id = unit_id
        self._offset = address_offset
        self._minimum_ma = minimum_ma
        self._encoded: dict[
            tuple[str, StepValue | float], _EncodedStep
        ] = {}  # the last of each step

    def registers(self, step: WriteStep, amount: float) -> tuple[int, ...]:
        """Return what a step writes for an offer of `amount` [mA, or W of a power].

        The last result is kept: every poll needs it, and it seldom changes.
        """
        key = (step.point, step.value)
        last = self._encoded.get(key)
        if last is not None and last.amount == amount:
            return last.registers
        raw = self._raw_of_step(step, amount)
        encoded = _EncodedStep(amount, tuple(encode(self._model.points[step.point], raw)))
        self._encoded[key] = encoded
        return encoded.registers

    def value(self, point: str, registers: tuple[int, ...]) -> float:
        """Return the value of a point's registers, in its unit."""
        definition = self._model.points[point]
        raw = decode(definition, registers)
        return 0.0 if raw is None else scaled(definition, raw)

    def registers_of(self, point: str, value: float) -> tuple[int, ...]:
        """Return the registers that stand for a value in the unit of a point."""
        definition = self._model.points[point]
        return tuple(encode(definition, unscaled(definition, value)))

    def write(self, step: WriteStep, registers: tuple[int, ...], *, is_urgent: bool) -> Write:
        """Return the request that writes registers to the point of a step."""
        point = self._model.points[step.point]
        return Write(
            unit_id=self._unit_id if point.unit_id is None else point.unit_id,
            table=point.table,
            address=point.address + (self._offset if point.is_relative else 0),
            registers=registers,
            function=_function(self._model, point, len(registers)),
            point=step.point,
            is_urgent=is_urgent,
        )

    def _raw_of_step(self, step: WriteStep, amount: float) -> Raw:
        """Return the raw value that a step writes for an offer of `amount` [mA, or W of a power].

        Currents and powers are rounded down. The watchdog's time and a fixed value do not depend on the offer.
        """
        point = self._model.points[step.point]
        match step.value:
            case StepValue.OFFER:
                return _floor_raw(point, amount / 1000)
            case StepValue.OFFER_POWER:
                return _floor_raw(point, amount)
            case StepValue.MINIMUM:
                return _floor_raw(point, _minimum(point, self._minimum_ma))
            case StepValue.WATCHDOG:
                timeout_s = self._model.watchdog.timeout_s if self._model.watchdog else 0
                return unscaled(point, timeout_s)
            case _:
                return unscaled(point, step.value)


def _minimum(point: Point, minimum_ma: int) -> float:
    """Return the minimum current in the unit of a point: as a power that of one phase."""
    return minimum_ma / 1000 * NOMINAL_V if point.unit == "W" else minimum_ma / 1000


def _floor_raw(point: Point, value: float) -> Raw:
    """Return the raw value of a current or power; whole registers are rounded down, never up."""
    raw = (value - point.add) / point.scale
    exact = unscaled(point, value)
    return exact if isinstance(exact, float) else math.floor(raw + 1e-6)


def _function(model: DeviceModel, point: Point, count: int) -> int:
    """Return the function code that writes a point: its own, or the one for its table and size.

    A single register is written alone (6) unless the model accepts only writes of several (16).
    """
    if point.write_function is not None:
        return point.write_function
    if point.table is Table.COIL:
        return WRITE_COIL
    if count == 1 and (WRITE_REGISTER in model.write.functions or not model.write.functions):
        return WRITE_REGISTER
    return WRITE_REGISTERS


WRITE_COIL, WRITE_REGISTER, WRITE_REGISTERS = 5, 6, 16
