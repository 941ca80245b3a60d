"""How often something may be done: a few times at once, then seldom. Time is an argument."""

ALMOST_ONE = 1.0 - 1e-9  # many small parts do not add up to exactly one


class Allowance:
    """What may still be done, such as lines of the log or writes to a card that wears."""

    def __init__(self, *, most: float, every_s: float) -> None:
        """Allow `most` at once, and after `every_s` one more."""
        self._most = most
        self._every_s = every_s
        self._left = most
        self._filled_at: float | None = None  # when it was counted last; None: not yet

    def fill(self, now_s: float) -> None:
        """Take what the time that has passed has added."""
        passed_s = 0.0 if self._filled_at is None else now_s - self._filled_at
        self._left = refilled(self._left, passed_s, most=self._most, every_s=self._every_s)
        self._filled_at = now_s

    @property
    def is_left(self) -> bool:
        """Tell whether it may be done once more."""
        return self._left > ALMOST_ONE

    def use(self) -> None:
        """Note that it was done, whether it was allowed or had to be."""
        self._left = max(0.0, self._left - 1.0)

    def take(self, now_s: float) -> bool:
        """Use one if there is one left."""
        self.fill(now_s)
        allowed = self.is_left
        if allowed:
            self.use()
        return allowed


def refilled(left: float, passed_s: float, *, most: float, every_s: float) -> float:
    """Return how often something may be done after some time; for states that are frozen."""
    return min(most, left + passed_s / every_s)
