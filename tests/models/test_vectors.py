"""Recorded and documented registers mean what their source says they mean."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.model import DeviceModel
from knxgw.charging.words import Quantity
from knxgw.modbus.codec import as_text, decode, scaled
from knxgw.modbus.interpreter import Interpreter, rule_points

VECTORS = sorted((Path(__file__).parent / "vectors").glob("*.yaml"))


def model_of(path: Path) -> DeviceModel:
    """Return the model that a file of vectors is for; chargers and meters have different ids."""
    models = catalogue()
    both: dict[str, DeviceModel] = {**models.chargers, **models.meters}
    return both[path.stem]


def vectors(path: Path) -> dict[str, Any]:
    """Return the vectors of a file."""
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_registers_are_the_values_the_source_gives(path: Path) -> None:
    model = model_of(path)
    for vector in vectors(path)["points"]:
        point = model.points[vector["point"]]
        raw = decode(point, vector["registers"])
        assert raw is not None, vector
        if isinstance(vector["value"], str):
            assert as_text(point, raw) == vector["value"], vector
        else:
            assert scaled(point, raw) == pytest.approx(vector["value"], rel=1e-6), vector


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_registers_are_the_state_the_source_gives(path: Path) -> None:
    model = model_of(path)
    for vector in vectors(path)["states"]:
        assert rule_points(model) <= set(vector["set"]), vector
        values = Interpreter("vector", model).absorb(vector["set"])
        assert values.get(Quantity.STATE) == vector["state"], vector


def test_every_model_has_vectors_and_every_file_a_model_and_a_source() -> None:
    models = catalogue()
    first = {"keba_p30", "alfen_eve", "abb_terra_ac", "goe_charger"}  # tests/modbus has theirs
    assert {path.stem for path in VECTORS} | first == {*models.chargers, *models.meters}
    assert all(vectors(path)["source"] for path in VECTORS)
