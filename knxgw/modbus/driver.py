"""One device on a bus: which request comes next, and what its outcome means. Sans-IO, no clock.

A `Driver` joins the parts that know one aspect of a device each; the bus calls it, it never calls
the bus:

* `next_request` returns a write of the `Commander` if one is due, else a read of the `Reader`.
* `read_done`, `write_done` and `failed` take the outcome of that request and return events for the
  station. `Interpreter` turns registers into quantities, `Health` counts silence and wrong answers.
* `opened`, `lost` and `was_away` take what happened to the connection.

A charger passes through these states:

| state | reads | writes | events |
|---|---|---|---|
| registers not located (SunSpec) | the chain of models (`ChainWalk`) | none | condition only |
| model not confirmed | all points, the identifying ones first | none | held back by `ModelCheck` |
| model confirmed | by the plan | by the commander | passed on |
| not reachable | fewer and fewer (`Health.back_off_s`) | none before the model is confirmed again | condition only |
| wrong model | all points again, ever less often | none | condition only |

A meter needs no confirmation: nothing is written to it. A lost connection, a device that does not
answer and a changed SunSpec header discard all readings, because another device may answer next.
Reads are expedited where something is expected to change: after a write, after a mismatch, and when
two points of one state rule were read at different moments.
"""

import logging
import math
from collections.abc import Mapping, Sequence

from knxgw.catalogue.codes import ChargingState
from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.points import Table, TextFormat
from knxgw.charging.events import DeviceEvent, LinkCondition
from knxgw.charging.quantities import Quantity, Value
from knxgw.config.devices import DeviceId
from knxgw.errors import DecodeError, LinkError, PeerError, PeerRefusedError, RejectedError
from knxgw.modbus.codec import Raw
from knxgw.modbus.commander import Commander
from knxgw.modbus.device_events import DeviceEvents
from knxgw.modbus.health import BACK_OFF_FIRST_S, Health
from knxgw.modbus.interpreter import Interpreter
from knxgw.modbus.model_check import ModelCheck
from knxgw.modbus.plan import Block
from knxgw.modbus.reader import Reader, Refusal
from knxgw.modbus.requests import NO_SUCH_POINT, Read, Request, reports_silence
from knxgw.modbus.spare_reads import Done, SpareReads, spare_block
from knxgw.modbus.writing import Write

log = logging.getLogger(__name__)
READ_AFTER_WRITE_S = 0.3


