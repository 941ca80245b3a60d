"""The reference of the configuration file is made from the catalogue and is up to date."""

from pathlib import Path

import pytest

from knxgw.catalogue.load import catalogue
from tools.pages.config import config_reference

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_page_is_the_generated_one() -> None:
    written = (DOCS / "config.md").read_text(encoding="utf-8")
    assert written == config_reference(catalogue()), "run python -m tools.pages.config"


@pytest.mark.parametrize("key", [parameter.key for parameter in catalogue().parameters])
def test_each_parameter_is_explained(key: str) -> None:
    section, _, name = key.rpartition(".")
    page = config_reference(catalogue())
    after = page.split(f"## `{section}`\n", 1)[1].split("\n## ", 1)[0]
    assert f"\n| `{name}` | " in after
