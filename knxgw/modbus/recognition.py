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
from knxgw.modbus.identity import Identity, Verdict

log = logging.getLogger(__name__)
CONFIRM_S = 5.0  # what seems to be another model is looked at again after this
PATIENCE_S = 60.0  # a device that starts up may be strange for so long
RECHECK_FIRST_S, RECHECK_LAST_S = 10.0, 300.0  # whether the right model answers by now


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What a look at the device has brought."""

    told: tuple[DeviceEvent, ...]  # what may be told at once
    condition: LinkCondition | None = None  # what it is to show; None: as before
    held: tuple[DeviceEvent, ...] = ()  # what it said before it was known, told after that
    look_again_s: float | None = None  # all is read anew after so long


class Recognition:
    """Follows one charger from the first word on a connection until it is known."""

    def __init__(self, name: str, model: DeviceModel, read: Collection[str]) -> None:
        """Judge by the points of `read` and those the model's file names."""
        self._name = name
        self._model = model
        self._identity = Identity(model, read)
        self._held: list[DeviceEvent] = []
        self._strange_looks = 0  # in a row, at which another model seemed to answer
        self._strange_since_s = 0.0
        self._rechecks = 0
        self.is_known = False

    @property
    def points(self) -> frozenset[str]:
        """Return the points by which the model's file tells its devices from others."""
        return self._identity.points

    @property
    def first_points(self) -> tuple[str, ...]:
        """Return the points that are to be read before all others, in their order."""
        return self._identity.first_points

    def start_over(self) -> None:
        """Trust nothing that was heard: something else may answer now."""
        self._held.clear()
        self._identity.forget()
        self.is_known = False

    def lost(self) -> None:
        """Take the loss of the device: what answers next is judged from the start."""
        self._strange_looks = 0
        self.start_over()

    @property
    def is_strange(self) -> bool:
        """Tell whether another model seemed to answer at the last look."""
        return self._strange_looks > 0

    # --- what it says

    @property
    def has_heard(self) -> bool:
        """Tell whether it said anything since the start."""
        return self._identity.has_heard

    def hear(self, names: Collection[str]) -> frozenset[str]:
        """Note that it answers; return the telling points that may have been asked in vain so far."""
        first = not self._identity.has_heard
        self._identity.has_heard = True
        return self._identity.points.difference(names) if first else frozenset()

    def take(self, raws: Mapping[str, Raw | None]) -> None:
        """Note raw values that were read."""
        self._identity.take(raws)

    def refuse(self, name: str) -> None:
        """Note that the device says it has no such point."""
        self._identity.refuse(name)

    def doubt(self, *names: str) -> None:
        """Note points whose answer says nothing."""
        self._identity.doubt(*names)

    # --- what follows

    def judge(
        self, events: list[DeviceEvent], shown: LinkCondition, *, is_wrong: bool, now_s: float
    ) -> Look:
        """Return what is to be told of `events`; `is_wrong`: too many of its answers are."""
        self._held += [event for event in events if isinstance(event, ChargerSeen)]
        told = tuple(event for event in events if not isinstance(event, ChargerSeen))
        match self._identity.verdict:
            case Verdict.PENDING:
                return Look(told=told)
            case Verdict.OURS:
                return self._recognised(told, shown, is_wrong=is_wrong)
            case Verdict.STRANGE | Verdict.OTHER as verdict:
                return self._strange(told, verdict, shown, now_s)

    def _recognised(
        self, told: tuple[DeviceEvent, ...], shown: LinkCondition, *, is_wrong: bool
    ) -> Look:
        self.is_known, self._strange_looks = True, 0
        if shown is LinkCondition.WRONG_MODEL:
            log.warning("%s: a %s answers again", self._name, self._model.id)
        held, self._held = tuple(self._held), []
        condition = LinkCondition.COMM if is_wrong else LinkCondition.GOOD
        return Look(told=told, condition=condition, held=held)

    def _strange(
        self, told: tuple[DeviceEvent, ...], verdict: Verdict, shown: LinkCondition, now_s: float
    ) -> Look:
        """Take a look at which another model seemed to answer."""
        self._strange_looks += 1
        if self._strange_looks == 1:
            self._strange_since_s = now_s
        patience_s = CONFIRM_S if verdict is Verdict.OTHER else PATIENCE_S
        if now_s - self._strange_since_s < patience_s:
            return Look(
                told=told,
                condition=None if verdict is Verdict.OTHER else _unless_wrong(shown),
                look_again_s=CONFIRM_S,
            )
        is_new = shown is not LinkCondition.WRONG_MODEL
        self._rechecks = 0 if is_new else self._rechecks + 1
        if is_new:
            words = "%s: what answers is no %s (%s): nothing is written to it"
            log.warning(words, self._name, self._model.id, self._identity.reason)
        again_s = doubled_s(self._rechecks + 1, first_s=RECHECK_FIRST_S, last_s=RECHECK_LAST_S)
        return Look(told=told, condition=LinkCondition.WRONG_MODEL, look_again_s=again_s)


def _unless_wrong(shown: LinkCondition) -> LinkCondition | None:
    """Return "Comm" for what is not certain yet; what was certain stays."""
    return None if shown is LinkCondition.WRONG_MODEL else LinkCondition.COMM
