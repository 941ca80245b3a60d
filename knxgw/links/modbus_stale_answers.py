"""Which answer of a unit may be believed on a wire where answers carry no number. Sans-IO.

On a serial line, or behind a serial server, a late answer looks like the answer to the next
request. So the first answer after a silence is not used, whatever it says, and the unit is asked
again only when the answers to everything it was asked before must have come: if the answer came
as late as it might have (it belonged to the first request without one), so may the last.
"""

from dataclasses import dataclass, field

LATEST_S = 10.0  # an answer that comes later than this after its request comes no more
MARGIN_S = 0.1  # beyond the latest moment at which an answer to an old request may come


@dataclass(slots=True, kw_only=True)
class _Unit:
    asked_at: float = float("-inf")  # when it was asked last
    ended_at: float = float("-inf")  # when the last answer came, or was given up
    unanswered_since: list[float] = field(default_factory=list)  # when it was asked in vain since
    free_at: float = float("-inf")  # from when on it may be asked


class StaleAnswerGuard:
    """What is known of the units of one endpoint."""

    def __init__(self, *, numbered: bool) -> None:
        """`numbered`: the wire itself says which request an answer belongs to."""
        self._numbered = numbered
        self._units: dict[int, _Unit] = {}

    def free_at(self, unit_id: int) -> float:
        """Return from when on a unit may be asked [monotonic s]."""
        unit = self._units.get(unit_id)
        return unit.free_at if unit else float("-inf")

    def idle_s(self, unit_id: int, now_s: float) -> float:
        """Return for how long a unit was not spoken to [s]."""
        unit = self._units.get(unit_id)
        return now_s - unit.ended_at if unit else float("inf")

    def asked(self, unit_id: int, now_s: float) -> None:
        """Note a request."""
        self._units.setdefault(unit_id, _Unit()).asked_at = now_s

    def unanswered(self, unit_id: int, now_s: float) -> None:
        """Note that nothing came in time, or nothing that can be read."""
        unit = self._units.setdefault(unit_id, _Unit())
        unit.ended_at = now_s
        unit.unanswered_since = [*_recent(unit, now_s), unit.asked_at]

    def answered(self, unit_id: int, now_s: float, *, same_request: bool = False) -> bool:
        """Note an answer; tell whether it is one to the last request beyond doubt.

        `same_request`: everything unanswered was this very request, so any answer to it will do.
        """
        unit = self._units.setdefault(unit_id, _Unit())
        unit.ended_at = now_s
        waiting_since = _recent(unit, now_s)
        unit.unanswered_since = []
        if not waiting_since or self._numbered:
            return True
        unit.free_at = unit.asked_at + (now_s - waiting_since[0]) + MARGIN_S
        return same_request


def _recent(unit: _Unit, now_s: float) -> list[float]:
    """Return when it was asked in vain, as far as answers to that may still come."""
    return [asked_at for asked_at in unit.unanswered_since if now_s - asked_at < LATEST_S]
