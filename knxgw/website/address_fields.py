"""The table of group addresses as fields of a form: one for each group object that a draft has. Pure.

Which objects there are follows from what is understood of the draft, so that one mistyped address leaves the table
usable; what a field says is what stands in the text, right or wrong. Source: website 43, 44.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from knxgw.config.addresses import parse_group_address
from knxgw.config.edit_yaml import Path
from knxgw.config.model import GroupAddress
from knxgw.config.not_allowed import NotAllowedError
from knxgw.config.objects import ExistingObject
from knxgw.config.schema import GROUP_OBJECTS
from knxgw.config.yaml_places import dotted
from knxgw.website.config_form import Control, Field, FieldGroup
from knxgw.website.field_findings import FindingText
from knxgw.website.import_rows import object_name
from knxgw.website.language import Language

_LISTED = re.compile(r"[,;\r\n]+")
LONGEST_NUMBER = 5  # digits


def split_addresses(text: str) -> list[str]:
    """Return the addresses that a text lists, with commas, semicolons or lines between them.

    Spaces separate only what has a slash in every piece: `5 1 53` is one mistake, not three addresses.
    """
    found: list[str] = []
    for part in _LISTED.split(text):
        pieces = part.split()
        are_apart = all("/" in piece.strip("/") for piece in pieces)
        found += pieces if are_apart else [" ".join(pieces)]
    return found


def address_fields(
    objects: Iterable[ExistingObject], data: Mapping[str, Any], words: Language
) -> FieldGroup:
    """Return the field of each group object; `data`: what the draft says."""
    given = _given(data)
    return FieldGroup(
        key="",
        fields=tuple(_field(one, *given.get(one.number, ("", "")), words) for one in objects),
    )


def address_changes(fields: Iterable[Field], texts: Mapping[str, str]) -> dict[Path, object | None]:
    """Return what was typed and differs from the draft, by its path; None: no address any more."""
    return {
        one.path: split_addresses(texts[one.name]) or None
        for one in fields
        if one.name in texts and split_addresses(texts[one.name]) != split_addresses(one.value)
    }


class Row(Protocol):
    """A group object with its field."""

    @property
    def number(self) -> int:
        """Return its number."""

    @property
    def field(self) -> Field:
        """Return the field of its addresses."""

    @property
    def addresses(self) -> tuple[GroupAddress, ...]:
        """Return those of its addresses that are understood."""


def address_notes(
    rows: Iterable[Row],
    in_force: Mapping[str, Any] | None,
    words: Language,
) -> dict[str, list[FindingText]]:
    """Return what is worth knowing of each field, by its name, although nothing is wrong with it.

    `in_force`: what the file says; None: it says nothing that can be compared.
    """
    every = tuple(rows)
    users: dict[str, list[int]] = defaultdict(list)
    for one in every:
        for address in one.addresses:
            users[address].append(one.number)
    before = {} if in_force is None else _given(in_force)
    notes: dict[str, list[FindingText]] = {}
    for one in every:
        field = one.field
        said = list(_written_otherwise(field.value, words))
        said += [
            words.text("{address} also at {numbers}", address=address, numbers=", ".join(others))
            for address in one.addresses
            if (others := [str(user) for user in users[address] if user != one.number])
        ]
        _, was = before.get(one.number, ("", ""))
        if in_force is not None and split_addresses(was) != split_addresses(field.value):
            said.append(words.text("changed in the draft"))
        if said:
            notes[field.name] = [FindingText("", text) for text in said]
    return notes


def _written_otherwise(value: str, words: Language) -> Iterable[str]:
    """Yield what an address means that is not written in three levels: 5/1 is 5/0/1."""
    for text in split_addresses(value):
        try:
            address = parse_group_address(text)
        except NotAllowedError:
            continue
        if text.count("/") != address.count("/"):
            yield words.text("{text} is {address}", text=text, address=address)


def _given(data: Mapping[str, Any]) -> dict[int, tuple[str, str]]:
    """Return the key of each number in a file, and what it says there."""
    section = data.get(GROUP_OBJECTS)
    return {
        int(key): (key, _written(value))
        for key, value in (section.items() if isinstance(section, Mapping) else ())
        if key.isascii() and key.isdigit() and len(key) <= LONGEST_NUMBER
    }


def _written(value: object) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _field(one: ExistingObject, key: str, value: str, words: Language) -> Field:
    path: Path = (GROUP_OBJECTS, key or str(one.number))
    name = object_name(one.point, one.function.in_language(words.code), words)
    return Field(
        name=dotted(path),
        path=path,
        control=Control.TEXT,
        words=f"{one.number} {name}",
        help="",
        unit="",
        value=value,
        shown=value,
        default="",
        low="",
        high="",
        extent=(),
        step="",
        keys="text",
        longest="",
        pattern="",
        is_required=False,
        choices=(),
    )
