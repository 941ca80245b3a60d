"""Who answers where a charger was configured: what is held back, shown and looked at again. Pure.

Nothing that a device says is told, and nothing is written to it, before it is known to be of the
configured model. What seems to be another model is looked at again: only evidence that lasts makes
it certain, and then it is looked at ever more rarely until the right one answers.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from knxgw.catalogue.model import DeviceModel
from knxgw.charging.events import ChargerSeen, DeviceEvent
from knxgw.charging.words import LinkCondition
from knxgw.modbus.codec import Raw
from knxgw.modbus.health import doubled_s
from knxgw.modbus.model_evidence import ModelEvidence, ModelVerdict

log = logging.getLogger(__name__)
CONFIRM_S = 5.0  # what seems to be another model is looked at again after this
PATIENCE_S = 60.0  # a device that starts up may be strange for so long
RECHECK_FIRST_S, RECHECK_LAST_S = 10.0, 300.0  # whether the right model answers by now


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What a look at the device has brought."""

    passed_on: tuple[DeviceEvent, ...]  # what may be told at once
    condition: LinkCondition | None = None  # what it is to show; None: as before
    released: tuple[DeviceEvent, ...] = ()  # what it said before it was known, told after that
    recheck_after_s: float | None = None  # all is read anew after so long


class ModelCheck:
    """Follows one charger from the first word on a connection until it is known."""

    def __init__(self, name: str, model: DeviceModel, read: Collection[str]) -> None:
        """Judge by the points of `read` and those the model's file names."""
        self._name = name
        self._model = model
        self._evidence = ModelEvidence(model, read)
        self._held: list[DeviceEvent] = []
        self._mismatches = 0  # in a row, at which another model seemed to answer
        self._mismatch_since = 0.0
        self._rechecks = 0
        self.is_confirmed = False

    @property
    def points(self) -> frozenset[str]:
        """Return the points by which the model's file tells its devices from others."""
        return self._evidence.points

    @property
    def first_points(self) -> tuple[str, ...]:
        """Return the points that are to be read before all others, in their order."""
        return self._evidence.first_points

    def start_over(self) -> None:
        """Trust nothing that was heard: something else may answer now."""
        self._held.clear()
        self._evidence.forget()
        self.is_confirmed = False

    def lost(self) -> None:
        """Take the loss of the device: what answers next is judged from the start."""
        self._mismatches = 0
        self.start_over()

    @property
    def is_mismatch(self) -> bool:
        """Tell whether another model seemed to answer at the last look."""
        return self._mismatches > 0

    # --- what it says

    @property
    def has_answered(self) -> bool:
        """Tell whether it said anything since the start."""
        return self._evidence.has_answered

    def note_answer(self, names: Collection[str]) -> frozenset[str]:
        """Note that it answers; return the telling points that may have been asked in vain so far."""
        first = not self._evidence.has_answered
        self._evidence.has_answered = True
        return self._evidence.points.difference(names) if first else frozenset()

    def add_values(self, raws: Mapping[str, Raw | None]) -> None:
        """Note raw values that were read."""
        self._evidence.add_values(raws)

    def mark_missing(self, name: str) -> None:
        """Note that the device says it has no such point."""
        self._evidence.mark_missing(name)

    def mark_inconclusive(self, *names: str) -> None:
        """Note points whose answer says nothing."""
        self._evidence.mark_inconclusive(*names)

    # --- what follows

    def judge(
        self, events: list[DeviceEvent], shown: LinkCondition, *, is_wrong: bool, now_s: float
    ) -> CheckResult:
        """Return what is to be told of `events`; `is_wrong`: too many of its answers are."""
        self._held += [event for event in events if isinstance(event, ChargerSeen)]
        passed_on = tuple(event for event in events if not isinstance(event, ChargerSeen))
        match self._evidence.verdict:
            case ModelVerdict.PENDING:
                return CheckResult(passed_on=passed_on)
            case ModelVerdict.MATCH:
                return self._confirm(passed_on, shown, is_wrong=is_wrong)
            case ModelVerdict.IMPLAUSIBLE | ModelVerdict.OTHER_MODEL as verdict:
                return self._count_mismatch(passed_on, verdict, shown, now_s)

    def _confirm(
        self, passed_on: tuple[DeviceEvent, ...], shown: LinkCondition, *, is_wrong: bool
    ) -> CheckResult:
        self.is_confirmed, self._mismatches = True, 0
        if shown is LinkCondition.WRONG_MODEL:
            log.warning("%s: a %s answers again", self._name, self._model.id)
        released, self._held = tuple(self._held), []
        condition = LinkCondition.COMM if is_wrong else LinkCondition.GOOD
        return CheckResult(passed_on=passed_on, condition=condition, released=released)

    def _count_mismatch(
        self,
        passed_on: tuple[DeviceEvent, ...],
        verdict: ModelVerdict,
        shown: LinkCondition,
        now_s: float,
    ) -> CheckResult:
        """Take a look at which another model seemed to answer."""
        self._mismatches += 1
        if self._mismatches == 1:
            self._mismatch_since = now_s
        patience_s = CONFIRM_S if verdict is ModelVerdict.OTHER_MODEL else PATIENCE_S
        if now_s - self._mismatch_since < patience_s:
            return CheckResult(
                passed_on=passed_on,
                condition=None if verdict is ModelVerdict.OTHER_MODEL else _unless_wrong(shown),
                recheck_after_s=CONFIRM_S,
            )
        is_new = shown is not LinkCondition.WRONG_MODEL
        self._rechecks = 0 if is_new else self._rechecks + 1
        if is_new:
            text = "%s: what answers is no %s (%s): nothing is written to it"
            log.warning(text, self._name, self._model.id, self._evidence.reason)
        recheck_after_s = doubled_s(
            self._rechecks + 1, first_s=RECHECK_FIRST_S, last_s=RECHECK_LAST_S
        )
        return CheckResult(
            passed_on=passed_on,
            condition=LinkCondition.WRONG_MODEL,
            recheck_after_s=recheck_after_s,
        )


def _unless_wrong(shown: LinkCondition) -> LinkCondition | None:
    """Return "Comm" for what is not certain yet; what was certain stays."""
    return None if shown is LinkCondition.WRONG_MODEL else LinkCondition.COMM
