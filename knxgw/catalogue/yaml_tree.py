"""YAML as a tree of located nodes: each value knows its file, line and key.

Scalars are taken as written (`no` stays `no`); the reader of a key decides its meaning, so a wrong
value is reported at its line. Problems are collected, not raised: a reader goes on, and the user sees
every mistake at once.
"""

import math
from collections.abc import Collection
from pathlib import Path

import yaml

from knxgw.catalogue.booleans import BOOLEANS
from knxgw.catalogue.closest import closest
from knxgw.catalogue.messages import Listed, Message, message
from knxgw.catalogue.yaml_loader import Loader
from knxgw.errors import FileLine, Plain, Problems, Severity


class Node:
    """One value of a YAML file, with the place where it stands."""

    __slots__ = ("_children", "_raw", "file", "key", "problems")

    def __init__(self, raw: yaml.Node, *, file: str, key: str, problems: Problems) -> None:
        self._raw = raw
        self._children: dict[str, Node] | None = None
        self.file = file
        self.key = key
        self.problems = problems

    @property
    def line(self) -> int:
        """Return the line, counted from 1."""
        return int(self._raw.start_mark.line) + 1

    @property
    def place(self) -> FileLine:
        """Return file, line and key of this value."""
        return FileLine(self.file, self.line, self.key)

    @property
    def is_mapping(self) -> bool:
        """Tell whether this is a mapping."""
        return isinstance(self._raw, yaml.MappingNode)

    @property
    def is_list(self) -> bool:
        """Tell whether this is a list."""
        return isinstance(self._raw, yaml.SequenceNode)

    @property
    def is_null(self) -> bool:
        """Tell whether this is an empty value or a plain `null`."""
        return (
            isinstance(self._raw, yaml.ScalarNode)
            and self._raw.style in {None, ""}  # the C loader says "" for a plain scalar
            and self._raw.value in {"", "null", "~"}
        )

    def report(
        self, problem: str, remedy: str = "", *, severity: Severity = Severity.ERROR
    ) -> None:
        """Report a problem with this value, in English: files of the product have no other readers."""
        self.problems.add(self.place, Plain(problem, remedy), severity)

    def say(self, what: Message) -> None:
        """Report a mistake with this value in every language."""
        self.problems.add(self.place, what)

    def mapping(self) -> dict[str, "Node"]:
        """Return the children by key; repeated keys are reported, the first one counts."""
        if self._children is not None:
            return self._children
        self._children = {}
        if not isinstance(self._raw, yaml.MappingNode):
            if not self.is_null:
                self.say(message("expected_mapping"))
            return self._children
        for key_node, value_node in self._raw.value:
            name = str(key_node.value)
            child = self._child(value_node, f"{self.key}.{name}" if self.key else name)
            if name in self._children:
                first = self._children[name].line
                child.say(message("key_repeated", first=first))
            else:
                self._children[name] = child
        return self._children

    def only_keys(self, known: Collection[str]) -> dict[str, "Node"]:
        """Return the children; a key outside `known` is reported and left out."""
        children = self.mapping()
        for name in [name for name in children if name not in known]:
            child = children.pop(name)
            child.say(message("unknown_key", remedy=closest(name, known)))
        return children

    def items(self) -> list["Node"]:
        """Return the elements of a list."""
        if not isinstance(self._raw, yaml.SequenceNode):
            if not self.is_null:
                self.say(message("expected_list"))
            return []
        return [
            self._child(value, f"{self.key}[{index}]")
            for index, value in enumerate(self._raw.value)
        ]

    def get(self, name: str) -> "Node | None":
        """Return the child, or None if it is missing or null."""
        child = self.mapping().get(name)
        return None if child is None or child.is_null else child

    def require(self, name: str) -> "Node | None":
        """Return the child; report it if it is missing."""
        child = self.get(name)
        if child is None:
            self.say(message("key_missing", name=repr(name), plain=name))
        return child

    def text(self) -> str:
        """Return the scalar as written."""
        if not isinstance(self._raw, yaml.ScalarNode):
            self.say(message("expected_scalar"))
            return ""
        return str(self._raw.value)

    def choice(self, words: Collection[str]) -> str | None:
        """Return the text if it is one of `words`."""
        word = self.text()
        if word in words:
            return word
        near, listed = closest(word, words), Listed(tuple(words))
        self.say(message("expected_one_of", remedy=near, words=listed, text=repr(word)))
        return None

    def integer(self, low: int | None = None, high: int | None = None) -> int | None:
        """Return a whole number within the bounds, written in decimal or hexadecimal."""
        text = self.text()
        try:
            value = int(text, 0)
        except ValueError:
            self.report(f"expected a whole number, got {text!r}", _range_text(low, high))
            return None
        return value if self._within_or_reported(value, low, high) else None

    def number(self, low: float | None = None, high: float | None = None) -> float | None:
        """Return a finite number within the bounds; whole ones may be hexadecimal."""
        text = self.text()
        try:
            value = float(int(text, 16) if text.lower().startswith("0x") else float(text))
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            self.report(f"expected a number, got {text!r}", _range_text(low, high))
            return None
        return value if self._within_or_reported(value, low, high) else None

    def boolean(self) -> bool | None:
        """Return a truth value written as true/false, yes/no or on/off."""
        word = self.text().lower()
        if word not in BOOLEANS:
            self.say(message("expected_boolean", text=repr(word)))
        return BOOLEANS.get(word)

    def _within_or_reported(self, value: float, low: float | None, high: float | None) -> bool:
        """Tell whether a number is within the bounds; one that is not is reported."""
        if (low is not None and value < low) or (high is not None and value > high):
            self.report(f"{self.text()} is out of range", _range_text(low, high))
            return False
        return True

    def _child(self, raw: yaml.Node, key: str) -> "Node":
        """Return the node of a value below this one."""
        return Node(raw, file=self.file, key=key, problems=self.problems)


def _range_text(low: float | None, high: float | None) -> str:
    """Return the allowed range in words; empty: everything is allowed."""
    if low is None and high is None:
        return ""
    if high is None:
        return f"allowed: {low:g} or more"
    return f"allowed: {low:g} to {high:g}" if low is not None else f"allowed: up to {high:g}"


def read_tree(path: Path, problems: Problems, *, name: str | None = None) -> Node | None:
    """Read a YAML file; None (with a finding) when it cannot be read or is not YAML."""
    file = name or str(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "it is not UTF-8 text"
        problems.add(FileLine(file, 1, ""), Plain(f"cannot be read: {reason}"))
        return None
    return parse_tree(text, problems, name=file)


def parse_tree(text: str, problems: Problems, *, name: str) -> Node | None:
    """Parse YAML text; None (with a finding) when it is not YAML or is empty."""
    try:
        raw = yaml.compose(text, Loader=Loader)
    except yaml.YAMLError as err:
        mark = getattr(err, "problem_mark", None)
        place = FileLine(name, mark.line + 1 if mark else 1, "")
        reason = str(getattr(err, "problem", None) or err)
        is_tab = mark is not None and _character(text, mark.line, mark.column) == "\t"
        words = message("yaml_tab") if is_tab else message("yaml_invalid", problem=reason)
        problems.add(place, words)
        return None
    if raw is None:
        problems.add(FileLine(name, 1, ""), message("file_empty"))
        return None
    return Node(raw, file=name, key="", problems=problems)


def _character(text: str, line: int, column: int) -> str:
    """Return the character at a place, both counted from 0; "": there is none."""
    return "".join(text.split("\n")[line : line + 1])[column : column + 1]
