"""Rejects late answers of a unit on a wire where answers carry no number. Sans-IO.

On a serial line, or behind a serial server, a late answer looks like the answer to the next request.
So the first answer after a timeout is discarded, and the unit is addressed again only when all earlier
answers must have arrived. The worst delay is assumed: the discarded answer belonged to the first
request that timed out, and the answer to the last request may be as late.
"""

from dataclasses import dataclass, field

LATEST_S = 10.0  # after its request: an answer that is later does not come at all
MARGIN_S = 0.1  # added to the latest possible arrival of an old answer


@dataclass(slots=True, kw_only=True)
class _Unit:
    requested_at: float = float("-inf")  # the last request
    ended_at: float = float("-inf")  # the last answer or timeout
    unanswered_since: list[float] = field(
        default_factory=list
    )  # requests without an answer since the last one
    free_at: float = float("-inf")  # when it may be addressed again


class StaleAnswerGuard:
    """Tells the answers to the last request of a unit from late ones."""

    def __init__(self, *, numbered: bool) -> None:
        """`numbered`: the wire itself says which request an answer belongs to."""
        self._numbered = numbered
        self._units: dict[int, _Unit] = {}

    def free_at(self, unit_id: int) -> float:
        """Return when a unit may be addressed [monotonic s]."""
        unit = self._units.get(unit_id)
        return unit.free_at if unit else float("-inf")

    def idle_s(self, unit_id: int, now_s: float) -> float:
        """Return the time since the last answer or timeout of a unit [s]."""
        unit = self._units.get(unit_id)
        return now_s - unit.ended_at if unit else float("inf")

    def requested(self, unit_id: int, now_s: float) -> None:
        """Note a request."""
        self._units.setdefault(unit_id, _Unit()).requested_at = now_s

    def unanswered(self, unit_id: int, now_s: float) -> None:
        """Note a timeout, or an answer that cannot be read."""
        unit = self._units.setdefault(unit_id, _Unit())
        unit.ended_at = now_s
        unit.unanswered_since = [*_recent(unit, now_s), unit.requested_at]

    def answered(self, unit_id: int, now_s: float, *, same_request: bool = False) -> bool:
        """Note an answer; return True if it certainly belongs to the last request.

        `same_request`: all unanswered requests were identical, so any of their answers is right.
        """
        unit = self._units.setdefault(unit_id, _Unit())
        unit.ended_at = now_s
        waiting_since = _recent(unit, now_s)
        unit.unanswered_since = []
        if not waiting_since or self._numbered:
            return True
        unit.free_at = unit.requested_at + (now_s - waiting_since[0]) + MARGIN_S
        return same_request


def _recent(unit: _Unit, now_s: float) -> list[float]:
    """Return the times of unanswered requests whose answers may still arrive."""
    return [
        requested_at for requested_at in unit.unanswered_since if now_s - requested_at < LATEST_S
    ]
