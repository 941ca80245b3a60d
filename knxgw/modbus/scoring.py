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
# unit -> (lowest, highest, score of a value other than 0 in that range, evidence in it)
_PLAUSIBLE = {
    "V": (180.0, 260.0, 3.0, 3.0),
    "Hz": (45.0, 65.0, 3.0, 3.0),
    "A": (-100.0, 100.0, 1.0, 0.5),
    "W": (-100_000.0, 100_000.0, 1.0, 0.25),
    "Wh": (0.0, 1e9, 1.0, 0.25),
    "°C": (-30.0, 90.0, 1.0, 0.5),
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
# The first questions; the rest follows in the order of the file.
_ORDER = (
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
    maximum = 2.0
    if answer is None:
        if point.is_optional:
            return AnswerScore(score=0.0, maximum=0.0)
        return AnswerScore(score=-1.5, maximum=maximum, reason=f"no {point.name}")
    raw = decoded(point, part(model, point, answer))
    if raw is None or is_all_ones(point, raw):
        return AnswerScore(score=0.0, maximum=maximum / 2)
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
    if not text.strip("0 "):
        return AnswerScore(score=0.0, maximum=2.0)
    if point.type is RegisterType.BYTES:
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
    if point.unit not in _PLAUSIBLE or point.scale_from is not None:
        return AnswerScore(score=0.25 if value else 0.1, maximum=0.25)
    low, high, weight, evidence = _PLAUSIBLE[point.unit]
    shown = f"{point.name} {value:.6g} {point.unit}"
    if not value or abs(value) < 1e-9 * abs(point.scale):
        return AnswerScore(score=0.0, maximum=0.1 * weight)  # unused registers show it as well
    if low <= value <= high and abs(value) > 1e-6:
        if point.type in _FLOATS:  # few bit patterns are a float of this size
            evidence = max(evidence, CONVINCING)
        return AnswerScore(score=weight, maximum=weight, evidence=evidence, reason=shown)
    return AnswerScore(score=-2.0, maximum=weight, reason=f"{shown} cannot be")


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
    names = [*sorted(identifying), *_ORDER, *sorted(rule_points(model)), *points]
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
