"""The write side of one charger: which register write brings it to what the station wants.

Only what changes is written, plus the refresh a watchdog needs. A model's write spacing delays
raises and refreshes; a lowering or a pause may break it once per spacing, because safety does not
wait. After a lost connection everything counts as unwritten; a connection that was renewed on purpose
is none that was lost. A charger that is told a power gets that of the phases its vehicle uses.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from knxgw.catalogue.model import (
    Control,
    DeviceModel,
    Point,
    StepValue,
    Table,
    WatchdogTrigger,
    WriteStep,
)
from knxgw.charging.words import NOMINAL_V, Quantity, Value
from knxgw.modbus.codec import Raw, decode, encode, scaled, unscaled
from knxgw.modbus.phases import PhaseCount

log = logging.getLogger(__name__)
REWRITE_AFTER_S = 3.0  # a read-back may lag behind a write by this much
LIMITED_REWRITE_S = 60.0  # the charger holds less than we offer: tell it again, but calmly
RETRY_S = 5.0
UNLOCK_S = 30.0  # KEBA takes one write in 5 s
MOST_REWRITES = 3  # in a row; then a charger that does not take it is told again calmly


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One write request."""

    unit_id: int
    table: Table
    address: int
    registers: tuple[int, ...]
    function: int
    point: str
    urgent: bool


