"""Optional blocks that a device refuses: they are read again now and then. Sans-IO.

A block that was answered before will be back sooner or later. One that never was may not be ready
yet, as while a charger starts; after `SOON_TRIES` refusals it counts as missing and is read once an
hour.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from knxgw.catalogue.points import PollClass
from knxgw.modbus.plan import Block, PollSchedule

SOON_TRIES = 4  # at the pace of what is read slowly


@dataclass(slots=True, kw_only=True)
class _Missing:
    planned: Block  # how it is read when it is available
    was_answered: bool
    tries: int = 1


class MissingReads:
    """The missing blocks of one plan."""

    def __init__(self) -> None:
        self._missing: dict[Block, _Missing] = {}

    def clear(self) -> None:
        """Forget all of them: the plan is a new one."""
        self._missing.clear()

    def __contains__(self, block: Block) -> bool:
        return block in self._missing

    def never_answered(self) -> Iterator[str]:
        """Yield the names of the points that were never read."""
        for missing in self._missing.values():
            if not missing.was_answered:
                yield from (point.name for point in missing.planned.points)

    def add(self, block: Block, schedule: PollSchedule, *, was_answered: bool) -> None:
        """Read a block seldom from now on, after its first refusal."""
        self._read_seldom(
            block, PollClass.SLOW, schedule, _Missing(planned=block, was_answered=was_answered)
        )

    def note_refusal(self, block: Block, schedule: PollSchedule) -> None:
        """Note that a missing block was refused again: it is read even less often in the end."""
        missing = self._missing[block]
        missing.tries += 1
        if missing.tries == SOON_TRIES and not missing.was_answered:
            del self._missing[block]
            self._read_seldom(block, PollClass.ONCE, schedule, missing)

    def note_answer(self, block: Block, schedule: PollSchedule) -> bool:
        """Note an answer; return True if the block was missing. It is read as planned again."""
        missing = self._missing.pop(block, None)
        if missing is not None:
            schedule.replace_block(block, [missing.planned])
        return missing is not None

    def _read_seldom(
        self, block: Block, poll: PollClass, schedule: PollSchedule, missing: _Missing
    ) -> None:
        """Read a missing block as often as `poll` says, for the first time a whole period from now."""
        seldom = replace(block, poll=poll)
        self._missing[seldom] = missing
        schedule.replace_block(block, [seldom])
        schedule.mark_requested(seldom, schedule.last_request_at)
