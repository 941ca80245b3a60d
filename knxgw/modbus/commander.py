"""The write side of one charger: which register write brings it to the wanted offer. Sans-IO.

The life of an offer
--------------------
The station wants an offer in mA; 0 is a pause. The steps of the model file (`control.offer` or
`control.pause`) turn it into register writes. An offer passes through four states:

| state | meaning | entered by |
|---|---|---|
| wanted | the station asked for it | `want` |
| pending | a step of it differs from what was last written; `next_write` returns that write | `want`, or anything that marks a point unwritten |
| written | the bus carries out one write | `next_write` |
| acknowledged | every step is written and acknowledged; `OfferAcknowledged` goes to the station, once | `note_acknowledged`, `acknowledge_offer` |

`ChargerContent` holds the registers that each point is believed to contain. A step is pending while its
registers differ from that, so writing only changes needs no bookkeeping of its own. Two offers can
have the same registers (every offer below the minimum is written as the minimum); the second one is
acknowledged without a write.

How a write ends
----------------
| outcome | effect |
|---|---|
| `note_acknowledged` | the point contains the registers |
| `note_refused` | the point is retried after `RETRY_S`; a refused release of the cable is dropped |
| `note_unsupported` | an optional register is missing: it counts as written |
| `note_unanswered` | the content of the point is unknown: it is unwritten, and nothing is written for `RETRY_S` |

What makes a written offer pending again
----------------------------------------
* `forget`: the connection was lost or the charger restarted. Everything is unwritten.
* `compare_read_back`: the charger reports another value than was written (`compliance.ReadBackCheck`).
  A lower value is written again on its own. A higher or lost value means that the charger restarted or
  that another master writes: everything is unwritten.
* `observe`: the charger draws more than the acknowledged offer for longer than a vehicle needs to
  follow (`compliance.DrawCheck`; above 0 A only where the setpoint has no read-back). The steps of the
  offer are unwritten.
* The number of phases in use changes (`phases`), where the charger is controlled in W.

Pause and resume
----------------
During a pause the charger may lose its setpoint, so the end of a pause makes every step of the offer
unwritten. While the steps that enable the charger are pending, a falling offer is replaced by the
minimum (`WritePlan.starts_at_minimum`): a setpoint that is written already cannot be overtaken by a lower one
before the charger is enabled, only by a pause.

Watchdog
--------
`fail_safe` names the steps that arm and feed the watchdog of the charger. Arming is part of
what is needed until it is acknowledged, and again when its read-back differs. Feeding repeats a step
`refresh_s` after it was last written; a pending write of the same point feeds the watchdog as well.
An offer that is about to be lowered is not repeated: a charger that falls back is the safer outcome.

All needed writes together form one list (`WritePlan.needed_writes`). `write_order` picks the one that goes
first and keeps the spacing that the model asks for. Only the bus writes; this module keeps no clock.
Source: load-management 9.3, 13.3c, 16.
"""

import logging
import math
from collections.abc import Iterable, Mapping, Sequence

from knxgw.catalogue.control import Control, WriteStep
from knxgw.catalogue.device_model import DeviceModel
from knxgw.charging.quantities import Quantity, Value
from knxgw.modbus.codec import Raw, scaled
from knxgw.modbus.compliance import (
    READ_AGAIN_S,
    DrawCheck,
    ReadBackCheck,
    ReadBackResult,
    ViolationLog,
    WrittenValue,
)
from knxgw.modbus.fail_safe import FailSafe
from knxgw.modbus.phases import PhaseCount
from knxgw.modbus.release import Release
from knxgw.modbus.write_order import NeededWrite, Spacing, WriteKind
from knxgw.modbus.write_plan import WritePlan
from knxgw.modbus.writing import StepWriter, Write

log = logging.getLogger(__name__)
RETRY_S = 5.0


