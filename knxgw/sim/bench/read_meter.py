"""Reads the smart meter of a scenario file."""

from knxgw.catalogue.yaml_tree import Node
from knxgw.sim.bench.fields import (
    NEVER,
    current_ma,
    optional_seconds,
    phase_of,
    seconds,
    whole,
)
from knxgw.sim.bench.scenario import LostTelegrams, MeterModel, PhaseSpan, Span
from knxgw.sim.bench.telegrams import TYPES

KEYS: tuple[str, ...] = ("sample_s", "first_s", "delay_s", "told_delay_s", "jitter_s")
KEYS += ("jitter_seed", "dpt", "monitoring_s", "min_change_a", "answers_s", "unanswered")
KEYS += ("in_operation_s", "in_operation_until_s", "in_operation_pauses", "lost", "slow")
KEYS += ("reversed", "reversed_from_s", "reversed_until_s", "frozen")
HIGHEST_SEED = 2**31 - 1


def read_meter(node: Node | None) -> MeterModel:
    """Return the smart meter; what the file does not say is that of bench B0."""
    default = MeterModel()
    if node is None:
        return default
    children = node.only_keys(KEYS)
    dpt, change = node.get("dpt"), node.get("min_change_a")
    _want_together(children, "in_operation_pauses", "in_operation_s")
    _want_together(children, "unanswered", "answers_s")
    _want_together(children, "jitter_seed", "jitter_s")
    _want_together(children, "reversed_from_s", "reversed")
    _want_together(children, "reversed_until_s", "reversed")
    return MeterModel(
        sample_s=seconds(node, "sample_s", default.sample_s, 0.1),
        first_s=seconds(node, "first_s", default.first_s, None),
        delay_s=_delays(node.get("delay_s"), default.delay_s),
        told_delay_s=_told_delay_s(node),
        jitter_s=seconds(node, "jitter_s", default.jitter_s),
        jitter_seed=whole(node, "jitter_seed", default.jitter_seed, 0, HIGHEST_SEED),
        dpt=(dpt.choice(tuple(TYPES)) if dpt else None) or default.dpt,
        monitoring_s=seconds(node, "monitoring_s", default.monitoring_s, 1.0),
        min_change_ma=current_ma(change) if change else None,
        answers_s=_answers(node.get("answers_s")),
        unanswered=tuple(_phase_span(item) for item in _items(node, "unanswered")),
        in_operation_s=optional_seconds(node, "in_operation_s", None),
        in_operation_until_s=optional_seconds(node, "in_operation_until_s", None),
        in_operation_pauses=tuple(_span(item) for item in _items(node, "in_operation_pauses")),
        lost=tuple(_lost(item) for item in _items(node, "lost")),
        slow=tuple(_slow(item) for item in _items(node, "slow")),
        reversed_phases=frozenset(_phase(item) for item in _items(node, "reversed")),
        reversed_from_s=seconds(node, "reversed_from_s", default.reversed_from_s, None),
        reversed_until_s=seconds(node, "reversed_until_s", default.reversed_until_s, None),
        frozen=tuple(_frozen(item) for item in _items(node, "frozen")),
    )


def _want_together(children: dict[str, Node], name: str, other: str) -> None:
    """Report a key that means nothing without another one."""
    if name in children and other not in children:
        children[name].report(f"this has no effect without {other}", f"add `{other}: …`")


def _items(node: Node, name: str) -> list[Node]:
    child = node.get(name)
    return child.items() if child else []


def _told_delay_s(node: Node) -> float | None:
    child = node.get("told_delay_s")
    return None if child is None else child.number(0.0, 30.0)


def _delays(node: Node | None, default: tuple[float, float, float]) -> tuple[float, float, float]:
    if node is None:
        return default
    if not node.is_list:
        delay_s = node.number(0.0) or 0.0
        return delay_s, delay_s, delay_s
    delays = [item.number(0.0) or 0.0 for item in node.items()]
    if len(delays) != 3:
        node.report(f"expected 3 values, got {len(delays)}", "write L1, L2 and L3")
        return default
    return delays[0], delays[1], delays[2]


def _answers(node: Node | None) -> tuple[float | None, float | None, float | None]:
    """Return how long an answer takes on each phase; `never`: there is none."""
    if node is None or node.is_null:
        return None, None, None
    if not node.is_list:
        answer_s = _answer_s(node)
        return answer_s, answer_s, answer_s
    answers = [_answer_s(item) for item in node.items()]
    if len(answers) != 3:
        node.report(f"expected 3 values, got {len(answers)}", "write L1, L2 and L3")
        return None, None, None
    return answers[0], answers[1], answers[2]


def _answer_s(node: Node) -> float | None:
    return None if node.text() in NEVER else node.number(0.0)


def _lost(node: Node) -> LostTelegrams:
    """Return when telegrams are lost, or late; without an end for good."""
    node.only_keys(("from", "to", "phase", "late_s"))
    from_s, to_s = seconds(node, "from", 0.0, None), seconds(node, "to", float("inf"), None)
    _want_in_order(node, from_s, to_s)
    return LostTelegrams(
        begins_at=from_s,
        ends_at=to_s,
        phase=phase_of(node),
        late_s=optional_seconds(node, "late_s", None),
    )


def _slow(node: Node) -> LostTelegrams:
    node.only_keys(("from", "to", "phase", "late_s"))
    from_s, to_s = _times(node)
    late = node.require("late_s")
    late_s = late.number(0.0) if late else None
    return LostTelegrams(begins_at=from_s, ends_at=to_s, phase=phase_of(node), late_s=late_s or 0.0)


def _phase_span(node: Node) -> PhaseSpan:
    node.only_keys(("from", "to", "phase"))
    from_s, to_s = _times(node)
    return PhaseSpan(begins_at=from_s, ends_at=to_s, phase=phase_of(node))


def _phase(node: Node) -> int:
    return (node.integer(1, 3) or 1) - 1


def _frozen(node: Node) -> PhaseSpan:
    """Return when values stand still; without an end for good."""
    if node.get("to") is not None:
        return _phase_span(node)
    node.only_keys(("from", "to", "phase"))
    first = node.require("from")
    from_s = (first.number() if first else None) or 0.0
    return PhaseSpan(begins_at=from_s, ends_at=float("inf"), phase=phase_of(node))


def _span(node: Node) -> Span:
    node.only_keys(("from", "to"))
    from_s, to_s = _times(node)
    return Span(begins_at=from_s, ends_at=to_s)


def _times(node: Node) -> tuple[float, float]:
    """Return the two moments of an entry."""
    first, last = node.require("from"), node.require("to")
    from_s, to_s = first.number() if first else None, last.number() if last else None
    _want_in_order(node, from_s, to_s)
    return from_s or 0.0, to_s or 0.0


def _want_in_order(node: Node, from_s: float | None, to_s: float | None) -> None:
    """Report an entry that ends before it begins: it would mean nothing."""
    last = node.get("to")
    if last is not None and from_s is not None and to_s is not None and to_s < from_s:
        last.report("it ends before it begins", "let `to` be no earlier than `from`")
