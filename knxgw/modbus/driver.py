"""One device on a bus: what to ask or write next, and what its answers mean. Sans-IO, no clock."""

import logging
import math
from collections.abc import Collection, Mapping, Sequence

from knxgw.catalogue.model import DeviceKind, DeviceModel, TextFormat
from knxgw.charging.events import (
    ChargerConditionChanged,
    ChargerSeen,
    DeviceEvent,
    MeterConditionChanged,
    MeterSeen,
    OfferTaken,
)
from knxgw.charging.words import ChargingState, LinkCondition, Quantity, Value
from knxgw.config.devices import DeviceId
from knxgw.errors import DecodeError, LinkError, PeerError, PeerRefusedError
from knxgw.modbus.codec import Raw, decode
from knxgw.modbus.commander import Commander
from knxgw.modbus.health import BACK_OFF_FIRST_S, BACK_OFF_LAST_S, COMM_LIMIT, Health
from knxgw.modbus.interpreter import Interpreter
from knxgw.modbus.jobs import GATEWAY_CODES, NO_SUCH_BLOCK, NO_SUCH_POINT, Job, Read
from knxgw.modbus.missing import MissingReads
from knxgw.modbus.plan import Block, PollSchedule, plan_blocks, split
from knxgw.modbus.recognition import Recognition
from knxgw.modbus.rules import core_points
from knxgw.modbus.sunspec import ChainWalk
from knxgw.modbus.writing import Write

log = logging.getLogger(__name__)
LOOK_AFTER_WRITE_S = 0.3
PHASE_POINTS = ("current_l2", "current_l3")


