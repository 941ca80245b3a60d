"""Finds out which model of the catalogue answers: reads single values and scores them. Sans-IO.

A `Probing` takes the place of a driver on a bus. It only reads, one value at a time, as every device
allows, and each value only once for all models that define it.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from knxgw.catalogue.conditions import is_met
from knxgw.catalogue.device_model import DeviceKind, DeviceModel, ModelId
from knxgw.catalogue.points import Point, PollClass
from knxgw.charging.events import DeviceEvent
from knxgw.errors import LinkError, PeerError
from knxgw.modbus.codec import Raw
from knxgw.modbus.plan import Block
from knxgw.modbus.requests import Read, Request, reports_silence
from knxgw.modbus.scoring import (
    CONVINCING,
    PROBED,
    Answer,
    AnswerScore,
    Question,
    decoded,
    part,
    questions,
    score_answer,
)
from knxgw.modbus.writing import Write

HOPELESS = 3  # answers that do not fit, before one that does
LIMIT_IF_RECOGNISED = 1  # the same when another model fits well
SILENT_LIMIT = 2  # unanswered questions in a row: the unit does not exist
GAP_S = 0.02
SHORTEST_CONNECTION_S = 30.0  # some devices close it then: it is renewed earlier
LEAST_DIFFERENT = 2  # registers
LEAST_SHARE = 0.5  # of the possible score


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model that the device at a unit may be."""

    model: DeviceModel
    unit: int
    score: float
    fraction: float  # of the possible score, 0…1
    is_likely: bool
    reasons: tuple[str, ...]


@dataclass(slots=True)
class _Tally:
    """The score of one model at one unit."""

    position: int = 0  # of its first unanswered question
    wrong: int = 0
    right: int = 0
    score: float = 0.0
    maximum: float = 0.0
    evidence: float = 0.0
    reasons: list[str] = field(default_factory=list)

    def add(self, answer: AnswerScore) -> None:
        """Add the score of one more answer."""
        self.wrong += answer.score < 0
        self.right += answer.score > 0
        self.score += answer.score
        self.maximum += answer.maximum
        self.evidence += answer.evidence
        if answer.reason:
            self.reasons.append(answer.reason)

    def is_hopeless(self, limit: int) -> bool:
        """Tell whether no more questions about the model are needed."""
        if limit == LIMIT_IF_RECOGNISED and self.right == 0:
            return True
        return self.wrong >= limit and self.wrong >= self.right

    @property
    def is_convincing(self) -> bool:
        """Tell whether the answers fit so well that hardly another model is meant."""
        fraction = self.score / (self.maximum or 1.0)
        return fraction >= LEAST_SHARE and self.evidence >= 2 * CONVINCING


@dataclass(slots=True, kw_only=True)
class _Unit:
    """The answers of one unit so far."""

    number: int
    answers: dict[Question, Answer] = field(default_factory=dict)
    tallies: dict[ModelId, _Tally] = field(default_factory=lambda: defaultdict(_Tally))
    has_answered: bool = False
    is_recognised: bool = False  # one model fits so well that poor ones are left out
    silent: int = 0  # questions in a row


