"""Which writes bring one charger to its wanted offer, and keep its watchdog fed. Pure.

`ChargerContent` is what the charger is believed to contain; `WritePlan` compares that with what the
wanted offer needs. What an offer goes through, and why, stands in `commander`.
Source: load-management 9.3, 16.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from knxgw.catalogue.control import Control, StepValue, WriteStep
from knxgw.modbus.fail_safe import FailSafe
from knxgw.modbus.phases import PhaseCount
from knxgw.modbus.release import Release
from knxgw.modbus.write_order import NeededWrite, Spacing, WriteKind
from knxgw.modbus.writing import StepWriter, Write


@dataclass(slots=True, kw_only=True)
class ChargerContent:
    """What each point of a charger is believed to contain; times are monotonic seconds."""

    registers: dict[str, tuple[int, ...]] = field(default_factory=dict)  # by the name of the point
    written_at: dict[str, float] = field(default_factory=dict)
    retry_at: dict[str, float] = field(default_factory=dict)  # points that it refused
    changed_at: float = -math.inf  # of the last write that changed a value

    def note_write(self, write: Write, now_s: float) -> None:
        """Note that a point contains what was written to it."""
        self.registers[write.point] = write.registers
        self.written_at[write.point] = now_s
        self.retry_at.pop(write.point, None)

    def forget(self, points: Iterable[str]) -> None:
        """Mark some points as unwritten: their content is not known."""
        for point in points:
            self.registers.pop(point, None)

    def forget_all(self) -> None:
        """Mark every point as unwritten; what was refused is still not tried again at once."""
        self.registers.clear()
        self.written_at.clear()


class WritePlan:
    """The writes that a charger needs for its wanted offer."""

    def __init__(  # noqa: PLR0913 - the parts of the write side, each of which may need a write
        self,
        control: Control,
        *,
        minimum_ma: int,
        writer: StepWriter,
        spacing: Spacing,
        fail_safe: FailSafe,
        release: Release,
        phases: PhaseCount | None,
    ) -> None:
        """Plan for one charger; `minimum_ma` is the lowest current that it can be offered."""
        self.content = ChargerContent()
        self.wanted_ma: int | None = None
        self.is_paused = False  # all of a pause is acknowledged, nothing of an offer written since
        self.has_raised = False  # since everything was unwritten
        self.starts_at_minimum = False  # the offer fell while the charger was being enabled
        self._control = control
        self._minimum_ma = minimum_ma
        self._writer = writer
        self._spacing = spacing
        self._fail_safe = fail_safe
        self._release = release
        self._phases = phases
        self._needed: tuple[NeededWrite, ...] | None = None  # None: to be determined again

    def invalidate(self) -> None:
        """Determine the needed writes again: something that they depend on has changed."""
        self._needed = None

    def needed_writes(self) -> tuple[NeededWrite, ...]:
        """Return every write that is needed, now or later."""
        if self._needed is None:
            offered = tuple(self._offer_writes())
            fed = self._feeding_writes(is_lowering=any(write.is_urgent for write in offered))
            self._needed = (*offered, *self._arming_writes(), *fed, *self._release_writes())
        return self._needed

    @property
    def wanted_steps(self) -> tuple[WriteStep, ...]:
        """Return the steps of the wanted offer or pause; none before the first one."""
        if self.wanted_ma is None:
            return ()
        return self._control.offer if self.wanted_ma > 0 else self._control.pause

    @property
    def enabling_steps(self) -> tuple[WriteStep, ...]:
        """Return the steps after the setpoint, which make the charger apply it."""
        steps = self._control.offer
        first = next((place for place, step in enumerate(steps) if step.is_offer), len(steps))
        return tuple(step for step in steps[first:] if not step.is_offer)

    def _offer_writes(self) -> Iterator[NeededWrite]:
        """Yield the writes that bring the charger to the wanted offer, or to a pause.

        What is written before all others comes alone: a lower setpoint must not wait for anything, and the
        steps after it depend on it.
        """
        if self.wanted_ma == 0:
            for step in self.wanted_steps:
                if self.is_unwritten(step):
                    yield self._needed_write(WriteKind.PAUSE, step)
            return
        enabling = self.enabling_steps
        first = next(filter(self._goes_first, self.wanted_steps), None)
        if first is not None and first not in enabling:
            yield self._needed_write(WriteKind.RAISE if self.is_paused else WriteKind.LOWER, first)
            return
        raising = WriteKind.RAISE if self.has_raised else WriteKind.FIRST_RAISE
        for step in self.wanted_steps:
            if self.is_unwritten(step):
                yield self._needed_write(WriteKind.ENABLE if step in enabling else raising, step)

    def _goes_first(self, step: WriteStep) -> bool:
        """Tell whether a step is written before all others: it differs, and is no raise.

        Where it is not known what the charger contains, no setpoint counts as a raise: that may be too high.
        """
        written = self.content.registers.get(step.point)
        if written is None or not step.is_offer:
            return written != self.registers(step)
        return self._allows(step, written) > self._allows(step, self.registers(step))

    def _arming_writes(self) -> Iterator[NeededWrite]:
        """Yield the next write that arms the watchdog."""
        steps = self._fail_safe.arming(self.content.registers) if self.wanted_ma is not None else ()
        for step in steps[:1]:
            yield self._needed_write(WriteKind.ARM, step)

    def _feeding_writes(self, *, is_lowering: bool) -> Iterator[NeededWrite]:
        """Yield the writes that feed the watchdog, except for points that are pending anyway.

        An offer that is about to be lowered is not repeated: see "Watchdog" above.
        """
        wanted = self.wanted_steps
        pending = {step.point for step in wanted if is_lowering or self._is_pending(step)}
        is_pause = self.wanted_ma == 0
        for step in self._fail_safe.feeding(
            wanted, is_pause=is_pause, written=self.content.registers
        ):
            if self.wanted_ma is None or step.point in pending:
                continue
            fed_at = self.content.written_at.get(step.point, -math.inf)
            due_at = self._fail_safe.feed_due_at(fed_at, early_s=self._spacing.interval_s)
            is_late = self._spacing.last_at >= due_at > -math.inf
            registers = self.content.registers.get(step.point) or self.registers(step)
            kind = WriteKind.LATE_FEED if is_late else WriteKind.FEED
            yield self._needed_write(kind, step, registers=registers, due_at=due_at)

    def _is_pending(self, step: WriteStep) -> bool:
        """Tell whether a step has to be written for the offer, unless it was refused."""
        is_refused = step.point in self.content.retry_at
        return self._goes_first(step) or (self.is_unwritten(step) and not is_refused)

    def _release_writes(self) -> Iterator[NeededWrite]:
        """Yield the next write that releases the cable."""
        if (step := self._release.step) is not None:
            yield self._needed_write(
                WriteKind.RELEASE_ON if self._release.has_begun else WriteKind.RELEASE, step
            )

    def _needed_write(
        self,
        kind: WriteKind,
        step: WriteStep,
        *,
        registers: tuple[int, ...] | None = None,
        due_at: float = -math.inf,
    ) -> NeededWrite:
        """Return a needed write; one that was refused is not due before its retry."""
        return NeededWrite(
            kind=kind,
            step=step,
            registers=self.registers(step) if registers is None else registers,
            due_at=max(due_at, self.content.retry_at.get(step.point, -math.inf)),
        )

    def is_unwritten(self, step: WriteStep) -> bool:
        """Tell whether a point is not known to contain what a step writes."""
        return self.content.registers.get(step.point) != self.registers(step)

    def _allows(self, step: WriteStep, registers: tuple[int, ...]) -> float:
        """Return the current or power that registers of a setpoint allow, in the unit of the point."""
        return self._writer.value(step.point, registers)

    def registers(self, step: WriteStep) -> tuple[int, ...]:
        """Return what a step has to write for the wanted offer."""
        offer_ma = self.wanted_ma or 0
        if self.starts_at_minimum:
            offer_ma = min(offer_ma, self._minimum_ma)
        if step.value is StepValue.OFFER:
            return self._writer.registers(step, offer_ma)
        if step.value is StepValue.OFFER_POWER and self._phases is not None:
            return self._writer.registers(step, self._phases.power_w(offer_ma))
        return self._writer.registers(
            step, 0
        )  # a fixed value, or the time of a watchdog: not the offer
