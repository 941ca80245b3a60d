"""Puts values into a YAML text and takes them out; every other character stays as it is; pure.

Each function returns a new text. Whether it says what was wanted is for the caller to see
(`edit_yaml`): there are ways to write YAML that these few rules do not know.
"""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

from knxgw.catalogue.messages import message
from knxgw.config import yaml_written as written
from knxgw.config.not_editable import NotEditableError
from knxgw.config.yaml_places import Path, dotted
from knxgw.config.yaml_spots import MERGE, Spot, read_spots
from knxgw.config.yaml_written import Layout

Rank = Callable[[Path], tuple[int, int]]  # where a key stands among its neighbours
_EMPTY_BEFORE = re.compile(r"(?<=\n)(\r?\n)\Z")
_COMMENT = re.compile(r"( +)(?=#)")


def with_value(text: str, path: Path, value: object, rank: Rank) -> str:
    """Return the text with a value at a path; what is missing on the way is created."""
    top = read_spots(text)
    if top is None:
        return _first(text, _nested(path, 0, value))
    here = top
    for depth, _ in enumerate(path):
        if here.is_null:
            return _filled(text, top, path[:depth], _nested(path, depth, value))
        at = place_of(here, path[: depth + 1])
        if at is None:
            inner = _nested(path, depth + 1, value)
            if here.items is not None:
                return _appended(text, top, here, inner)
            return _added(text, top, here, path[: depth + 1], inner, rank)
        here = here.children[at]
    _check_is_own(here, path, whole=True)
    if isinstance(value, dict):
        return _filled(text, top, path, value)
    return _replaced(text, here, value)


def without(text: str, path: Path) -> str:
    """Return the text without a key or entry, and without what is empty then."""
    top = here = read_spots(text)
    way: list[tuple[Spot, int]] = []
    for depth, _ in enumerate(path):
        at = None if here is None or here.is_null else place_of(here, path[: depth + 1])
        if here is None or at is None:
            return text
        way.append((here, at))
        here = here.children[at]
    if not way or here is None or (here.is_null and way[-1][0].items is None):
        return text
    around, at = next((one for one in reversed(way) if len(one[0].children) > 1), way[0])
    if around.children[at].holds_anchor:  # an alias may go
        raise NotEditableError(message("edit_alias", key=dotted(path)))
    if around.is_flow:
        return _cut_from_flow(text, around, at)
    start, end = (_lines_of_item if around.items is not None else _lines_of_key)(text, around, at)
    if around is top:
        start -= _empty_line_between(text, start, end)
    return text[:start] + text[end:]


def place_of(around: Spot, path: Path) -> int | None:
    """Return which child the last step of a path means, None: there is none. Raises: NotEditableError."""
    step, where = path[-1], dotted(path[:-1])
    _check_is_own(around, path[:-1])
    if around.items is not None:
        if not isinstance(step, int) or not 0 <= step <= len(around.items):
            raise NotEditableError(message("edit_no_entry", key=dotted(path)))
        return step if step < len(around.items) else None
    if around.entries is None:
        raise NotEditableError(message("edit_no_section", key=where))
    if around.places_of(MERGE):
        raise NotEditableError(message("edit_alias", key=where))
    places = around.places_of(str(step))
    if len(places) > 1:
        raise NotEditableError(message("edit_repeated", key=dotted(path)))
    return places[0] if places else None


def _check_is_own(spot: Spot, path: Path, *, whole: bool = False) -> None:
    """Raise NotEditableError if a value, or one below it, may stand in other places of the text too."""
    if spot.has_anchor or spot.alias_of is not None or (whole and spot.holds_anchor):
        raise NotEditableError(message("edit_alias", key=dotted(path)))


def _nested(path: Path, depth: int, value: object) -> object:
    """Return a value with the sections around it that the steps from `depth` on name."""
    for at in range(len(path) - 1, depth - 1, -1):
        step = path[at]
        if isinstance(step, int) and step != 0:
            raise NotEditableError(message("edit_no_entry", key=dotted(path[: at + 1])))
        value = [value] if isinstance(step, int) else {step: value}
    return value


# --- values ----------------------------------------------------------------------------------


