"""What there is for the chargers on a phase. Pure.

Source: load-management 7.1.
"""

from dataclasses import dataclass

from knxgw.dlm.participant import Participant
from knxgw.dlm.settings import Settings


@dataclass(slots=True)
class Claims:
    """What charging points take of a phase beside their offers [mA]."""

    held_back_ma: int = 0  # R_p: what those may take in addition that cannot be lowered
    overdraw_ma: int = 0  # D_p: what vehicles take above their offers
    unread_draw_ma: int = 0  # U_p: what is in the base load, but comes over the chargers' own line

    def add(self, participant: Participant, phase: int) -> None:
        """Count one charging point."""
        self.held_back_ma += participant.held_back_ma[phase]
        self.overdraw_ma += participant.overdraw_ma[phase]
        self.unread_draw_ma += participant.unread_draw_ma[phase]

    def room_ma(self, settings: Settings, base_ma: int) -> int:
        """Return A_p [mA] at a base load: what the mains and the chargers' own line leave."""
        mains_ma = settings.limit_ma - base_ma
        feeder_ma = settings.chargers_ma - self.unread_draw_ma
        return min(mains_ma, feeder_ma) - self.held_back_ma - self.overdraw_ma