class Commander:
    """Brings one charger to the wanted offer, and keeps its watchdog fed."""

    def __init__(  # noqa: PLR0913 - who, where on the bus, and how it is wired
        self,
        name: str,
        model: DeviceModel,
        *,
        unit_id: int,
        address_offset: int,
        minimum_ma: int,
        phases: int = 3,
    ) -> None:
        if model.control is None:
            raise ValueError(f"{model.id} cannot be controlled")
        self._name = name
        self._model = model
        self._control = model.control
        self._unit_id = unit_id
        self._offset = address_offset
        self._minimum_ma = minimum_ma
        self._phases = (
            _phase_count(model, model.control, minimum_ma, phases)
            if model.control.is_power
            else None
        )
        self.told_phases: int | None = None  # that the power was meant for which the charger has
        self._wanted_ma: int | None = None
        self._acknowledged_ma: int | None = None
        self._urgent = False
        self._written: dict[str, tuple[int, ...]] = {}
        self._written_s: dict[str, float] = {}
        self._encoded: dict[tuple[str, StepValue | float], tuple[float, tuple[int, ...]]] = {}
        self._unlock: list[WriteStep] = []
        self._unlock_until_s: float | None = None
        self._armed = False
        self._last_write_s = -math.inf
        self._broken_s = -math.inf
        self._refreshed_s = -math.inf
        self._retry_s = -math.inf
        self._mismatches = 0
        self._rewrites = 0

    def want(self, offer_ma: int) -> None:
        """Take the newest offer [mA], 0 to pause."""
        previous = self._wanted_ma
        self._urgent = previous is None or offer_ma < previous or self._urgent
        if offer_ma != previous:
            self._retry_s = -math.inf  # what was refused was something else
        if previous == 0 and offer_ma > 0:  # never enable what the charger may have forgotten
            for step in self._control.offer:
                self._written.pop(step.point, None)
        self._wanted_ma = offer_ma
        if self._acknowledged_ma != offer_ma:
            self._acknowledged_ma = None

    def is_urgent(self, now_s: float) -> bool:
        """Tell whether a lowering, a pause or a first offer is due now: it overtakes everything."""
        return self._urgent and self._pending() is not None and self.due_s(now_s) <= now_s

    @property
    def is_in_doubt(self) -> bool:
        """Tell whether the charger reported once what was not written: look again at once."""
        return self._mismatches > 0

    @property
    def is_settled(self) -> bool:
        """Tell whether the charger knows everything that is wanted of it."""
        return self._pending() is None

    def unlock(self) -> None:
        """Release the cable at the next opportunity."""
        self._unlock = list(self._control.unlock)
        self._unlock_until_s = None

    def forget(self) -> None:
        """Count everything as unwritten, as after a lost connection."""
        self._written.clear()
        self._written_s.clear()
        self._unlock.clear()
        if self._phases is not None:
            self._phases.forget()
        self._acknowledged_ma = None
        self._armed = False
        self._urgent = True
        self._retry_s = -math.inf

    def due_s(self, now_s: float) -> float:
        """Return when the next write may be made [monotonic s]; infinity when none is needed."""
        if self._pending() is not None and (self._urgent or not self._unlock):
            return max(self._gate_s(urgent=self._urgent), self._retry_s)
        if self._unlock or self._arm_steps():
            return max(self._gate_s(urgent=False), self._retry_s)
        watchdog = self._model.watchdog
        if watchdog is None or self._wanted_ma is None or not self._refresh_steps():
            return math.inf
        due_s = max(self._refreshed_s, now_s - watchdog.refresh_s) + watchdog.refresh_s
        return max(due_s, self._gate_s(urgent=False), self._retry_s)

    def next_write(self, now_s: float) -> Write | None:
        """Return the write that is due now."""
        if now_s < self.due_s(now_s):
            return None
        self._give_up_unlock(now_s)
        step = self._pending()
        if self._unlock and not (step and self._urgent):  # its steps belong together
            return self._write(self._unlock[0], urgent=False)
        if step is not None:
            return self._write(step, urgent=self._urgent)
        arm = self._arm_steps()
        if arm:
            return self._write(arm[0], urgent=False)
        refresh = self._refresh_steps()
        return self._write(refresh[0], urgent=False) if refresh else None

    def done(self, write: Write, now_s: float) -> int | None:
        """Note an acknowledged write; return the offer [mA] if it is complete with it."""
        if now_s < self._last_write_s + self._model.write.min_interval_s:
            self._broken_s = now_s
        self._last_write_s = now_s
        self._written[write.point] = write.registers
        self._written_s[write.point] = now_s
        if self._unlock and self._unlock[0].point == write.point:
            self._unlock.pop(0)
        self._note_refresh(write, now_s)
        if self._phases is not None and write.point == self._offer_point:
            self.told_phases = self._phases.phases
        if self._wanted_ma:  # what follows a setpoint (enabling) only raises
            self._urgent = False
        return self.settle()

    def settle(self) -> int | None:
        """Return the offer [mA] once the charger knows it, by a write or because it knew it before.

        Two offers can be the same to a charger, such as all of those that are told as the minimum.
        """
        if self._pending() is not None or self._wanted_ma is None:
            return None
        self._urgent = False
        if self._acknowledged_ma == self._wanted_ma:
            return None
        self._acknowledged_ma = self._wanted_ma
        return self._wanted_ma

    def observe(self, values: Mapping[Quantity, Value], now_s: float) -> None:
        """Learn from a reading how many phases the vehicle uses, where the charger needs that."""
        if self._phases is None:
            return
        offer_ma, known = self._wanted_ma or 0, self._phases.known
        power_w = self._phases.power_w(offer_ma)
        self._phases.observe(values, offer_ma=offer_ma, is_told=self.is_settled, now_s=now_s)
        if self._phases.power_w(offer_ma) < power_w:
            self._urgent = True
        if self._phases.known != known:
            log.info("%s: phases in use: %s -> %s", self._name, known, self._phases.known)

    def _give_up_unlock(self, now_s: float) -> None:
        """Forget an unlock that could not be carried out in time: the next car may be there."""
        if not self._unlock:
            return
        if self._unlock_until_s is None:
            self._unlock_until_s = now_s + UNLOCK_S
        elif now_s > self._unlock_until_s:
            self._unlock.clear()

    def refused(self, write: Write, now_s: float) -> None:
        """Note that the charger refused the write: it is repeated, but not at once.

        A refused unlock is not repeated: who pressed the button sees that nothing happened.
        """
        if self._unlock and self._unlock[0].point == write.point:
            self._unlock.clear()
        self._retry_s = now_s + RETRY_S

    def still_wants(self, write: Write) -> bool:
        """Tell whether what a write is for is still to be done, now or regularly."""
        pending = self._pending()
        steps = [*self._arm_steps(), *self._refresh_steps(), *self._unlock]
        steps += [pending] if pending is not None else []
        return any(step.point == write.point for step in steps)

    def verify(self, name: str, raw: Raw | None, now_s: float) -> None:
        """Compare a value the charger reports with what was written; rewrite what it forgot.

        Source: load management specification, section 13.3a.
        """
        target = self._target_of_read_back(name)
        if target is None or raw is None or target not in self._written:
            return
        if now_s - self._written_s[target] < REWRITE_AFTER_S:
            return
        difference = self._difference(name, target, raw)
        if abs(difference) < 1e-9 or self._within_resolution(name, difference):
            self._mismatches = self._rewrites = 0
            return
        calm = self._rewrites >= MOST_REWRITES or (difference < 0 and not self._is_zero(name, raw))
        if calm and now_s - self._written_s[target] < LIMITED_REWRITE_S:
            return
        self._mismatches += 1
        if self._mismatches >= 2:
            log.warning("%s: charger reports %s = %s, written again", self._name, name, raw)
            self._mismatches = 0
            self._rewrites += 1
            if difference < 0 and not self._is_zero(name, raw):
                del self._written[target]  # it holds less: nothing is forgotten
            else:
                self._forget_written()
            self._urgent = True

    def _forget_written(self) -> None:
        """Count everything as unwritten: one that forgot its current has forgotten the rest, too."""
        self._written.clear()
        self._armed = False

    def _target_of_read_back(self, name: str) -> str | None:
        if name == self._control.read_back:
            return self._offer_point
        pausing = self._wanted_ma == 0 and any(s.point == name for s in self._control.pause)
        return name if pausing else None

    @property
    def _offer_point(self) -> str | None:
        step = self._control.offer_step
        return None if step is None else step.point

    def _difference(self, name: str, target: str, raw: Raw) -> float:
        """Return reported minus written, in the unit of the points."""
        reported, written = self._model.points[name], self._model.points[target]
        expected = decode(written, self._written[target])
        return 0.0 if expected is None else scaled(reported, raw) - scaled(written, expected)

    def _within_resolution(self, name: str, difference: float) -> bool:
        if name != self._control.read_back:
            return False
        tolerance_ma = max(self._control.resolution_ma, 100)
        return self._one_phase_ma(name, abs(difference)) < tolerance_ma

    def _is_zero(self, name: str, raw: Raw) -> bool:
        reported = scaled(self._model.points[name], raw)
        return self._one_phase_ma(name, reported) < self._control.minimum_ma

    def _one_phase_ma(self, name: str, value: float) -> float:
        """Return a value in the unit of a point as mA; a power is taken as that of one phase."""
        watts = self._model.points[name].unit == "W"
        return value * 1000 / NOMINAL_V if watts else value * 1000

    def _steps(self) -> tuple[WriteStep, ...]:
        if self._wanted_ma is None:
            return ()
        return self._control.offer if self._wanted_ma > 0 else self._control.pause

    def _pending(self) -> WriteStep | None:
        """Return the first step of the wanted offer that the charger does not know yet."""
        for step in self._steps():
            if self._written.get(step.point) != self._registers(step):
                return step
        return None

    def _arm_steps(self) -> Sequence[WriteStep]:
        if self._armed or self._model.watchdog is None or self._wanted_ma is None:
            return ()
        missing = [s for s in self._model.watchdog.arm if s.point not in self._written]
        if not missing:
            self._armed = True
        return missing

    def _refresh_steps(self) -> Sequence[WriteStep]:
        watchdog = self._model.watchdog
        if watchdog is None:
            return ()
        if watchdog.trigger is WatchdogTrigger.OFFER:
            return self._steps()[:1]
        return watchdog.refresh if watchdog.trigger is WatchdogTrigger.STEPS else ()

    def _note_refresh(self, write: Write, now_s: float) -> None:
        if any(step.point == write.point for step in self._refresh_steps()):
            self._refreshed_s = now_s

    def _gate_s(self, *, urgent: bool) -> float:
        """Return from when on the model's spacing allows a write."""
        interval_s = self._model.write.min_interval_s
        spaced_s = self._last_write_s + interval_s
        if urgent and self._broken_s + interval_s < spaced_s:
            return -math.inf
        return spaced_s

    def _raw(self, step: WriteStep, amount: float) -> Raw:
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

    def _amount(self, step: WriteStep) -> float:
        """Return what of a step changes with the offer [mA or W]; 0 where nothing does."""
        if step.value is StepValue.OFFER:
            return self._wanted_ma or 0
        if step.value is StepValue.OFFER_POWER and self._phases is not None:
            return self._phases.power_w(self._wanted_ma or 0)
        return 0

    def _registers(self, step: WriteStep) -> tuple[int, ...]:
        """Return what a step writes; it is asked for with every poll, and seldom another."""
        amount, key = self._amount(step), (step.point, step.value)
        known = self._encoded.get(key)
        if known is not None and known[0] == amount:
            return known[1]
        registers = tuple(encode(self._model.points[step.point], self._raw(step, amount)))
        self._encoded[key] = amount, registers
        return registers

    def _write(self, step: WriteStep, *, urgent: bool) -> Write:
        point = self._model.points[step.point]
        registers = self._registers(step)
        return Write(
            unit_id=self._unit_id if point.unit_id is None else point.unit_id,
            table=point.table,
            address=point.address + (self._offset if point.relative else 0),
            registers=registers,
            function=_function(self._model, point, len(registers)),
            point=step.point,
            urgent=urgent,
        )


def _phase_count(model: DeviceModel, control: Control, minimum_ma: int, phases: int) -> PhaseCount:
    resolution_ma = control.resolution_ma
    return PhaseCount(
        configured=phases,
        minimum_ma=math.ceil(minimum_ma / resolution_ma) * resolution_ma,
        maximum_ma=control.maximum_ma,
        measures_currents="current_l1" in model.capabilities,
    )


def _minimum(point: Point, minimum_ma: int) -> float:
    """Return the minimum current in the unit of a point: as a power that of one phase."""
    return minimum_ma / 1000 * NOMINAL_V if point.unit == "W" else minimum_ma / 1000


def _floor_raw(point: Point, value: float) -> Raw:
    """Return the raw value of a current or power; whole registers are rounded down, never up."""
    raw = (value - point.add) / point.scale
    exact = unscaled(point, value)
    return exact if isinstance(exact, float) else math.floor(raw + 1e-6)


def _function(model: DeviceModel, point: Point, count: int) -> int:
    """Return the function code that writes a point."""
    if point.write_function is not None:
        return point.write_function
    if point.table is Table.COIL:
        return 5
    if count == 1 and (6 in model.write.functions or not model.write.functions):
        return 6
    return 16
