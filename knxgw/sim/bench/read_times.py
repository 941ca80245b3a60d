"""Reads when something is expected, and says which way of saying so goes with what."""

import math
from dataclasses import dataclass

from knxgw.catalogue.yaml_tree import Node
from knxgw.sim.bench.expectation import When
from knxgw.sim.bench.fields import Place, seconds

FORMS = ("at", "by", "between", "becomes", "from")  # one of them, or none
TIMES = (*FORMS, "to")
MOMENT = TIMES  # of what is so at a moment
SPAN = ("at", "by", "between", "from", "to")  # of what is looked at over a time
PROBE = ("at", "by")  # of what is looked at once
TOTAL = ("at", "by", "to")  # of what counts since the start
WINDOW = ("from", "to")


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """How the time of an expectation is meant, and the moments."""

    when: When
    begins_at: float
    ends_at: float
    stays_until: float = math.inf  # what becomes so stays so until then

    @property
    def words(self) -> str:
        """Return them in words."""
        match self.when:
            case When.AT:
                return f"at {self.begins_at:g} s"
            case When.BY:
                return f"by {self.ends_at:g} s"
            case When.BETWEEN:
                return f"between {self.begins_at:g} and {self.ends_at:g} s"
            case When.BECOMES if math.isinf(self.begins_at):
                return f"becomes by {self.ends_at:g} s, until {self.stays_until:g} s"
            case When.BECOMES:
                span = f"{self.begins_at:g} and {self.ends_at:g} s"
                return f"becomes between {span}, until {self.stays_until:g} s"
            case _:
                return f"from {self.begins_at:g} to {self.ends_at:g} s"


def read_times(node: Node, place: Place, word: str, allowed: tuple[str, ...]) -> Times | None:
    """Return when `word` is expected; without a time it is the whole scenario.

    What would be left out of account is a mistake: a way of saying so outside `allowed` is.
    """
    given = [form for form in FORMS if node.get(form) is not None]
    if len(given) > 1:
        node.report(f"expected one time, got {' and '.join(given)}", "keep one of them")
        return None
    is_good = True
    for name in TIMES:
        child = node.get(name)
        if child is not None and name not in allowed:
            child.report(f"`{word}` does not go with `{name}`", f"write {_listed(allowed)}")
            is_good = False
    form = given[0] if given else None
    to = node.get("to")
    if to is not None and form in ("at", "by", "between"):
        to.report(f"`to` does not go with `{form}`", "it belongs to `from` and `becomes`")
        return None
    if not given and not set(allowed) & set(WINDOW):
        node.report(f"`{word}` is checked at one moment", f"write {_listed(allowed)}")
        return None
    return _times(node, place, form) if is_good else None


def _times(node: Node, place: Place, form: str | None) -> Times | None:
    end_s = place.duration_s
    if form in ("at", "by"):
        moment_s = node.mapping()[form].number(None, end_s) or 0.0
        return Times(
            when=When.AT if form == "at" else When.BY, begins_at=moment_s, ends_at=moment_s
        )
    until_s = seconds(node, "to", end_s, None)
    if form == "becomes":
        span = _becomes(node.mapping()["becomes"], end_s)
        if span is None or _is_reversed(node, span[1], until_s):
            return None
        return Times(when=When.BECOMES, begins_at=span[0], ends_at=span[1], stays_until=until_s)
    if form == "between":
        span = _span(node.mapping()["between"], end_s)
        return Times(when=When.BETWEEN, begins_at=span[0], ends_at=span[1]) if span else None
    from_s = seconds(node, "from", 0.0, None)
    if _is_reversed(node, from_s, until_s):
        return None
    return Times(when=When.DURING, begins_at=from_s, ends_at=until_s)


def _becomes(node: Node, end_s: float) -> tuple[float, float] | None:
    """Return between which moments; of one moment the first is minus infinity."""
    if node.is_list:
        return _span(node, end_s)
    moment_s = node.number(None, end_s)
    return None if moment_s is None else (-math.inf, moment_s)


def _span(node: Node, end_s: float) -> tuple[float, float] | None:
    times = [item.number(None, end_s) or 0.0 for item in node.items()]
    if len(times) != 2:
        node.report(f"expected 2 times, got {len(times)}", "write `[earliest, latest]`")
        return None
    if times[1] < times[0]:
        node.report("the second moment is before the first", "write `[earliest, latest]`")
        return None
    return times[0], times[1]


def _is_reversed(node: Node, from_s: float, to_s: float) -> bool:
    """Tell, and report, that a time ends before it begins."""
    if to_s >= from_s:
        return False
    place = node.get("to") or node
    place.report("it would end before it begins", f"give {from_s:g} or more")
    return True


def _listed(words: tuple[str, ...]) -> str:
    quoted = [f"`{word}`" for word in words]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]]) if len(quoted) > 1 else quoted[0]
