"""The glossary holds: its terms are in use, and the private words it replaced are no identifiers."""

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from tests.support.pages import DOCS, ROOT, RULES

PAGE = (DOCS / "glossary.md").read_text(encoding="utf-8")
TERMS, UNUSED, UNUSED_IN_RULES = re.split(
    r"## Words that are not used|\| not used in rules \|", PAGE
)
PROGRAM = sorted((ROOT / "knxgw").rglob("*.py"))


def first_cells(text: str) -> list[str]:
    """Return the first cell of each row of the tables of a text, without their heads."""
    rows = re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE)
    return [row for row in rows if row not in {"term", "not used"}]


def identifiers(source: str) -> Iterator[tuple[int, str]]:
    """Yield each name of a module with its line: variables, attributes, arguments, definitions."""
    for node in ast.walk(ast.parse(source)):
        for field in ("id", "attr", "name", "arg", "asname"):
            if isinstance(name := getattr(node, field, None), str):
                yield getattr(node, "lineno", 0), name


@cache
def words(name: str) -> str:
    """Return the words of an identifier in small letters, each with an underscore on both sides."""
    split = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return f"_{split.lower().strip('_')}_"


def private_names(source: str, unused: list[str]) -> list[tuple[int, str]]:
    """Return the names in a module that contain a word that is not used, with their lines."""
    private = re.compile(rf"_(?:{'|'.join(unused)})_")
    return [(line, name) for line, name in identifiers(source) if private.search(words(name))]


@cache
def everything_written() -> str:
    """Return the text of the program and of the rules, in small letters, with plain spaces."""
    pages = [*PROGRAM, *sorted(RULES.rglob("*.md"))]
    text = " ".join(page.read_text(encoding="utf-8") for page in pages)
    return re.sub(r"[\s_]+", " ", text.lower())


@pytest.mark.parametrize("term", first_cells(TERMS))
def test_every_term_of_the_glossary_is_used(term: str) -> None:
    assert re.search(rf"\b{re.escape(term.lower())}s?\b", everything_written())


def test_no_term_of_the_glossary_stands_twice() -> None:
    terms = first_cells(TERMS)
    assert len(terms) == len(set(terms)) > 0


@pytest.mark.parametrize("room", ["charging", "dlm", "station"])
def test_no_identifier_of_the_rules_is_a_private_word(room: str) -> None:
    unused = re.findall(r"`(\w+)`", " ".join(first_cells(UNUSED_IN_RULES)))
    assert {"settled", "told", "said"} <= set(unused)
    modules = sorted((ROOT / "knxgw" / room).rglob("*.py"))
    assert modules
    found = {path.name: private_names(path.read_text("utf-8"), unused) for path in modules}
    assert {name: names for name, names in found.items() if names} == {}


def test_no_identifier_is_a_private_word() -> None:
    unused = [word.strip("`") for word in first_cells(UNUSED)]
    assert unused
    assert PROGRAM
    modules = [path for path in PROGRAM if any(f"_{word}_" in words(path.stem) for word in unused)]
    assert modules == [], "the module's own name"
    found = {path: private_names(path.read_text(encoding="utf-8"), unused) for path in PROGRAM}
    assert {path: names for path, names in found.items() if names} == {}


def test_a_private_word_is_found_wherever_a_name_can_stand() -> None:
    source = (
        "from x import y as shelf\n"
        "class FileKeeper:\n"
        "    def put(self, old_shelf): self._shelf = 1\n"
        "shelfmark = bookkeeper = 2\n"
    )
    found = private_names(source, ["shelf", "keeper"])
    assert sorted(found) == [
        (1, "shelf"),
        (2, "FileKeeper"),
        (3, "_shelf"),
        (3, "old_shelf"),
    ]
