"""What the plot shows of one moment: currents [mA] by phase; pure.

A value that is not fresh is left out: the plot has a gap there, as the station knows nothing either.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from knxgw.charging.point import ChargingPoint
from knxgw.dlm.meter import is_alive
from knxgw.station.load_management import mains_phase_count, observation_of, wired_phases
from knxgw.station.model import Station


class Trace(NamedTuple):
    """One line of the plot."""

    what: str  # LIMIT, MEASURED, BASE, `of_point` or `offer_of`
    phase: int  # 0…2; of a bound 0: it holds for each phase

    @property
    def is_bound(self) -> bool:
        """Tell whether it says what may flow on each phase, and not what does."""
        return self.what == LIMIT or self.is_offer

    @property
    def is_offer(self) -> bool:
        """Tell whether it is what a charging point was offered."""
        return self.what.startswith(OFFER)


LIMIT, MEASURED, BASE = "limit", "measured", "base"
OFFER = "offer"
Sample = Mapping[Trace, int]  # [mA]


def of_point(number: int) -> str:
    """Return the name of a charging point's lines."""
    return f"point{number}"


def offer_of(number: int) -> str:
    """Return the name of the line of what a charging point was offered."""
    return f"{OFFER}{number}"


def sample(station: Station, now_s: float) -> Sample:
    """Return what is known now."""
    values = dict(_of_mains(station, now_s))
    phases = mains_phase_count(station)
    for point in station.points.values():
        values.update(_of_point(point, phases, now_s))
    return values


def _of_mains(station: Station, now_s: float) -> Iterator[tuple[Trace, int]]:
    load_management, settings = station.load_management, station.load_management_settings
    if load_management is None or settings is None:
        return
    yield Trace(LIMIT, 0), settings.limit_ma
    if not is_alive(load_management.meter, settings, now_s):
        return
    for phase in range(settings.phases):
        value, base_ma = load_management.meter.values[phase], load_management.phases[phase].base_ma
        if value is not None:
            yield Trace(MEASURED, phase), value.current_ma
        if base_ma is not None:
            yield Trace(BASE, phase), base_ma


def _of_point(point: ChargingPoint, phases: int, now_s: float) -> Iterator[tuple[Trace, int]]:
    """Yield the offer of a charging point, and its currents on the phases that it is wired to."""
    number, decision = point.settings.number, point.control.decision
    if decision is not None:
        yield Trace(offer_of(number), 0), decision.offer_ma
    seen = observation_of(point, constraints=(), now_s=now_s)
    if not seen.is_reachable or seen.read_at is None or now_s - seen.read_at > seen.fresh_s:
        return
    wired, what = wired_phases(point.settings, phases), of_point(number)
    for phase, current_ma in zip(wired, seen.currents_ma or (), strict=False):
        if current_ma is not None:
            yield Trace(what, phase), current_ma