def _replaced(text: str, spot: Spot, value: object) -> str:
    """Return the text with another value in the place of one; a comment behind it keeps its column."""
    new = written.flow(value)
    if spot.scalar is not None and not written.is_list(value):
        new = written.scalar(value, spot.quotes)
    start, end = spot.start, spot.end
    if start == end and text[start - 1 : start] in {":", "-"}:
        new = f" {new}"
    elif start == end:
        new = f": {new}"
    behind = _COMMENT.match(text, end)
    if behind is not None and "\n" not in text[start:end]:
        spaces = max(len(behind[1]) - len(new) + end - start, 1)
        return text[:start] + new + " " * spaces + text[behind.end() :]
    return text[:start] + new + text[end:]


def _filled(text: str, top: Spot, path: Path, value: object) -> str:
    """Return the text with a section or list in the place of nothing, or of a single value."""
    if not path:
        raise NotEditableError(message("edit_no_section", key=dotted(path)))
    around = top
    for depth, _ in enumerate(path[:-1]):
        around = around.children[place_of(around, path[: depth + 1]) or 0]
    at = place_of(around, path)
    spot = around.children[at or 0]
    _check_is_own(spot, path)
    is_empty = spot.scalar is None and not spot.children  # {} or []
    if around.is_flow or around.entries is None or is_empty:
        return _replaced(text, spot, value)
    if not spot.is_null:
        raise NotEditableError(message("edit_no_section", key=dotted(path)))
    name = around.entries[at or 0][0]
    layout = _layout(text, top)
    lines = list(written.entry("", value, _column(text, name.start), layout))
    if len(lines) == 1:  # a list of texts
        return _replaced(text, spot, value)
    end = _line_end(text, spot.end)
    head = text[: spot.start].rstrip(" ") + text[spot.end : end]
    return head + _joined(layout, lines[1:]) + text[end:]


# --- keys and entries that are new ---------------------------------------------------------------


def _first(text: str, value: object) -> str:
    """Return a text that said nothing with the first sections; its comments stand before them."""
    if not isinstance(value, dict):
        raise NotEditableError(message("expected_site"))
    layout = _layout(text, None)
    lines = [line for name, one in value.items() for line in written.entry(name, one, 0, layout)]
    head = text if not text or text.endswith("\n") else text + layout.newline
    return head + layout.newline.join(lines) + layout.newline


def _added(  # noqa: PLR0913, PLR0917 - a text, where, what
    text: str, top: Spot, around: Spot, path: Path, value: object, rank: Rank
) -> str:
    """Return the text with one more key in a mapping, behind the last one that ranks before it."""
    entries = around.entries or []
    name, own_rank = str(path[-1]), rank(path)
    ranks = [rank((*path[:-1], key.scalar or "")) for key, _ in entries]
    before = [at for at, one in enumerate(ranks) if one <= own_rank]
    if around.is_flow:
        new = f"{written.key(name)}: {written.flow(value)}"
        if not entries:
            return text[: around.start + 1] + new + text[around.start + 1 :]
        if before:
            end = entries[before[-1]][1].end
            return f"{text[:end]}, {new}{text[end:]}"
        start = entries[0][0].start
        return f"{text[:start]}{new}, {text[start:]}"
    layout = _layout(text, top)
    first = entries[0][0].start
    lines = list(written.entry(name, value, _column(text, first), layout))
    is_apart = around is top and len(lines) > 1 and _has_gaps(text, around)
    start = _line_start(text, first)
    if not before and text[start:first].strip(" "):  # behind a dash
        new = layout.newline.join(lines).lstrip(" ") + layout.newline
        return text[:first] + new + " " * _column(text, first) + text[first:]
    if not before:
        start = _above_comments(text, start)
        new = "".join(line + layout.newline for line in (*lines, *[""] * is_apart))
        return text[:start] + new + text[start:]
    end = _line_end(text, entries[before[-1]][1].end)
    return text[:end] + layout.newline * is_apart + _joined(layout, lines) + text[end:]


def _appended(text: str, top: Spot, around: Spot, value: object) -> str:
    """Return the text with one more entry at the end of a list."""
    items = around.items or []
    if around.is_flow:
        at = items[-1].end if items else around.start + 1
        return text[:at] + (", " if items else "") + written.flow(value) + text[at:]
    layout, column = _layout(text, top), _column(text, around.start)
    lines = [f"{' ' * column}- {written.flow(value)}"]
    if not all(one.is_flow for one in items):
        lines = list(written.item(value, column, layout))
    end = _line_end(text, items[-1].end)
    return text[:end] + _joined(layout, lines) + text[end:]


# --- keys and entries that go --------------------------------------------------------------------


