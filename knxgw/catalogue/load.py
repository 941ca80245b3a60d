"""Reads `product_db/` into a `Catalogue`; raises ConfigError with every mistake at once."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TypeVar

from knxgw.catalogue.device_model import DeviceKind, DeviceModel
from knxgw.catalogue.directory import product_db
from knxgw.catalogue.load_faults import read_faults
from knxgw.catalogue.load_interface_objects import read_interface_objects
from knxgw.catalogue.load_models import read_model
from knxgw.catalogue.load_needs import read_needs
from knxgw.catalogue.load_objects import read_objects
from knxgw.catalogue.load_parameters import read_parameters, read_retired
from knxgw.catalogue.load_texts import read_texts
from knxgw.catalogue.product import Catalogue, Product
from knxgw.catalogue.yaml_tree import Node, parse_tree, read_tree
from knxgw.errors import ConfigError, FileLine, Plain, Problems

FILES = (
    "objects",
    "parameters",
    "faults",
    "texts",
    "interface_objects",
)  # and a file for each model in:
CHARGERS, METERS = "chargers", "meters"
T = TypeVar("T")


class ModelDirectory(Mapping[str, DeviceModel]):
    """The models of a folder by id; each file is read when the model is first used.

    A site uses a handful of models, and reading all of them would add a quarter of a second to a start.
    Checks across several files are made by `load_catalogue`, which the tests call.
    """

    def __init__(self, directory: Path, kind: DeviceKind) -> None:
        self._paths = {path.stem: path for path in sorted(directory.glob("*.yaml"))}
        self._kind = kind
        self._read: dict[str, DeviceModel] = {}

    def __getitem__(self, model_id: str) -> DeviceModel:
        """Return a model. Raises: KeyError; ConfigError with every mistake in its file."""
        if model_id not in self._read:
            problems = Problems()
            model = _read_model(self._paths[model_id], self._kind, problems)
            self._read[model_id] = _sound(model, problems)
        return self._read[model_id]

    def __contains__(self, model_id: object) -> bool:
        return model_id in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def load_catalogue(directory: Path | None = None) -> Catalogue:
    """Read every file of a folder, by default the shipped one. Raises: ConfigError with every mistake."""
    directory = directory or product_db()
    problems = Problems()
    found = _without_models(directory, problems)
    chargers = _read_models(directory / CHARGERS, DeviceKind.CHARGER, problems)
    meters = _read_models(directory / METERS, DeviceKind.METER, problems)
    return replace(_sound(found, problems), chargers=chargers, meters=meters)


@cache
def catalogue() -> Catalogue:
    """Return the catalogue that is shipped with the program; a model is read when it is used."""
    directory = product_db()
    problems = Problems()
    found = _without_models(directory, problems)
    return replace(
        _sound(found, problems),
        chargers=ModelDirectory(directory / CHARGERS, DeviceKind.CHARGER),
        meters=ModelDirectory(directory / METERS, DeviceKind.METER),
    )


def read_description(description: Mapping[str, object], kind: DeviceKind) -> DeviceModel:
    """Return a model that is described as a model file would, without one. Raises: ConfigError."""
    problems = Problems()
    root = parse_tree(json.dumps(description), problems, name=str(description["id"]))
    return _sound(read_model(root, kind) if root else None, problems)


def _sound(found: T | None, problems: Problems) -> T:
    """Return what was read. Raises: ConfigError, if there was a mistake."""
    problems.raise_if_errors()
    if found is None:
        raise ConfigError(problems.findings)
    return found


def _without_models(directory: Path, problems: Problems) -> Catalogue | None:
    """Return the catalogue without a model; None when a file of it cannot be read."""
    objects, parameters, faults, texts, interface_objects = (
        _read(directory / f"{name}.yaml", problems) for name in FILES
    )
    if not (objects and parameters and faults and texts and interface_objects):
        return None
    known_faults, known_texts = read_faults(faults), read_texts(texts)
    known_parameters = read_parameters(parameters)
    known_interface_objects = read_interface_objects(interface_objects)
    if not (known_faults and known_texts and known_interface_objects):
        return None
    known_objects = read_objects(objects, known_texts)
    return Catalogue(
        product=Product(objects=known_objects, faults=known_faults, texts=known_texts),
        parameters=known_parameters,
        needs=read_needs(parameters, known_parameters),
        interface_objects=known_interface_objects,
        retired=read_retired(parameters),
        chargers={},
        meters={},
    )


def _read(path: Path, problems: Problems) -> Node | None:
    """Return the root of a file; None: it could not be read, which is reported."""
    return read_tree(path, problems, name=f"{path.parent.name}/{path.name}")


def _read_model(path: Path, kind: DeviceKind, problems: Problems) -> DeviceModel | None:
    """Return the model of a file; its id must be the file's name."""
    node = _read(path, problems)
    model = read_model(node, kind) if node else None
    if node and model and model.id != path.stem:
        node.report(f"id {model.id!r} differs from the file's name", f"write id: {path.stem}")
    return model


def _read_models(directory: Path, kind: DeviceKind, problems: Problems) -> dict[str, DeviceModel]:
    """Return the models of all files in a directory, by id."""
    models: dict[str, DeviceModel] = {}
    ets_ids: dict[int, str] = {}
    for path in sorted(directory.glob("*.yaml")):
        model = _read_model(path, kind, problems)
        if model is None:
            continue
        if model.ets_id in ets_ids:
            problems.add(
                FileLine(f"{path.parent.name}/{path.name}", 1, "ets_id"),
                Plain(
                    f"{model.ets_id} belongs to {ets_ids[model.ets_id]}",
                    "take a number that was never used",
                ),
            )
        ets_ids[model.ets_id] = model.id
        models[model.id] = model
    return models
