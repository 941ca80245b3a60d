"""The steps that arm and feed the watchdog of one charger. Pure."""

import math
from collections.abc import Container, Iterator, Sequence

from knxgw.catalogue.control import Watchdog, WatchdogTrigger, WriteStep


class FailSafe:
    """Returns the steps that a watchdog needs; without a watchdog there are none."""

    def __init__(self, watchdog: Watchdog | None) -> None:
        self._watchdog = watchdog

    @property
    def read_backs(self) -> frozenset[str]:
        """Return the points that report the settings of the watchdog."""
        return frozenset() if self._watchdog is None else self._watchdog.read_backs

    @property
    def arming_points(self) -> Sequence[str]:
        """Return the points whose writes arm the watchdog."""
        return () if self._watchdog is None else [step.point for step in self._watchdog.arm]

    def step_reported_by(self, name: str) -> WriteStep | None:
        """Return the arming step whose value a point reports; None: none."""
        steps = () if self._watchdog is None else self._watchdog.arm
        return next((step for step in steps if step.read_back == name), None)

    def arming(self, written: Container[str]) -> Sequence[WriteStep]:
        """Return the arming steps that are not written yet, in their order."""
        if self._watchdog is None:
            return ()
        return [step for step in self._watchdog.arm if step.point not in written]

    def feeding(
        self, wanted: Sequence[WriteStep], *, is_pause: bool, written: Container[str]
    ) -> Iterator[WriteStep]:
        """Yield the steps that feed the watchdog during the steps `wanted` of an offer or a pause.

        Either the model file names the steps, or they are those of the offer or pause itself, written again:
        of an offer only what the file names, if it names any. As long as an arming step is not in `written`,
        no arming step feeds: that would arm the watchdog before its fallback is set.
        """
        watchdog = self._watchdog
        if watchdog is None:
            return
        steps: Sequence[WriteStep] = ()
        if watchdog.trigger is WatchdogTrigger.STEPS:
            steps = watchdog.refresh
        elif watchdog.trigger is WatchdogTrigger.OFFER:
            named = {step.point for step in watchdog.refresh}
            are_all_fed = is_pause or not named
            steps = [step for step in wanted if are_all_fed or step.point in named]
        is_armed = not self.arming(written)
        for step in steps:
            if is_armed or step.point not in self.arming_points:
                yield step

    def feed_due_at(self, fed_at: float, *, early_s: float) -> float:
        """Return when a step that was written at `fed_at` is due again [monotonic s]."""
        refresh_s = math.inf if self._watchdog is None else self._watchdog.refresh_s
        return max(fed_at, fed_at + refresh_s - early_s)
