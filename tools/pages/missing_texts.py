"""Lists what a language lacks: texts of the website, and texts of the product.

    python -m tools.pages.missing_texts fr

A page shows what is missing in English. A translation of the website is a file of its own; texts of the product
stand in `product_db/` beside the English ones, and the program reads German ones only so far.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import yaml
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from knxgw.catalogue.yaml_loader import Loader
from tools.pages.translations import FOLDER, ROOT, texts

PRODUCT = ROOT / "product_db"
ENGLISH = "en"


def main(language: str) -> None:
    """Print what a language lacks."""
    for line in (*missing_on_pages(language), *missing_in_product(PRODUCT, language)):
        print(line)  # noqa: T201 - a tool for the terminal


def missing_on_pages(language: str) -> Iterator[str]:
    """Yield the texts of the website that have no translation; all of them where there is no catalogue."""
    known = _catalogue(FOLDER / language / "LC_MESSAGES" / "messages.po")
    for text in texts():
        found = known.get(text)
        forms = (found.string if found is not None else "") or ""
        if not all((forms,) if isinstance(forms, str) else forms):
            yield f"website: {text if isinstance(text, str) else text[0]}"


def _catalogue(path: Path) -> Catalog:
    if not path.exists():
        return Catalog()
    with path.open("rb") as file:
        return read_po(file)


def missing_in_product(folder: Path, language: str) -> Iterator[str]:
    """Yield where in the files of a folder an English text has none of the language beside it."""
    for path in sorted(folder.rglob("*.yaml")):
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - it is a safe one
        for place in _lacking(content, language):
            yield ": ".join((path.relative_to(folder).as_posix(), *place))


def _lacking(node: object, language: str) -> Iterator[tuple[str, ...]]:
    """Yield the places below a node at which a text of the language is missing."""
    if isinstance(node, dict):
        for key, value in node.items():
            name = str(key)
            if name == ENGLISH or name.endswith(f"_{ENGLISH}"):
                its = name.removesuffix(ENGLISH) + language
                if not node.get(its):
                    yield (its,)
            for place in _lacking(value, language):
                yield (name, *place)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            for place in _lacking(value, language):
                yield (_name(value, number), *place)


def _name(entry: object, number: int) -> str:
    """Return how an entry of a list is called: by its code or key, else by its number."""
    named = entry if isinstance(entry, dict) else {}
    return str(named.get("code") or named.get("key") or number)


if __name__ == "__main__":
    main(*sys.argv[1:])
