"""The condition of the link to one device, from its answers. Sans-IO, no clock.

| outcome | condition |
|---|---|
| `SILENT_LIMIT` requests in a row without an answer | not reachable, until an answer comes |
| `COMM_LIMIT` wrong answers in a row | "Comm", until the next good one |
| `COMM_LIMIT` wrong answers in a row to one request that is needed, whatever it answers to others | "Comm", until that one is answered, or not asked any more |
| wrong answers that began `RELAPSES` times within `WINDOW` answers, with requests that were answered before | "Comm", until `WINDOW` answers in a row are good |
| anything else, such as a single lost or wrong answer | as before |

Refusals of optional points are no wrong answers; all refused writes count as one request.

The log says when trouble begins and when it ends, not with every answer.
"""

import logging
from collections import deque
from collections.abc import Callable

from knxgw.allowance import Allowance
from knxgw.charging.events import LinkCondition
from knxgw.errors import PeerError, PeerRefusedError
from knxgw.modbus.plan import Block
from knxgw.modbus.requests import NO_SUCH_BLOCK, Read, Request, describe, exception_text
from knxgw.modbus.writing import Write

log = logging.getLogger(__name__)
SILENT_LIMIT = 2
COMM_LIMIT = 2
RELAPSES, WINDOW = 3, 20
BACK_OFF_FIRST_S, BACK_OFF_LAST_S = 1.0, 15.0
NEWS_AT_ONCE, NEWS_EVERY_S = 2.0, 43_200.0  # log lines about a device that comes and goes
MOST_DOUBLINGS = 10
WRONG_LAST_S = 5.0  # a device that answers wrongly is present: it is read more often


