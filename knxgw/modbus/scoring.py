"""The questions of a probe, and the score of one answer for or against a model; pure."""

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.points import Point, RegisterType, Table
from knxgw.errors import DecodeError
from knxgw.modbus.codec import Raw, decode, scaled
from knxgw.modbus.model_evidence import is_all_ones
from knxgw.modbus.rules import rule_points

PROBED = -1
MOST_QUESTIONS = 14  # to one model
CONVINCING = 2.0  # evidence that only this kind of device would give


class _Plausible(NamedTuple):
    """The values of a unit that can be, and what one of them says."""

    lowest: float
    highest: float
    score: float  # of a value other than 0
    evidence: float


_PLAUSIBLE = {
    "V": _Plausible(180.0, 260.0, score=3.0, evidence=3.0),
    "Hz": _Plausible(45.0, 65.0, score=3.0, evidence=3.0),
    "A": _Plausible(-100.0, 100.0, score=1.0, evidence=0.5),
    "W": _Plausible(-100_000.0, 100_000.0, score=1.0, evidence=0.25),
    "Wh": _Plausible(0.0, 1e9, score=1.0, evidence=0.25),
    "°C": _Plausible(-30.0, 90.0, score=1.0, evidence=0.5),
}
_TEXTS = (
    RegisterType.STR,
    RegisterType.STRW,
    RegisterType.CHAR_HI,
    RegisterType.CHAR_LO,
    RegisterType.BYTES,
)
_FLOATS = (RegisterType.F32, RegisterType.F64)
_PRINTABLE = frozenset(string.printable) - frozenset("\t\n\r\x0b\x0c")
# The points that are asked for first: those that tell most. The rest follows in the order of the file.
_BY_EVIDENCE = (
    "state",
    "voltage_l1",
    "frequency",
    "current_l1",
    "model",
    "serial",
    "plug",
    "power",
    "energy_total",
    "temperature",
    "firmware",
)


class Question(NamedTuple):
    """One value to read."""

    unit: int  # PROBED: the unit that is probed
    table: Table
    address: int
    registers: int


Answer = tuple[int, ...] | None  # None: refused, or no valid answer


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerScore:
    """The score of one answer for one model."""

    score: float  # of `maximum`; negative: against the model
    maximum: float
    evidence: float = 0.0  # the part that another device would hardly match by chance
    reason: str = ""


def score_answer(model: DeviceModel, point: Point, answer: Answer) -> AnswerScore:
    """Return the score of an answer for a model."""
    if answer is None:
        if point.is_optional:  # not every device of the model has it
            return AnswerScore(score=0.0, maximum=0.0)
        return AnswerScore(score=-1.5, maximum=2.0, reason=f"no {point.name}")
    raw = decoded(point, part(model, point, answer))
    if raw is None or is_all_ones(point, raw):  # a placeholder: it says nothing
        return AnswerScore(score=0.0, maximum=1.0)
    if point.codes:
        return _score_code(model, point, raw)
    if point.type in _TEXTS:
        return _score_text(point, raw)
    return _score_number(point, raw)


def _score_code(model: DeviceModel, point: Point, raw: Raw) -> AnswerScore:
    """Return the score of a value that has a code table."""
    if raw in point.codes:
        meaning = point.codes[raw].meaning if isinstance(raw, int | str) else ""
        score = 0.5 if raw == 0 else 2.0
        evidence = 0.25 if raw == 0 else 1.0 + isinstance(raw, str)
        reason = f"{point.name}: {meaning}"
        return AnswerScore(score=score, maximum=max(1.0, score), evidence=evidence, reason=reason)
    against = -2.0 if point.name == "state" or point.name in rule_points(model) else -0.5
    return AnswerScore(score=against, maximum=2.0, reason=f"{point.name} {raw!r} is unknown")


def _score_text(point: Point, raw: Raw) -> AnswerScore:
    """Return the score of a text: printable characters speak for the model."""
    text = str(raw)
    if not text.strip("0 "):  # empty: unused registers look the same
        return AnswerScore(score=0.0, maximum=2.0)
    if point.type is RegisterType.BYTES:  # any registers can be read as bytes
        return AnswerScore(score=0.5, maximum=1.0, reason=f"{point.name} {text}")
    if len(text) >= 2 and set(text) <= _PRINTABLE:
        return AnswerScore(score=2.0, maximum=2.0, evidence=2.0, reason=f"{point.name} {text!r}")
    return AnswerScore(score=-2.0, maximum=2.0, reason=f"{point.name} is no text")


def _score_number(point: Point, raw: Raw) -> AnswerScore:
    """Return the score of a number: one that is plausible in its unit speaks for the model."""
    try:
        value = scaled(point, raw)
    except DecodeError:
        return AnswerScore(score=-1.0, maximum=1.0)
    plausible = _PLAUSIBLE.get(point.unit or "")
    if plausible is None or point.scale_from is not None:  # its size tells nothing
        return AnswerScore(score=0.25 if value else 0.1, maximum=0.25)
    score, evidence = plausible.score, plausible.evidence
    shown = f"{point.name} {value:.6g} {point.unit}"
    if not value or abs(value) < 1e-9 * abs(point.scale):  # 0: unused registers look the same
        return AnswerScore(score=0.0, maximum=0.1 * score)
    if plausible.lowest <= value <= plausible.highest and abs(value) > 1e-6:
        if point.type in _FLOATS:  # few bit patterns are a float of this size
            evidence = max(evidence, CONVINCING)
        return AnswerScore(score=score, maximum=score, evidence=evidence, reason=shown)
    return AnswerScore(score=-2.0, maximum=score, reason=f"{shown} cannot be")


def decoded(point: Point, answer: Sequence[int]) -> Raw | None:
    """Return a raw value; None where the registers hold no valid one."""
    try:
        return decode(point, answer)
    except DecodeError:
        return None


def questions(model: DeviceModel) -> list[tuple[Point, Question]]:
    """Return the questions about a model, those with the most evidence first."""
    points = {name: point for name, point in model.points.items() if point.is_readable}
    identifying = {comparison.point for rule in model.identity for comparison in rule.comparisons}
    names = [*sorted(identifying), *_BY_EVIDENCE, *sorted(rule_points(model)), *points]
    chosen = [points[name] for name in dict.fromkeys(names) if name in points][:MOST_QUESTIONS]
    return [(point, _question(model, point)) for point in chosen]


def _question(model: DeviceModel, point: Point) -> Question:
    """Return the question for a point: its registers, or the fixed block around them."""
    unit = PROBED if point.unit_id is None else point.unit_id
    fixed = model.read.block_of(point.table, point.address, point.count)
    if fixed is not None:
        return Question(unit, fixed.table, fixed.address, fixed.count)
    return Question(unit, point.table, point.address, point.count)


def part(model: DeviceModel, point: Point, answer: Sequence[int]) -> Sequence[int]:
    """Return the registers of a point in an answer that may hold more."""
    start = point.address - _question(model, point).address
    return answer[start : start + point.count]
