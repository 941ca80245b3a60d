"""A meter behind current transformers, as seen from the line they sit on; pure."""

from dataclasses import replace
from types import MappingProxyType

from knxgw.catalogue.device_model import DeviceModel

_GROWING_UNITS = ("A", "W", "Wh", "var", "VA")  # voltages stay what they are


def behind_transformers(model: DeviceModel, ratio: float) -> DeviceModel:
    """Return a meter whose currents, powers and energies are multiplied by `ratio`."""
    if ratio == 1:
        return model
    points = {
        name: replace(point, scale=point.scale * ratio, add=point.add * ratio)
        if point.unit in _GROWING_UNITS
        else point
        for name, point in model.points.items()
    }
    return replace(model, points=MappingProxyType(points))
