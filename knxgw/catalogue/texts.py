"""The content of `product_db/texts.yaml`: all texts that no other file defines. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from knxgw.catalogue.codes import ChargingState, LoadManagementState, Reason
from knxgw.catalogue.text import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class StateTexts:
    """A value of object 50 in words."""

    name: Text
    when: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonTexts:
    """A value of object 511 as a text, and as the text of object 512 [at most 14 characters]."""

    words: Text
    bus: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Names of things that have no name of their own."""

    charging_point: Text  # {number}
    smart_meter_current: Text
    smart_meter_power: Text
    ev_charging: Text  # what a gateway is for: a main group of ETS
    general_objects: Text  # group objects of no charging point
    group_object: Text  # {number}
    group_objects: Text  # {numbers}
    listening: Text  # {objects}, as the two above say them


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """Sentences about what an installer must correct or know."""

    not_configured: Text
    state_lost: Text
    meter_reversed: Text  # {phases}
    meter_frozen: Text  # {phases}
    exists_only: Text  # {condition}: one of `conditions`
    not_supplied: Text  # {charger}
    supplied_by_neither: Text  # {charger}, {meter}


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusTexts:
    """What stands in the place of a state that is not there."""

    state_not_read_yet: Text
    state_not_known: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Every text; the reader sees to it that each member of an enumeration has its own."""

    states: Mapping[ChargingState, StateTexts]
    reasons: Mapping[Reason, ReasonTexts]
    load_management: Mapping[LoadManagementState, Text]
    needs: Mapping[str, Text]  # what a group object needs of the charger, by capability
    conditions: Mapping[str, Text]  # what a group object needs of the load management, by key
    names: Names
    messages: Messages
    status: StatusTexts
