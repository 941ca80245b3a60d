"""Room: how much of a phase is left for the offers of the charging points. Pure.

Source: load-management 7.1.
"""

from dataclasses import dataclass

from knxgw.dlm.participant import Participant
from knxgw.dlm.settings import Settings


@dataclass(slots=True)
class Claims:
    """Current on one phase [mA] that is reserved for charging points beside their offers."""

    held_back_ma: int = 0  # R_p: what chargers that cannot be lowered may take in addition
    overdraw_ma: int = 0  # D_p: what vehicles take above their offers
    # U_p: draws that are in the base load, but come over the chargers' own line
    unread_draw_ma: int = 0

    def add(self, participant: Participant, phase: int) -> None:
        """Add what is reserved for a participant on the grid phase (0 to 2) of these claims (in place)."""
        self.held_back_ma += participant.held_back_ma[phase]
        self.overdraw_ma += participant.overdraw_ma[phase]
        self.unread_draw_ma += participant.unread_draw_ma[phase]

    def room_ma(self, settings: Settings, base_ma: int) -> int:
        """Return A_p [mA]: what offers may add up to on this phase, at a base load. It may be negative.

        The mains and the chargers' own line each leave some room; the smaller one counts. Unread draws are
        in the base load, so they take room from the own line only.
        """
        mains_ma = settings.limit_ma - base_ma
        feeder_ma = settings.chargers_ma - self.unread_draw_ma
        return min(mains_ma, feeder_ma) - self.held_back_ma - self.overdraw_ma
