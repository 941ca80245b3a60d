"""Rows of the catalogue for the commands, group objects and device models, and how they are printed."""

import io
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from knxgw.catalogue.model import Catalogue, DeviceKind
from knxgw.catalogue.search import having_words
from knxgw.config.group_objects import POINTS
from knxgw.config.objects import ExistingObject


def object_rows(
    catalogue: Catalogue, existing: Sequence[ExistingObject] | None, words: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the whole map, or only the existing objects with what is linked to them.

    `words` are numbers, parts of a function, types or group addresses; each must fit.
    """
    rows = _map_rows(catalogue) if existing is None else _existing_rows(existing)
    found = (row for row in rows if all(_object_has(row, word.casefold()) for word in words))
    return sorted(found, key=lambda row: int(row["number"]))


def _object_has(row: dict[str, Any], word: str) -> bool:
    names = (str(row["number"]), *row["dpts"], *row["addresses"])
    return word in names or (not word.isdigit() and word in row["function"].casefold())


def _map_rows(catalogue: Catalogue) -> Iterable[dict[str, Any]]:
    for definition in catalogue.objects:
        for point in POINTS if definition.per_point else (0,):
            yield {
                "number": definition.number_of(point),
                "charging_point": point,
                "function": definition.function.en,
                "dpts": list(definition.dpts),
                "flags": definition.flags,
                "model_dependent": definition.model_dependent,
                "addresses": [],
            }


def _existing_rows(existing: Sequence[ExistingObject]) -> Iterable[dict[str, Any]]:
    for one in existing:
        yield {
            "number": one.number,
            "charging_point": one.point or 0,
            "function": one.function.en,
            "dpts": [one.dpt] if one.dpt else [],
            "flags": str(one.link.flags) if one.link else one.definition.flags,
            "model_dependent": one.definition.model_dependent,
            "addresses": list(one.addresses),
        }


def model_rows(
    catalogue: Catalogue, kind: str | None, words: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the models of one kind ("chargers", "meters") or of both in whose names `words` occur."""
    wanted = {"chargers": DeviceKind.CHARGER, "meters": DeviceKind.METER}.get(kind or "")
    return [
        {
            "id": model.id,
            "kind": model.kind.value,
            "manufacturer": model.manufacturer,
            "model": model.model,
            "transports": [transport.value for transport in model.transports],
            "confirmed": model.confirmed,
        }
        for model in having_words(catalogue.models, words)
        if wanted is None or model.kind is wanted
    ]


def object_lines(rows: Iterable[dict[str, Any]], width: int | None) -> str:
    """Return the table of objects, fit for a terminal of `width` characters; None: a line each."""
    table = Table.grid(padding=(0, 1))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    table.add_column(ratio=3)
    table.add_column(ratio=2)
    table.add_column(ratio=2)
    for row in rows:
        mark = "M" if row["model_dependent"] else " "
        dpts = ", ".join(row["dpts"]) or "no DPT"
        addresses = " ".join(row["addresses"])
        table.add_row(str(row["number"]), row["flags"], mark, row["function"], dpts, addresses)
    return _printed(table, width)


def model_lines(rows: Sequence[dict[str, Any]], width: int | None) -> str:
    """Return the tables of chargers and meters, fit for a terminal; None: a line each."""
    parts = []
    for kind, title in (("charger", "Chargers"), ("meter", "Electricity meters")):
        own = [row for row in rows if row["kind"] == kind]
        if not own:
            continue
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, min_width=max(len(row["id"]) for row in own))  # to be copied
        table.add_column()
        table.add_column()
        table.add_column(no_wrap=True)
        for row in own:
            doubt = "" if row["confirmed"] else " ?"
            transports = ", ".join(row["transports"])
            table.add_row(row["id"], row["manufacturer"], row["model"], f"{transports}{doubt}")
        parts.append(f"{title} ({len(own)})\n{_printed(table, width)}")
    if any(not row["confirmed"] for row in rows):
        parts.append("?  not confirmed by a second source")
    return "\n\n".join(parts)


def _printed(table: Table, width: int | None) -> str:
    """Return a table as text without colours; without a width no row is ever folded."""
    text = io.StringIO()
    console = Console(file=text, width=width or 1000, color_system=None, markup=False)
    console.print(table, highlight=False)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines())
