"""Recorded and documented registers mean what their source says they mean."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.yaml_loader import Loader
from knxgw.charging.quantities import Quantity
from knxgw.modbus.codec import as_text, decode, scaled
from knxgw.modbus.interpreter import Interpreter
from knxgw.modbus.rules import rule_points

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
    return both[path.stem]


@cache
def vectors(path: Path) -> dict[str, Any]:
    """Return the vectors of a file."""
    loaded: dict[str, Any] = Loader(path.read_text(encoding="utf-8")).get_single_data()
    return loaded


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_registers_are_the_values_the_source_gives(path: Path) -> None:
    model = model_of(path)
    for vector in vectors(path)["points"]:
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


COMPUTED = [path for path in VECTORS if vectors(path).get("computed")]


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
