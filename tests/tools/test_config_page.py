"""The reference of the configuration file is made from the catalogue and is up to date."""

from pathlib import Path

from knxgw.catalogue.load import catalogue
from tools.pages.config import config_reference

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_page_is_the_generated_one() -> None:
    written = (DOCS / "config.md").read_text(encoding="utf-8")
    assert written == config_reference(catalogue()), "run python -m tools.pages.config"


def like_another(key: str) -> str:
    """Return the key that stands in the page for a key of the smart meter entered by hand."""
    return key.replace("load_management.smart_meter.manual.", "charging_points[].meter.manual.")


def test_the_smart_meter_entered_by_hand_has_the_keys_of_another_meter() -> None:
    by_key = {one.key: one for one in catalogue().parameters}
    alike = [key for key in by_key if like_another(key) != key]
    assert alike
    for key in alike:
        one, twin = by_key[key], by_key[like_another(key)]
        assert (one.type, one.unit, one.low, one.high, one.default) == (
            (twin.type, twin.unit, twin.low, twin.high, twin.default)
        )
        assert (one.is_required, one.choices, one.help) == (
            twin.is_required,
            twin.choices,
            twin.help,
        )


def test_each_parameter_is_explained() -> None:
    page = config_reference(catalogue())
    for parameter in catalogue().parameters:
        section, _, name = like_another(parameter.key).rpartition(".")
        after = page.split(f"## `{section}`\n", 1)[1].split("\n## ", 1)[0]
        assert f"\n| `{name}` | " in after, parameter.key
