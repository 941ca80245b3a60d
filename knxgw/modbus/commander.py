"""The write side of one charger: which register write brings it to what the station wants.

Only what changes is written, plus what feeds a watchdog, plus what the charger does not hold
(`holding`). Which of several goes first, and when, says `write_order`. After a lost connection
everything counts as unwritten; a connection that was renewed on purpose is none that was lost. A
charger that is told a power gets that of the phases its vehicle uses.
"""

import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from knxgw.catalogue.model import Control, DeviceModel, StepValue, WriteStep
from knxgw.charging.words import Quantity, Value
from knxgw.modbus.codec import Raw, scaled
from knxgw.modbus.fail_safe import FailSafe
from knxgw.modbus.holding import LOOK_AGAIN_S, Comparison, Complaints, Conduct, ReadBacks, Told
from knxgw.modbus.phases import PhaseCount
from knxgw.modbus.release import Release
from knxgw.modbus.write_order import Kind, Spacing, Wanted
from knxgw.modbus.writing import StepWriter, Write

log = logging.getLogger(__name__)
RETRY_S = 5.0


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
        self._control = model.control
        self._points = model.points
        resolution_ma = model.control.resolution_ma
        self._lowest_ma = math.ceil(minimum_ma / resolution_ma) * resolution_ma
        self._phases = (
            _phase_count(model, model.control, self._lowest_ma, phases)
            if model.control.is_power
            else None
        )
        self.told_phases: int | None = None  # that the power was meant for which the charger has
        self._writer = StepWriter(
            model, unit_id=unit_id, address_offset=address_offset, minimum_ma=minimum_ma
        )
        self._spacing = Spacing(model.write.min_interval_s)
        complaints = Complaints(name)
        self._read_backs = ReadBacks(model, model.control, complaints)
        self._conduct = Conduct(model, model.control, complaints)
        self._wanted_ma: int | None = None
        self._acknowledged_ma: int | None = None
        self._is_paused = False  # it has taken every step of a pause, and none of an offer since
        self._has_raised = False  # since it counts as unwritten
        self._starts_low = False  # the offer fell while the charger was being enabled
        self._written: dict[str, tuple[int, ...]] = {}  # what it has
        self._written_s: dict[str, float] = {}
        self._settled_s = math.inf  # since when it knows what is wanted
        self._changed_s = -math.inf  # when it was told something else than before
        self._retry_s: dict[str, float] = {}  # points it refused: not before
        self._silent_until_s = -math.inf
        self._release = Release(model.control.unlock)
        self._fail_safe = FailSafe(model.watchdog)
        self._todo: tuple[Wanted, ...] | None = None  # None: something has changed

    # --- what the station wants

    def want(self, offer_ma: int) -> None:
        """Take the newest offer [mA], 0 to pause."""
        previous = self._wanted_ma
        if offer_ma == previous:
            return
        turns = not (previous and offer_ma)
        for step in (*self._control.offer, *self._control.pause):
            if turns or step.carries_offer:  # what was refused was something else
                self._retry_s.pop(step.point, None)
        self._silent_until_s = -math.inf
        if previous == 0:  # never enable what the charger may have forgotten
            for step in self._control.offer:
                self._written.pop(step.point, None)
        self._starts_low = offer_ma > 0 and (self._starts_low or self._falls(previous, offer_ma))
        self._wanted_ma = offer_ma
        self._acknowledged_ma = None
        self._unsettle()

    def _falls(self, previous_ma: int | None, offer_ma: int) -> bool:
        """Tell whether an offer falls whose setpoint is told already, and which is not enabled yet.

        It then goes on with the minimum: nothing lower can come before it is enabled but a pause.
        """
        is_lower = previous_ma is not None and offer_ma < previous_ma
        step = self._control.offer_step
        is_told = step is not None and step.point in self._written
        missing = [one for one in self._enabling_steps() if self._is_unknown(one)]
        is_refused = any(one.point in self._retry_s for one in missing)
        return is_lower and is_told and bool(missing) and not is_refused

    def unlock(self) -> None:
        """Release the cable at the next opportunity."""
        self._release.ask()
        self._todo = None

    def forget(self) -> None:
        """Count everything as unwritten, as after a lost connection."""
        self._forget_written()
        self._has_raised = False
        self._release.end()
        if self._phases is not None:
            self._phases.forget()
        self._acknowledged_ma = None
        self._retry_s.clear()
        self._silent_until_s = -math.inf

    @property
    def is_settled(self) -> bool:
        """Tell whether the charger knows everything that is wanted of it."""
        return not any(self._is_unknown(step) for step in self._steps())

    # --- what is to be written, and what became of it

    def is_urgent(self, now_s: float) -> bool:
        """Tell whether a lowering or a pause is due now: it overtakes everything."""
        urgent = [one for one in self._all() if one.is_urgent]
        return bool(urgent) and self._due_s(urgent) <= now_s

    def due_s(self, now_s: float) -> float:
        """Return when the next write may be made [monotonic s]; infinity when none is needed."""
        due_s = self._due_s(self._all())
        return max(due_s, now_s) if due_s == -math.inf else due_s

    def next_write(self, now_s: float) -> Write | None:
        """Return the write that is due now."""
        if now_s < self._due_s(self._all()):
            return None
        self._release.give_up(now_s)
        self._todo = None
        one = self._spacing.pick(self._all(), now_s)
        if one is None:
            return None
        if one.kind in (Kind.RELEASE, Kind.RELEASE_ON):
            self._release.has_begun = True
            self._todo = None
        elif self._wanted_ma and one.step in self._control.offer:
            self._has_raised |= self._is_paused or one.kind is Kind.FIRST_RAISE
            self._is_paused = False  # from here on nobody knows what it lets flow
            self._todo = None
        return self._writer.write(one.step, one.registers, urgent=one.is_urgent)

    def done(self, write: Write, now_s: float) -> int | None:
        """Note an acknowledged write; return the offer [mA] if it is complete with it."""
        self._spacing.note(now_s)
        if self._written.get(write.point) != write.registers:
            self._changed_s = now_s
        self._written[write.point] = write.registers
        self._written_s[write.point] = now_s
        self._retry_s.pop(write.point, None)
        self._release.written(write.point)
        step = self._control.offer_step
        if self._phases is not None and step is not None and write.point == step.point:
            is_newest = write.registers == self._registers(step)
            self.told_phases = self._phases.phases if is_newest else self.told_phases
        if not any(map(self._is_unknown, self._enabling_steps())):
            self._starts_low = False
        self._todo = None
        return self.settle(now_s)

    def settle(self, now_s: float) -> int | None:
        """Return the offer [mA] once the charger knows it, by a write or because it knew it before.

        Two offers can be the same to a charger, such as all of those that are told as the minimum.
        """
        if self._wanted_ma is None or not self.is_settled:
            return None
        self._settled_s = min(self._settled_s, now_s)
        self._is_paused = self._wanted_ma == 0
        if self._acknowledged_ma == self._wanted_ma:
            return None
        self._acknowledged_ma = self._wanted_ma
        return self._wanted_ma

    def refused(self, write: Write, now_s: float) -> None:
        """Note that the charger refused the write: it is repeated, but not at once.

        A refused unlock is not repeated: who pressed the button sees that nothing happened.
        """
        self._release.refused(write.point)
        if any(step.point == write.point for step in self._enabling_steps()):
            self._starts_low = False  # it may stay refused
        self._retry_s[write.point] = now_s + RETRY_S
        self._todo = None

    def left_out(self, write: Write, now_s: float) -> int | None:
        """Note that the charger has no such register and need not have it; return as `done`."""
        self._written[write.point] = write.registers
        self._written_s[write.point] = now_s
        self._retry_s.pop(write.point, None)
        self._todo = None
        return self.settle(now_s)

    def unanswered(self, write: Write, now_s: float) -> None:
        """Note that nobody knows whether the charger has taken a write; nothing else is tried soon."""
        self._written.pop(write.point, None)
        self._silent_until_s = now_s + RETRY_S
        self._unsettle()

    def still_wants(self, write: Write) -> bool:
        """Tell whether what a write is for is still to be done, now or regularly."""
        return any(one.step.point == write.point for one in self._all())

    # --- what the charger says

    def verify(self, name: str, raw: Raw | None, now_s: float) -> float | None:
        """Compare a value the charger reports with what was written; rewrite what it forgot.

        Return after how long [s] to look at it again, None: in its turn.
        Source: load-management 13.3c.
        """
        if raw is None:
            return None
        if name in self._fail_safe.read_backs:
            return self._verify_arming(name, raw, now_s)
        step = self._step_read_at(name)
        if step is None or not self._is_taken(step):
            return None
        told = Told(
            value=self._writer.value(step.point, self._written[step.point]),
            age_s=now_s - self._changed_s,
            pausing=self._wanted_ma == 0,
        )
        match self._read_backs.compare(name, raw, told, now_s):
            case Comparison.HOLDS | Comparison.DIFFERS:
                pass
            case Comparison.TOO_EARLY:
                return LOOK_AGAIN_S
            case Comparison.DOUBT:
                return 0.0
            case Comparison.LESS:  # nothing else is forgotten
                reported = max(0.0, scaled(self._points[name], raw))
                self._written[step.point] = self._writer.registers_of(step.point, reported)
                self._unsettle()
            case Comparison.FORGOTTEN:
                self._forget_written()
        return None

    def _verify_arming(self, name: str, raw: Raw, now_s: float) -> float | None:
        """Compare what a charger reports of its fail-safe; arm it again where it has lost it.

        One whose setpoint cannot be read may have lost that with it.
        """
        step = self._fail_safe.reported_at(name)
        if step is None or self._fail_safe.arming(self._written):
            return None
        told = Told(
            value=self._writer.value(step.point, self._written[step.point]),
            age_s=now_s - self._changed_s,
            arming=True,
        )
        comparison = self._read_backs.compare(name, raw, told, now_s)
        if comparison is Comparison.FORGOTTEN and self._control.read_back is None:
            self._forget_written()
        elif comparison is Comparison.FORGOTTEN:
            for point in self._fail_safe.arming_points:
                self._written.pop(point, None)
            self._todo = None
        return 0.0 if comparison is Comparison.DOUBT else None

    def reports(self, write: Write) -> frozenset[str]:
        """Return the points that report what a write has written."""
        steps = (*self._control.offer, *self._control.pause)
        return self._reported(step for step in steps if step.point == write.point)

    def _reported(self, steps: Iterable[WriteStep]) -> frozenset[str]:
        """Return the points that report what some steps write."""
        names = map(self._control.read_back_of, steps)
        return frozenset(name for name in names if name is not None)

    def observe(self, values: Mapping[Quantity, Value], now_s: float) -> frozenset[str]:
        """Learn from a reading: what does not hold, and how many phases the vehicle uses.

        Return the points to look at now: they report what the charger seems not to hold.
        """
        told_ma = self._acknowledged_ma
        doubtful: frozenset[str] = frozenset()
        if told_ma is not None and told_ma == self._wanted_ma and self.is_settled:
            age_s = now_s - self._settled_s
            if self._conduct.is_doubtful(values, told_ma=told_ma, age_s=age_s):
                doubtful = self._reported(self._steps())
            if self._conduct.breaks(values, told_ma=told_ma, age_s=age_s, now_s=now_s):
                for step in self._steps():
                    self._written.pop(step.point, None)
                self._is_paused = False
                self._unsettle()
        if self._phases is None:
            return doubtful
        offer_ma, known = self._wanted_ma or 0, self._phases.known
        self._phases.observe(values, offer_ma=offer_ma, is_told=self.is_settled, now_s=now_s)
        self._todo = None  # the power may be another
        if self._phases.known != known:
            log.info("%s: phases in use: %s -> %s", self._name, known, self._phases.known)
        return doubtful

    def _forget_written(self) -> None:
        """Count everything as unwritten: one that forgot its current has forgotten the rest, too."""
        self._written.clear()
        self._written_s.clear()
        self._is_paused = self._starts_low = False
        self._unsettle()

    def _unsettle(self) -> None:
        """Note that the charger may not have what is wanted any more."""
        self._settled_s = math.inf
        self._todo = None

    def _is_taken(self, step: WriteStep) -> bool:
        """Tell whether a charger has a step, and all that was to come with it.

        The current that is reported may be the effective one: 0 until the charger is enabled.
        """
        coming = (one for one in self._steps() if one.point not in self._retry_s)
        return not self._is_unknown(step) and not any(map(self._is_unknown, coming))

    def _step_read_at(self, name: str) -> WriteStep | None:
        """Return the step of what is wanted now that a point reports."""
        steps = (step for step in self._steps() if self._control.read_back_of(step) == name)
        return next(steps, None)

    # --- what is needed

    def _all(self) -> tuple[Wanted, ...]:
        """Return every write that is needed, now or later."""
        if self._todo is None:
            offered = tuple(self._offered())
            fed = self._fed(is_lowering=any(one.is_urgent for one in offered))
            self._todo = (*offered, *self._armed(), *fed, *self._released())
        return self._todo

    def _due_s(self, writes: Sequence[Wanted]) -> float:
        return max(self._spacing.soonest_s(writes), self._silent_until_s) if writes else math.inf

    def _steps(self) -> tuple[WriteStep, ...]:
        if self._wanted_ma is None:
            return ()
        return self._control.offer if self._wanted_ma > 0 else self._control.pause

    def _enabling_steps(self) -> tuple[WriteStep, ...]:
        """Return what makes a charger follow the setpoint it has taken."""
        steps = self._control.offer
        first = next((place for place, step in enumerate(steps) if step.carries_offer), len(steps))
        return tuple(step for step in steps[first:] if not step.carries_offer)

    def _offered(self) -> Iterator[Wanted]:
        """Give what brings the charger to the wanted offer, or to a pause."""
        if self._wanted_ma == 0:
            yield from (self._wanted(Kind.PAUSE, s) for s in self._steps() if self._is_unknown(s))
            return
        enabling = self._enabling_steps()
        first = next(filter(self._comes_first, self._steps()), None)
        if first is not None and first not in enabling:
            yield self._wanted(Kind.RAISE if self._is_paused else Kind.LOWER, first)
            return
        raising = Kind.RAISE if self._has_raised else Kind.FIRST_RAISE
        for step in self._steps():
            if self._is_unknown(step):
                yield self._wanted(Kind.ENABLE if step in enabling else raising, step)

    def _comes_first(self, step: WriteStep) -> bool:
        """Tell whether a step is to be written before all others: anything but a raise."""
        held = self._written.get(step.point)
        if held is None or not step.carries_offer:
            return held != self._registers(step)
        return self._allows(step, held) > self._allows(step, self._registers(step))

    def _armed(self) -> Iterator[Wanted]:
        """Give the next step that arms the watchdog."""
        steps = self._fail_safe.arming(self._written) if self._wanted_ma is not None else ()
        for step in steps[:1]:
            yield self._wanted(Kind.ARM, step)

    def _fed(self, *, is_lowering: bool) -> Iterator[Wanted]:
        """Give what feeds the watchdog, each step in its time, but for what is written anyway.

        An offer that is to be lowered is not repeated: better that the charger falls back.
        """
        own = self._steps()
        coming = {step.point for step in own if is_lowering or self._is_coming(step)}
        is_pause = self._wanted_ma == 0
        for step in self._fail_safe.feeding(own, is_pause=is_pause, written=self._written):
            if self._wanted_ma is None or step.point in coming:
                continue
            fed_s = self._written_s.get(step.point, -math.inf)
            from_s = self._fail_safe.due_s(fed_s, early_s=self._spacing.interval_s)
            late = self._spacing.last_s >= from_s > -math.inf
            registers = self._written.get(step.point) or self._registers(step)
            kind = Kind.LATE_FEED if late else Kind.FEED
            yield self._wanted(kind, step, registers=registers, from_s=from_s)

    def _is_coming(self, step: WriteStep) -> bool:
        """Tell whether a step is to be written anyway."""
        is_refused = step.point in self._retry_s
        return self._comes_first(step) or (self._is_unknown(step) and not is_refused)

    def _released(self) -> Iterator[Wanted]:
        """Give the next step that releases the cable."""
        if (step := self._release.step) is not None:
            yield self._wanted(Kind.RELEASE_ON if self._release.has_begun else Kind.RELEASE, step)

    def _wanted(
        self,
        kind: Kind,
        step: WriteStep,
        *,
        registers: tuple[int, ...] | None = None,
        from_s: float = -math.inf,
    ) -> Wanted:
        return Wanted(
            kind=kind,
            step=step,
            registers=self._registers(step) if registers is None else registers,
            from_s=max(from_s, self._retry_s.get(step.point, -math.inf)),
        )

    def _is_unknown(self, step: WriteStep) -> bool:
        """Tell whether the charger has something else than what a step writes, or nobody knows."""
        return self._written.get(step.point) != self._registers(step)

    def _allows(self, step: WriteStep, registers: tuple[int, ...]) -> float:
        return self._writer.value(step.point, registers)

    def _registers(self, step: WriteStep) -> tuple[int, ...]:
        offer_ma = self._wanted_ma or 0
        if self._starts_low:
            offer_ma = min(offer_ma, self._lowest_ma)
        if step.value is StepValue.OFFER:
            return self._writer.registers(step, offer_ma)
        if step.value is StepValue.OFFER_POWER and self._phases is not None:
            return self._writer.registers(step, self._phases.power_w(offer_ma))
        return self._writer.registers(step, 0)


def _phase_count(model: DeviceModel, control: Control, lowest_ma: int, phases: int) -> PhaseCount:
    return PhaseCount(
        configured=phases,
        minimum_ma=lowest_ma,
        maximum_ma=control.maximum_ma,
        measures_currents="current_l1" in model.capabilities,
    )
