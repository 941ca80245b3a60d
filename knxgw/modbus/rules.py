"""Applies the state and plug rules of a model file to raw values; pure."""

from collections.abc import Mapping

from knxgw.catalogue.codes import ChargingState
from knxgw.catalogue.conditions import is_met
from knxgw.catalogue.device_model import DeviceModel
from knxgw.modbus.codec import Raw


def state_of(model: DeviceModel, raws: Mapping[str, Raw | None]) -> ChargingState | None:
    """Return the state that raw values stand for; None: no rule or code matches.

    The first rule that holds decides. One without a state of its own takes that of the code.
    """
    for rule in model.state_rules:
        if not all(
            is_met(comparison, raws.get(comparison.point)) for comparison in rule.comparisons
        ):
            continue
        if rule.state is not None:
            return ChargingState(rule.state)
        raw = raws.get("state")
        codes = model.points["state"].codes
        code = codes.get(raw) if isinstance(raw, int | str) else None
        return None if code is None or code.state is None else ChargingState(code.state)
    return None


def core_points(model: DeviceModel) -> frozenset[str]:
    """Return the names of the points without which a charger cannot be understood."""
    return frozenset({"state", "current_l1"} | rule_points(model))


def rule_points(model: DeviceModel) -> set[str]:
    """Return the names of the points that state and plug rules use."""
    comparisons = [comparison for rule in model.state_rules for comparison in rule.comparisons]
    comparisons += [comparison for rule in model.plug_rules for comparison in rule.comparisons]
    return {comparison.point for comparison in comparisons}
