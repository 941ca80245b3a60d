"""Reads `product_db/` into a `Catalogue`; raises ConfigError with every mistake at once."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import product_db
from knxgw.catalogue.load_models import read_model
from knxgw.catalogue.load_objects import read_objects
from knxgw.catalogue.load_parameters import read_parameters
from knxgw.catalogue.model import Catalogue, DeviceKind, DeviceModel
from knxgw.catalogue.yaml_tree import Node, Problems, parse_tree, read_tree
from knxgw.errors import ConfigError


def load_catalogue(directory: Path = product_db.DIRECTORY) -> Catalogue:
    """Read every file of `directory`. Raises: ConfigError."""
    problems = Problems()
    objects = _read(directory / "objects.yaml", problems)
    parameters = _read(directory / "parameters.yaml", problems)
    catalogue = Catalogue(
        objects=read_objects(objects) if objects else (),
        parameters=read_parameters(parameters) if parameters else (),
        chargers=_read_models(directory / "chargers", DeviceKind.CHARGER, problems),
        meters=_read_models(directory / "meters", DeviceKind.METER, problems),
    )
    problems.raise_if_errors()
    return catalogue


@cache
def catalogue() -> Catalogue:
    """Return the catalogue that is shipped with the program, read once."""
    return load_catalogue()


def read_description(description: Mapping[str, object], kind: DeviceKind) -> DeviceModel:
    """Return a model that is described as a model file would, without one. Raises: ConfigError."""
    problems = Problems()
    root = parse_tree(json.dumps(description), problems, name=str(description["id"]))
    model = read_model(root, kind) if root else None
    problems.raise_if_errors()
    if model is None:
        raise ConfigError(problems.findings)
    return model


def _read(path: Path, problems: Problems) -> Node | None:
    return read_tree(path, problems, name=f"{path.parent.name}/{path.name}")


def _read_models(directory: Path, kind: DeviceKind, problems: Problems) -> dict[str, DeviceModel]:
    models: dict[str, DeviceModel] = {}
    ets_ids: dict[int, str] = {}
    for path in sorted(directory.glob("*.yaml")):
        node = _read(path, problems)
        model = read_model(node, kind) if node else None
        if node is None or model is None:
            continue
        if model.id != path.stem:
            node.report(f"id {model.id!r} differs from the file's name", f"write id: {path.stem}")
        if model.ets_id in ets_ids:
            node.report(
                f"ets_id {model.ets_id} belongs to {ets_ids[model.ets_id]}",
                "take a number that was never used",
            )
        ets_ids[model.ets_id] = model.id
        models[model.id] = model
    return models
