"""One hour of a day in plain words, minute by minute, from the recording of its run.

What is told: loads of the building that go on and off, vehicles that come and go, whom the gateway
lowered, raised, stopped and started, faults, and what the line carried. Times are s of the day.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from knxgw.sim.bench.curve import Curve
from knxgw.sim.bench.recording import Recording
from knxgw.sim.bench.scenario import ChargerReboots, ChargerTroubled, Scenario

MINUTE_S, HOUR_S = 60.0, 3600.0
STEP_MA = 800  # of the building: a smaller one is its unrest
PHASES = ("L1", "L2", "L3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What happened at some time, in words."""

    at_s: float
    words: str


def tell(scenario: Scenario, recording: Recording, from_s: float, to_s: float) -> Iterator[str]:
    """Give the lines of a story; minutes in which nothing happened are told together."""
    moments = sorted(
        [
            *_building(recording, from_s, to_s),
            *_vehicles(recording, from_s, to_s),
            *_faults(recording, from_s, to_s),
            *_troubles(scenario, from_s, to_s),
            *_violations(recording, from_s, to_s),
        ],
        key=lambda one: one.at_s,
    )
    limit_ma = scenario.connection.limit_ma
    quiet_s: float | None = None
    for number in range(int((to_s - from_s) / MINUTE_S)):
        start_s = from_s + number * MINUTE_S
        end_s = start_s + MINUTE_S
        said = [one.words for one in moments if start_s <= one.at_s < end_s]
        said += _offers(recording, start_s, end_s)
        over = _over(recording, limit_ma, start_s, end_s)
        if not said and not over:
            quiet_s = start_s if quiet_s is None else quiet_s
            continue
        if quiet_s is not None:
            yield _quiet(recording, quiet_s, start_s)
            quiet_s = None
        yield f"- **{clock(start_s)}** {_sentence([*said, *over])}"
    if quiet_s is not None:
        yield _quiet(recording, quiet_s, to_s)


def without_current(recording: Recording, from_s: float, to_s: float) -> str:
    """Return who had no current for how long though a vehicle was there."""
    found = []
    for number, log in enumerate(recording.points, 1):
        moments = sorted(
            at_s for at_s in (*log.offers.times, *log.used.times) if from_s < at_s < to_s
        )
        idle_s = sum(
            end_s - start_s
            for start_s, end_s in pairwise([from_s, *moments, to_s])
            if log.used.at(start_s) and log.offers.at(start_s) == 0
        )
        if idle_s >= 1.0:
            found.append(f"CP{number} for {idle_s / MINUTE_S:.1f} min")
    return f"A vehicle was there and had 0 A at {_list(found)}." if found else ""


