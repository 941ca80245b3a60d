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
KEYWORDS = {"_": None}  # of templates
NO_DATE = datetime(2000, 1, 1, tzinfo=UTC)  # else each run would give another file
CALLS = {"text", "marked"}  # of `Language`, of tables


def texts() -> Iterator[str]:
    """Yield every text that pages may show, once each."""
    found: dict[str, None] = {}
    for path in sorted((WEBSITE / "templates").rglob("*.html")):
        for _, text, *_ in extract_from_file("jinja2.ext:babel_extract", path, keywords=KEYWORDS):
            found.setdefault(str(text))
    for path in sorted(WEBSITE.rglob("*.py")):
        for text in texts_of(path.read_text(encoding="utf-8")):
            found.setdefault(text)
    yield from found


def texts_of(source: str) -> Iterator[str]:
    """Yield the texts of a Python source; unlike Babel's reader this one sees those within f-strings."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        text = node.args[0]
        if name in CALLS and isinstance(text, ast.Constant) and isinstance(text.value, str):
            yield text.value


def updated(old: Catalog, wanted: list[str]) -> Catalog:
    """Return a catalogue with exactly the wanted texts, and the translations that there are."""
    new = Catalog(locale=old.locale, fuzzy=False, header_comment=HEADER)
    for text in sorted(wanted):
        known = old.get(text)
        new.add(text, known.string if known is not None else "")
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
    head = f'{HEADER.format(language=catalogue.locale)}\nmsgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
    return head.encode() + buffer.getvalue()


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
