"""How a value is written in YAML, so that every reader takes it as the value that was given; pure.

Our own reader takes texts as written. Others (an editor's, YAML 1.1 or 1.2) would take `off` as false and
`14.019` as a number, so such texts get quotes.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from math import isfinite
from typing import TypeGuard

import yaml

from knxgw.catalogue.booleans import BOOLEANS
from knxgw.catalogue.messages import message
from knxgw.config.not_editable import NotEditableError
from knxgw.config.numbers import finite, hexadecimal, whole
from knxgw.config.yaml_values import LEFT_OUT

_TEXT = "tag:yaml.org,2002:str"
_QUOTES = frozenset("'\"")
_DIGITS = 15  # significant digits that a double holds whatever they are
_WIDEST = 1 << 30  # never wrapped
_NUMBER_SIGNS = frozenset("+-.0123456789")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How a text is laid out."""

    newline: str
    indent: int  # spaces, of keys below their section
    dash_indent: int  # of the entries of a list below its key


def text_of(value: object) -> str:
    """Return what the reader finds for a single value. Raises: NotEditableError: it finds nothing."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _decimal(value)
        case str():
            return _text(value)
        case _:
            raise TypeError(f"{type(value).__name__} is no value of a configuration")


def is_same(text: str, value: object) -> bool:
    """Tell whether a text that stands in a file already means a value."""
    match value:
        case bool():
            return BOOLEANS.get(text.lower()) is value
        case int():
            return value in (whole(text), hexadecimal(text))
        case float():
            return value in (hexadecimal(text), finite(text))
        case _:
            return text == value


def scalar(value: object, quotes: str = "") -> str:
    """Return a single value as YAML; a text keeps the `quotes` of the one before it."""
    text = text_of(value)
    if not isinstance(value, str) or (quotes not in _QUOTES and _is_plain(text)):
        return text
    return _dumped(text, "'" if quotes == "'" and text.isprintable() else '"')


def key(name: str) -> str:
    """Return a key as YAML."""
    return name if name.isdecimal() or _is_plain(name) else _dumped(name, '"')


def flow(value: object) -> str:
    """Return any value in one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key(name)}: {flow(one)}' for name, one in value.items())}}}"
    if is_list(value):
        return f"[{', '.join(map(flow, value))}]"
    return scalar(value)


def entry(name: str, value: object, column: int, layout: Layout) -> Iterator[str]:
    """Yield the lines of a key with its value; sections and lists of sections are indented below it."""
    head = f"{' ' * column}{key(name)}:"
    if isinstance(value, Mapping):
        yield head
        for below, one in value.items():
            yield from entry(below, one, column + layout.indent, layout)
    elif is_list(value) and any(isinstance(one, Mapping) for one in value):
        yield head
        for one in value:
            yield from item(one, column + layout.dash_indent, layout)
    else:
        yield f"{head} {flow(value)}"


def item(value: object, column: int, layout: Layout) -> Iterator[str]:
    """Yield the lines of an entry of a list."""
    dash = f"{' ' * column}- "
    if not isinstance(value, Mapping):
        yield dash + flow(value)
        return
    inside = column + len(dash.lstrip())
    lines = (line for name, one in value.items() for line in entry(name, one, inside, layout))
    yield dash + next(lines).lstrip()
    yield from lines


def is_list(value: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    """Tell whether a value is a list."""
    return isinstance(value, list | tuple)


def _text(text: str) -> str:
    """Return a text. Raises: NotEditableError: it cannot be told from none, or cannot be written."""
    if text in LEFT_OUT:
        raise NotEditableError(message("edit_means_nothing", text=repr(text)))
    try:
        text.encode()
    except UnicodeError:
        raise NotEditableError(message("unprintable_characters")) from None
    return str(text)


def _decimal(value: float) -> str:
    """Return a number without exponent and without the noise of binary fractions."""
    if not isfinite(value):
        raise NotEditableError(message("edit_no_number", text=str(value)))
    shortest = Decimal(repr(value))
    if len(shortest.as_tuple().digits) > _DIGITS:
        shortest = Decimal(f"{value:.{_DIGITS}g}")
    text = f"{shortest:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@cache
def _is_plain(text: str) -> bool:
    """Tell whether a text without quotes is a text to readers of YAML 1.1 and 1.2, in {} too."""
    found = yaml.SafeDumper(io.StringIO()).analyze_scalar(text)
    if not found.allow_flow_plain or found.multiline or _is_number(text):
        return False
    resolve: Callable[..., object] = yaml.SafeLoader("").resolve
    return resolve(yaml.ScalarNode, text, (True, False)) == _TEXT


def _is_number(text: str) -> bool:
    """Tell whether any notation of a number fits, `1e3`, `0o17` and `1_000` too."""
    if text[0] not in _NUMBER_SIGNS:
        return False
    for read in (float, lambda digits: int(digits, 0)):
        try:
            read(text)
        except ValueError:
            continue
        return True
    return False


def _dumped(text: str, style: str) -> str:
    """Return a text in quotes."""
    written = yaml.dump(
        text, Dumper=yaml.SafeDumper, default_style=style, allow_unicode=True, width=_WIDEST
    )
    return written.removesuffix("\n")
