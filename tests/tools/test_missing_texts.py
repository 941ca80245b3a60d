"""What a language lacks is listed: texts of the website, and texts of the product."""

from pathlib import Path

import pytest

from knxgw.catalogue.codes import FaultCode
from knxgw.website.language import LANGUAGES
from tools.pages.missing_texts import PRODUCT, main, missing_in_product, missing_on_pages
from tools.pages.translations import texts


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_a_language_of_the_menu_lacks_nothing(language: str) -> None:
    assert [*missing_on_pages(language), *missing_in_product(PRODUCT, language)] == []


def test_a_language_without_a_catalogue_lacks_everything(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main("fr")
    lines = capsys.readouterr().out.splitlines()
    assert len([one for one in lines if one.startswith("website: ")]) == len(list(texts()))
    assert "website: {count} problem found" in lines
    for code in FaultCode:
        for part in ("title", "cause", "remedy"):
            assert f"faults.yaml: faults: {code}: {part}_fr" in lines
    assert "texts.yaml: reasons: maximum: fr" in lines


def test_what_a_file_has_of_a_language_is_not_missing(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "one.yaml").write_text(
        "some: [{key: a, en: A, fr: À}, {en: B}, {code: C, title_en: C, title_fr: ''}]\nfr: no\n",
        encoding="utf-8",
    )
    missing = ["models/one.yaml: some: 1: fr", "models/one.yaml: some: C: title_fr"]
    assert list(missing_in_product(tmp_path, "fr")) == missing
    assert list(missing_in_product(tmp_path, "en")) == []
