"""Logs the changes of a link: each loss and return once, and a flapping link rarely."""

import logging

from knxgw.allowance import Allowance

AT_ONCE = 6.0  # losses that may be logged in a row ...
AT_ONCE_EVERY_S = 3600.0  # ... and the time until one more may be; others are only counted
MOST_REASONS = 5  # reasons that are logged, for each loss
LASTING_S = 600.0  # a loss of this length is always logged


class LinkLog:
    """Logs changes of one link, not repetitions."""

    def __init__(
        self,
        name: str,
        log: logging.Logger,
        *,
        at_once: float = AT_ONCE,
        every_s: float = AT_ONCE_EVERY_S,
    ) -> None:
        self._name = name
        self._log = log
        self._is_up = False
        self._lost_at: float | None = None  # the last loss; None: the link never was up
        self._lost_why = ""
        self._is_loss_logged = False
        self._reasons: set[str] = set()  # logged since the last loss
        self._allowance = Allowance(most=at_once, every_s=every_s)
        self._unlogged = 0  # short losses since the last one that was logged

    def up(self, now_s: float, detail: str) -> None:
        """Note that the link is up."""
        if self._lost_at is None:
            self._log.info("%s link is up, %s", self._name, detail)
        elif self._is_loss_logged:
            self._log.info(
                "%s link back after %.0f s, %s", self._name, now_s - self._lost_at, detail
            )
        else:
            self._unlogged += 1
        self._is_up = True

    def failed(self, why: str, now_s: float) -> None:
        """Note that the link was lost, or could not be made."""
        if self._is_up:
            self._is_up, self._is_loss_logged = False, False
            self._lost_at, self._lost_why, self._reasons = now_s, why, {why}
            self._allowance.fill(now_s)
        if self._lost_at is None:
            self._log_reason(logging.WARNING, "no link yet", why)
        elif self._is_loss_logged:
            self._log_reason(logging.INFO, "still no link", why)
        elif self._allowance.is_left or now_s - self._lost_at >= LASTING_S:
            self._log_loss()

    def _log_reason(self, level: int, what: str, why: str) -> None:
        if why not in self._reasons and len(self._reasons) < MOST_REASONS:
            self._reasons.add(why)
            self._log.log(level, "%s: %s (%s), trying again", self._name, what, why)

    def _log_loss(self) -> None:
        times = f", and {self._unlogged} times for a short while before" if self._unlogged else ""
        self._log.warning("%s link lost (%s)%s, trying again", self._name, self._lost_why, times)
        self._is_loss_logged, self._unlogged = True, 0
        self._allowance.use()
