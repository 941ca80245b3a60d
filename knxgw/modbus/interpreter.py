"""Turns the points of a device model into quantities: state, plug, currents, energies, texts."""

import logging
import re
from collections.abc import Collection, Iterable, Mapping

from knxgw.catalogue.codes import ChargingState
from knxgw.catalogue.conditions import is_met
from knxgw.catalogue.device_model import DeviceKind, DeviceModel
from knxgw.catalogue.points import Comparison, Point
from knxgw.charging.limits import NOMINAL_V
from knxgw.charging.quantities import PHASE_CURRENTS, PHASE_ENERGIES, PHASE_POWERS, Quantity, Value
from knxgw.modbus.codec import LARGEST_EXPONENT, Raw, as_text, fault_text, scaled
from knxgw.modbus.plausibility import SumCheck
from knxgw.modbus.rules import rule_points, state_of

log = logging.getLogger(__name__)
MOST_ROUNDS = 3  # a device that changes with every read is believed after so many

# Scales from the unit of a point (A, W, Wh, s, °C) to that of its quantity (mA, W, mWh, s, 0.01 °C).
_MEASURED: Mapping[str, tuple[Quantity, int]] = {
    "current_sum": (Quantity.CURRENT, 1000),
    "current_l1": (Quantity.CURRENT_L1, 1000),
    "current_l2": (Quantity.CURRENT_L2, 1000),
    "current_l3": (Quantity.CURRENT_L3, 1000),
    "power": (Quantity.POWER, 1),
    "power_l1": (Quantity.POWER_L1, 1),
    "power_l2": (Quantity.POWER_L2, 1),
    "power_l3": (Quantity.POWER_L3, 1),
    "energy_total": (Quantity.ENERGY, 1000),
    "energy_total_l1": (Quantity.ENERGY_L1, 1000),
    "energy_total_l2": (Quantity.ENERGY_L2, 1000),
    "energy_total_l3": (Quantity.ENERGY_L3, 1000),
    "energy_session": (Quantity.SESSION_ENERGY, 1000),
    "session_duration": (Quantity.SESSION_DURATION, 1),
    "session_start": (Quantity.SESSION_START, 1),
    "session_end": (Quantity.SESSION_END, 1),
    "temperature": (Quantity.TEMPERATURE, 100),
    "temperature_warning": (Quantity.TEMPERATURE_WARNING, 1),
}
_TEXTS: Mapping[str, Quantity] = {
    "serial": Quantity.SERIAL,
    "firmware": Quantity.FIRMWARE,
    "evccid": Quantity.EVCCID,
    "rfid": Quantity.RFID,
}
EVCCID_DIGITS = 12
_NO_HEX = re.compile(r"[^0-9A-Fa-f]")  # separators within an EVCCID
_FAULTS: Mapping[str, Quantity] = {
    "error_1": Quantity.FAULT_INFO_1,
    "error_2": Quantity.FAULT_INFO_2,
    "error_3": Quantity.FAULT_INFO_3,
    "error_4": Quantity.FAULT_INFO_4,
}
_SUMS = (
    (Quantity.CURRENT, PHASE_CURRENTS, "current_sum"),
    (Quantity.POWER, PHASE_POWERS, "power"),
    (Quantity.ENERGY, PHASE_ENERGIES, "energy_total"),
)
_KNOWN_TEXTS = (Quantity.SERIAL, Quantity.FIRMWARE, Quantity.EVCCID)  # empty: not available


