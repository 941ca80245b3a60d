"""Recorded and documented registers mean what their source says they mean."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.charging.quantities import Quantity
from knxgw.modbus.codec import as_text, decode, scaled
from knxgw.modbus.interpreter import Interpreter
from knxgw.modbus.rules import rule_points
from tests.models.read_vectors import WrongVectorsError, read_vectors

COMPUTED_QUANTITIES = {  # and how many of its units one unit of the vector is
    "power": (Quantity.POWER, 1),
    "power_l3": (Quantity.POWER_L3, 1),
    "energy_total": (Quantity.ENERGY, 1000),
}
VECTORS = sorted((Path(__file__).parent / "vectors").glob("*.yaml"))


def model_of(path: Path) -> DeviceModel:
    """Return the model that a file of vectors is for; chargers and meters have different ids."""
    models = catalogue()
    both: dict[str, DeviceModel] = {**models.chargers, **models.meters}
    assert path.stem in both, f"{path.name}: no model has the id {path.stem}"
    return both[path.stem]


@cache
def vectors(path: Path) -> dict[str, Any]:
    """Return the vectors of a file."""
    return read_vectors(path)


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_registers_are_the_values_the_source_gives(path: Path) -> None:
    model = model_of(path)
    for vector in vectors(path)["points"]:
        assert vector["point"] in model.points, f"{path.name}: {path.stem} has no {vector['point']}"
        point = model.points[vector["point"]]
        raw = decode(point, vector["registers"])
        if vector["value"] is None:
            assert raw is None, vector
            continue
        assert raw is not None, vector
        if isinstance(vector["value"], str):
            assert as_text(point, raw) == vector["value"], vector
        else:
            exponent = vector.get("exponent", 0)
            assert scaled(point, raw, exponent) == pytest.approx(vector["value"], rel=1e-6), vector


# A file that is wrong fails its tests, and not the collection of all.
COMPUTED = [path for path in VECTORS if "\ncomputed:" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", COMPUTED, ids=lambda path: path.stem)
def test_what_a_device_gives_in_parts_is_put_together(path: Path) -> None:
    model = model_of(path)
    for vector in vectors(path)["computed"]:
        parts = vector.pop("set")
        [(name, expected)] = vector.items()
        assert set(model.computed[name].parts) == set(parts)
        raws = {part: decode(model.points[part], registers) for part, registers in parts.items()}
        values = Interpreter("vector", model).update(raws)
        quantity, factor = COMPUTED_QUANTITIES[name]
        shown = values.get(quantity)
        assert shown == (None if expected is None else expected * factor), parts


def test_every_computed_value_has_a_vector() -> None:
    for model in catalogue().models:
        if model.computed:
            path = Path(__file__).parent / "vectors" / f"{model.id}.yaml"
            assert vectors(path).get("computed"), model.id


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_registers_are_the_state_the_source_gives(path: Path) -> None:
    model = model_of(path)
    for vector in vectors(path)["states"]:
        assert rule_points(model) <= set(vector["set"]), vector
        values = Interpreter("vector", model).update(vector["set"])
        assert values.get(Quantity.STATE) == vector["state"], vector


def test_every_model_has_vectors_and_every_file_a_model_and_a_source() -> None:
    models = catalogue()
    first = {"keba_p30", "alfen_eve", "abb_terra_ac"}  # tests/modbus has theirs
    assert {path.stem for path in VECTORS} | first == {*models.chargers, *models.meters}
    assert all(vectors(path)["source"] for path in VECTORS)


GOOD = "source: a page\npoints: []\nstates: []\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "box.yaml is empty: it needs `source`, `points`, `states`"),
        ("# to be done\n", "box.yaml is empty"),
        ("- source\n", "not a list"),
        ("source: [\n", "box.yaml is not YAML"),
        ("source: a page\n", "box.yaml lacks `points`, `states`"),
        (GOOD.replace("a page", "''"), "`source` must say where"),
        (GOOD.replace("points: []", "points:"), "box.yaml: `points` must be a list"),
        (
            GOOD.replace("[]", "[{point: power}]", 1),
            "entry 1 of `points` lacks `registers`, `value`",
        ),
        (GOOD + "computed: [{power: 1}]\n", "entry 1 of `computed` lacks `set`"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_what_it_lacks(
    text: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "box.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(WrongVectorsError) as found:
        read_vectors(path)
    assert said in str(found.value)
    path.write_text(GOOD, encoding="utf-8")
    assert read_vectors(path)["points"] == []
