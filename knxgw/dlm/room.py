"""Room: how much of a phase is left for the offers of the charging points. Pure.

Source: load-management 7.1.
"""

from dataclasses import dataclass

from knxgw.dlm.participant import Participant
from knxgw.dlm.settings import Settings


@dataclass(slots=True)
class Claims:
    """Current on one phase [mA] that is reserved for charging points beside their offers."""

    held_back_ma: int = 0  # R_p: what those may take in addition that cannot be lowered
    overdraw_ma: int = 0  # D_p: what vehicles take above their offers
    unread_draw_ma: int = 0  # U_p: what is in the base load, but comes over the chargers' own line

    def add(self, participant: Participant, phase: int) -> None:
        """Add what is reserved for a participant on a grid phase (0 to 2)."""
        self.held_back_ma += participant.held_back_ma[phase]
        self.overdraw_ma += participant.overdraw_ma[phase]
        self.unread_draw_ma += participant.unread_draw_ma[phase]

    def room_ma(self, settings: Settings, base_ma: int) -> int:
        """Return A_p [mA]: what offers may add up to on this phase, at a base load.

        The mains and the chargers' own line each leave some room; the smaller one counts.
        """
        mains_ma = settings.limit_ma - base_ma
        feeder_ma = settings.chargers_ma - self.unread_draw_ma
        return min(mains_ma, feeder_ma) - self.held_back_ma - self.overdraw_ma
