"""What is wrong at a moment, or at any moment of a time. Pure."""

from collections.abc import Iterable, Sequence

from knxgw.catalogue.codes import Reason
from knxgw.sim.bench.expectation import (
    Amounts,
    FaultIs,
    GatewayHas,
    GatewayMeasures,
    LoadIs,
    ObjectIs,
    OffersAre,
    OffersWithin,
    ReasonsAre,
    ReservedAre,
    StatesAre,
    Subject,
)
from knxgw.sim.bench.recording import Recording

EARLY_S = 1e-6


def wrong_within(recording: Recording, subject: Subject, from_s: float, to_s: float) -> str | None:
    """Return what is wrong at any moment of a time."""
    for at_s in moments(recording, subject, from_s, to_s):
        problem = wrong_at(recording, subject, at_s)
        if problem is not None:
            return f"{problem} at {at_s:.1f} s"
    return None


def moments(recording: Recording, subject: Subject, from_s: float, to_s: float) -> Iterable[float]:
    """Return the moments of a time at which what is looked at may have changed."""
    if isinstance(subject, LoadIs):
        inside = {at_s for curve in recording.load for at_s in curve.times if from_s < at_s < to_s}
        before = {at_s - EARLY_S for at_s in inside}  # what a line came to before it jumps
        return [from_s, *sorted(inside | before), to_s]
    return recording.moments(from_s, to_s)


def wrong_at(recording: Recording, subject: Subject, at_s: float) -> str | None:  # noqa: C901, PLR0911 - a table
    """Return what is wrong at a moment, None: nothing."""
    match subject:
        case OffersAre(offers_ma=wanted, tolerance_ma=tolerance):
            return differ(recording.offers_at(at_s), wanted, tolerance, "offers are")
        case OffersWithin():
            return _outside(recording, subject, at_s)
        case StatesAre(states=states):
            return _unequal(recording, "state", states, at_s)
        case ReasonsAre(reasons=reasons):
            return _wrong_reasons(recording, reasons, at_s)
        case FaultIs(code=code, point=point, present=present):
            if recording.is_present(code, point, at_s) == present:
                return None
            return "the fault is not present" if present else "the fault is present"
        case ObjectIs(point=point, key=key, value=value):
            said = recording.object_at(point, key, at_s)
            return None if said == value else f"it says {said}, not {value}"
        case ReservedAre(reserved=wanted_reserved):
            kept = [log.reserved.at(at_s) for log in recording.points]
            wrong = any(
                wish is not None and wish != has
                for wish, has in zip(wanted_reserved, kept, strict=True)
            )
            return f"reserved is {kept}" if wrong else None
        case LoadIs(load_ma=wanted, tolerance_ma=tolerance):
            load = [curve.at(at_s) for curve in recording.load]
            return differ(load, wanted, tolerance, "the line carries")
        case GatewayMeasures(load_ma=wanted, tolerance_ma=tolerance):
            return differ(_measured(recording, at_s), wanted, tolerance, "it measures")
        case GatewayHas(available_ma=wanted, tolerance_ma=tolerance):
            return differ(_available(recording, at_s), wanted, tolerance, "it has")
        case _:
            raise AssertionError(f"{subject} is not checked at a moment")


def differ(
    has: Sequence[float | None], wanted: Amounts, tolerance_ma: int, words: str
) -> str | None:
    """Return in words that amounts differ from what was wanted, None: they do not."""
    pairs = list(zip(has, wanted, strict=False))
    good = all(
        wish is None or (value is not None and abs(value - wish) <= tolerance_ma + EARLY_S)
        for value, wish in pairs
    )
    if good:
        return None
    shown = "/".join("-" if value is None else f"{value / 1000:.4g}" for value, _ in pairs)
    return f"{words} {shown} A"


def _outside(recording: Recording, subject: OffersWithin, at_s: float) -> str | None:
    offers = recording.offers_at(at_s)
    slack = subject.tolerance_ma
    for offer_ma, low_ma, high_ma in zip(offers, subject.low_ma, subject.high_ma, strict=True):
        too_low = low_ma is not None and offer_ma < low_ma - slack
        if too_low or (high_ma is not None and offer_ma > high_ma + slack):
            return f"offers are {'/'.join(f'{ma / 1000:.4g}' for ma in offers)} A"
    return None


def _unequal(
    recording: Recording, key: str, wanted: Sequence[int | None], at_s: float
) -> str | None:
    said = [recording.object_at(n, key, at_s) for n in range(1, len(recording.points) + 1)]
    wrong = any(wish is not None and wish != has for wish, has in zip(wanted, said, strict=True))
    return f"{key} is {'/'.join(map(str, said))}" if wrong else None


def _wrong_reasons(recording: Recording, wanted: Sequence[int | None], at_s: float) -> str | None:
    said = [recording.object_at(n, "reason", at_s) for n in range(1, len(recording.points) + 1)]
    if all(wish is None or wish == has for wish, has in zip(wanted, said, strict=True)):
        return None
    names = [Reason(has).name.lower() if isinstance(has, int) else "-" for has in said]
    return f"reasons are {'/'.join(names)}"


def _measured(recording: Recording, at_s: float) -> list[float | None]:
    station = recording.probes.get(at_s)
    if station is None or station.load_management is None:
        return [None, None, None]
    values = station.load_management.meter.values
    return [None if value is None else value.current_ma for value in values]


def _available(recording: Recording, at_s: float) -> list[float | None]:
    station = recording.probes.get(at_s)
    managed = station.load_management if station else None
    known = managed.outcome.available_ma if managed else None
    return [None, None, None] if known is None else list(known)
