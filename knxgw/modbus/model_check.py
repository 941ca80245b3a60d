"""Holds a charger's events until its model is confirmed. Pure.

A wrong model file could write a current to a register that means something else. So no reading is
passed on and nothing is written before the device is known to be of the configured model.

`ModelEvidence` judges what was read since the last start; this module adds time:

| verdict | lasts | condition shown | next |
|---|---|---|---|
| `PENDING` | - | unchanged | more points are read |
| `MATCH` | - | good, or "Comm" when answers are wrong | confirmed: held events are released |
| `OTHER_MODEL` | below `CONFIRM_S` | unchanged | everything is read again after `CONFIRM_S` |
| `IMPLAUSIBLE` | below `PATIENCE_S` | "Comm" | everything is read again after `CONFIRM_S` |
| either | longer | wrong model | checked again after 10 s, then ever less often up to 300 s |

`start_over` (a new connection, a repeated check) discards the evidence, `lost` the mismatches as well.
"""

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from knxgw.catalogue.device_model import DeviceModel
from knxgw.charging.events import ChargerSeen, DeviceEvent, LinkCondition
from knxgw.modbus.codec import Raw
from knxgw.modbus.health import doubled_s
from knxgw.modbus.model_evidence import ModelEvidence, ModelVerdict

log = logging.getLogger(__name__)
CONFIRM_S = 5.0  # between two checks of an apparent mismatch
PATIENCE_S = 60.0  # how long a device that starts up may answer implausibly
RECHECK_FIRST_S, RECHECK_LAST_S = 10.0, 300.0  # between two checks of a wrong model


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What follows from the events of one request."""

    passed_on: tuple[DeviceEvent, ...]  # events that need no confirmation
    condition: LinkCondition | None = None  # the condition to show; None: unchanged
    released: tuple[DeviceEvent, ...] = ()  # events that were held until now
    recheck_after_s: float | None = None  # read everything again after this time


class ModelCheck:
    """Follows one charger from the first answer on a connection until its model is confirmed."""

    def __init__(self, name: str, model: DeviceModel, read: Collection[str]) -> None:
        """Judge by the points `read` and those in the `identity` rules of the model file."""
        self._name = name
        self._model = model
        self._evidence = ModelEvidence(model, read)
        self._held: list[DeviceEvent] = []
        self._mismatches = 0  # checks in a row that failed
        self._mismatch_since = 0.0
        self._rechecks = 0
        self.is_confirmed = False

    @property
    def points(self) -> frozenset[str]:
        """Return the identifying points of the model file."""
        return self._evidence.points

    @property
    def first_points(self) -> tuple[str, ...]:
        """Return the points to read before all others, in their order."""
        return self._evidence.first_points

    def start_over(self) -> None:
        """Discard the evidence: another device may answer now."""
        self._held.clear()
        self._evidence.forget()
        self.is_confirmed = False

    def lost(self) -> None:
        """Note that the device was lost: whatever answers next is judged from the start."""
        self._mismatches = 0
        self.start_over()

    @property
    def is_mismatch(self) -> bool:
        """Tell whether the last check found that the device is not of the model."""
        return self._mismatches > 0

    # --- evidence

    @property
    def has_answered(self) -> bool:
        """Tell whether the device has answered since the start."""
        return self._evidence.has_answered

    def note_answer(self, names: Collection[str]) -> frozenset[str]:
        """Note an answer; on the first one return the identifying points outside `names`."""
        first = not self._evidence.has_answered
        self._evidence.has_answered = True
        return self._evidence.points.difference(names) if first else frozenset()

    def add_values(self, raws: Mapping[str, Raw | None]) -> None:
        """Add raw values that were read to the evidence."""
        self._evidence.add_values(raws)

    def mark_missing(self, name: str) -> None:
        """Note that the device refuses a point as nonexistent."""
        self._evidence.mark_missing(name)

    def mark_inconclusive(self, *names: str) -> None:
        """Note points whose answer proves nothing."""
        self._evidence.mark_inconclusive(*names)

    # --- conclusions

    def judge(
        self, events: list[DeviceEvent], shown: LinkCondition, *, is_wrong: bool, now_s: float
    ) -> CheckResult:
        """Return what follows from `events`; `is_wrong`: too many answers of the device are wrong."""
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
        """Return that the model is confirmed: the events that were held until now are released."""
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
        """Count a check that failed; it is a wrong model when that lasts.

        Until then it is checked again soon. Values that are implausible are shown as `Comm` meanwhile; an
        identity that is another one is not. A wrong model is checked again less and less often.
        """
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
            text = "%s: the device that answers is not a %s (%s): nothing is written to it"
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
    """Return "Comm" while it is uncertain; None, unchanged, for a wrong model."""
    return None if shown is LinkCondition.WRONG_MODEL else LinkCondition.COMM
