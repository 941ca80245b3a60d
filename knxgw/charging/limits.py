"""Figures for chargers and vehicles that several rooms share, each defined once.

Compliance with the limit (`compliance`), the echo of our own pause (`shown_state`), load management (`dlm`)
and the driver (`modbus`) derive theirs from these. A figure that only one room uses is defined in that room.
Currents are mA, times are seconds.
"""

NOMINAL_V = 230  # of the mains, phase to neutral: to work out a current from a power, and back
OBEY_S = 6.0  # T_ev: how long a vehicle may take to follow a new limit. Source: load-management 2
DRAWS_FROM_MA = 1000  # a vehicle that draws less does not charge
DRAWS_FROM_W = DRAWS_FROM_MA * NOMINAL_V // 1000  # the same as a power, on one phase
OVERDRAW_FROM_MA = 1500  # above the offer, or a tenth of it. Source: load-management 13.3
CURRENT_STALE_AFTER_S = 10.0  # where a charger is read often. Source: load-management 3.3
FRESH_PERIODS = 5  # where a charger is read seldom: for how many poll periods a reading is fresh


def highest_obedient_ma(offer_ma: int) -> int:
    """Return the highest current [mA] that still complies with an offer: a vehicle that draws more violates it.

    It is above the offer by 1.5 A, or by a tenth of the offer if that is more, because neither what a vehicle
    draws nor what is measured is exact. Source: load-management 13.3.
    """
    return offer_ma + max(OVERDRAW_FROM_MA, offer_ma // 10)


def highest_plausible_ma(maximum_ma: int) -> int:
    """Return the highest phase current [mA] that a reading may show: 30 % and 2 A above the point's maximum.

    No vehicle exceeds its offer by so much: a higher reading is taken for a wrong one, and not used.
    Source: load-management 3.3.
    """
    return maximum_ma * 13 // 10 + 2000
