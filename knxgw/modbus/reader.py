"""The read side of one device: what is read next, where its registers are, what it lacks. Sans-IO.

Where the model file names a chain of SunSpec models, the registers are searched first, and the header
of the model that was found is read again now and then: it tells whether they are still there. A block that
is refused is split into single reads, or read seldom if the device can do without it. What was read or failed
is evidence for the model check of a charger.
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import Enum, auto

from knxgw.catalogue.device_model import DeviceKind, DeviceModel
from knxgw.errors import LinkError, PeerError, PeerRefusedError
from knxgw.modbus.codec import Raw, decode
from knxgw.modbus.health import BACK_OFF_LAST_S, COMM_LIMIT, Health
from knxgw.modbus.interpreter import Interpreter
from knxgw.modbus.missing import MissingReads
from knxgw.modbus.model_check import ModelCheck
from knxgw.modbus.plan import Block, PollSchedule, plan_blocks, split
from knxgw.modbus.requests import NO_SUCH_BLOCK, NO_SUCH_POINT, Read, reports_silence
from knxgw.modbus.rules import core_points
from knxgw.modbus.sunspec import ChainWalk

log = logging.getLogger(__name__)
PHASE_POINTS = ("current_l2", "current_l3")


class Refusal(Enum):
    """What a refused read means."""

    FAULT = auto()  # the device must have these values
    SPLIT = auto()  # nothing yet: the points are read one by one from now on
    MISSING = auto()  # an answer: the device does not have these values


class Reader:
    """The poll schedule of one device, the search for its registers, and what it refuses to give."""

    def __init__(  # noqa: PLR0913 - what is read, where, and the parts that follow it
        self,
        name: str,
        model: DeviceModel,
        *,
        unit_id: int,
        register_offset: int,
        poll_phase: float,
        interpreter: Interpreter,
        health: Health,
        model_check: ModelCheck | None,
    ) -> None:
        """Plan the reads of one device; `poll_phase` (0…1) spreads devices over the poll period."""
        self._name = name
        self._model = model
        self._unit_id = unit_id
        self._offset = register_offset
        self.poll_phase = poll_phase
        self._interpreter = interpreter
        self._health = health
        self._model_check = model_check
        self._search = (
            ChainWalk(model.chain, unit_id, passed_over=register_offset) if model.chain else None
        )
        self._missing = MissingReads()
        self._header: Block | None = None  # of the model that was found, to be checked
        self.schedule = self._new_schedule()

    @property
    def register_offset(self) -> int:
        """Return what is added to the addresses of a connector, or of the SunSpec model found."""
        return self._offset

    @property
    def is_searching(self) -> bool:
        """Tell whether the registers of a SunSpec device have not been found yet."""
        return self._search is not None and self._search.start is None

    @property
    def _read_backs(self) -> frozenset[str]:
        """Return the points that report what was written."""
        reporting = (self._model.control, self._model.watchdog)
        return frozenset[str]().union(*(part.read_backs for part in reporting if part is not None))

    def _new_schedule(self) -> PollSchedule:
        """Return a schedule in which nothing has been read; what was found missing is forgotten."""
        self._interpreter.expect_all()
        self._health.forget_reads()
        self._missing.clear()
        if self._search is not None and self.is_searching:
            return PollSchedule(
                [self._search.block], min_interval_s=self._model.read.min_interval_s
            )
        check = self._model_check
        identifying = check.points if check else frozenset()
        blocks = list(
            plan_blocks(
                self._model,
                unit_id=self._unit_id,
                address_offset=self._offset,
                wanted=sorted(self._interpreter.wanted_points | identifying | self._read_backs),
            )
        )
        if self._search is not None:
            self._header = self._search.block
            blocks.append(self._header)
        return PollSchedule(
            blocks,
            min_interval_s=self._model.read.min_interval_s,
            phase=self.poll_phase,
            first=check.first_points if check else self._interpreter.ratio_points,
        )

    def start_over(self) -> None:
        """Read everything again, at the registers that are known."""
        self.schedule = self._new_schedule()

    def restart_search(self) -> None:
        """Read everything again; search for the SunSpec model first, if there is one."""
        if self._search is not None:
            self._search.restart()
            self._header = None
        self.start_over()

    # --- the SunSpec search

    def is_search_read(self, block: Block) -> bool:
        """Tell whether a block is a step of the search, or its check: it contains no points."""
        return not block.points and self._search is not None

    def continue_search(self, registers: Sequence[int] | None, now_s: float) -> bool:
        """Take an answer to the search (None: it was refused); return True when the search has failed.

        Then it begins again later. Else the plan contains its next step, or the registers of the model that was
        found. A check of a model that was found before changes no plan while it is where it was.
        """
        search = self._search
        if search is None:
            return False
        if registers is None:
            search.note_refusal()
        else:
            search.update(registers)
        self._health.silent_count = 0
        if search.failure:
            self._note_search_failed(search.failure, now_s)
            return True
        if self._header is not None:  # this was the check of a model that is still where it was
            return False
        if search.start is not None:
            self._offset = search.start
        self.start_over()  # plans the next step, or the registers that were found
        self.schedule.pause_until(now_s + self._model.read.min_interval_s)
        return False

    def _note_search_failed(self, failure: str, now_s: float) -> None:
        """Log why the search has failed, unless it has failed before, and begin it again later."""
        if self._health.wrong_count == 0:
            log.warning("%s: %s", self._name, failure)
        self._health.wrong_count = COMM_LIMIT
        self._interpreter.forget()
        self.restart_search()
        self.schedule.pause_until(now_s + BACK_OFF_LAST_S)

    def check_header(self, now_s: float) -> None:
        """Read the SunSpec header soon: are the registers still where they were?"""
        if self._header is not None:
            self.schedule.expedite_block(self._header, now_s)

    def note_unreachable(self) -> None:
        """Search again for a device that does not answer any more: another may answer next."""
        if self._header is not None:
            self.restart_search()

    # --- evidence of the model

    def note_values(self, raws: Mapping[str, Raw | None]) -> None:
        """Pass the raw values of an answer to the model check, if the device needs one."""
        if self._model_check is not None:
            self._note_answer(self._model_check, raws)
            self._model_check.add_values(raws)

    def note_failure(self, block: Block, error: PeerError | LinkError) -> None:
        """Pass a failed read to the model check; silence of the whole device says nothing."""
        check = self._model_check
        if check is None:
            return
        is_own, names = block.unit_id == self._unit_id, [point.name for point in block.points]
        if isinstance(error, LinkError) or reports_silence(error):
            # the device answers, but not to a read of these points
            if check.has_answered or not is_own:
                check.mark_inconclusive(*names)
            return
        self._note_answer(check, names)
        code = error.code if isinstance(error, PeerRefusedError) else None
        if is_own and len(names) > 1 and code in NO_SUCH_BLOCK:
            return  # the points will be read one by one, which shows which one is refused
        if is_own and code in NO_SUCH_POINT:
            check.mark_missing(names[0])
        else:
            check.mark_inconclusive(*names)

    def _note_answer(self, check: ModelCheck, names: Collection[str]) -> None:
        """On the first answer, read the identifying points again: earlier requests went unanswered."""
        if unread := check.note_answer(names):
            self.schedule.mark_unread(unread)

    # --- answers and refusals

    def decoded(self, block: Block, registers: Sequence[int]) -> Iterator[tuple[str, Raw | None]]:
        """Yield the raw value of each point of a block. Raises: DecodeError."""
        for point in block.points:
            yield point.name, decode(point, block.registers_of(point, self._offset, registers))

    def note_read(self, block: Block) -> None:
        """Note a good answer; a block that was missing is read as planned again."""
        self._health.note_read(block)
        if self._missing.note_answer(block, self.schedule):
            self._interpreter.expect_all()
            self._interpreter.mark_missing(self._missing.never_answered())

    def note_refusal(self, request: Read, error: PeerRefusedError) -> Refusal:
        """Note a refused block; read it in parts, or seldom, if the device can do without it.

        It is read in parts if it was never answered, because one of its points may be missing. A block that
        is seldom read already is so even less often.
        """
        block = request.block
        if block in self._missing:
            self._missing.note_refusal(block, self.schedule)
            return Refusal.MISSING
        parts = split(block, self._offset)
        was_answered = self._health.was_read(block)
        if error.code in NO_SUCH_BLOCK and len(parts) > 1 and not was_answered:
            log.info("%s: block at %d refused, read one by one", self._name, block.address)
            self.schedule.replace_block(block, parts)
            self._health.forget_wrong_answers(block)
            return Refusal.SPLIT
        if error.code not in NO_SUCH_POINT or self.is_required(block):
            return Refusal.FAULT
        self._health.log_refusal(request, error)
        self._missing.add(block, self.schedule, was_answered=was_answered)
        self._health.forget_wrong_answers(block)
        if not was_answered:
            # a block that was answered before will be back: until then there is no sum, which would be
            # too small without it
            self._interpreter.mark_missing(point.name for point in block.points)
        return Refusal.MISSING

    def is_required(self, block: Block) -> bool:
        """Tell whether the device is useless without a block."""
        core = core_points(self._model).difference(PHASE_POINTS)
        if any(point.is_required or point.name in core for point in block.points):
            return True
        present = (planned for planned in self.schedule.blocks if planned not in self._missing)
        is_last = not any(other.points for other in present if other is not block)
        return self._model.kind is DeviceKind.METER and is_last
