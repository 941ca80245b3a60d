"""Reads `rules.yaml`: the promises of the product, one per row."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from knxgw.catalogue.objects import ObjectDefinition
from knxgw.catalogue.yaml_tree import Node, parse_tree
from knxgw.errors import Problems

RULES = Path(__file__).with_name("rules.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One promise."""

    id: str
    promise: str
    waits_for: str | None  # what brings it; None: it is to be proven now


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Rows under one heading."""

    title: str
    rows: tuple[Row, ...]


def read_rules(text: str) -> tuple[Section, ...]:
    """Return the sections of a rules file. Raises: ConfigError naming each mistake."""
    problems = Problems()
    root = parse_tree(text, problems, name=RULES.name)
    sections = tuple(_section(node) for node in root.items()) if root else ()
    for repeated in _repeated(sections):
        assert root is not None
        root.report(f"row {repeated} is defined twice", "remove one of them")
    problems.raise_if_errors()
    return sections


def _section(node: Node) -> Section:
    children = node.only_keys(("title", "rows", "open"))
    title, rows = node.require("title"), node.require("rows")
    waiting = (
        {key: one.text() for key, one in children["open"].mapping().items()}
        if "open" in children
        else {}
    )
    promises = {key: one.text() for key, one in rows.mapping().items()} if rows else {}
    for key in waiting.keys() - promises.keys():
        node.report(f"open names {key}, which is no row of this section", "correct the number")
    return Section(
        title=title.text() if title else "",
        rows=tuple(
            Row(id=key, promise=promise, waits_for=waiting.get(key))
            for key, promise in promises.items()
        ),
    )


def _repeated(sections: Iterable[Section]) -> list[str]:
    counts = Counter(row.id for section in sections for row in section.rows)
    return [key for key, count in counts.items() if count > 1]


def anchor_of(row: str) -> str:
    """Return the anchor of the rule in `docs/rules/` that a row is about.

    The row of rule 9.4e of load management is D9.4e, that of rule 51 of operation H.51, that of rule
    23 of the website W23; the others are those of the product.
    """
    number = row.lower().replace(".", "-")
    if row.startswith("D"):
        return f"lm-{number[1:]}"
    if row.startswith("W"):
        return f"website-{number[1:]}"
    return f"operation-{number[2:]}" if row.startswith("H") else f"product-{number}"


def row_of(one: ObjectDefinition) -> str:
    """Return the id of a group object's row."""
    return f"GO {one.number}"


def unproven(
    sections: Iterable[Section],
    objects: Iterable[ObjectDefinition],
    proofs: Mapping[str, object],
) -> list[str]:
    """Return the rows that are not open and have no test, as people look for them."""
    rows = [row for section in sections for row in section.rows if row.waits_for is None]
    missing = [f"{row_of(one)}: {one.function.en}" for one in objects if row_of(one) not in proofs]
    return missing + [f"{row.id}: {row.promise}" for row in rows if row.id not in proofs]
