"""The release of a cable, step by step: tried once, and given up when it takes too long. Pure."""

from collections.abc import Sequence

from knxgw.catalogue.model import WriteStep

UNLOCK_S = 30.0  # KEBA takes one write in 5 s


class Release:
    """What is left to do of a release; nothing until it is asked for."""

    def __init__(self, steps: Sequence[WriteStep]) -> None:
        self._all = tuple(steps)
        self._left: list[WriteStep] = []
        self._until_s: float | None = None
        self.has_begun = False

    @property
    def step(self) -> WriteStep | None:
        """Return the next step."""
        return self._left[0] if self._left else None

    def ask(self) -> None:
        """Release the cable, unless that has begun already."""
        if not self.has_begun:
            self._left = list(self._all)
            self._until_s = None

    def end(self) -> None:
        """Leave it."""
        self._left.clear()
        self.has_begun = False

    def give_up(self, now_s: float) -> None:
        """Leave what could not be carried out in time: the next car may be there."""
        if not self._left:
            return
        if self._until_s is None:
            self._until_s = now_s + UNLOCK_S
        elif now_s > self._until_s:
            self.end()

    def written(self, point: str) -> None:
        """Note an acknowledged write."""
        if self.step is not None and self.step.point == point:
            self._left.pop(0)
            self.has_begun = bool(self._left)

    def refused(self, point: str) -> None:
        """Note a refusal: who pressed the button sees that nothing happened."""
        if self.step is not None and self.step.point == point:
            self.end()