class Health:
    """Counts silence and wrong answers, and derives the condition of the link."""

    def __init__(self, name: str) -> None:
        """Count for one device, which the log calls `name`; nothing has been asked yet."""
        self.condition = LinkCondition.STARTING
        self.silent_count = 0  # requests without an answer, in a row
        self.wrong_count = 0  # wrong answers, in a row
        self._name = name
        self._has_answered = False
        self._refused_writes = 0  # in a row
        self._refused: Write | None = None  # the last one
        self._good_reads: set[Block] = set()  # answered at least once
        self._wrong_reads: dict[Block, int] = {}  # in a row
        self._logged: set[tuple[str, int, int]] = set()  # refusals in the log
        self._answers = 0  # good and wrong ones
        self._relapses: deque[int] = deque(maxlen=RELAPSES)  # the answers at which trouble began
        self._is_unsteady = False
        self._trouble_count = 0  # wrong answers since trouble began
        self._log_allowance = Allowance(most=NEWS_AT_ONCE, every_s=NEWS_EVERY_S)
        self._is_logged = False  # whether the log says that trouble began

    def opened(self) -> None:
        """Start over on a new connection."""
        self.silent_count = self.wrong_count = self._refused_writes = 0

    def forget_reads(self) -> None:
        """Forget the outcome of reads: the plan is a new one."""
        self._good_reads.clear()
        self._wrong_reads.clear()

    @property
    def has_last_request_failed(self) -> bool:
        """Tell whether the last request had no answer or a wrong one."""
        return self.silent_count + self.wrong_count > 0

    @property
    def is_in_trouble(self) -> bool:
        """Tell whether several requests in a row failed."""
        return self.silent_count >= SILENT_LIMIT or self.wrong_count >= COMM_LIMIT

    @property
    def is_wrong(self) -> bool:
        """Tell whether too many answers are wrong."""
        return self.wrong_count >= COMM_LIMIT or self._is_unsteady

    @property
    def back_off_s(self) -> float:
        """Return how long to pause requests [s] after silence or wrong answers in a row.

        1 s at first, and twice as long with each further one: up to 15 s after silence, 5 s after wrong
        answers, because a device that answers wrongly is present. A single failure needs no pause, but a
        device that never answered may not exist.
        """
        if self.wrong_count:
            return (
                0.0
                if self.wrong_count < COMM_LIMIT
                else _back_off_s(self.wrong_count, WRONG_LAST_S)
            )
        if self._has_answered and self.silent_count < SILENT_LIMIT:
            return 0.0
        return _back_off_s(self.silent_count, BACK_OFF_LAST_S)

    # --- outcomes

    def note_read(self, block: Block) -> None:
        """Note a good answer to a read."""
        self._good_reads.add(block)
        self.forget_wrong_answers(block)

    def forget_wrong_answers(self, block: Block) -> None:
        """Forget that a read went wrong: it is no longer made in this way."""
        self._wrong_reads.pop(block, None)

    def was_read(self, block: Block) -> bool:
        """Tell whether a read was ever answered well."""
        return block in self._good_reads

    def note_acknowledged_write(self, request: Write) -> None:
        """Note an acknowledged write; it proves nothing about refused writes of other points."""
        if self._refused is None or request.point == self._refused.point:
            self._refused_writes = 0

    def note_answer(self, is_still_needed: Callable[[Write], bool] | None) -> LinkCondition:
        """Note a good answer; return the condition of the link.

        It is bad as long as another request is answered wrongly. A refused write that is not needed any
        more does not count: `is_still_needed` tells whether its point is still to be written. The end of
        trouble is logged.
        """
        self._has_answered = True
        self.silent_count = self.wrong_count = 0
        self._count_answer()
        if self._refused and is_still_needed and not is_still_needed(self._refused):
            self._refused, self._refused_writes = None, 0
        if self._is_wrong_somewhere or self._is_unsteady:
            return LinkCondition.COMM
        if self._is_logged:
            log.info(
                "%s: answers are correct again, after %d wrong ones",
                self._name,
                self._trouble_count,
            )
        self._trouble_count, self._is_logged = 0, False
        return LinkCondition.GOOD

    def note_silence(self) -> bool:
        """Note a request without an answer; return True when the device is not reachable."""
        self.silent_count += 1
        self.wrong_count = 0
        return self.silent_count >= SILENT_LIMIT

    def note_wrong_answer(
        self, request: Request, error: PeerError, now_s: float, *, is_needed: bool
    ) -> bool:
        """Note a wrong answer; return True when there are too many.

        That are several in a row, several to one read or to writes, or relapses of what was answered well
        before. `is_needed`: a device that refuses this request is faulty even if it answers all others.
        The trouble is logged when it begins.
        """
        if isinstance(request, Read):
            before = self._wrong_reads.get(request.block, 0)
            if not before and not self.wrong_count and request.block in self._good_reads:
                self._relapses.append(self._answers)
            counts = is_needed or not isinstance(error, PeerRefusedError)
            # a refusal that does not count is noted, so that it is no relapse the next time
            self._wrong_reads[request.block] = before + 1 if counts else max(before, 1)
        else:
            self._refused_writes += 1
            self._refused = request
        self.wrong_count += 1
        self._count_answer()
        if self.wrong_count >= COMM_LIMIT:
            self.silent_count = 0  # it answers, if only wrongly
        is_too_much = self.is_wrong or self._is_wrong_somewhere
        is_news = is_too_much and not self._trouble_count
        if is_too_much or self._trouble_count:
            self._trouble_count += self.wrong_count if is_news else 1
        self._log_wrong_answer(request, error, now_s, is_news=is_news)
        return is_too_much

    @property
    def _is_wrong_somewhere(self) -> bool:
        """Tell whether one request, or writes, are answered wrongly again and again."""
        return max(self._refused_writes, *self._wrong_reads.values(), 0) >= COMM_LIMIT

    def _count_answer(self) -> None:
        """Count an answer, good or wrong, and follow whether answers have become unsteady."""
        self._answers += 1
        if self._is_unsteady:
            self._is_unsteady = self._answers - self._relapses[-1] <= WINDOW
        elif len(self._relapses) == RELAPSES:
            self._is_unsteady = self._answers - self._relapses[0] <= WINDOW

    # --- the log

    def _log_wrong_answer(
        self, request: Request, error: PeerError, now_s: float, *, is_news: bool
    ) -> None:
        """Log wrong answers when trouble begins, and refusals once each."""
        if isinstance(error, PeerRefusedError) and error.code in NO_SUCH_BLOCK:
            self.log_refusal(request, error)
        elif is_news and self._log_allowance.take(now_s):
            self._is_logged = True
            log.warning(
                "%s: wrong answers, the last to %s: %s", self._name, describe(request), error
            )

    def log_refusal(self, request: Request, error: PeerRefusedError) -> None:
        """Log once that a request is refused, and why."""
        address = request.block.address if isinstance(request, Read) else request.address
        kind = "read" if isinstance(request, Read) else "write"
        if (what := (kind, address, error.code)) not in self._logged:
            self._logged.add(what)
            why = exception_text(error.code)
            log.warning("%s: %s: refused, %s (reported once)", self._name, describe(request), why)

    def log_silence(self, now_s: float) -> None:
        """Log that the device does not answer although there is a connection."""
        if not self._log_allowance.take(now_s):
            return
        what = (
            "does not answer any more" if self._has_answered else "never answered since the start"
        )
        log.warning("%s: %s", self._name, what)


def doubled_s(times: int, *, first_s: float, last_s: float) -> float:
    """Return the delay [s] after so many failures; limited, so that no float overflows."""
    return min(first_s * 2.0 ** min(times - 1, MOST_DOUBLINGS), last_s)


def _back_off_s(times: int, last_s: float) -> float:
    """Return how long to wait [s] after so many failures in a row."""
    return doubled_s(times, first_s=BACK_OFF_FIRST_S, last_s=last_s)
