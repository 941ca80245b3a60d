"""Whether a charger complies with what was written: by its read-back and by its draw. Pure.

Another master may write to the same charger, or it restarts without losing its connection. Where a
register can be read back, its value is compared with what was written. Where it cannot, the draw shows a
violation, such as a current while nothing is offered. A value that allows too much is written again
without end, because the main fuse may depend on it; one that allows too little is written again at
longer intervals.
Source: load-management 9.3, 13.3c, 16. The times are ours.
"""

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import NamedTuple

from knxgw.allowance import Allowance
from knxgw.catalogue.codes import ChargingState
from knxgw.catalogue.control import Control
from knxgw.catalogue.device_model import DeviceModel
from knxgw.charging.limits import DRAWS_FROM_MA, DRAWS_FROM_W, NOMINAL_V, highest_obedient_ma
from knxgw.charging.quantities import PHASE_CURRENTS, Quantity, Value
from knxgw.modbus.codec import Raw, scaled

log = logging.getLogger(__name__)
REWRITE_AFTER_S = 3.0  # a read-back may lag behind a write by this much
READ_AGAIN_S = 0.7  # until then it is read this often
REPEAT_S = 12.0  # between two rewrites of one value; by then a vehicle has stopped
ARM_AGAIN_S = 3600.0  # a rejected fail-safe setting: it may be stored in memory that wears out
LIMITED_REWRITE_S = 60.0  # the charger allows less than the offer: no hurry
MOST_REWRITES = 3  # in a row, then at longer intervals
LOG_AGAIN_S = 3600.0  # between two log lines about the same violation
_CHARGING_STATES = (
    ChargingState.CHARGE,
    ChargingState.CHARGE_REDUCED,
    ChargingState.CHARGE_VENTILATION,
)


class ReadBackResult(Enum):
    """Result of comparing a read-back with what was written."""

    MATCHES = auto()
    TOO_EARLY = auto()  # it differs, but the write may not be effective yet
    MISMATCH = auto()  # it differs: read it once more, at once
    DIFFERS = auto()  # it differs, and it is not time to write it again
    LOWER = auto()  # write the value again: the charger allows less
    FORGOTTEN = auto()  # write everything again: the charger allows more, or lost the value


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenValue:
    """What was written to a point."""

    value: float  # in the unit of the point
    age_s: float
    is_pause: bool = False  # it is part of a pause
    is_arming: bool = False  # it is part of a fail-safe


@dataclass(slots=True)
class _Streak:
    """How often in a row a point reported something else, and was written again for that."""

    mismatches: int = 0  # in a row
    repeats: int = 0  # in a row


class ViolationLog:
    """Logs that a charger reports or draws something else than was written, so that it is written again.

    The first time, then at most once per `LOG_AGAIN_S` for each kind.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._allowances: dict[str, Allowance] = {}
        self._unlogged: Counter[str] = Counter()

    def log(self, about: str, what: str, now_s: float) -> None:
        """Log a violation; whoever calls writes the value again, and the message says so.

        `about`: its kind, the name of a point or "draw"; `what`: the observation, as part of a sentence.
        """
        allowance = self._allowances.setdefault(about, Allowance(most=1, every_s=LOG_AGAIN_S))
        if not allowance.take(now_s):
            self._unlogged[about] += 1
            return
        unlogged = self._unlogged.pop(about, 0)
        times = f" ({unlogged} times more since the last message)" if unlogged else ""
        log.warning("%s: %s, written again%s", self._name, what, times)


class _Deviation(NamedTuple):
    """What a charger's value that differs from what was written means."""

    allows_less: bool  # less current may flow than was written
    is_lost: bool  # it has lost the value, and perhaps all others

    @property
    def only_allows_less(self) -> bool:
        """Tell whether the charger limits itself, and has lost nothing."""
        return self.allows_less and not self.is_lost