class Probing:
    """Probes the units one after the other; `candidates` grows meanwhile."""

    name = "probe"

    def __init__(
        self,
        models: Iterable[DeviceModel],
        units: Sequence[int],
        *,
        timeout_s: float,
        must_probe_all: bool = False,
    ) -> None:
        """Probe `units` in this order, until one is recognised or, with `must_probe_all`, all of them.

        Models whose registers must be searched for (SunSpec) are left out.
        """
        self._models = tuple(model for model in models if model.chain is None)
        self._timeout_s = timeout_s
        self._must_probe_all = must_probe_all
        self._units = [_Unit(number=number) for number in dict.fromkeys(units)]
        self._position = 0
        self._free_at = -math.inf
        self._questions = {model.id: questions(model) for model in self._models}
        self._askers: dict[Question, list[tuple[DeviceModel, Point]]] = defaultdict(list)
        for model in self._models:
            for point, question in self._questions[model.id]:
                self._askers[question].append((model, point))
        self.asked = 0
        self.slowest: DeviceModel | None = None  # the possible model that limits the pace, if any
        self.is_done = not self._units or not self._models

    @property
    def progress(self) -> tuple[int, int]:
        """Return how many units are done, and of how many."""
        return self._position, len(self._units)

    def covers(self, models: Sequence[DeviceModel]) -> bool:
        """Tell whether it asks about all of these models, as far as any probe can."""
        asked = {model.id for model in self._models}
        return all(model.id in asked for model in models if model.chain is None)

    @property
    def pace(self) -> str:
        """Return a text about the pause between two questions, "" if there is none."""
        if self.slowest is None:
            return ""
        return f"one in {_gap_s(self.slowest):g} s, as {self.slowest.manufacturer} requires"

    @property
    def unit(self) -> int | None:
        """Return the unit that is probed now."""
        return None if self.is_done else self._units[self._position].number

    @property
    def has_answered(self) -> bool:
        """Tell whether any unit has answered."""
        return any(unit.has_answered for unit in self._units)

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Return the possible models, the best first."""
        candidates = [
            candidate
            for unit in self._units
            if unit.has_answered
            for model in self._models
            if (candidate := self._candidate(unit, model)) is not None
        ]
        return tuple(sorted(candidates, key=_sort_key))

    # --- as a driver on a bus

    @property
    def model(self) -> DeviceModel:
        """Return a model with the timeouts and gaps of the probe."""
        return replace(
            self._models[0],
            response_timeout_s=self._timeout_s,
            connect_delay_s=0.0,
            request_gap_s=GAP_S,
            connection_s=SHORTEST_CONNECTION_S,
        )

    def opened(self) -> None:
        """Continue where the probe was."""

    def due_at(self, _now_s: float) -> float:
        """Return when the next question is due [monotonic s]."""
        return math.inf if self.is_done else self._free_at

    @property
    def unit_ids(self) -> frozenset[int]:
        """Return the unit that is probed now."""
        return frozenset() if self.unit is None else frozenset({self.unit})

    def priority(self, _now_s: float) -> int:
        """Return the priority of a read: a probe never writes."""
        return 2

    def next_request(self, now_s: float) -> Request | None:
        """Return the next question."""
        if now_s < self._free_at:
            return None
        question = self._next_question()
        if question is None:
            return None
        return Read(
            block=Block(
                unit_id=question.unit,
                table=question.table,
                address=question.address,
                count=question.registers,
                points=(),
                poll=PollClass.ONCE,
            )
        )

    def read_done(self, request: Read, registers: Sequence[int], now_s: float) -> list[DeviceEvent]:
        """Note an answer."""
        unit = self._units[self._position]
        unit.has_answered, unit.silent = True, 0
        self._note(request, tuple(registers), now_s)
        return []

    def write_done(self, request: Write, now_s: float) -> list[DeviceEvent]:
        """Refuse: a probe never writes."""
        raise ValueError(f"a probe never writes, not {request.point} at {now_s}")

    def failed(
        self, request: Request, error: PeerError | LinkError, now_s: float
    ) -> list[DeviceEvent]:
        """Note a refusal, a wrong answer or silence."""
        unit = self._units[self._position]
        if isinstance(error, LinkError) or reports_silence(error):
            unit.silent += 1
        else:
            unit.has_answered, unit.silent = True, 0
        if isinstance(request, Read):
            self._note(request, None, now_s)
        return []

    def lost(self, _now_s: float) -> list[DeviceEvent]:
        """Note the loss of the connection."""
        return []

    def was_away(self) -> None:
        """Do nothing: earlier answers still count."""

    # --- inside

    def _note(self, request: Read, answer: Answer, now_s: float) -> None:
        """Note the answer to a question for every model that asks it, and how soon the next may follow."""
        block, unit = request.block, self._units[self._position]
        question = Question(block.unit_id, block.table, block.address, block.count)
        self.asked += 1
        unit.answers[question] = answer
        tallies = []
        for asked in (question, question._replace(unit=PROBED)):
            for model, point in self._askers.get(asked, ()):
                tallies.append(unit.tallies[model.id])
                tallies[-1].add(score_answer(model, point, answer))
        unit.is_recognised = unit.is_recognised or any(tally.is_convincing for tally in tallies)
        possible = [model for model in self._models if unit.tallies[model.id].right]
        slowest = max(possible, key=_gap_s, default=None)
        self.slowest = slowest if slowest is not None and _gap_s(slowest) > GAP_S else None
        self._free_at = now_s + (GAP_S if slowest is None else _gap_s(slowest))

    def _next_question(self) -> Question | None:
        """Return the next question; units without one are done, and so is the probe in the end."""
        while not self.is_done:
            unit = self._units[self._position]
            question = None if _is_given_up(unit) else self._open_question(unit)
            if question is not None:
                return question
            self._position += 1
            recognised = not self._must_probe_all and any(c.is_likely for c in self.candidates)
            if recognised or self._position == len(self._units):
                self.is_done = True
        return None

    def _open_question(self, unit: _Unit) -> Question | None:
        """Return the open question to ask next; None: there is none.

        The model that leads is asked about first, so that one that wants a pause after each question is
        recognised soon; then the question that comes first in the list of any possible model. Questions that
        were answered for another model are passed over.
        """
        best: Question | None = None
        best_place = (0.0, 0)
        limit = LIMIT_IF_RECOGNISED if unit.is_recognised else HOPELESS
        for model in self._models:
            tally = unit.tallies[model.id]
            if tally.is_hopeless(limit):
                continue
            for _, asked in self._questions[model.id][tally.position :]:
                question = _addressed_to(asked, unit)
                if question not in unit.answers:
                    place = (-max(tally.score, 0.0), tally.position)
                    if best is None or place < best_place:
                        best, best_place = question, place
                    break
                tally.position += 1
        return best

    def _candidate(self, unit: _Unit, model: DeviceModel) -> Candidate | None:
        """Return what speaks for a model at a unit; None: it is ruled out, or nothing does."""
        tally = unit.tallies[model.id]
        is_named = _identified_as(model, self._raws(unit, model))
        if is_named is False or not tally.right:
            return None
        score = tally.score + (3.0 if is_named else 0.0)
        evidence = tally.evidence + (3.0 if is_named else 0.0)
        fraction = max(0.0, min(1.0, score / (tally.maximum or 1.0)))
        reasons = ["identifies itself as this model"] if is_named else []
        reasons += tally.reasons
        return Candidate(
            model=model,
            unit=unit.number,
            score=round(score, 2),
            fraction=fraction,
            is_likely=evidence >= CONVINCING
            and fraction >= LEAST_SHARE
            and self._has_varied_answers(unit, model),
            reasons=tuple(reasons),
        )

    def _has_varied_answers(self, unit: _Unit, model: DeviceModel) -> bool:
        """Tell whether answers differ; a device without meaningful registers repeats one value."""
        answers = [
            unit.answers.get(_addressed_to(asked, unit)) for _, asked in self._questions[model.id]
        ]
        shown = {register for answer in answers for register in answer or ()}
        return len(shown) >= LEAST_DIFFERENT

    def _raws(self, unit: _Unit, model: DeviceModel) -> dict[str, Raw | None]:
        """Return the raw values of a model's points in the answers of a unit."""
        raws: dict[str, Raw | None] = {}
        for point, asked in self._questions[model.id]:
            answer = unit.answers.get(_addressed_to(asked, unit))
            if answer is not None:
                raws[point.name] = decoded(point, part(model, point, answer))
        return raws


def _addressed_to(asked: Question, unit: _Unit) -> Question:
    """Return a question with the number of the unit that is probed, unless it names one itself."""
    return asked._replace(unit=unit.number) if asked.unit == PROBED else asked


def _identified_as(model: DeviceModel, raws: dict[str, Raw | None]) -> bool | None:
    """Return what the identity rules of the model say; None: nothing."""
    for rule in model.identity:
        if all(is_met(comparison, raws.get(comparison.point)) for comparison in rule.comparisons):
            return rule.is_this_model
    return None


def _gap_s(model: DeviceModel) -> float:
    """Return the pause [s] that a model needs between two questions."""
    return max(GAP_S, model.request_gap_s, model.read.min_interval_s)


def _is_given_up(unit: _Unit) -> bool:
    """Tell whether a unit is silent: nothing more is asked there."""
    return not unit.has_answered and unit.silent >= SILENT_LIMIT


def _sort_key(candidate: Candidate) -> tuple[bool, float, bool, bool, str]:
    """Return the sort key, best first; among equals the model's own unit, then chargers."""
    model = candidate.model
    return (
        not candidate.is_likely,
        -candidate.score,
        candidate.unit != model.unit_id,
        model.kind is not DeviceKind.CHARGER,
        model.id,
    )