class Interpreter:
    """Keeps the last raw values of one device and derives its quantities."""

    def __init__(self, name: str, model: DeviceModel, phases: int = 3) -> None:
        """Interpret a device; only the first `phases` of its phases are wired."""
        self._name = name
        self._model = model
        self._wired_phases = phases
        self._raws: dict[str, Raw | None] = {}
        self._missing: set[str] = set()  # points that the device lacks
        self._sums = list(_sums_of(model, self._missing, phases))
        self._of_phases: dict[Quantity, Value | None] = {}  # read since the last sum
        self.unavailable: frozenset[Quantity] = frozenset()  # in the last answer
        self._computed = [value for value in model.computed.values() if value.name in _MEASURED]
        self._parts: dict[str, dict[str, float | None]] = {}  # read since the last value
        is_charger = model.kind is DeviceKind.CHARGER
        self._sum_check = SumCheck(name, is_consumer=is_charger)
        self._rule_points = rule_points(model)
        if any(rule.state is None for rule in model.state_rules):
            self._rule_points.add("state")
        self._setpoint = _setpoint_name(model)
        self.assumed_phases: int | None = None  # for which a setpoint in W was calculated
        self._unknown_codes: set[Raw] = set()
        self.inconsistent: set[str] = set()  # points to read again before a state is derived
        self._rounds = 0
        # names of the points that others are multiplied by: they are read first
        ratios = (ratio for point in model.points.values() for ratio in point.ratio_points)
        self.ratio_points = tuple(dict.fromkeys(ratios))
        # names of the points without which a point has no value: its ratios, and what makes it valid
        self._needs = {
            name: (*point.ratio_points, *(comparison.point for comparison in point.valid_if))
            for name, point in model.points.items()
        }
        self._quantities = {name: tuple(self._quantities_of(name)) for name in model.points}

    @property
    def wanted_points(self) -> set[str]:
        """Return the names of all points that must be read."""
        names = {*_MEASURED, *_TEXTS, *_FAULTS, *self._rule_points}
        names.update(part for computed in self._computed for part in computed.parts)
        if self._setpoint:
            names.add(self._setpoint)
        points = self._model.points
        read = {name for name in names if name in points and points[name].is_readable}
        read |= {ratio for name in read for ratio in points[name].ratio_points}
        return read | {comparison.point for name in read for comparison in points[name].valid_if}

    def forget(self) -> None:
        """Forget everything, as after a lost connection: stale values must not be combined."""
        self._raws.clear()
        self._of_phases.clear()
        self._parts.clear()
        self.inconsistent = set()
        self._rounds = 0

    def mark_missing(self, names: Iterable[str]) -> None:
        """Expect no more values of these points: the device lacks them."""
        self._missing.update(names)
        self._sums = list(_sums_of(self._model, self._missing, self._wired_phases))

    def expect_all(self) -> None:
        """Expect values of every point of the model, as with a new plan."""
        self._missing.clear()
        self._sums = list(_sums_of(self._model, self._missing, self._wired_phases))

    def update(self, raws: Mapping[str, Raw | None]) -> dict[Quantity, Value]:
        """Update from raw values of some points; return the quantities that result.

        `unavailable` then holds the quantities that were read but have no value.
        """
        self._note_changes(raws)
        self._note_ratios(raws)
        self._raws.update(raws)
        fresh: dict[Quantity, Value] = {}
        unavailable: set[Quantity] = set()
        for name, raw in raws.items():
            point = self._model.points[name]
            if raw is not None and self._are_all_met(point.valid_if):
                fresh.update(self._quantity(point, raw, raws))
            needs = self._needs[name]
            # as long as one of these is unread it is open whether the point has a value
            if not needs or all(needed in self._raws for needed in needs):
                for quantity in self._quantities[name]:
                    if quantity not in fresh:
                        unavailable.add(quantity)
        unavailable.update(q for q in _KNOWN_TEXTS if fresh.get(q) == "")
        for quantity in unavailable:
            fresh.pop(quantity, None)
        self._add_computed(raws, fresh, unavailable)
        self._add_sums(fresh, unavailable)
        self.unavailable = frozenset(unavailable)
        self._sum_check.update(fresh, unavailable)
        if not self._rule_points.isdisjoint(raws) and not self.inconsistent:
            self._add_state(fresh)
        return fresh

    def _note_ratios(self, raws: Mapping[str, Raw | None]) -> None:
        """Log a new ratio: everything that the device measures is multiplied by it."""
        for name in self.ratio_points:
            raw = raws.get(name)
            if raw is None or raw == self._raws.get(name):
                continue
            value = scaled(self._model.points[name], raw)
            level = logging.INFO if value > 0 else logging.WARNING
            log.log(level, "%s: %s in the device is %g", self._name, name, value)

    def _note_changes(self, raws: Mapping[str, Raw | None]) -> None:
        """When a point of the state rules changes, have the other ones read again.

        Where state and plug are two reads, an old plug and a new state would otherwise result in a
        state that never existed.
        """
        read = self._rule_points.intersection(raws)
        changed = any(name in self._raws and self._raws[name] != raws[name] for name in read)
        if changed and self._rounds < MOST_ROUNDS:
            self._rounds += 1
            self.inconsistent = self._rule_points - read
        else:
            self.inconsistent -= read
        if not self.inconsistent:
            self._rounds = 0

    def _quantity(
        self, point: Point, raw: Raw, raws: Mapping[str, Raw | None]
    ) -> Iterable[tuple[Quantity, Value]]:
        """Yield what a raw value gives: a quantity, and for the setpoint's point that one as well."""
        name = point.name
        if name in _MEASURED:
            quantity, factor = _MEASURED[name]
            amount = self._amount(point, raw, raws)
            if amount is not None:
                yield quantity, round(amount * factor)
        elif name in _TEXTS:
            text = as_text(point, raw)
            yield _TEXTS[name], _evccid(text) if name == "evccid" else text
        elif name in _FAULTS:
            yield _FAULTS[name], fault_text(point, raw)
        if name == self._setpoint:
            setpoint_ma = self._setpoint_ma(point, raw)
            if setpoint_ma is not None:
                yield Quantity.SETPOINT, setpoint_ma

    def _amount(self, point: Point, raw: Raw, raws: Mapping[str, Raw | None]) -> float | None:
        """Return a value in the unit of its point; None while its scale is unknown.

        Its scale is the exponent in the same answer, and the ratios that it is multiplied by. A ratio that
        is not above 0 has not been set in the device: then the value is not known either.
        """
        exponent = _exponent(point, raws)
        if exponent is None:
            return None
        product = 1.0
        for name in point.ratio_points:
            ratio = self._ratio(name)
            if ratio is None or ratio <= 0:
                return None
            product *= ratio
        return scaled(point, raw, exponent) * product

    def _ratio(self, name: str) -> float | None:
        """Return a ratio that others are multiplied by; None while it is unknown."""
        raw = self._raws.get(name)
        return None if raw is None else scaled(self._model.points[name], raw)

    def _quantities_of(self, name: str) -> Iterable[Quantity]:
        """Yield the quantities that a point provides."""
        if name in _MEASURED:
            yield _MEASURED[name][0]
        elif name in _TEXTS:
            yield _TEXTS[name]
        elif name in _FAULTS:
            yield _FAULTS[name]
        if name == self._setpoint:
            yield Quantity.SETPOINT

    def _setpoint_ma(self, point: Point, raw: Raw) -> int | None:
        """Return the setpoint that a charger reports [mA]; None: it is a power, of unknown phases."""
        reported = scaled(point, raw)
        if point.unit != "W":
            return round(reported * 1000)
        if not self.assumed_phases:
            return None
        return round(reported * 1000 / (NOMINAL_V * self.assumed_phases))

    def _add_computed(
        self,
        raws: Mapping[str, Raw | None],
        fresh: dict[Quantity, Value],
        unavailable: set[Quantity],
    ) -> None:
        """Add values computed from several points, once all of them were read since the last time.

        If one part is not available, neither is the value.
        """
        for value in self._computed:
            parts = self._parts.setdefault(value.name, {})
            for name in value.parts:
                if name in raws:
                    raw = raws[name]
                    point = self._model.points[name]
                    parts[name] = None if raw is None else self._amount(point, raw, raws)
            if len(parts) < len(value.parts):
                continue
            self._parts[value.name] = {}
            amounts = {name: amount for name, amount in parts.items() if amount is not None}
            quantity, factor = _MEASURED[value.name]
            if len(amounts) < len(parts):
                unavailable.add(quantity)
            else:
                total = sum(amounts[n] for n in value.plus) - sum(amounts[n] for n in value.minus)
                fresh[quantity] = round(total * factor)

    def _add_sums(self, fresh: dict[Quantity, Value], unavailable: set[Quantity]) -> None:
        """Add the sums of phases, once each phase was read since the last time.

        So a sum never consists of a few phases only, as after a new connection. If a wired phase is
        not available, neither is the sum.
        """
        for total, phases in self._sums:
            for phase in phases:
                if phase in unavailable:
                    self._of_phases[phase] = None
                elif phase in fresh:
                    self._of_phases[phase] = fresh[phase]
            if not phases or not all(phase in self._of_phases for phase in phases):
                continue
            parts = {phase: self._of_phases.pop(phase) for phase in phases}
            wired = [phase for phase in phases if _terminal(phase) <= self._wired_phases]
            if not wired or any(parts[phase] is None for phase in wired):
                unavailable.add(total)
            else:
                fresh[total] = sum(part for part in parts.values() if isinstance(part, int))

    def _add_state(self, fresh: dict[Quantity, Value]) -> None:
        """Add state and plug, once every point that their rules use was read."""
        if not all(name in self._raws for name in self._rule_points):
            return
        for plug_rule in self._model.plug_rules:
            if self._are_all_met(plug_rule.comparisons):
                fresh[Quantity.CONNECTED] = int(plug_rule.is_connected)
                break
        if self._model.state_rules:
            fresh[Quantity.STATE] = self._state()

    def _state(self) -> ChargingState:
        """Return the state by the rules of the model file; illegal if no rule knows it."""
        state = state_of(self._model, self._raws)
        if state is not None:
            return state
        self._note_unknown()
        return ChargingState.ILLEGAL

    def _note_unknown(self) -> None:
        """Log a state code that the model file does not know, once each."""
        raw = self._raws.get("state")
        key = "none" if raw is None else raw
        if key not in self._unknown_codes:
            self._unknown_codes.add(key)
            log.warning("%s: unknown state code %r, shown as 0 (illegal)", self._name, raw)

    def _are_all_met(self, comparisons: Collection[Comparison]) -> bool:
        """Tell whether all comparisons hold for what was read last; most points have none."""
        return not comparisons or all(
            is_met(comparison, self._raws.get(comparison.point)) for comparison in comparisons
        )