def _cut_from_flow(text: str, around: Spot, at: int) -> str:
    """Return the text without an entry between brackets; comments between the others stay."""
    pairs = around.entries or [(one, one) for one in around.items or ()]
    start, end = pairs[at][0].start, pairs[at][1].end
    if len(pairs) == 1:
        return text[:start] + text[end:]
    if at + 1 < len(pairs):
        behind = text[end : pairs[at + 1][0].start]
        end += len(behind) if "#" not in behind else behind.index(",") + 1
    elif "#" not in text[pairs[at - 1][1].end : start]:
        start = pairs[at - 1][1].end
    return text[:start] + text[end:]


def _lines_of_key(text: str, around: Spot, at: int) -> tuple[int, int]:
    """Return from where to where the lines of a key and its value reach."""
    entries = around.entries or []
    key, value = entries[at]
    start, end = _line_start(text, key.start), _line_end(text, value.end)
    if not text[start : key.start].strip(" "):
        return _whole_lines(text, start, end)
    if at + 1 == len(entries):  # alone behind `---`
        return key.start, end
    following = entries[at + 1][0].start  # takes its place behind the dash
    is_commented = "#" in text[end:following]
    return key.start, end if is_commented else following


def _lines_of_item(text: str, around: Spot, at: int) -> tuple[int, int]:
    """Return from where to where the lines of an entry of a list reach."""
    items = around.items or []
    column = _column(text, around.start)
    start = _line_start(text, items[at].start)
    first = _line_start(text, around.start if at == 0 else items[at - 1].end)
    while text[start + column : start + column + 1] != "-" and start > first:
        start = _line_start(text, start - 1)
    end = _line_end(text, items[at].end)
    if not text[start : start + column].strip(" "):
        return _whole_lines(text, start, end)
    if at + 1 < len(items):  # behind another dash
        return start + column, items[at + 1].start - len("- ")
    return start + column, end


def _whole_lines(text: str, start: int, end: int) -> tuple[int, int]:
    """Return a range of lines with the line end behind it, or before it at the end of the text."""
    behind = end + (2 if text.startswith("\r\n", end) else 1)
    if behind <= len(text):
        return start, behind
    return start - (2 if text[:start].endswith("\r\n") else min(start, 1)), end


def _empty_line_between(text: str, start: int, end: int) -> int:
    """Return the length of the empty line before a range that another, or the end, follows; else 0."""
    before = _EMPTY_BEFORE.search(text, 0, start)
    is_followed = end == len(text) or text.startswith(("\n", "\r\n"), end)
    return len(before[1]) if before is not None and is_followed else 0


# --- lines ---------------------------------------------------------------------------------------


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _line_end(text: str, at: int) -> int:
    """Return where a line ends, in front of its line end."""
    end = text.find("\n", at)
    if end < 0:
        return len(text)
    return end - 1 if end > at and text[end - 1] == "\r" else end


def _column(text: str, at: int) -> int:
    return at - _line_start(text, at)


def _joined(layout: Layout, lines: Sequence[str]) -> str:
    """Return lines, each with a line end before it."""
    return "".join(layout.newline + line for line in lines)


def _above_comments(text: str, start: int) -> int:
    """Return where the comment right above a line begins; a comment at the top is about the file."""
    at = start
    while at > 0 and text[_line_start(text, at - 1) : at].lstrip(" ").startswith("#"):
        at = _line_start(text, at - 1)
    return at if at > 0 else start


def _has_gaps(text: str, top: Spot) -> bool:
    """Tell whether empty lines stand between sections; between the first two they will."""
    entries = top.entries or []
    between = [text[before.end : key.start] for (_, before), (key, _) in pairwise(entries)]
    return not between or any(re.search(r"\n[ \t]*\r?\n", gap) for gap in between)


def _layout(text: str, top: Spot | None) -> Layout:
    """Return how a text is laid out, as far as it shows."""
    indent, dash_indent = 2, 2
    found_indent = found_dash = False
    waiting = [top] if top is not None else []
    while waiting and not (found_indent and found_dash):
        around = waiting.pop(0)
        waiting += [one for one in around.children if not one.is_flow and one.scalar is None]
        for key, value in around.entries or ():
            if value.is_flow or value.has_anchor or not value.children:
                continue
            deeper = _column(text, value.start) - _column(text, key.start)
            if value.items is not None and not found_dash:
                dash_indent, found_dash = deeper, True
            elif value.entries is not None and not found_indent:
                indent, found_indent = deeper, True
    return Layout(
        newline="\r\n" if "\r\n" in text else "\n", indent=indent, dash_indent=dash_indent
    )