class Commander:
    """Brings one charger to the wanted offer, and keeps its watchdog fed."""

    def __init__(  # noqa: PLR0913 - which charger, where on the bus, and how it is wired
        self,
        name: str,
        model: DeviceModel,
        *,
        unit_id: int,
        address_offset: int,
        minimum_ma: int,
        phases: int = 3,
    ) -> None:
        """Command one charger; `minimum_ma` is rounded up to a current that it can express.

        `phases`: those of its wiring. Raises: ValueError: it is no charger.
        """
        if model.control is None:
            raise ValueError(f"{model.id} cannot be controlled")
        self._name = name
        self._control = model.control
        self._points = model.points
        self._read_backs = model.control.read_backs
        resolution_ma = model.control.resolution_ma
        self._minimum_ma = math.ceil(minimum_ma / resolution_ma) * resolution_ma
        self._phases = (
            _phase_count(model, model.control, self._minimum_ma, phases)
            if model.control.is_power
            else None
        )
        self.assumed_phases: int | None = None  # for which the written power was calculated
        self._writer = StepWriter(
            model, unit_id=unit_id, address_offset=address_offset, minimum_ma=minimum_ma
        )
        self._spacing = Spacing(model.write.min_interval_s)
        violations = ViolationLog(name)
        self._read_back_check = ReadBackCheck(model, model.control, violations)
        self._draw_check = DrawCheck(model, model.control, violations)
        self._acknowledged_ma: int | None = None
        self._acknowledged_at = math.inf  # when the wanted offer was complete; infinity: it is not
        self._silent_until = -math.inf  # nothing is written before [monotonic s]
        self._release = Release(model.control.unlock)
        self._fail_safe = FailSafe(model.watchdog)
        self._plan = WritePlan(
            model.control,
            minimum_ma=self._minimum_ma,
            writer=self._writer,
            spacing=self._spacing,
            fail_safe=self._fail_safe,
            release=self._release,
            phases=self._phases,
        )
        self._content = self._plan.content

    # --- what the station wants

    def want(self, offer_ma: int) -> None:
        """Bring the charger to an offer [mA] from now on; 0 is a pause.

        What was refused may be written at once where another value is to be written. The end of a pause makes
        every step of the offer unwritten: see "Pause and resume" above.
        """
        previous = self._plan.wanted_ma
        if offer_ma == previous:
            return
        starts_or_ends_pause = not (previous and offer_ma)
        for step in (*self._control.offer, *self._control.pause):
            if starts_or_ends_pause or step.is_offer:
                self._content.retry_at.pop(step.point, None)
        self._silent_until = -math.inf
        if previous == 0:
            self._content.forget(step.point for step in self._control.offer)
        self._plan.starts_at_minimum = offer_ma > 0 and (
            self._plan.starts_at_minimum or self._is_falling_while_enabling(previous, offer_ma)
        )
        self._plan.wanted_ma = offer_ma
        self._acknowledged_ma = None
        self._mark_unacknowledged()

    def _is_falling_while_enabling(self, previous_ma: int | None, offer_ma: int) -> bool:
        """Tell whether an offer falls between the write of its setpoint and the steps that enable the charger.

        Then the charger has to start at the minimum: see the head of the module. Not if it has refused an
        enabling step: that one waits, and the lower setpoint is written long before it is tried again.
        """
        if previous_ma is None or offer_ma >= previous_ma:
            return False
        setpoint = self._control.offer_step
        if setpoint is None or setpoint.point not in self._content.registers:
            return False
        missing_steps = [
            step for step in self._plan.enabling_steps if self._plan.is_unwritten(step)
        ]
        is_refused = any(step.point in self._content.retry_at for step in missing_steps)
        return bool(missing_steps) and not is_refused

    def unlock(self) -> None:
        """Release the cable at the next opportunity."""
        self._release.request()
        self._plan.invalidate()

    def forget(self) -> None:
        """Mark everything as unwritten, as after a lost connection.

        A release of the cable is given up, the phases in use are unknown again, and what was refused or not
        answered before may be written at once.
        """
        self._forget_written()
        self._plan.has_raised = False
        self._release.cancel()
        if self._phases is not None:
            self._phases.forget()
        self._acknowledged_ma = None
        self._content.retry_at.clear()
        self._silent_until = -math.inf

    @property
    def is_acknowledged(self) -> bool:
        """Tell whether every step of the wanted offer is written and acknowledged."""
        return not any(self._plan.is_unwritten(step) for step in self._plan.wanted_steps)

    # --- writes and their outcome

    def is_urgent(self, now_s: float) -> bool:
        """Tell whether a lowering or a pause is due now: it overtakes everything."""
        urgent = [write for write in self._plan.needed_writes() if write.is_urgent]
        return bool(urgent) and self._due_at(urgent) <= now_s

    def due_at(self, now_s: float) -> float:
        """Return when the next write may be made [monotonic s]; infinity when none is needed."""
        due_at = self._due_at(self._plan.needed_writes())
        return max(due_at, now_s) if due_at == -math.inf else due_at

    def next_write(self, now_s: float) -> Write | None:
        """Return the write that is due now, the most urgent one; None: none is.

        A release of the cable that is too late is given up before. It is noted what the write begins: a
        release, or an offer by which a current may flow.
        """
        if now_s < self._due_at(self._plan.needed_writes()):
            return None
        self._release.cancel_if_late(now_s)
        self._plan.invalidate()
        chosen = self._spacing.pick(self._plan.needed_writes(), now_s)
        if chosen is None:
            return None
        if chosen.kind in (WriteKind.RELEASE, WriteKind.RELEASE_ON):
            self._release.has_begun = True
            self._plan.invalidate()
        elif self._plan.wanted_ma and chosen.step in self._control.offer:
            self._plan.has_raised |= self._plan.is_paused or chosen.kind is WriteKind.FIRST_RAISE
            self._plan.is_paused = False
            self._plan.invalidate()
        return self._writer.write(chosen.step, chosen.registers, is_urgent=chosen.is_urgent)

    def note_acknowledged(self, write: Write, now_s: float) -> int | None:
        """Note that the charger acknowledged a write; return the offer [mA] if that completes it.

        Noted are also when the content of the charger changed last, for how many phases the power in it was
        calculated, and that the charger is enabled once nothing of that is unwritten.
        """
        self._spacing.note_write(now_s)
        if self._content.registers.get(write.point) != write.registers:
            self._content.changed_at = now_s
        self._content.note_write(write, now_s)
        self._release.note_acknowledged(write.point)
        step = self._control.offer_step
        if self._phases is not None and step is not None and write.point == step.point:
            is_newest = write.registers == self._plan.registers(step)
            self.assumed_phases = self._phases.assumed if is_newest else self.assumed_phases
        if not any(map(self._plan.is_unwritten, self._plan.enabling_steps)):
            self._plan.starts_at_minimum = False
        self._plan.invalidate()
        return self.acknowledge_offer(now_s)

    def acknowledge_offer(self, now_s: float) -> int | None:
        """Return the wanted offer [mA] when it has just become acknowledged, else None.

        No write may be necessary for that: see "The life of an offer" above. Noted are since when it is
        acknowledged, and whether the charger is paused by it.
        """
        if self._plan.wanted_ma is None or not self.is_acknowledged:
            return None
        self._acknowledged_at = min(self._acknowledged_at, now_s)
        self._plan.is_paused = self._plan.wanted_ma == 0
        if self._acknowledged_ma == self._plan.wanted_ma:
            return None  # it was reported before
        self._acknowledged_ma = self._plan.wanted_ma
        return self._plan.wanted_ma

    def note_refused(self, write: Write, now_s: float) -> None:
        """Note a refused write: it is repeated after `RETRY_S`.

        A refused release of the cable is not repeated: the user sees that nothing happened.
        """
        self._release.note_refused(write.point)
        if any(step.point == write.point for step in self._plan.enabling_steps):
            self._plan.starts_at_minimum = False  # it may stay refused
        self._content.retry_at[write.point] = now_s + RETRY_S
        self._plan.invalidate()

    def note_unsupported(self, write: Write, now_s: float) -> int | None:
        """Note that an optional register does not exist; return the same as `note_acknowledged`."""
        self._content.note_write(write, now_s)
        self._plan.invalidate()
        return self.acknowledge_offer(now_s)

    def note_unanswered(self, write: Write, now_s: float) -> None:
        """Note a write without an answer: the charger may or may not have carried it out."""
        self._content.forget([write.point])
        self._silent_until = now_s + RETRY_S
        self._mark_unacknowledged()

    def is_still_needed(self, write: Write) -> bool:
        """Tell whether the point of a write is still to be written, now or regularly."""
        return any(needed.step.point == write.point for needed in self._plan.needed_writes())

    # --- readings

    def compare_read_back(self, name: str, raw: Raw | None, now_s: float) -> float | None:
        """Compare a reported value with what was written; mark as unwritten what the charger lost.

        Return after how long [s] to read the point again; None: at its regular turn.
        Source: load-management 13.3c.
        """
        if raw is None:
            return None  # the charger has no value for it now
        if name in self._fail_safe.read_backs:
            return self._check_fail_safe_setting(name, raw, now_s)
        step = self._step_reported_by(name)
        if step is None or not self._is_comparable(step):
            return None  # it reports nothing that was written, or the offer is not complete yet
        written = WrittenValue(
            value=self._writer.value(step.point, self._content.registers[step.point]),
            age_s=now_s - self._content.changed_at,
            is_pause=self._plan.wanted_ma == 0,
        )
        match self._read_back_check.compare(name, raw, written, now_s):
            case ReadBackResult.MATCHES | ReadBackResult.DIFFERS:
                pass
            case ReadBackResult.TOO_EARLY:
                return READ_AGAIN_S
            case ReadBackResult.MISMATCH:
                return 0.0  # a second reading has to confirm it
            case ReadBackResult.LOWER:
                self._note_reported(step, max(0.0, scaled(self._points[name], raw)))
            case ReadBackResult.FORGOTTEN:
                self._forget_written()
        return None

    def _note_reported(self, step: WriteStep, value: float) -> None:
        """Note that the charger has the value that it reports, so that this step is written again."""
        self._content.registers[step.point] = self._writer.registers_of(step.point, value)
        self._mark_unacknowledged()

    def _check_fail_safe_setting(self, name: str, raw: Raw, now_s: float) -> float | None:
        """Compare a reported fail-safe setting; have it written again if the charger has lost it.

        If the setpoint has no read-back, it may be lost as well: then every value counts as not yet
        written. Return in how many seconds the setting is to be read again, None: as planned.
        """
        step = self._fail_safe.step_reported_by(name)
        if step is None or self._fail_safe.arming(self._content.registers):
            return None
        written = WrittenValue(
            value=self._writer.value(step.point, self._content.registers[step.point]),
            age_s=now_s - self._content.changed_at,
            is_arming=True,
        )
        comparison = self._read_back_check.compare(name, raw, written, now_s)
        if comparison is ReadBackResult.FORGOTTEN and self._control.read_back is None:
            self._forget_written()
        elif comparison is ReadBackResult.FORGOTTEN:
            self._content.forget(self._fail_safe.arming_points)
            self._plan.invalidate()
        return 0.0 if comparison is ReadBackResult.MISMATCH else None

    def read_backs_of(self, write: Write) -> frozenset[str]:
        """Return the points that report the value of a write."""
        steps = (*self._control.offer, *self._control.pause)
        return self._names_of_read_backs(step for step in steps if step.point == write.point)

    def _names_of_read_backs(self, steps: Iterable[WriteStep]) -> frozenset[str]:
        """Return the names of the registers that report what steps have written."""
        names = map(self._control.read_back_of, steps)
        return frozenset(name for name in names if name is not None)

    def observe(self, values: Mapping[Quantity, Value], now_s: float) -> frozenset[str]:
        """Check a reading against the acknowledged offer, and update the phases in use.

        Return the read-back points to read at once because the charger draws too much. If it does so for
        long, the steps of the offer are unwritten.
        """
        suspect = self._check_draw(values, now_s)
        if self._phases is not None:
            self._update_phases(self._phases, values, now_s)
        return suspect

    def _check_draw(self, values: Mapping[Quantity, Value], now_s: float) -> frozenset[str]:
        """Check the draw against the wanted offer once that is acknowledged; see `observe`."""
        acknowledged_ma = self._acknowledged_ma
        if (
            acknowledged_ma is None
            or acknowledged_ma != self._plan.wanted_ma
            or not self.is_acknowledged
        ):
            return frozenset()
        suspect: frozenset[str] = frozenset()
        age_s = now_s - self._acknowledged_at
        if self._draw_check.is_suspect(values, acknowledged_ma=acknowledged_ma, age_s=age_s):
            suspect = self._names_of_read_backs(self._plan.wanted_steps)
        if self._draw_check.find_violation(
            values, acknowledged_ma=acknowledged_ma, age_s=age_s, now_s=now_s
        ):
            self._content.forget(step.point for step in self._plan.wanted_steps)
            self._plan.is_paused = False
            self._mark_unacknowledged()
        return suspect

    def _update_phases(
        self, phases: PhaseCount, values: Mapping[Quantity, Value], now_s: float
    ) -> None:
        """Update which phases the vehicle uses; another count makes another power to be written."""
        before = phases.count
        phases.observe(
            values,
            offer_ma=self._plan.wanted_ma or 0,
            is_acknowledged=self.is_acknowledged,
            now_s=now_s,
        )
        self._plan.invalidate()
        if phases.count != before:
            log.info("%s: phases in use: %s -> %s", self._name, before, phases.count)

    def _forget_written(self) -> None:
        """Mark everything as unwritten: a charger that lost its setpoint lost the rest as well."""
        self._content.forget_all()
        self._plan.is_paused = self._plan.starts_at_minimum = False
        self._mark_unacknowledged()

    def _mark_unacknowledged(self) -> None:
        """Note that the charger may not contain the wanted offer any more."""
        self._acknowledged_at = math.inf
        self._plan.invalidate()

    def _is_comparable(self, step: WriteStep) -> bool:
        """Tell whether a read-back of a step can be compared: all steps of the offer are written.

        Some chargers report the effective current, which is 0 until the charger is enabled.
        """
        pending = (
            other for other in self._plan.wanted_steps if other.point not in self._content.retry_at
        )
        return not self._plan.is_unwritten(step) and not any(map(self._plan.is_unwritten, pending))

    def _step_reported_by(self, name: str) -> WriteStep | None:
        """Return the wanted step whose value a point reports."""
        if name not in self._read_backs:  # most points of an answer
            return None
        steps = (
            step for step in self._plan.wanted_steps if self._control.read_back_of(step) == name
        )
        return next(steps, None)

    def _due_at(self, writes: Sequence[NeededWrite]) -> float:
        """Return when the first of some writes may be made [monotonic s]; infinity without any."""
        return max(self._spacing.soonest_at(writes), self._silent_until) if writes else math.inf


def _phase_count(model: DeviceModel, control: Control, lowest_ma: int, phases: int) -> PhaseCount:
    """Return the counter of the phases in use at a charger that is controlled in W."""
    return PhaseCount(
        configured=phases,
        minimum_ma=lowest_ma,
        maximum_ma=control.maximum_ma,
        has_currents="current_l1" in model.capabilities,
    )
