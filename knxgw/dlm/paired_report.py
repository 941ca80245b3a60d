"""A telegram of the smart meter, paired with what the chargers drew when it may have been measured. Pure.

`follows` compares the two, to see whether the meter follows the chargers. Source: load-management 13.5.
Currents are mA, times monotonic seconds.
"""

from collections.abc import Iterable
from typing import NamedTuple

from knxgw.charging.limits import DRAWS_FROM_MA
from knxgw.dlm.draw_history import draw_range_about, last_read_at, steady_draw_about
from knxgw.dlm.participant import Participant

LATE_S = 5.0  # a telegram is late by no more than this; by how much is not known


class Report(NamedTuple):
    """A telegram of one phase; or its last value again, when the meter reports that it is in force."""

    arrived_at: float  # [monotonic s]
    current_ma: int
    total_ma: int  # of all phases, as they are known then


class PairedReport(NamedTuple):
    """A telegram of one phase, and what the chargers drew when it may have been measured."""

    arrived_at: float  # when the telegram came [monotonic s]
    current_ma: int  # of the phase, by the meter
    total_ma: int  # of all phases, by the meter
    low_ma: int  # what the chargers that measure every phase drew together on the phase, at least
    high_ma: int  # at most
    assumed_ma: int = 0  # what the other chargers are assumed to draw on it
    measured_bits: int = 0  # which chargers' draw is known: bit n for charging point n
    drawing_bits: int = 0  # at which of them a vehicle draws


def with_draws(
    phase: int, report: Report, participants: Iterable[Participant]
) -> PairedReport | None:
    """Return a meter value of a phase (0 to 2) with what the chargers drew there when it was measured.

    None: a measuring charger with a vehicle has not been read since the value came, so its draw is not known
    yet. The value was measured at some moment of the last 5 s (`LATE_S`) before it came, so what measuring
    chargers drew is a range (`low_ma` to `high_ma`). What chargers that do not measure every phase are
    assumed to draw is added up apart (`assumed_ma`). Bits tell which chargers are in the range, and at which
    of them a vehicle may have drawn.
    """
    arrived_at, current_ma, total_ma = report
    low_ma = high_ma = assumed_ma = measured_bits = drawing_bits = 0
    for participant in participants:
        if not participant.is_draw_known:
            continue  # it counts as the building's
        settings = participant.settings
        is_measured = settings.measures_current and settings.measures_every_phase
        if not is_measured:
            assumed_ma += draw_range_about(participant, arrived_at, arrived_at, phase).most_ma
            continue
        read_at = last_read_at(participant)
        if participant.is_connected and (read_at is None or read_at < arrived_at):
            return None
        bit = 1 << settings.number  # by the number of the charging point
        measured_bits |= bit
        steady = steady_draw_about(participant, arrived_at - LATE_S)
        if steady is not None:  # a short cut: the range is this one value
            least_ma = most_ma = steady[phase]
        else:
            least_ma, most_ma = draw_range_about(
                participant, arrived_at - LATE_S, arrived_at, phase
            )
        low_ma, high_ma = low_ma + least_ma, high_ma + most_ma
        if most_ma >= DRAWS_FROM_MA:
            drawing_bits |= bit
    return PairedReport(
        arrived_at=arrived_at,
        current_ma=current_ma,
        total_ma=total_ma,
        low_ma=low_ma,
        high_ma=high_ma,
        assumed_ma=assumed_ma,
        measured_bits=measured_bits,
        drawing_bits=drawing_bits,
    )
