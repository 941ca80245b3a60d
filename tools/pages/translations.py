"""Collects the texts of the website, and compiles their translations.

    python -m tools.pages.translations

New texts are added to each `messages.po` without a translation, those that no page uses any more leave it;
then the `messages.mo` are made. A test tells what is not translated yet.
"""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[2]
WEBSITE = ROOT / "knxgw" / "website"
FOLDER = WEBSITE / "translations"
KEYWORDS = {"_": None, "ngettext": (1, 2)}  # of templates
NO_DATE = datetime(2000, 1, 1, tzinfo=UTC)  # else each run would give another file
CALLS = {
    "text": 1,
    "marked": 1,
    "counted": 2,
}  # of `Language`, of tables: how many texts they begin with
Words = str | tuple[str, str]  # a text; with a number in it, what is said of one and of several


def texts() -> Iterator[Words]:
    """Yield every text that pages may show, once each."""
    found: dict[Words, None] = {}
    for path in sorted((WEBSITE / "templates").rglob("*.html")):
        for _, text, *_ in extract_from_file("jinja2.ext:babel_extract", path, keywords=KEYWORDS):
            found.setdefault(str(text) if isinstance(text, str) else (str(text[0]), str(text[1])))
    for path in sorted(WEBSITE.rglob("*.py")):
        for text in texts_of(path.read_text(encoding="utf-8")):
            found.setdefault(text)
    yield from found


def texts_of(source: str) -> Iterator[Words]:
    """Yield the texts of a Python source; unlike Babel's reader this one sees those within f-strings."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        given = [
            one.value
            for one in node.args[: CALLS.get(name, 0)]
            if isinstance(one, ast.Constant) and isinstance(one.value, str)
        ]
        if given and len(given) == CALLS[name]:
            yield given[0] if len(given) == 1 else (given[0], given[1])


def updated(old: Catalog, wanted: list[Words]) -> Catalog:
    """Return a catalogue with exactly the wanted texts, and the translations that there are."""
    new = Catalog(locale=old.locale, fuzzy=False, header_comment=HEADER)
    for text in sorted(wanted, key=lambda one: (one,) if isinstance(one, str) else one):
        known = old.get(text)
        new.add(text, known.string if known is not None and known.id == text else "")
    return new


HEADER = (
    "# Words of the website, English to {language}. Made by `make generate`, translated by hand."
)


def main() -> None:
    """Bring every catalogue up to date."""
    wanted = list(texts())
    for path in sorted(FOLDER.glob("*/LC_MESSAGES/messages.po")):
        with path.open("rb") as file:
            catalogue = updated(read_po(file, locale=path.parts[-3]), wanted)
        path.write_bytes(written(catalogue))
        path.with_suffix(".mo").write_bytes(compiled(catalogue))


def written(catalogue: Catalog) -> bytes:
    """Return a catalogue as translators edit it: the same texts give the same file."""
    buffer = BytesIO()
    write_po(buffer, catalogue, width=0, omit_header=True)
    return head_of(catalogue).encode() + buffer.getvalue()


def head_of(catalogue: Catalog) -> str:
    """Return how the file of a catalogue begins."""
    fields = ("Content-Type: text/plain; charset=utf-8", f"Plural-Forms: {catalogue.plural_forms}")
    lines = "".join(f'"{field}\\n"\n' for field in fields)
    return f'{HEADER.format(language=catalogue.locale)}\nmsgid ""\nmsgstr ""\n{lines}\n'


def compiled(catalogue: Catalog) -> bytes:
    """Return a catalogue as programs read it."""
    buffer = BytesIO()
    plain = Catalog(
        locale=catalogue.locale, fuzzy=False, creation_date=NO_DATE, revision_date=NO_DATE
    )
    for message in catalogue:
        if message.id and message.string:
            plain.add(message.id, message.string)
    write_mo(buffer, plain)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