class ReadBackCheck:
    """Compares what a charger reports with what was written."""

    def __init__(self, model: DeviceModel, control: Control, violations: ViolationLog) -> None:
        """Compare for one charger; what differs is noted in `violations`."""
        self._model = model
        self._control = control
        self._violations = violations
        self._streaks: dict[str, _Streak] = {}

    def compare(self, name: str, raw: Raw, written: WrittenValue, now_s: float) -> ReadBackResult:
        """Compare the point `name` with what was written to the point it reports.

        Two mismatches in a row count as one, which is logged.
        """
        streak = self._streaks.setdefault(name, _Streak())
        difference = scaled(self._model.points[name], raw) - written.value
        if abs(difference) < 1e-9 or self._is_within_resolution(name, difference):
            streak.mismatches = streak.repeats = 0
            return ReadBackResult.MATCHES
        if written.age_s < REWRITE_AFTER_S:
            return ReadBackResult.TOO_EARLY
        deviation = self._deviation(name, raw, difference, written)
        if written.age_s < _patience_s(written, streak.repeats, deviation):
            return ReadBackResult.DIFFERS
        streak.mismatches += 1
        if streak.mismatches < 2:
            return ReadBackResult.MISMATCH
        streak.mismatches = 0
        streak.repeats += 1
        self._violations.log(name, f"charger reports {name} = {raw}", now_s)
        if deviation.only_allows_less:
            return ReadBackResult.LOWER
        return ReadBackResult.FORGOTTEN

    def _deviation(
        self, name: str, raw: Raw, difference: float, written: WrittenValue
    ) -> _Deviation:
        """Return what a reported value that is not the written one means.

        A setting of the watchdog that differs is lost. A current or power allows less if it is lower
        (`difference`); one below the charger's minimum is lost. Any other point is a switch: one that is wrong
        during a pause lets a current flow, at any other time it prevents one.
        """
        if written.is_arming:
            return _Deviation(allows_less=True, is_lost=True)
        if name in self._amounts:
            is_lost = self._is_below_minimum(name, raw)
            return _Deviation(allows_less=difference < 0, is_lost=is_lost)
        return _Deviation(allows_less=not written.is_pause, is_lost=False)

    @property
    def _amounts(self) -> set[str]:
        """Return the points that report a current or a power."""
        own = self._control.read_back
        named = {step.read_back for step in self._control.offer if step.is_offer}
        return {name for name in (own, *named) if name is not None}

    def _is_within_resolution(self, name: str, difference: float) -> bool:
        """Tell whether a reported current or power differs by less than the charger can express."""
        if name not in self._amounts:
            return False
        tolerance_ma = max(self._control.resolution_ma, 100)
        return self._one_phase_ma(name, abs(difference)) < tolerance_ma

    def _is_below_minimum(self, name: str, raw: Raw) -> bool:
        """Tell whether a reported current or power is below the charger's minimum."""
        reported = scaled(self._model.points[name], raw)
        return self._one_phase_ma(name, reported) < self._control.minimum_ma

    def _one_phase_ma(self, name: str, value: float) -> float:
        """Return a value in the unit of a point as mA; a power is taken as that of one phase."""
        watts = self._model.points[name].unit == "W"
        return value * 1000 / NOMINAL_V if watts else value * 1000


def _patience_s(written: WrittenValue, repeats: int, deviation: _Deviation) -> float:
    """Return the age [s] at which a written value is written once more.

    A charger that limits itself is left alone for long. A lost value is written soon for the first few
    times, then seldom, because the charger does not keep it.
    """
    if deviation.only_allows_less:
        return LIMITED_REWRITE_S
    if repeats < MOST_REWRITES:
        return REWRITE_AFTER_S
    if written.is_arming:
        return ARM_AGAIN_S
    return LIMITED_REWRITE_S if deviation.allows_less else REPEAT_S


class DrawCheck:
    """Checks by its draw whether a charger complies with the acknowledged offer."""

    def __init__(self, model: DeviceModel, control: Control, violations: ViolationLog) -> None:
        """Check one charger, by what its model measures; what it violates is noted in `violations`."""
        self._measures = frozenset({"current_l1", "current", "power"} & model.capabilities)
        self._shows_setpoint = control.read_back is not None
        self._shows_pause = all(control.read_back_of(step) for step in control.pause)
        self._violations = violations

    def find_violation(
        self, values: Mapping[Quantity, Value], *, acknowledged_ma: int, age_s: float, now_s: float
    ) -> bool:
        """Check an offer that was acknowledged `age_s` ago; true: it must be written again. Log it.

        During a pause any draw counts; above 0 A only where the setpoint has no read-back.
        """
        if age_s < REPEAT_S or (acknowledged_ma > 0 and self._shows_setpoint):
            return False
        excess = self._excess(values, acknowledged_ma)
        if excess is None:
            return False
        self._violations.log("draw", f"told {acknowledged_ma / 1000:g} A, {excess}", now_s)
        return True

    def is_suspect(
        self, values: Mapping[Quantity, Value], *, acknowledged_ma: int, age_s: float
    ) -> bool:
        """Tell whether the draw exceeds the offer acknowledged `age_s` ago: its read-back may differ."""
        return age_s >= REWRITE_AFTER_S and self._excess(values, acknowledged_ma) is not None

    def _excess(self, values: Mapping[Quantity, Value], acknowledged_ma: int) -> str | None:
        """Return the observation that the draw exceeds the offer; None: it does not."""
        return (
            _overdraw(values, acknowledged_ma)
            if acknowledged_ma
            else self._draw_during_pause(values)
        )

    def _draw_during_pause(self, values: Mapping[Quantity, Value]) -> str | None:
        """Return the observation that the vehicle charges during a pause; None: it does not.

        By the currents, else by the power, else by the state that the charger reports.
        """
        for quantity in (*PHASE_CURRENTS, Quantity.CURRENT):
            current_ma = values.get(quantity)
            if isinstance(current_ma, int) and current_ma > DRAWS_FROM_MA:
                return f"draws {current_ma / 1000:g} A"
        if self._measures & {"current_l1", "current"}:
            return None  # currents are measured, and none flows
        power_w = values.get(Quantity.POWER)
        if isinstance(power_w, int) and power_w > DRAWS_FROM_W:
            return f"draws {power_w} W"
        by_state = not self._measures and not self._shows_pause
        if by_state and values.get(Quantity.STATE) in _CHARGING_STATES:
            return "says that it charges"
        return None


def _overdraw(values: Mapping[Quantity, Value], acknowledged_ma: int) -> str | None:
    """Return the observation that a phase draws more than complies with the offer; None: none does."""
    for phase in PHASE_CURRENTS:
        current_ma = values.get(phase)
        if isinstance(current_ma, int) and current_ma > highest_obedient_ma(acknowledged_ma):
            return f"draws {current_ma / 1000:g} A"
    return None
