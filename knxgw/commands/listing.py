"""`knxgw objects`, `knxgw models`: rows of the catalogue, and how they are printed."""

import io
import json
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from knxgw.catalogue.device_model import DeviceKind
from knxgw.catalogue.load import catalogue as shipped_catalogue
from knxgw.catalogue.product import Catalogue
from knxgw.catalogue.search import having_words
from knxgw.commands.output import put
from knxgw.config.group_objects import POINTS
from knxgw.config.load import load_configuration
from knxgw.config.model import Configuration
from knxgw.config.objects import ExistingObject, existing_objects
from knxgw.errors import ConfigError, GatewayError
from knxgw.ets.address_plan import NoRoomError
from knxgw.ets.exported import AddressWishes, Shape, group_addresses

_KINDS = {"chargers": DeviceKind.CHARGER, "meters": DeviceKind.METER}


def list_objects(
    words: Sequence[str],
    path: Path | None,
    shape: str,
    output: Path | None,
    addresses: AddressWishes,
) -> bool:
    """Print the objects of the map or of a site; tell whether there is one.

    `shape` is a value of `--format`. Raises: ConfigError, GatewayError.
    """
    catalogue = shipped_catalogue()
    site = _site(path, catalogue) if path else None
    rows = object_rows(catalogue, existing_objects(site, catalogue) if site else None, words)
    content: str | bytes
    if shape == "json":
        content = json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
    elif shape == "table":
        content = object_lines(rows, None if output else _terminal_width()) + "\n"
    else:
        numbers = {row["number"] for row in rows}
        try:
            content = group_addresses(site, catalogue, Shape(shape), addresses, numbers)
        except NoRoomError as err:
            raise GatewayError(f"{err} (--main, --middle)") from err
    if rows or (output is None and shape in {"json", "table"}):
        put(content, output)
    return _are_there(rows, "object", words)


def list_models(words: Sequence[str], *, as_json: bool) -> bool:
    """Print the models, of one kind where it is the first word; tell whether there is one."""
    kind = words[0] if words and words[0] in _KINDS else None
    wanted = words[1:] if kind else words
    rows = model_rows(shipped_catalogue(), kind, wanted)
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    elif rows:
        click.echo(model_lines(rows, _terminal_width()))
    return _are_there(rows, "model", words)


def _site(path: Path, catalogue: Catalogue) -> Configuration:
    """Return what a file says. Raises: ConfigError."""
    loaded = load_configuration(path, catalogue)
    if loaded.configuration is None:
        raise ConfigError(loaded.findings)
    return loaded.configuration


def _are_there(rows: Sequence[object], what: str, words: Sequence[str]) -> bool:
    if not rows:
        click.echo(f"no {what} has {' and '.join(map(repr, words))}", err=True)
    return bool(rows)


def _terminal_width() -> int | None:
    """Return how many characters fit into a line of the terminal; None where nobody looks."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


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
        for point in POINTS if definition.is_per_point else (0,):
            yield {
                "number": definition.number_of(point),
                "charging_point": point,
                "function": definition.function.en,
                "dpts": list(definition.dpts),
                "flags": definition.flags,
                "model_dependent": definition.is_model_dependent,
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
            "model_dependent": one.definition.is_model_dependent,
            "addresses": list(one.addresses),
        }


def model_rows(
    catalogue: Catalogue, kind: str | None, words: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return the models of one kind ("chargers", "meters") or of both in whose names `words` occur."""
    wanted = _KINDS[kind] if kind else None
    return [
        {
            "id": model.id,
            "kind": model.kind.value,
            "manufacturer": model.manufacturer,
            "model": model.model,
            "transports": [transport.value for transport in model.transports],
            "confirmed": model.is_confirmed,
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
