"""Models are found by the words people use for them."""

import pytest

from knxgw.catalogue.product import Catalogue
from knxgw.catalogue.search import closest_models, having_words


@pytest.mark.parametrize(
    ("name", "model_id"),
    [
        ("KEBA P30", "keba_p30"),
        ("go-eCharger Gemini", "goe_charger"),
        ("Heidelberg Energy Control", "heidelberg_energy_control"),
        ("BMW i Wallbox", "keba_p30"),
        ("Mennekes AMTRON Compact 2.0s", "mennekes_compact_20s"),
        ("CHARX", "phoenix_charx"),
    ],
)
def test_a_product_by_its_name_in_any_spelling(
    catalogue: Catalogue, name: str, model_id: str
) -> None:
    assert model_id in {model.id for model in closest_models(catalogue.models, name)}


def test_every_model_is_found_by_its_own_name_and_by_each_variant(catalogue: Catalogue) -> None:
    for model in catalogue.models:
        for name in (model.id, f"{model.manufacturer} {model.model}", *model.variants):
            assert model in closest_models(catalogue.models, name, count=len(catalogue.models))
            assert model in having_words(catalogue.models, [name])


@pytest.mark.parametrize("name", ["", "-", "Tesla Wall Connector", "Pulsar Plus", "x" * 1000])
def test_what_is_no_known_product_has_no_proposal(catalogue: Catalogue, name: str) -> None:
    assert closest_models(catalogue.models, name) == ()
