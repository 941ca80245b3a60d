"""Every text of the website is in every catalogue, and what programs read is what people translated."""

from collections.abc import Sequence
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po

from knxgw.website.language import FOLDER, LANGUAGES, Language
from tools.pages.translations import compiled, texts, updated, written

CATALOGUES = sorted(FOLDER.glob("*/LC_MESSAGES/messages.po"))


@pytest.fixture(scope="module")
def wanted() -> Sequence[str]:
    return list(texts())


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_language_of_the_menu_has_a_catalogue() -> None:
    assert {path.parts[-3] for path in CATALOGUES} == set(LANGUAGES) - {"en"}


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_a_catalogue_has_the_texts_of_the_pages_and_is_compiled(
    path: Path, wanted: Sequence[str]
) -> None:
    with path.open("rb") as file:
        catalogue = updated(read_po(file, locale=path.parts[-3]), list(wanted))
    assert path.read_bytes() == written(catalogue), "run make generate"
    assert path.with_suffix(".mo").read_bytes() == compiled(catalogue), "run make generate"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_no_text_lacks_its_translation(path: Path, wanted: Sequence[str]) -> None:
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.parts[-3])
    found = {message.id: message for message in catalogue}
    assert [text for text in wanted if text not in found or not found[text].string] == []
    assert [text for text in wanted if found[text].fuzzy] == []


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_a_translation_fills_in_what_its_text_does(path: Path) -> None:
    with path.open("rb") as file:
        for message in read_po(file):
            if message.id and message.string:
                assert names(str(message.id)) == names(str(message.string)), message.id


def test_a_language_writes_numbers_as_its_people_do() -> None:
    english, german = Language("en"), Language("de")
    assert english.kwh(1_234_560) == "1,234.56\u202fkWh"
    assert german.kwh(1_234_560) == "1.234,56\u202fkWh"
    assert german.watt(99) == "99\u202fW"
    assert german.watt(6930) == "6,9\u202fkW"
    assert english.ampere(None) == "–"
    assert english.duration(3725) == "1:02\u202fh"
