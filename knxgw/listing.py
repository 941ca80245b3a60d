"""Plain rows of the catalogue for the commands: group objects and device models."""

from collections.abc import Iterable, Sequence
from typing import Any

from knxgw.catalogue.model import Catalogue, DeviceKind
from knxgw.config.group_objects import POINTS
from knxgw.config.objects import ExistingObject


def object_rows(
    catalogue: Catalogue, existing: Sequence[ExistingObject] | None
) -> list[dict[str, Any]]:
    """Return the whole map, or only the existing objects with what is linked to them."""
    rows = _map_rows(catalogue) if existing is None else _existing_rows(existing)
    return sorted(rows, key=lambda row: int(row["number"]))


def _map_rows(catalogue: Catalogue) -> Iterable[dict[str, Any]]:
    for definition in catalogue.objects:
        for point in POINTS if definition.per_point else (0,):
            yield {
                "number": definition.number_of(point),
                "charging_point": point,
                "function": definition.function.en,
                "dpts": list(definition.dpts),
                "flags": definition.flags,
                "model_dependent": definition.model_dependent,
                "addresses": [],
            }


def _existing_rows(existing: Sequence[ExistingObject]) -> Iterable[dict[str, Any]]:
    for one in existing:
        yield {
            "number": one.number,
            "charging_point": one.point or 0,
            "function": one.function.en,
            "dpts": [one.dpt] if one.dpt else [],
            "flags": one.definition.flags,
            "model_dependent": one.definition.model_dependent,
            "addresses": list(one.addresses),
        }


def model_rows(catalogue: Catalogue, kind: str | None) -> list[dict[str, Any]]:
    """Return all models, or those of one kind ("chargers", "meters")."""
    wanted = {"chargers": DeviceKind.CHARGER, "meters": DeviceKind.METER}.get(kind or "")
    return [
        {
            "id": model.id,
            "kind": model.kind.value,
            "manufacturer": model.manufacturer,
            "model": model.model,
            "transports": [transport.value for transport in model.transports],
            "confirmed": model.confirmed,
        }
        for model in catalogue.models
        if wanted is None or model.kind is wanted
    ]
