"""How a life of the gateway goes and ends; drawn beforehand, so that a seed tells it all."""

import random
from dataclasses import dataclass
from enum import StrEnum

from tests.torture.site import POINTS

EARLY_SHARE, EARLY_S = 0.2, 1.0  # killed during the start: how many, until when
LONG_SHARE, LONG_S = 0.1, 3.0  # lives that see faults come and go
ACTIVE_S = 1.0  # how long the others act
BURST_S, PARTING_S = 0.015, 0.004  # how long it takes at most until the last event is written
POWER_SHARE = 0.3  # of the chargers lose their power too


class Ending(StrEnum):
    """What happens just before the kill; most kills fall into a write."""

    ANYTHING = "anything"
    BURST = "many commands at once"
    PARTING = "a vehicle leaves"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One life."""

    early: bool  # killed during the start
    act_s: float
    ending: Ending
    caught_s: float  # from that to the kill
    powerless: tuple[int, ...]  # charging points that lose their power with the gateway


def draw(dice: random.Random) -> Plan:
    """Return a life; every draw is made in any case."""
    early, is_long = dice.random() < EARLY_SHARE, dice.random() < LONG_SHARE
    longest_s = EARLY_S if early else LONG_S if is_long else ACTIVE_S
    ending = dice.choices(list(Ending), (2, 6, 2))[0]
    return Plan(
        early=early,
        act_s=dice.uniform(0, longest_s),
        ending=ending,
        caught_s=dice.uniform(0, PARTING_S if ending is Ending.PARTING else BURST_S),
        powerless=tuple(point for point in POINTS if dice.random() < POWER_SHARE),
    )
