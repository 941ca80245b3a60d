"""Reads the rules of a model, its identity rules, and its simulator."""

from collections.abc import Mapping

from knxgw.catalogue.device_model import MAX_REGISTERS
from knxgw.catalogue.fields import choice_of, flag_of
from knxgw.catalogue.load_conditions import read_comparisons
from knxgw.catalogue.points import Point, Table
from knxgw.catalogue.rules import IdentityRule, PlugRule, StateRule
from knxgw.catalogue.simulation import ReadableRange, SimulatedState, Simulation
from knxgw.catalogue.yaml_tree import Node

HIGHEST_REGISTER = 0xFFFF  # of an address, and of what a register shows


def read_state_rules(root: Node, points: Mapping[str, Point]) -> tuple[StateRule, ...]:
    """Return the rules that give a charging point its state."""
    rules: list[StateRule] = []
    node = root.get("state_rules")
    for item in node.items() if node else ():
        children = item.only_keys(("if", "state", "use"))
        comparisons = read_comparisons(children["if"], points) if "if" in children else ()
        if "use" in children:
            children["use"].choice(("codes",))
            rules.append(StateRule(comparisons=comparisons, state=None))
        elif (state := item.require("state")) and (number := state.integer(0, 11)) is not None:
            rules.append(StateRule(comparisons=comparisons, state=number))
    return tuple(rules)


def read_plug_rules(root: Node, points: Mapping[str, Point]) -> tuple[PlugRule, ...]:
    """Return the rules that say whether a vehicle is connected."""
    rules: list[PlugRule] = []
    node = root.get("plug_rules")
    for item in node.items() if node else ():
        children = item.only_keys(("if", "connected"))
        comparisons = read_comparisons(children["if"], points) if "if" in children else ()
        connected = item.require("connected")
        value = connected.boolean() if connected else None
        if value is not None:
            rules.append(PlugRule(comparisons=comparisons, is_connected=value))
    return tuple(rules)


def read_identity(root: Node, points: Mapping[str, Point]) -> tuple[IdentityRule, ...]:
    """Return the identity rules: they distinguish the devices of a model from others."""
    rules: list[IdentityRule] = []
    node = root.get("identity")
    for item in node.items() if node else ():
        children = item.only_keys(("if", "ours"))
        tests_node, ours = item.require("if"), item.require("ours")
        comparisons = read_comparisons(children["if"], points) if tests_node else ()
        for comparison in comparisons:
            if not points[comparison.point].is_readable:
                item.report(f"point {comparison.point!r} cannot be read", "test one that can")
        value = ours.boolean() if ours else None
        if comparisons and value is not None:
            rules.append(IdentityRule(comparisons=comparisons, is_this_model=value))
    return tuple(rules)


def read_simulation(root: Node, points: Mapping[str, Point]) -> Simulation:
    """Return the states of the simulated device; points that do not exist are reported."""
    node = root.get("simulator")
    if node is None:
        return Simulation(states={}, constants={}, enabled_if=())
    children = node.only_keys(("states", "constants", "enabled_if", "readable", "same_tables"))
    states = _read_states(children["states"]) if "states" in children else {}
    constants = (
        {
            name: child.text() if _is_text(points.get(name)) else _scalar(child)
            for name, child in children["constants"].mapping().items()
        }
        if "constants" in children
        else {}
    )
    for name in [*constants, *(point for values in states.values() for point in values)]:
        if name not in points:
            node.report(f"point {name!r} does not exist", "name a point of this file")
    enabled_if = (
        read_comparisons(children["enabled_if"], points) if "enabled_if" in children else ()
    )
    return Simulation(
        states=states,
        constants=constants,
        enabled_if=enabled_if,
        readable=_read_ranges(node),
        has_shared_tables=flag_of(node, "same_tables"),
    )


def _read_states(node: Node) -> dict[SimulatedState, dict[str, int | str]]:
    """Return the raw values of the points in each simulated state; an unknown state is reported."""
    states: dict[SimulatedState, dict[str, int | str]] = {}
    for name, values in node.mapping().items():
        if name not in {state.value for state in SimulatedState}:
            values.report("unknown state", f"known are: {', '.join(SimulatedState)}")
            continue
        raw = {point: _scalar(child) for point, child in values.mapping().items()}
        states[SimulatedState(name)] = {
            point: value for point, value in raw.items() if not isinstance(value, float)
        }
    return states


def _read_ranges(node: Node) -> tuple[ReadableRange, ...]:
    """Return the registers that a device gives in any piece."""
    child = node.get("readable")
    ranges: list[ReadableRange] = []
    for item in child.items() if child else ():
        item.only_keys(("table", "address", "count", "gap", "relative", "max_registers"))
        address, count = item.require("address"), item.require("count")
        gap, most = item.get("gap"), item.get("max_registers")
        if address is None or count is None:
            continue
        ranges.append(
            ReadableRange(
                table=Table(choice_of(item, "table", tuple(Table), Table.HOLDING)),
                address=address.integer(0, HIGHEST_REGISTER) or 0,
                count=count.integer(1, HIGHEST_REGISTER + 1) or 1,
                gap=(gap.integer(0, HIGHEST_REGISTER) if gap else None) or 0,
                is_relative=flag_of(item, "relative"),
                max_registers=(most.integer(1, MAX_REGISTERS) if most else None) or MAX_REGISTERS,
            )
        )
    return tuple(ranges)


def _is_text(point: Point | None) -> bool:
    """Tell whether the value of a point is a text."""
    words = ("str", "strw", "char_lo", "char_hi", "bytes")
    return point is not None and point.type in words


def _scalar(node: Node) -> int | float | str:
    """Return a whole number, a number, or else the text."""
    text = node.text()
    for convert in (lambda word: int(word, 0), float):
        try:
            return convert(text)
        except ValueError:
            continue
    return text
