"""What a configuration file says, as ETS would have it: texts by key, an image of the parameters."""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from knxgw.config.parameter_memory import OWN
from knxgw.config.schema import GROUP_OBJECTS


def texts_of_file(text: str) -> dict[str, str]:
    """Return key and text of each parameter of a file that ETS writes."""
    found = dict(_texts("", yaml.safe_load(text)))
    return {
        key: value
        for key, value in found.items()
        if not key.startswith((*OWN, f"{GROUP_OBJECTS}."))
    }


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, below in value.items():
            yield from _texts(f"{key}.{name}" if key else str(name), below)
    elif isinstance(value, list) and key == "charging_points":
        for index, entry in enumerate(value):
            yield from _texts(f"{key}[{index}]", entry)
    elif value is not None:
        yield key, str(value).lower() if isinstance(value, bool) else str(value)
