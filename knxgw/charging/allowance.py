"""How often the log says the same: a few times at once, then seldom; what is left out is counted."""


class Allowance:
    """Lines that may still be written."""

    def __init__(self, *, most: float, every_s: float) -> None:
        """Allow `most` at once, and after `every_s` one more."""
        self._most = most
        self._every_s = every_s
        self._left = most
        self._filled_s: float | None = None  # when it was counted last; None: not yet

    def fill(self, now_s: float) -> None:
        """Take what the time that has passed has added."""
        passed_s = 0.0 if self._filled_s is None else now_s - self._filled_s
        self._left = min(self._most, self._left + passed_s / self._every_s)
        self._filled_s = now_s

    @property
    def is_left(self) -> bool:
        """Tell whether one more may be written."""
        return self._left >= 1.0

    def use(self) -> None:
        """Note that one was written, whether it was allowed or had to be."""
        self._left = max(0.0, self._left - 1.0)

    def take(self, now_s: float) -> bool:
        """Use one if there is one left."""
        self.fill(now_s)
        allowed = self.is_left
        if allowed:
            self.use()
        return allowed
