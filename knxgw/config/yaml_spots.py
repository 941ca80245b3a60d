"""Where each value of a YAML text stands, character by character; the text is never changed here.

The parser is the one that reads configurations, so that a place means the same to both. It is asked for
its events and not for its nodes, because only these tell where an alias stands.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import yaml

from knxgw.catalogue.messages import message
from knxgw.catalogue.yaml_loader import Loader
from knxgw.config.load import DEEPEST_NESTING, LARGEST_FILE
from knxgw.config.not_editable import NotEditableError
from knxgw.config.yaml_values import LEFT_OUT

MOST_VALUES = 50_000  # of a text, with its aliases written out too; a site needs a few hundred
MERGE = "<<"


@dataclass(slots=True, kw_only=True)
class Spot:
    """A value and where it stands: characters `start` to `end`, without comments around it."""

    start: int
    end: int
    scalar: str | None = None  # as written, without quotes; None: a mapping or a list
    quotes: str = ""
    entries: "list[tuple[Spot, Spot]] | None" = None  # key and value
    items: "list[Spot] | None" = None
    is_flow: bool = False  # in {} or []
    has_anchor: bool = False
    alias_of: "Spot | None" = None

    @property
    def is_null(self) -> bool:
        """Tell whether nothing stands here: it counts as left out."""
        return self.alias_of is None and self.scalar in LEFT_OUT

    @property
    def children(self) -> "list[Spot]":
        """Return the values below this one."""
        if self.entries is not None:
            return [value for _, value in self.entries]
        return self.items or []

    @property
    def holds_anchor(self) -> bool:
        """Tell whether this or a value below may be used in other places of the text."""
        return self.has_anchor or any(one.holds_anchor for one in self.children)

    def places_of(self, name: str) -> list[int]:
        """Return which entries of a mapping have this key: one, or more by mistake."""
        return [at for at, (key, _) in enumerate(self.entries or ()) if key.scalar == name]


# An edit reads the same text twice. The next one begins with it again, or with the text that it has become.
@lru_cache(maxsize=2)
def read_spots(text: str) -> Spot | None:
    """Return the top of a text, None: it says nothing; for reading only. Raises: NotEditableError."""
    try:
        if len(text.encode()) > LARGEST_FILE:
            raise NotEditableError(message("file_too_large"))
        return _Builder(text).build()
    except UnicodeError:  # lone surrogates
        raise NotEditableError(message("yaml_cannot_be_parsed")) from None
    except yaml.YAMLError as err:
        reason = str(getattr(err, "problem", None) or "two documents, or none")
        raise NotEditableError(message("yaml_invalid", problem=reason)) from None


@dataclass(slots=True)
class _Builder:
    text: str
    above: list[Spot] = field(default_factory=list)
    keys: list[Spot | None] = field(default_factory=list)  # one that waits for its value
    anchors: dict[str, Spot] = field(default_factory=dict)
    top: Spot | None = None
    documents: int = 0
    values: int = 0

    def build(self) -> Spot | None:
        for event in yaml.parse(self.text, Loader=Loader):
            match event:
                case yaml.DocumentStartEvent():
                    self.documents += 1
                    if self.documents > 1:
                        raise NotEditableError(message("edit_several_documents"))
                case yaml.CollectionEndEvent():
                    self._close(event)
                case yaml.NodeEvent():
                    self._add(event)
                case _:
                    pass  # begin and end of the text
        if self.top is not None and self.top.scalar == "" and self.top.start == self.top.end:
            return None
        return self.top

    def _add(self, event: yaml.NodeEvent) -> None:
        spot = self._spot(event)
        self.values += 1
        if self.values > MOST_VALUES:
            raise NotEditableError(message("file_too_large"))
        if not self.above:
            self.top = spot
        elif (items := self.above[-1].items) is not None:
            items.append(spot)
        elif (key := self.keys[-1]) is None:
            self.keys[-1] = spot
        elif (entries := self.above[-1].entries) is not None:
            entries.append((key, spot))
            self.keys[-1] = None
        if isinstance(event, yaml.CollectionStartEvent):
            self.above.append(spot)
            self.keys.append(None)
            if len(self.above) > DEEPEST_NESTING:
                raise NotEditableError(message("yaml_cannot_be_parsed"))

    def _close(self, event: yaml.CollectionEndEvent) -> None:
        """Note where a mapping or list ends; one without brackets ends with its last value."""
        spot = self.above.pop()
        self.keys.pop()
        below = spot.children
        spot.end = _range(event)[1] if spot.is_flow or not below else below[-1].end

    def _spot(self, event: yaml.NodeEvent) -> Spot:
        start, end = _range(event)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise NotEditableError(message("yaml_invalid", problem="found undefined alias"))
            return Spot(start=start, end=end, alias_of=self.anchors[event.anchor])
        if isinstance(event, yaml.ScalarEvent):
            quotes = event.style or ""
            if quotes in {"|", ">"}:  # such a text ends with the last line that is not empty
                end = start + len(self.text[start:end].rstrip())
            spot = Spot(start=start, end=end, scalar=event.value, quotes=quotes)
        else:
            is_flow = isinstance(event, yaml.CollectionStartEvent) and bool(event.flow_style)
            spot = Spot(start=start, end=end, is_flow=is_flow)
            if isinstance(event, yaml.MappingStartEvent):
                spot.entries = []
            else:
                spot.items = []
        if event.anchor is not None:
            spot.has_anchor = True
            self.anchors[event.anchor] = spot
        return spot


def _range(event: yaml.Event) -> tuple[int, int]:
    """Return from which character to which an event reaches."""
    start, end = event.start_mark, event.end_mark
    return (start.index, end.index) if start is not None and end is not None else (0, 0)


def data_of(top: Spot | None) -> Any:  # noqa: ANN401 - as nested as the text
    """Return what a text says: texts as written, dictionaries, lists; None where nothing stands.

    Of a repeated key the first counts. Raises: NotEditableError: aliases multiply without end.
    """
    return None if top is None else _data(top, iter(range(MOST_VALUES)), 0)


def _data(spot: Spot, budget: Iterator[int], depth: int) -> Any:  # noqa: ANN401
    if spot.alias_of is not None:
        spot = spot.alias_of
    if next(budget, None) is None or depth > DEEPEST_NESTING:
        raise NotEditableError(message("yaml_cannot_be_parsed"))
    if spot.entries is not None:
        found: dict[str, Any] = {}
        for key, value in spot.entries:
            name = (key.alias_of or key).scalar
            if name is None:
                raise NotEditableError(message("yaml_cannot_be_parsed"))
            if name not in found:
                found[name] = _data(value, budget, depth + 1)
        return found
    if spot.items is not None:
        return [_data(item, budget, depth + 1) for item in spot.items]
    return None if spot.is_null else spot.scalar
