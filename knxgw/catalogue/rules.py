"""The rules of a device model: what its raw values say of state, plug and identity; `load_rules` reads them."""

from dataclasses import dataclass

from knxgw.catalogue.points import Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRule:
    """First match wins; `state` None takes the number from the code table of `state`."""

    comparisons: tuple[Comparison, ...]
    state: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlugRule:
    """First match wins; no match leaves the plug unchanged."""

    comparisons: tuple[Comparison, ...]
    is_connected: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRule:
    """First match wins; no match proves nothing about the device."""

    comparisons: tuple[Comparison, ...]
    is_this_model: bool  # whether the device is of this model
