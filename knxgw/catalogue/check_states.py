"""Checks the states of a charger model against its rules and its simulator; pure."""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from knxgw.catalogue.conditions import is_met
from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.points import Comparison
from knxgw.catalogue.rules import PlugRule, StateRule
from knxgw.catalogue.simulation import SimulatedState
from knxgw.catalogue.yaml_tree import Node

_NO_PLUG = (0, 1, 2, 3)  # states that leave open whether a vehicle is connected
Shown = Mapping[str, int | str]
Rule = TypeVar("Rule", StateRule, PlugRule)


def check_states(model: DeviceModel, root: Node) -> None:
    """Report a state that rules do not know, and a simulator that its own rules do not know."""
    _check_codes(model, root)
    simulator = root.get("simulator")
    states = simulator.get("states") if simulator else None
    if states is None:
        return
    missing = [one.value for one in SimulatedState if one not in model.simulation.states]
    if missing:
        states.report(
            f"nothing says what is shown while {' and '.join(missing)}", "give all six states"
        )
    for state, shown in model.simulation.states.items():
        node = states.mapping()[state.value]
        _check_shown(model, shown, node)
        _check_rules(model, state, shown, node)


def _check_codes(model: DeviceModel, root: Node) -> None:
    """Report a code that tells of a vehicle, or of none, while no rule says so."""
    for code, meaning in model.points["state"].codes.items():
        if meaning.state is None or meaning.state in _NO_PLUG:
            continue
        if not any(_may_hold(rule.comparisons, {"state": code}) for rule in model.plug_rules):
            codes = root.mapping()["points"].mapping()["state"].mapping()["codes"]
            codes.report(
                f"no plug rule says whether a vehicle is connected at {code} ({meaning.meaning})",
                "add the code to a rule below `plug_rules`",
            )


def _check_shown(model: DeviceModel, shown: Shown, node: Node) -> None:
    """Report a value of a simulated state that the code table of its point does not know."""
    for name, raw in shown.items():
        point = model.points.get(name)
        if point and point.codes and raw not in point.codes:
            node.report(
                f"shows {name} = {raw}, which `codes` of {name!r} does not know",
                f"known are: {', '.join(str(code) for code in point.codes)}",
            )


def _check_rules(model: DeviceModel, state: SimulatedState, shown: Shown, node: Node) -> None:
    """Report a simulated state that no rule knows, or that tells the plug wrongly."""
    if state is SimulatedState.ERROR:  # which may be any, and say nothing of the plug
        return
    if _first(model.state_rules, shown) is None:
        node.report("no state rule knows what is shown", "add a rule below `state_rules`")
    is_connected = state is not SimulatedState.AVAILABLE
    rule = _first(model.plug_rules, shown)
    if rule is None:
        node.report(
            "no plug rule says whether a vehicle is connected",
            f"add a rule below `plug_rules`, with connected: {str(is_connected).lower()}",
        )
    elif (
        rule.is_connected != is_connected
        and {comparison.point for comparison in rule.comparisons} <= shown.keys()
    ):
        node.report(
            f"the plug rules say connected: {str(rule.is_connected).lower()}",
            "correct what is shown, or the first of `plug_rules` that holds",
        )


def _first(rules: Sequence[Rule], shown: Shown) -> Rule | None:
    """Return the first rule that can hold where only some points are known."""
    return next((rule for rule in rules if _may_hold(rule.comparisons, shown)), None)


def _may_hold(comparisons: Sequence[Comparison], shown: Shown) -> bool:
    """Tell whether comparisons may hold: points that are not shown can have any value."""
    return all(
        is_met(comparison, shown[comparison.point])
        for comparison in comparisons
        if comparison.point in shown
    )
