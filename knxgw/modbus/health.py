"""What the answers of one device make of the link to it. Sans-IO, no clock.

Silence makes it not reachable; wrong answers, and refusals of what it must have or is told, make it
"Comm"; a good answer ends both.
"""

from collections.abc import Callable

from knxgw.charging.words import LinkCondition
from knxgw.modbus.plan import Block
from knxgw.modbus.writing import Write

SILENT_LIMIT = 2  # unanswered requests in a row until a device counts as not reachable
COMM_LIMIT = 2  # wrong answers in a row until "Comm"
BACK_OFF_FIRST_S, BACK_OFF_LAST_S = 1.0, 15.0


class Health:
    """Counts what a device did wrong; says what its link is because of that."""

    def __init__(self) -> None:
        self.condition = LinkCondition.STARTING
        self.silent = 0  # requests without an answer, in a row
        self.wrong = 0  # wrong answers, in a row
        self._refused_writes = 0  # in a row
        self._refused: Write | None = None  # the last one
        self._refused_reads: dict[Block, int] = {}  # of what must be there, in a row

    def opened(self) -> None:
        """Start over on a new connection."""
        self.silent = self.wrong = self._refused_writes = 0

    def read_anew(self) -> None:
        """Forget which reads were refused: everything is read from the start."""
        self._refused_reads.clear()

    @property
    def was_asked_in_vain(self) -> bool:
        """Tell whether the last request was not answered well."""
        return self.silent + self.wrong > 0

    @property
    def is_wrong(self) -> bool:
        """Tell whether too many answers in a row are wrong."""
        return self.wrong >= COMM_LIMIT

    @property
    def back_off_s(self) -> float:
        """Return how long a silent device is left alone [s]."""
        return min(BACK_OFF_FIRST_S * 2.0 ** (self.silent - 1), BACK_OFF_LAST_S)

    # --- what happened

    def read(self, block: Block) -> None:
        """Take the good answer to a read."""
        self._refused_reads.pop(block, None)

    def read_refused(self, block: Block) -> None:
        """Take the refusal of what must be there: good answers of others do not help."""
        self._refused_reads[block] = self._refused_reads.get(block, 0) + 1

    def written(self, job: Write) -> None:
        """Take an acknowledged write: it says nothing about others that were refused."""
        if self._refused is None or job.point == self._refused.point:
            self._refused_writes = 0

    def write_refused(self, job: Write) -> None:
        """Take a write that was not acknowledged."""
        self._refused_writes += 1
        self._refused = job

    def answered(self, still_wants: Callable[[Write], bool] | None) -> LinkCondition:
        """Take an answer that is good; return what the link is.

        `still_wants` tells whether what a write was for is still to be done.
        """
        self.silent = self.wrong = 0
        if self._refused and still_wants and not still_wants(self._refused):
            self._refused, self._refused_writes = None, 0  # it is not told that any more
        refused = max(self._refused_writes, *self._refused_reads.values(), 0)
        return LinkCondition.COMM if refused >= COMM_LIMIT else LinkCondition.GOOD

    def unanswered(self) -> bool:
        """Take a request without an answer; tell whether the device is not reachable."""
        self.silent += 1
        return self.silent >= SILENT_LIMIT

    def answered_wrongly(self) -> bool:
        """Take a wrong answer; tell whether there are too many."""
        self.wrong += 1
        return max(self.wrong, self._refused_writes) >= COMM_LIMIT