def _evccid(text: str) -> str:
    """Return the digits of an EVCCID; empty for "N/A", or zeros without a vehicle."""
    digits = _NO_HEX.sub("", text).upper()
    return digits if len(digits) >= EVCCID_DIGITS and digits.strip("0") else ""


def _sums_of(
    model: DeviceModel, missing: Collection[str], wired: int
) -> Iterable[tuple[Quantity, list[Quantity]]]:
    """Return the sums to compute because the device provides single phases only, with the phases.

    `missing`: the names of the points that this device turned out not to have; `wired`: how many of its
    phases are. If a wired phase is missing there is no sum: it would be too low. A device that provides only
    its first phase is a one-phase device, and its sum is that phase.
    """
    points = {name: point for name, point in model.points.items() if name not in missing}
    available = {_MEASURED[name][0] for name, point in points.items() if _is_measured(name, point)}
    available |= {_MEASURED[name][0] for name in model.computed if name in _MEASURED}
    lost = {_MEASURED[name][0] for name in missing if name in _MEASURED} - available
    for total, phases, own_point in _SUMS:
        present = [phase for phase in phases if phase in available]
        is_whole = present == [phases[0]] or not any(
            phase in lost and _terminal(phase) <= wired for phase in phases
        )
        if is_whole and own_point not in points and own_point not in model.computed:
            yield total, present


def _is_measured(name: str, point: Point) -> bool:
    """Tell whether a point is a measured value that can be read."""
    return name in _MEASURED and point.is_readable


def _terminal(phase: Quantity) -> int:
    """Return the number of the terminal that a quantity of one phase belongs to, from 1 on."""
    return int(phase.value[-1])


def _exponent(point: Point, raws: Mapping[str, Raw | None]) -> int | None:
    """Return the decimal exponent of a value; None: the same answer has no valid one."""
    if point.scale_from is None:
        return 0
    exponent = raws.get(point.scale_from)
    if not isinstance(exponent, int) or abs(exponent) > LARGEST_EXPONENT:
        return None
    return int(exponent)


def _setpoint_name(model: DeviceModel) -> str | None:
    """Return the point for object 61: the read-back, else the effective current."""
    if model.control and model.control.read_back:
        return model.control.read_back
    return "current_offered" if "current_offered" in model.points else None
