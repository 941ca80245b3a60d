"""The release of a cable, step by step; it is cancelled when it takes too long. Pure."""

from collections.abc import Sequence

from knxgw.catalogue.control import WriteStep

UNLOCK_TIMEOUT_S = 30.0  # KEBA takes one write in 5 s


class Release:
    """The remaining steps of a release; none until it is requested."""

    def __init__(self, steps: Sequence[WriteStep]) -> None:
        """Wait for a release to be requested; it then consists of `steps`, in their order."""
        self._steps = tuple(steps)
        self._remaining: list[WriteStep] = []
        self._give_up_at: float | None = None
        self.has_begun = False

    @property
    def step(self) -> WriteStep | None:
        """Return the next step of the release; None: none is under way."""
        return self._remaining[0] if self._remaining else None

    def request(self) -> None:
        """Start a release, unless one has begun already."""
        if not self.has_begun:
            self._remaining = list(self._steps)
            self._give_up_at = None

    def cancel(self) -> None:
        """Drop the remaining steps of the release."""
        self._remaining.clear()
        self.has_begun = False

    def cancel_if_late(self, now_s: float) -> None:
        """Cancel a release that takes too long: another vehicle may be connected by then."""
        if not self._remaining:
            return
        if self._give_up_at is None:
            self._give_up_at = now_s + UNLOCK_TIMEOUT_S
        elif now_s > self._give_up_at:
            self.cancel()

    def note_acknowledged(self, point: str) -> None:
        """Note that a write of a point was acknowledged: if it was the next step, it is done."""
        if self.step is not None and self.step.point == point:
            self._remaining.pop(0)
            self.has_begun = bool(self._remaining)

    def note_refused(self, point: str) -> None:
        """Cancel after a refusal: the user sees that nothing happened."""
        if self.step is not None and self.step.point == point:
            self.cancel()