class Driver:
    """Poll plan, interpretation and, for a charger, the commands of one device."""

    def __init__(  # noqa: PLR0913 - which device, where on the bus, and how it is wired
        self,
        device: DeviceId,
        model: DeviceModel,
        *,
        name: str,
        unit_id: int,
        register_offset: int = 0,
        minimum_ma: int = 6000,
        phases: int = 3,
        poll_phase: float = 0.0,
        may_write: bool = True,
    ) -> None:
        """Serve one device; `phases` are those of its wiring. One that may not write only reads.

        `name` is what the log calls it; `poll_phase` (0…1) spreads devices over the poll
        period, so that they are not read all at once.
        """
        self.device = device
        self.model = model
        self.name = name
        self.unit_id = unit_id
        others = {p.unit_id for p in model.points.values() if p.unit_id is not None}
        self.unit_ids = frozenset({unit_id, *others})
        self._health = Health(self.name)
        self._interpreter = Interpreter(self.name, model, phases)
        read = self._interpreter.wanted_points
        self._model_check = ModelCheck(self.name, model, read) if model.control else None
        self._reader = Reader(
            self.name,
            model,
            unit_id=unit_id,
            register_offset=register_offset,
            poll_phase=poll_phase,
            interpreter=self._interpreter,
            health=self._health,
            model_check=self._model_check,
        )
        self._commander = (
            Commander(
                self.name,
                model,
                unit_id=self.unit_id,
                address_offset=register_offset,
                minimum_ma=minimum_ma,
                phases=phases,
            )
            if model.control and may_write
            else None
        )
        self._events = DeviceEvents(device, model.kind)
        self._starts_up = False
        self._spare_reads = SpareReads()

    @property
    def condition(self) -> LinkCondition:
        """Return the condition of the link to the device."""
        return self._health.condition

    @property
    def is_mismatch(self) -> bool:
        """Tell whether the charger that answers is not of the configured model, as far as it seems."""
        return self._model_check is not None and self._model_check.is_mismatch

    @property
    def is_first_cycle_done(self) -> bool:
        """Tell whether all that can be learnt first was requested since the connection came up.

        That is state and currents once. It is over as well where the device is of another model, gives wrong
        answers, or has none of the SunSpec models that were searched: then there is nothing to wait for.
        """
        if self._reader.is_searching:
            return self._health.has_last_request_failed  # the search has failed, and begins again
        is_wrong = self.condition is LinkCondition.COMM
        return self.is_mismatch or is_wrong or self._reader.schedule.is_first_cycle_done

    @property
    def is_all_requested(self) -> bool:
        """Tell whether everything that is read was requested since the connection came up, also slow values."""
        return self._reader.schedule.is_each_requested

    # --- commands of the station

    def want(self, offer_ma: int) -> None:
        """Bring the charger to an offer [mA] from now on: only here a current reaches a charger."""
        if self._commander is not None:
            self._commander.want(offer_ma)

    @property
    def is_acknowledged(self) -> bool:
        """Tell whether the offer is acknowledged; a charger that cannot be reached does not count."""
        is_gone = self.condition in (LinkCondition.NOT_REACHABLE, LinkCondition.WRONG_MODEL)
        return is_gone or self._commander is None or self._commander.is_acknowledged

    def unlock(self) -> None:
        """Have the charger release its cable, if it can."""
        if self._commander is not None:
            self._commander.unlock()

    # --- what a person asks

    @property
    def register_offset(self) -> int:
        """Return what is added to the addresses that belong to a connector, or to a SunSpec model."""
        return self._reader.register_offset

    @property
    def first_block(self) -> Block | None:
        """Return the block that is read most often, of the own unit; None: the device has none."""
        blocks = self._reader.schedule.blocks
        own = (one for one in blocks if one.points and one.unit_id == self.unit_id)
        return next(own, None)

    def read_spare(self, table: Table, address: int, count: int, done: Done, now_s: float) -> None:
        """Read registers once, behind all polls; `done` hears what comes back.

        Raises: RejectedError, there is nothing to read so, or the device cannot be asked now.
        """
        if self.condition is not LinkCondition.GOOD:
            raise RejectedError("the device cannot be reached")
        block = spare_block(
            unit_id=self.unit_id,
            table=table,
            address=address,
            count=count,
            most=self.model.read.max_registers,
        )
        self._spare_reads.ask(block, done, now_s)

    # --- the bus asks

    def opened(self) -> None:
        """Start over on a new connection: everything is read and written again."""
        self._discard_readings()
        self._reader.restart_search()
        if self._commander is not None:
            self._commander.forget()
        self._health.opened()

    def due_at(self, now_s: float) -> float:
        """Return when the next request is due [monotonic s]."""
        commander = self._active_commander
        write_at = commander.due_at(now_s) if commander else math.inf
        return min(write_at, self._spare_reads.due_at(self._reader.schedule))

    def next_request(self, now_s: float) -> Request | None:
        """Return the request that is due now; writes come before reads."""
        commander = self._active_commander
        if commander is not None and (write := commander.next_write(now_s)):
            return write
        block = self._spare_reads.next_block(self._reader.schedule, now_s)
        return Read(block=block) if block else None

    def priority(self, now_s: float) -> int:
        """Return the priority of the next request: 0 an urgent write, 1 another write, 2 a read.

        The writes of a device in trouble come no earlier than reads: devices that answer come first.
        """
        commander = self._active_commander
        if commander is None or commander.due_at(now_s) > now_s or self._health.is_in_trouble:
            return 2
        return 0 if commander.is_urgent(now_s) else 1

    @property
    def _active_commander(self) -> Commander | None:
        """Return the write side once the model is confirmed."""
        return self._commander if self._is_model_confirmed else None

    @property
    def _is_model_confirmed(self) -> bool:
        """Tell whether the device is of the configured model; a meter needs no confirmation."""
        return self._model_check is None or self._model_check.is_confirmed

    # --- the outcome of a request

    def read_done(self, request: Read, registers: Sequence[int], now_s: float) -> list[DeviceEvent]:
        """Return the events of an answer with these registers."""
        if self._spare_reads.take(request.block, registers):
            self._reader.schedule.note_other_read(now_s)
            return []
        return self._checked(self._handle_answer(request, registers, now_s), now_s)

    def failed(
        self, request: Request, error: PeerError | LinkError, now_s: float
    ) -> list[DeviceEvent]:
        """Return the events of a request that failed by silence, a refusal or a wrong answer."""
        if isinstance(request, Read) and self._spare_reads.take(request.block, error):
            self._reader.schedule.note_other_read(now_s)
            return []  # a read that a person asked for says nothing about the device
        return self._checked(self._handle_failure(request, error, now_s), now_s)

    def _handle_answer(
        self, request: Read, registers: Sequence[int], now_s: float
    ) -> list[DeviceEvent]:
        """Return the events of an answer; an answer that cannot be decoded is a failure."""
        block = request.block
        self._reader.schedule.mark_requested(block, now_s)
        if len(registers) != block.count:
            error = DecodeError(f"asked for {block.count} registers, got {len(registers)}")
            return self._handle_failure(request, error, now_s)
        if self._reader.is_search_read(block):
            return self._continue_search(registers, now_s)
        try:
            raws = dict(self._reader.decoded(block, registers))
        except DecodeError as err:
            return self._handle_failure(request, err, now_s)
        self._reader.note_read(block)
        return self._take_values(block, raws, now_s)

    def _take_values(
        self, block: Block, raws: Mapping[str, Raw | None], now_s: float
    ) -> list[DeviceEvent]:
        """Pass the values of an answer to all parts that follow them; return the events of that.

        What has to be read again soon is scheduled: a read-back that differs, points whose combination makes
        no sense yet.
        """
        self._reader.note_values(raws)
        if self._commander is not None:
            for name, raw in raws.items():
                again_s = self._commander.compare_read_back(name, raw, now_s)
                if again_s is not None:
                    self._reader.schedule.expedite_points({name}, now_s + again_s)
        answered = self._answered() if block.unit_id == self.unit_id else []
        events = [*answered, *self._observed(raws, now_s)]
        if self._interpreter.inconsistent:
            self._reader.schedule.expedite_points(self._interpreter.inconsistent, now_s)
        acknowledged_ma = self._commander.acknowledge_offer(now_s) if self._commander else None
        return [*events, *self._events.acknowledged(acknowledged_ma)]

    def write_done(self, request: Write, now_s: float) -> list[DeviceEvent]:
        """Return the events of an acknowledged write; what shows its effect is read soon."""
        offer_ma = self._commander.note_acknowledged(request, now_s) if self._commander else None
        self._health.note_acknowledged_write(request)
        read_at = now_s + READ_AFTER_WRITE_S
        self._reader.schedule.expedite(read_at)
        if self._commander is not None:  # object 61 follows at once, and a mismatch is found early
            self._reader.schedule.expedite_points(self._commander.read_backs_of(request), read_at)
        return [*self._answered(), *self._events.acknowledged(offer_ma)]

    def _handle_failure(
        self, request: Request, error: PeerError | LinkError, now_s: float
    ) -> list[DeviceEvent]:
        """Return the events of a request that failed, by the kind of its failure.

        Silence is an answer of nobody, also where a gateway on the way reports it. A refusal may be no fault.
        All else is a wrong answer. The failure of a write is passed to the commander.
        """
        if isinstance(request, Read):
            self._reader.schedule.mark_requested(request.block, now_s)
            self._reader.note_failure(request.block, error)
        elif self._commander is not None:
            is_refused = isinstance(error, PeerRefusedError) and not reports_silence(error)
            note = self._commander.note_refused if is_refused else self._commander.note_unanswered
            note(request, now_s)
        if isinstance(request, Read) and request.block.unit_id != self.unit_id:
            return []  # another unit does not decide on the link to this one
        if isinstance(error, LinkError) or reports_silence(error):
            return self._handle_silence(request, now_s)
        if isinstance(error, PeerRefusedError):
            handled = self._handle_refusal(request, error, now_s)
            if handled is not None:
                return handled
        return self._handle_wrong_answer(request, error, now_s)

    def _handle_refusal(
        self, request: Request, error: PeerRefusedError, now_s: float
    ) -> list[DeviceEvent] | None:
        """Handle a refusal that is no fault; return None when it is one."""
        if isinstance(request, Read):
            return self._handle_read_refusal(request, error, now_s)
        is_unsupported = (
            error.code in NO_SUCH_POINT and self.model.points[request.point].is_optional
        )
        if not is_unsupported or self._commander is None:
            return None
        self._health.log_refusal(request, error)
        return [
            *self._answered(),
            *self._events.acknowledged(self._commander.note_unsupported(request, now_s)),
        ]

    def lost(self, _now_s: float) -> list[DeviceEvent]:
        """Return the events of a connection that was lost, or could not be made."""
        return self._set_condition(LinkCondition.NOT_REACHABLE)

    def was_away(self) -> None:
        """Note that the device was unreachable for some seconds: write everything again."""
        if self._commander is not None:
            self._commander.forget()

    # --- the model check

    def _discard_readings(self) -> None:
        """Discard what was read: another device may answer now."""
        self._interpreter.forget()
        if self._model_check is not None:
            self._model_check.start_over()
            self._reader.start_over()

    def _checked(self, events: list[DeviceEvent], now_s: float) -> list[DeviceEvent]:
        """Hold events back until the model is confirmed."""
        if self._model_check is None or self._is_model_confirmed:
            return events
        result = self._model_check.judge(
            events, self.condition, is_wrong=self._health.is_wrong, now_s=now_s
        )
        if result.recheck_after_s is not None:
            self._discard_readings()
            self._reader.schedule.pause_until(now_s + result.recheck_after_s)
        changed = [] if result.condition is None else self._set_condition(result.condition)
        return [*result.passed_on, *changed, *result.released]

    # --- inside

    def _continue_search(self, registers: Sequence[int] | None, now_s: float) -> list[DeviceEvent]:
        """Return the events of the next step of the SunSpec search; None: it was refused."""
        has_failed = self._reader.continue_search(registers, now_s)
        return self._set_condition(LinkCondition.COMM) if has_failed else []

    def _observed(self, raws: Mapping[str, Raw | None], now_s: float) -> list[DeviceEvent]:
        """Return the event for new readings; the commander compares them with the offer."""
        if self._commander is not None:
            self._interpreter.assumed_phases = self._commander.assumed_phases
        values, unavailable = self._interpreter.update(raws), self._interpreter.unavailable
        if not values and not unavailable:
            return []
        if self._commander is not None:
            suspect = self._commander.observe(values, now_s)
            # a read-back that came in the same answer was compared before
            if suspect.isdisjoint(raws):
                self._reader.schedule.expedite_points(suspect, now_s)
            self._notice_restart(self._commander, values.get(Quantity.STATE))
        return self._events.readings(values, unavailable)

    def _notice_restart(self, commander: Commander, state: Value | None) -> None:
        """Write everything again when a charger reports that it starts up: it has lost it."""
        if state is None:
            return
        starts = state == ChargingState.START_UP
        if starts and not self._starts_up:
            commander.forget()
        self._starts_up = starts

    def _handle_read_refusal(
        self, request: Read, error: PeerRefusedError, now_s: float
    ) -> list[DeviceEvent] | None:
        """Return the events of a refused read that is no fault; None when it is one.

        The registers of a SunSpec model may have moved: their header is read soon.
        """
        block = request.block
        if self._reader.is_search_read(block):
            return self._continue_search(None, now_s)
        self._reader.check_header(now_s)
        if block.is_optional:  # a refusal says that there is no value now; a card is taken away
            empty = {p.name: "" if p.format is TextFormat.CARD else None for p in block.points}
            return [*self._answered(), *self._observed(empty, now_s)]
        match self._reader.note_refusal(request, error):
            case Refusal.FAULT:
                return None
            case Refusal.SPLIT:
                return []
            case Refusal.MISSING:
                return self._answered()

    def _answered(self) -> list[DeviceEvent]:
        """Return the event for a good answer, if it changes the condition of the link."""
        condition = self._health.note_answer(
            self._commander.is_still_needed if self._commander else None
        )
        return self._set_condition(condition) if self._is_model_confirmed else []

    def _handle_silence(self, request: Request, now_s: float) -> list[DeviceEvent]:
        """Return the events of a request without an answer; the device is asked less often then."""
        is_gone = self._health.note_silence()
        if is_gone:
            self._reader.note_unreachable()
        if is_gone and self.condition is not LinkCondition.NOT_REACHABLE:
            self._health.log_silence(now_s)
        events = self._set_condition(LinkCondition.NOT_REACHABLE) if is_gone else []
        if not is_gone and isinstance(request, Read):
            self._reader.schedule.retry_in(request.block, now_s, 0.0)
        self._reader.schedule.pause_until(now_s + self._health.back_off_s)
        return events

    def _handle_wrong_answer(
        self, request: Request, error: PeerError, now_s: float
    ) -> list[DeviceEvent]:
        """Handle a wrong answer; a refusal counts only once the model is confirmed."""
        is_needed = not isinstance(request, Read) or self._reader.is_required(request.block)
        is_too_much = self._health.note_wrong_answer(request, error, now_s, is_needed=is_needed)
        is_nonsense = not isinstance(error, PeerRefusedError)
        if is_nonsense:  # waiting for the rest of such an answer may have delayed other devices
            self._reader.schedule.pause_until(now_s + self._health.back_off_s)
        if isinstance(request, Read):
            again_s = 0.0 if is_nonsense else BACK_OFF_FIRST_S
            self._reader.schedule.retry_in(request.block, now_s, again_s)
        is_other_model = self.condition is LinkCondition.WRONG_MODEL
        if is_too_much and (self._is_model_confirmed or (is_nonsense and not is_other_model)):
            return self._set_condition(LinkCondition.COMM)
        return []

    def _set_condition(self, condition: LinkCondition) -> list[DeviceEvent]:
        """Enter a condition of the link; return the event for the change, none without a change.

        Reads that a person has asked for fail unless the link is good. Of a device that is lost all readings
        are discarded. One that is back may have been without power: its values are written again.
        """
        if condition is self.condition:
            return []
        was_away = self.condition in (LinkCondition.NOT_REACHABLE, LinkCondition.WRONG_MODEL)
        self._health.condition = condition
        if condition is not LinkCondition.GOOD:
            self._spare_reads.drop(LinkError("the device cannot be reached"))
        if condition is LinkCondition.NOT_REACHABLE:
            if self._model_check is not None:
                self._model_check.lost()
            self._discard_readings()
        elif was_away and self._commander is not None:
            self._commander.forget()
        return self._events.condition(condition)
