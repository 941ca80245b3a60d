"""What the log says about a link: lost once, back once, and a link that flaps less and less often."""

import logging

FIRST_QUIET_S = 30.0  # after a loss was said, short ones are only counted ...
LONGEST_QUIET_S = 3600.0  # ... for longer each time
LASTING_S = 60.0  # a loss of this length is said in any case


class LinkNews:
    """Says changes of one link, not repetitions."""

    def __init__(self, name: str, log: logging.Logger) -> None:
        self._name = name
        self._log = log
        self._is_up = False
        self._up_s = 0.0
        self._lost_s: float | None = None  # when it was lost last; None: it never was there
        self._lost_why = ""
        self._is_told = False
        self._last_why = ""
        self._quiet_s = FIRST_QUIET_S
        self._quiet_until_s = float("-inf")
        self._untold = 0  # short losses since the last one that was told

    def up(self, now_s: float, detail: str) -> None:
        """Hear that the link is there."""
        if self._lost_s is None:
            self._log.info("%s link is up, %s", self._name, detail)
        elif self._is_told:
            self._log.info(
                "%s link back after %.0f s, %s", self._name, now_s - self._lost_s, detail
            )
        else:
            self._untold += 1
        self._is_up, self._up_s = True, now_s

    def failed(self, why: str, now_s: float) -> None:
        """Hear that the link was lost, or that it could not be made again."""
        if self._is_up:
            self._is_up, self._is_told = False, False
            self._lost_s, self._lost_why = now_s, why
            if now_s - self._up_s >= LONGEST_QUIET_S:
                self._quiet_s = FIRST_QUIET_S
        if self._lost_s is None:
            self._say(logging.WARNING, "no link yet", why)
        elif self._is_told:
            self._say(logging.INFO, "still no link", why)
        elif now_s >= self._quiet_until_s or now_s - self._lost_s >= LASTING_S:
            self._tell_loss(now_s)
        self._last_why = why

    def _say(self, level: int, what: str, why: str) -> None:
        if why != self._last_why:
            self._log.log(level, "%s: %s (%s), trying again", self._name, what, why)

    def _tell_loss(self, now_s: float) -> None:
        times = f", and {self._untold} times for a short while before" if self._untold else ""
        self._log.warning("%s link lost (%s)%s, trying again", self._name, self._lost_why, times)
        self._is_told, self._untold = True, 0
        self._quiet_until_s = now_s + self._quiet_s
        self._quiet_s = min(self._quiet_s * 2, LONGEST_QUIET_S)
