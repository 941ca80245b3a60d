"""Files of vectors: what a source says that registers of a model mean. A wrong one says what it lacks."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from knxgw.catalogue.yaml_loader import Loader

LISTS = {"points": {"point", "registers", "value"}, "states": {"set", "state"}}
COMPUTED = "computed"  # a list that only models have which put values together
PATTERN = "tests/models/vectors/keba_p40.yaml is a pattern"


class WrongVectorsError(Exception):
    """A file of vectors that cannot be used."""


def read_vectors(path: Path) -> dict[str, Any]:
    """Return the vectors of a file. Raises: WrongVectorsError, with file and remedy."""
    try:
        loaded = Loader(path.read_text(encoding="utf-8")).get_single_data()
    except yaml.YAMLError as err:
        raise WrongVectorsError(f"{path.name} is not YAML: {err}") from err
    if loaded is None:
        raise WrongVectorsError(f"{path.name} is empty: it needs {_listed(_keys())}; {PATTERN}")
    if not isinstance(loaded, dict):
        kind = type(loaded).__name__
        said = f"{path.name} has the keys {_listed(_keys())}, not a {kind}; {PATTERN}"
        raise WrongVectorsError(said)
    if missing := [key for key in _keys() if key not in loaded]:
        raise WrongVectorsError(f"{path.name} lacks {_listed(missing)}; {PATTERN}")
    if not isinstance(loaded["source"], str) or not loaded["source"].strip():
        raise WrongVectorsError(f"{path.name}: `source` must say where the values come from")
    for key, needed in {**LISTS, COMPUTED: {"set"}}.items():
        _check_list(path, key, loaded.get(key, []), needed)
    return loaded


def _check_list(path: Path, key: str, found: object, needed: Collection[str]) -> None:
    if not isinstance(found, list):
        raise WrongVectorsError(f"{path.name}: `{key}` must be a list, `[]` if there is nothing")
    for number, item in enumerate(found, 1):
        given = item if isinstance(item, Mapping) else {}
        if missing := sorted(set(needed) - given.keys()):
            said = f"{path.name}: entry {number} of `{key}` lacks {_listed(missing)}"
            raise WrongVectorsError(f"{said}; {PATTERN}")


def _keys() -> list[str]:
    return ["source", *LISTS]


def _listed(keys: Collection[str]) -> str:
    return ", ".join(f"`{key}`" for key in keys)
