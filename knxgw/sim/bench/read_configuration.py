"""Reads a change of the gateway's configuration in the middle of a scenario."""

from knxgw.catalogue.yaml_tree import Node
from knxgw.sim.bench.fields import Place, current_ma, seconds
from knxgw.sim.bench.read_settings import read_settings
from knxgw.sim.bench.scenario import Happening, Number, Reconfigured

OFF_S = 1.0  # the gateway says goodbye to the chargers, and begins again
CURRENTS = ("fuse_a", "reserve_a", "feeder_a", "static_limit_a")
KEYS = (*CURRENTS, "priority", "grid_setpoint_a", "queue", "settings", "points")
POINT_KEYS = ("minimum_a", "maximum_a")
LEAST_A = {"fuse_a": 6.0, "minimum_a": 6.0, "maximum_a": 6.0}


def read_configuration(value: Node, node: Node, place: Place, at_s: float) -> Happening | None:
    """Return what is changed; everything else in the configuration stays."""
    children = value.only_keys(KEYS)
    if not children:
        value.report("nothing is changed", f"name one of {', '.join(KEYS)}")
        return None
    connection: dict[str, int | None] = {
        _field(name): current_ma(children[name], LEAST_A.get(name, 0.0))
        for name in CURRENTS
        if name in children
    }
    if "priority" in children:
        priority = children["priority"]
        is_none = priority.text() == "none"
        connection["priority"] = None if is_none else priority.integer(1, place.points)
    if "grid_setpoint_a" in children:
        word = children["grid_setpoint_a"].choice(("0", "6"))
        connection["grid_setpoint_ma"] = 0 if word == "0" else 6000
    settings: dict[str, Number] = dict(read_settings(children.get("settings")))
    if "queue" in children:
        settings["queue"] = bool(children["queue"].boolean())
    return Reconfigured(
        happens_at=at_s,
        off_s=seconds(node, "off_s", OFF_S),
        connection=connection,
        settings=settings,
        points=_points(children.get("points"), place),
    )


def _field(name: str) -> str:
    return f"{name.removesuffix('_a')}_ma"


def _points(node: Node | None, place: Place) -> dict[int, dict[str, int]]:
    """Return by number what is changed of charging points."""
    if node is None:
        return {}
    numbers = tuple(str(number) for number in range(1, place.points + 1))
    found: dict[int, dict[str, int]] = {}
    for name, child in node.only_keys(numbers).items():
        children = child.only_keys(POINT_KEYS)
        changed = {_field(key): current_ma(one, LEAST_A[key]) for key, one in children.items()}
        if changed.get("minimum_ma", 0) > changed.get("maximum_ma", 1_000_000):
            child.report("the minimum is above the maximum", "lower minimum_a or raise maximum_a")
        if name in numbers:
            found[int(name)] = changed
    return found