def clock(at_s: float) -> str:
    """Return a time of the day; the day begins at midnight."""
    minutes = int(at_s // MINUTE_S)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _sentence(parts: Sequence[str]) -> str:
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _quiet(recording: Recording, from_s: float, to_s: float) -> str:
    last_s = to_s - MINUTE_S
    when = clock(from_s) if last_s <= from_s else f"{clock(from_s)} to {clock(last_s)}"
    return f"- **{when}** Nothing changed: {state(recording, to_s - 1.0)}."


def state(recording: Recording, at_s: float) -> str:
    """Return what everybody draws at a moment, and the line."""
    building = "/".join(f"{curve.at(at_s) / 1000:.0f}" for curve in recording.base)
    line = "/".join(f"{curve.at(at_s) / 1000:.0f}" for curve in recording.load)
    offers = [
        f"CP{number} {_a(log.offers.at(at_s))}"
        for number, log in enumerate(recording.points, 1)
        if log.used.at(at_s)
    ]
    listed = ", ".join(offers) if offers else "no vehicle is there"
    return f"building {building} A, line {line} A; offers {listed}"


# --- what happens ----------------------------------------------------------------------------------


def _building(recording: Recording, from_s: float, to_s: float) -> Iterator[Moment]:
    for at_s in recording.base_changes:
        if not from_s <= at_s < to_s:
            continue
        steps = [_step_ma(curve, at_s) for curve in recording.base]
        felt = [(phase, ma) for phase, ma in zip(PHASES, steps, strict=True) if abs(ma) >= STEP_MA]
        if felt:
            sizes = sum(abs(ma) for _, ma in felt) / len(felt)
            verb = "took" if felt[0][1] > 0 else "let go of"
            phases = " and ".join(phase for phase, _ in felt)
            phases = "all phases" if len(felt) == len(PHASES) else phases
            yield Moment(at_s=at_s, words=f"the building {verb} {_a(sizes)} on {phases}")


def _step_ma(curve: Curve, at_s: float) -> float:
    return curve.at(at_s) - curve.at(at_s - 1e-6)


def _vehicles(recording: Recording, from_s: float, to_s: float) -> Iterator[Moment]:
    for number, log in enumerate(recording.points, 1):
        for at_s, word, _, _ in log.inputs:
            if not from_s <= at_s < to_s:
                continue
            if word == "plug":
                phases = ", ".join(PHASES[phase] for phase in log.used.at(at_s))
                most = _a(log.can_use.at(at_s))
                words = f"a vehicle came to CP{number} (up to {most} on {phases})"
                yield Moment(at_s=at_s, words=words)
            elif word == "unplug":
                yield Moment(at_s=at_s, words=f"the vehicle at CP{number} left")
        for at_s, reached in log.reached.changes(from_s, to_s):
            words = "could be reached again" if reached else "could not be reached any more"
            yield Moment(at_s=at_s, words=f"CP{number} {words}")


def _faults(recording: Recording, from_s: float, to_s: float) -> Iterator[Moment]:
    for fault in recording.faults:
        if from_s <= fault.changed_at < to_s:
            where = f" at CP{fault.point}" if fault.point else ""
            verb = "raised" if fault.present else "cleared"
            yield Moment(
                at_s=fault.changed_at, words=f"the fault {fault.code.value}{where} was {verb}"
            )


def _troubles(scenario: Scenario, from_s: float, to_s: float) -> Iterator[Moment]:
    """Give what the scenario lets go wrong, and the gateway must find out."""
    for lost in scenario.meter.lost:
        if from_s <= lost.begins_at < to_s:
            length_s = lost.ends_at - lost.begins_at
            yield Moment(at_s=lost.begins_at, words=f"the meter fell silent for {length_s:.0f} s")
    for one in scenario.happenings:
        if not from_s <= one.happens_at < to_s:
            continue
        if isinstance(one, ChargerReboots):
            words = f"CP{one.point} restarted and offered its vehicle {_a(one.to_ma)}"
            yield Moment(at_s=one.happens_at, words=words)
        elif isinstance(one, ChargerTroubled) and one.holds_until is not None:
            words = f"CP{one.point} {one.trouble} all commands for {one.holds_until - one.happens_at:.0f} s"
            yield Moment(at_s=one.happens_at, words=words)


def _violations(recording: Recording, from_s: float, to_s: float) -> Iterator[Moment]:
    for one in recording.violations:
        if from_s <= one.found_at < to_s:
            words = f"**{one.invariant} was violated** ({one.words})"
            yield Moment(at_s=one.found_at, words=words)


def _offers(recording: Recording, from_s: float, to_s: float) -> list[str]:
    """Return what became of the offers in a minute; those who went the same way stand together."""
    ways: dict[str, dict[str, list[str]]] = {}
    for number, log in enumerate(recording.points, 1):
        changes = [ma for _, ma in log.offers.changes(from_s - 1e-6, to_s - 1e-6)]
        before = log.offers.before(from_s)
        if not log.used.at(to_s - 1e-6) or set(changes) <= {before}:
            continue  # nobody is there to whom it matters, or nothing changed
        stops = [before, changes[-1]]
        if min(changes) < min(stops):
            stops.insert(1, min(changes))
        text = " → ".join(_number(ma) for ma in stops)
        ways.setdefault(_way(before, changes), {}).setdefault(text, []).append(f"CP{number}")
    return [
        f"{way}: {', '.join(f'{_list(points)} {text} A' for text, points in ones.items())}"
        for way, ones in ways.items()
    ]


def _list(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + (" and " if len(words) > 1 else "") + words[-1]


def _way(before_ma: int, changes: Sequence[int]) -> str:
    last_ma = changes[-1]
    if last_ma == before_ma == 0:
        return "started and stopped again"
    if last_ma == 0:
        return "stopped"
    if before_ma == 0:
        return "started"
    if 0 in changes:
        return "stopped and started again"
    if min(changes) < min(before_ma, last_ma):
        return "lowered and raised again"
    return "lowered" if last_ma < before_ma else "raised"


def _over(recording: Recording, limit_ma: float, from_s: float, to_s: float) -> list[str]:
    """Return how far and how long the line was above its limit in a minute."""
    words = []
    for phase, curve in zip(PHASES, recording.load, strict=True):
        parts = curve.above(limit_ma + 500, from_s, to_s)
        length_s = sum(end_s - start_s for start_s, end_s in parts)
        if length_s >= 1.0:
            highest = max(curve.highest(start_s, end_s) for start_s, end_s in parts)
            words.append(f"{phase} above the limit for {length_s:.0f} s, at most {_a(highest)}")
    return words


def _a(current_ma: float) -> str:
    return f"{_number(current_ma)} A"


def _number(current_ma: float) -> str:
    return f"{round(current_ma / 1000, 1):g}"