class Driver:
    """Poll plan, interpretation and, for a charger, the commands of one device."""

    def __init__(  # noqa: PLR0913 - who, where on the bus, and how it is wired
        self,
        device: DeviceId,
        model: DeviceModel,
        *,
        name: str,
        unit_id: int,
        register_offset: int = 0,
        minimum_ma: int = 6000,
        phases: int = 3,
        turn: float = 0.0,
    ) -> None:
        """Serve one device; `phases` are those of its wiring.

        `name` is what the log calls it; `turn` (0…1) tells devices apart, so that they are not asked
        at once.
        """
        self.device = device
        self.model = model
        self.name = name
        self.unit_id = unit_id
        others = {p.unit_id for p in model.points.values() if p.unit_id is not None}
        self.unit_ids = frozenset({unit_id, *others})
        self._offset = register_offset
        self._turn = turn
        self._health = Health(self.name)
        self._interpreter = Interpreter(self.name, model, phases)
        read = self._interpreter.wanted_points
        self._recognition = Recognition(self.name, model, read) if model.control else None
        self._walk = (
            ChainWalk(model.chain, unit_id, passed_over=register_offset) if model.chain else None
        )
        self._missing = MissingReads()
        self._header: Block | None = None  # of the model that was found, to be checked
        self._schedule = self._new_schedule()
        self._commander = (
            Commander(
                self.name,
                model,
                unit_id=self.unit_id,
                address_offset=self._offset,
                minimum_ma=minimum_ma,
                phases=phases,
            )
            if model.control
            else None
        )
        self._starts_up = False

    @property
    def condition(self) -> LinkCondition:
        """Return what the link to the device is."""
        return self._health.condition

    @property
    def first_cycle_done(self) -> bool:
        """Tell whether state and currents were asked once since the connection came up."""
        if self._walk is not None and self._walk.start is None:
            return self._health.was_asked_in_vain  # but not found
        strange = self._recognition is not None and self._recognition.is_strange
        nonsense = self.condition is LinkCondition.COMM
        return strange or nonsense or self._schedule.first_cycle_done

    @property
    def _read_backs(self) -> frozenset[str]:
        """Return the points that report what was written."""
        told = (self.model.control, self.model.watchdog)
        return frozenset[str]().union(*(one.read_backs for one in told if one is not None))

    def _new_schedule(self) -> PollSchedule:
        self._interpreter.expect_all()
        self._health.planned_anew()
        self._missing.clear()
        if self._walk is not None and self._walk.start is None:
            return PollSchedule([self._walk.block], min_interval_s=self.model.read.min_interval_s)
        recognition = self._recognition
        telling = recognition.points if recognition else frozenset()
        blocks = list(
            plan_blocks(
                self.model,
                unit_id=self.unit_id,
                address_offset=self._offset,
                wanted=sorted(self._interpreter.wanted_points | telling | self._read_backs),
            )
        )
        if self._walk is not None:
            self._header = self._walk.block
            blocks.append(self._header)
        return PollSchedule(
            blocks,
            min_interval_s=self.model.read.min_interval_s,
            phase=self._turn,
            first=recognition.first_points if recognition else self._interpreter.ratio_points,
        )

    # --- commands of the station

    def want(self, offer_ma: int) -> None:
        """Take the newest offer [mA]; the only way a current reaches a charger."""
        if self._commander is not None:
            self._commander.want(offer_ma)

    @property
    def is_settled(self) -> bool:
        """Tell whether nothing waits to be written to a charger that can be reached."""
        gone = self.condition in (LinkCondition.NOT_REACHABLE, LinkCondition.WRONG_MODEL)
        return gone or self._commander is None or self._commander.is_settled

    def unlock(self) -> None:
        """Release the cable."""
        if self._commander is not None:
            self._commander.unlock()

    # --- the bus asks

    def opened(self) -> None:
        """Start over on a new connection."""
        self._look_anew()
        self._look_from_the_start()
        if self._commander is not None:
            self._commander.forget()
        self._health.opened()

    def due_s(self, now_s: float) -> float:
        """Return when the next job may start [monotonic s]."""
        commander = self._told_commander
        write_s = commander.due_s(now_s) if commander else math.inf
        return min(write_s, self._schedule.due_s())

    def next_job(self, now_s: float) -> Job | None:
        """Return what is to be done now; commands overtake polls."""
        commander = self._told_commander
        if commander is not None and (write := commander.next_write(now_s)):
            return write
        block = self._schedule.next_block(now_s)
        return Read(block=block) if block else None

    def rank(self, now_s: float) -> int:
        """Return how soon its next job comes: 0 an urgent write, 1 another write, 2 a read."""
        commander = self._told_commander
        if commander is None or commander.due_s(now_s) > now_s:
            return 2
        if self._health.is_in_trouble:  # whoever answers is not kept waiting for it
            return 2
        return 0 if commander.is_urgent(now_s) else 1

    @property
    def _told_commander(self) -> Commander | None:
        """Return the write side once it is known who is written to."""
        return self._commander if self._is_known else None

    @property
    def _is_known(self) -> bool:
        """Tell whether what answers is of the model; of a meter nobody asks."""
        return self._recognition is None or self._recognition.is_known

    # --- what became of it

    def read_done(self, job: Read, registers: Sequence[int], now_s: float) -> list[DeviceEvent]:
        """Take the registers of an answer; return the events they mean."""
        return self._judged(self._take_answer(job, registers, now_s), now_s)

    def failed(self, job: Job, error: PeerError | LinkError, now_s: float) -> list[DeviceEvent]:
        """Take a failed job: silence, a refusal or a wrong answer."""
        return self._judged(self._take_failure(job, error, now_s), now_s)

    def _take_answer(self, job: Read, registers: Sequence[int], now_s: float) -> list[DeviceEvent]:
        block = job.block
        self._schedule.asked(block, now_s)
        if len(registers) != block.count:
            error = DecodeError(f"asked for {block.count} registers, got {len(registers)}")
            return self._take_failure(job, error, now_s)
        if not block.points and self._walk is not None:
            self._walk.take(registers)
            return self._walked(self._walk, now_s)
        raws: dict[str, Raw | None] = {}
        try:
            for point in block.points:
                part = block.registers_of(point, self._offset, registers)
                raws[point.name] = decode(point, part)
        except DecodeError as err:
            return self._take_failure(job, err, now_s)
        self._note_read(block)
        if self._recognition is not None:
            self._hear(self._recognition, raws)
            self._recognition.take(raws)
        if self._commander is not None:
            for name, raw in raws.items():
                again_s = self._commander.verify(name, raw, now_s)
                if again_s is not None:
                    self._schedule.hurry_points({name}, now_s + again_s)
        answered = self._answered() if block.unit_id == self.unit_id else []
        events = [*answered, *self._seen(raws, now_s)]
        if self._interpreter.unsettled:
            self._schedule.hurry_points(self._interpreter.unsettled, now_s)
        taken_ma = self._commander.settle(now_s) if self._commander else None
        return [*events, *self._taken(taken_ma)]

    def write_done(self, job: Write, now_s: float) -> list[DeviceEvent]:
        """Take an acknowledged write."""
        offer_ma = self._commander.done(job, now_s) if self._commander else None
        self._health.written(job)
        look_s = now_s + LOOK_AFTER_WRITE_S
        self._schedule.hurry(look_s)
        if self._commander is not None:  # GO 61 follows at once, and what is not held shows
            self._schedule.hurry_points(self._commander.reports(job), look_s)
        return [*self._answered(), *self._taken(offer_ma)]

    def _taken(self, offer_ma: int | None) -> list[DeviceEvent]:
        return [] if offer_ma is None else [OfferTaken(device=self.device, offer_ma=offer_ma)]

    def _take_failure(
        self, job: Job, error: PeerError | LinkError, now_s: float
    ) -> list[DeviceEvent]:
        if isinstance(job, Read):
            self._schedule.asked(job.block, now_s)
            self._note_failure(job.block, error)
        elif self._commander is not None:
            is_answer = isinstance(error, PeerRefusedError) and error.code not in GATEWAY_CODES
            note = self._commander.refused if is_answer else self._commander.unanswered
            note(job, now_s)
        if isinstance(job, Read) and job.block.unit_id != self.unit_id:
            return []  # what the station beside the socket says does not make or break it
        if isinstance(error, LinkError):
            return self._silence(job, now_s)
        if isinstance(error, PeerRefusedError):
            if error.code in GATEWAY_CODES:
                return self._silence(job, now_s)
            handled = self._refused(job, error, now_s)
            if handled is not None:
                return handled
        return self._wrong_answer(job, error, now_s)

    def _refused(self, job: Job, error: PeerRefusedError, now_s: float) -> list[DeviceEvent] | None:
        """Take a refusal that is no fault; None: it is one."""
        if isinstance(job, Read):
            return self._read_refused(job, error, now_s)
        is_missing = error.code in NO_SUCH_POINT and self.model.points[job.point].optional
        if not is_missing or self._commander is None:
            return None
        self._health.refuses(job, error)
        return [*self._answered(), *self._taken(self._commander.left_out(job, now_s))]

    def lost(self, _now_s: float) -> list[DeviceEvent]:
        """Take the loss of the connection, or that none could be made."""
        return self._change(LinkCondition.NOT_REACHABLE)

    def was_away(self) -> None:
        """Take that the device could not be reached for some seconds: tell it everything again."""
        if self._commander is not None:
            self._commander.forget()

    # --- who answers

    def _look_anew(self) -> None:
        """Trust nothing that was read: something else may answer now."""
        self._interpreter.forget()
        if self._recognition is not None:
            self._recognition.start_over()
            self._schedule = self._new_schedule()

    def _note_failure(self, block: Block, error: PeerError | LinkError) -> None:
        """Let what a failed read says about the model count; silence says nothing."""
        recognition = self._recognition
        if recognition is None:
            return
        own, names = block.unit_id == self.unit_id, [point.name for point in block.points]
        code = error.code if isinstance(error, PeerRefusedError) else None
        if isinstance(error, LinkError) or code in GATEWAY_CODES:
            if recognition.has_heard or not own:
                recognition.doubt(*names)  # it speaks, but not about these
            return
        self._hear(recognition, names)
        if own and len(names) > 1 and code in NO_SUCH_BLOCK:
            return  # which one is refused will be seen when they are read one by one
        if own and code in NO_SUCH_POINT:
            recognition.refuse(names[0])
        else:
            recognition.doubt(*names)

    def _hear(self, recognition: Recognition, names: Collection[str]) -> None:
        """Ask at once what tells the model: while nobody answered it may have been asked in vain."""
        if asked_in_vain := recognition.hear(names):
            self._schedule.never_asked(asked_in_vain)

    def _judged(self, events: list[DeviceEvent], now_s: float) -> list[DeviceEvent]:
        """Hold back what a device says until it is known to be the configured one."""
        if self._recognition is None or self._is_known:
            return events
        look = self._recognition.judge(
            events, self.condition, is_wrong=self._health.is_wrong, now_s=now_s
        )
        if look.look_again_s is not None:
            self._look_anew()
            self._schedule.hold_back(now_s + look.look_again_s)
        changed = [] if look.condition is None else self._change(look.condition)
        return [*look.told, *changed, *look.held]

    # --- inside

    def _look_from_the_start(self) -> None:
        """Read everything anew, where it has to be looked for after looking for it."""
        if self._walk is not None:
            self._walk.restart()
            self._header = None
        self._schedule = self._new_schedule()

    def _walked(self, walk: ChainWalk, now_s: float) -> list[DeviceEvent]:
        """Take one step towards the registers of a device that has a chain of models."""
        self._health.silent = 0
        if walk.failure:
            if self._health.wrong == 0:
                log.warning("%s: %s", self.name, walk.failure)
            self._health.wrong = COMM_LIMIT
            self._interpreter.forget()
            self._look_from_the_start()
            self._schedule.hold_back(now_s + BACK_OFF_LAST_S)
            return self._change(LinkCondition.COMM)
        if self._header is not None:  # checked, it is still the same
            return []
        if walk.start is not None:
            self._offset = walk.start
        self._schedule = self._new_schedule()
        self._schedule.hold_back(now_s + self.model.read.min_interval_s)
        return []

    def _seen(self, raws: Mapping[str, Raw | None], now_s: float) -> list[DeviceEvent]:
        if self._commander is not None:
            self._interpreter.told_phases = self._commander.told_phases
        values, unavailable = self._interpreter.absorb(raws), self._interpreter.unavailable
        if not values and not unavailable:
            return []
        if self._commander is not None:
            doubtful = self._commander.observe(values, now_s)
            if doubtful.isdisjoint(raws):  # what was read with it says the same at once
                self._schedule.hurry_points(doubtful, now_s)
        if self.model.kind is DeviceKind.CHARGER:
            self._notice_restart(values.get(Quantity.STATE))
            return [ChargerSeen(device=self.device, values=values, unavailable=unavailable)]
        return [MeterSeen(device=self.device, values=values, unavailable=unavailable)]

    def _notice_restart(self, state: Value | None) -> None:
        """Tell a charger everything again that says that it starts up: it has forgotten it."""
        if state is None:
            return
        starts = state == ChargingState.START_UP
        if starts and not self._starts_up and self._commander is not None:
            self._commander.forget()
        self._starts_up = starts

    def _read_refused(
        self, job: Read, error: PeerRefusedError, now_s: float
    ) -> list[DeviceEvent] | None:
        block = job.block
        if not block.points and self._walk is not None:
            self._walk.refused()
            return self._walked(self._walk, now_s)
        if self._header is not None:  # are the registers still where they were?
            self._schedule.hurry_block(self._header, now_s)
        if block.optional:
            empty = {p.name: "" if p.format is TextFormat.CARD else None for p in block.points}
            return [*self._answered(), *self._seen(empty, now_s)]
        return self._value_refused(job, error)

    def _value_refused(self, job: Read, error: PeerRefusedError) -> list[DeviceEvent] | None:
        block = job.block
        if block in self._missing:  # still
            self._missing.refused_again(block, self._schedule)
            return self._answered()
        parts = split(block, self._offset)
        was_there = self._health.was_read(block)
        if error.code in NO_SUCH_BLOCK and len(parts) > 1 and not was_there:
            log.info("%s: block at %d refused, read one by one", self.name, block.address)
            self._schedule.replace_block(block, parts)
            self._health.drop(block)
            return []
        if error.code not in NO_SUCH_POINT or self._is_needed(block):
            return None
        self._health.refuses(job, error)
        self._missing.add(block, self._schedule, was_there=was_there)
        self._health.drop(block)
        if not was_there:  # else it comes back, and a sum without it would be too small
            self._interpreter.without(point.name for point in block.points)
        return self._answered()

    def _note_read(self, block: Block) -> None:
        """Note a good answer; what was missing is read as planned again."""
        self._health.read(block)
        if self._missing.found(block, self._schedule):
            self._interpreter.expect_all()
            self._interpreter.without(self._missing.never_there())

    def _is_needed(self, block: Block) -> bool:
        """Tell whether the device is of no use without a block."""
        core = core_points(self.model).difference(PHASE_POINTS)
        if any(point.required or point.name in core for point in block.points):
            return True
        there = (one for one in self._schedule.blocks if one not in self._missing)
        is_last = not any(one.points for one in there if one is not block)
        return self.model.kind is DeviceKind.METER and is_last

    def _answered(self) -> list[DeviceEvent]:
        condition = self._health.answered(self._commander.still_wants if self._commander else None)
        return self._change(condition) if self._is_known else []

    def _silence(self, job: Job, now_s: float) -> list[DeviceEvent]:
        gone = self._health.unanswered()
        if gone and self._header is not None:
            self._look_from_the_start()
        if gone and self.condition is not LinkCondition.NOT_REACHABLE:
            self._health.lost(now_s)
        events = self._change(LinkCondition.NOT_REACHABLE) if gone else []
        if not gone and isinstance(job, Read):
            self._schedule.ask_again_in(job.block, now_s, 0.0)
        self._schedule.hold_back(now_s + self._health.back_off_s)
        return events

    def _wrong_answer(self, job: Job, error: PeerError, now_s: float) -> list[DeviceEvent]:
        """Take a wrong answer; a refusal is none until it is known to whom it belongs."""
        is_needed = not isinstance(job, Read) or self._is_needed(job.block)
        many = self._health.answered_wrongly(job, error, now_s, is_needed=is_needed)
        is_nonsense = not isinstance(error, PeerRefusedError)
        if is_nonsense:  # it may have let the others wait
            self._schedule.hold_back(now_s + self._health.back_off_s)
        if isinstance(job, Read):
            again_s = 0.0 if is_nonsense else BACK_OFF_FIRST_S
            self._schedule.ask_again_in(job.block, now_s, again_s)
        is_strange = self.condition is LinkCondition.WRONG_MODEL
        if many and (self._is_known or (is_nonsense and not is_strange)):
            return self._change(LinkCondition.COMM)
        return []

    def _change(self, condition: LinkCondition) -> list[DeviceEvent]:
        if condition is self.condition:
            return []
        returned = self.condition in (LinkCondition.NOT_REACHABLE, LinkCondition.WRONG_MODEL)
        self._health.condition = condition
        if condition is LinkCondition.NOT_REACHABLE:
            if self._recognition is not None:
                self._recognition.lost()
            self._look_anew()
        elif returned and self._commander is not None:
            self._commander.forget()  # it may have been without power: tell it everything again
        if self.model.kind is DeviceKind.CHARGER:
            return [ChargerConditionChanged(device=self.device, condition=condition)]
        return [MeterConditionChanged(device=self.device, condition=condition)]
