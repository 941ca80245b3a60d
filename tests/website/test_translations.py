"""Every text of the website is in every catalogue, and what programs read is what people translated."""

from collections.abc import Sequence
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.pofile import read_po

from knxgw.catalogue.text import Text
from knxgw.website.language import FOLDER, LANGUAGES, Language, languages_of, own_name
from tools.pages.translations import Words, compiled, texts, texts_of, updated, written

CATALOGUES = sorted(FOLDER.glob("*/LC_MESSAGES/messages.po"))


@pytest.fixture(scope="module")
def wanted() -> Sequence[Words]:
    return list(texts())


def each(words: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return a text, or what is said of one and of several."""
    return (words,) if isinstance(words, str) else tuple(words or ("",))


def names(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_language_of_the_menu_has_a_catalogue() -> None:
    assert {path.parts[-3] for path in CATALOGUES} == set(LANGUAGES) - {"en"}


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_a_catalogue_has_the_texts_of_the_pages_and_is_compiled(
    path: Path, wanted: Sequence[Words]
) -> None:
    with path.open("rb") as file:
        catalogue = updated(read_po(file, locale=path.parts[-3]), list(wanted))
    assert path.read_bytes() == written(catalogue), "run make generate"
    assert path.with_suffix(".mo").read_bytes() == compiled(catalogue), "run make generate"


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_no_text_lacks_its_translation(path: Path, wanted: Sequence[Words]) -> None:
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.parts[-3])
    found = {message.id: message for message in catalogue}
    assert [text for text in wanted if text not in found or not all(each(found[text].string))] == []
    assert [text for text in wanted if found[text].fuzzy] == []


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.parts[-3])
def test_a_translation_fills_in_what_its_text_does(path: Path) -> None:
    with path.open("rb") as file:
        for message in read_po(file):
            if message.id and message.string:
                (wanted,) = {frozenset(names(one)) for one in each(message.id)}
                assert {frozenset(names(one)) for one in each(message.string)} == {wanted}


def test_one_and_several_are_told_apart() -> None:
    several = ("{count} problem found", "{count} problems found")
    english, german = Language("en"), Language("de")
    assert [english.counted(*several, n) for n in (1, 2)] == ["1 problem found", "2 problems found"]
    assert [german.counted(*several, n) for n in (1, 2)] == [
        "1 Problem gefunden",
        "2 Probleme gefunden",
    ]


def test_a_text_of_a_number_is_found_with_both_its_forms() -> None:
    source = 'words.counted("{count} cat", "{count} cats", n), words.counted(one, several, n)'
    assert list(texts_of(source)) == [("{count} cat", "{count} cats")]


def test_a_language_writes_numbers_as_its_people_do() -> None:
    english, german = Language("en"), Language("de")
    assert english.kwh(1_234_560) == "1,234.56\u202fkWh"
    assert german.kwh(1_234_560) == "1.234,56\u202fkWh"
    assert german.watt(99) == "99\u202fW"
    assert german.watt(6930) == "6,9\u202fkW"
    assert english.ampere(None) == "–"
    assert english.duration(3725) == "1:02\u202fh"


def test_a_further_language_needs_a_catalogue_and_no_code(tmp_path: Path) -> None:
    for code in ("de", "fr", "pt_BR"):
        (tmp_path / code / "LC_MESSAGES").mkdir(parents=True)
        (tmp_path / code / "LC_MESSAGES" / "messages.mo").touch()
    assert languages_of(tmp_path) == ("en", "de", "fr", "pt_BR")
    assert [own_name(code) for code in ("en", "de", "fr", "pt_BR")] == [
        "English", "Deutsch", "Français", "Português (Brasil)",
    ]  # fmt: skip
    assert LANGUAGES == ("en", "de")
    assert Text(en="fault", de="Störung").in_language("fr") == "fault"
