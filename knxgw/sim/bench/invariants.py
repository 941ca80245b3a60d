"""What must hold in every state, as far as it can be seen from outside the gateway.

Source: load-management 9.5. I6 (order does not matter) needs two runs and
is a test. Currents are mA per phase, times s.
"""

from bisect import bisect_left
from collections.abc import Iterable

from knxgw.modbus.commander import RETRY_S
from knxgw.sim.bench.curve import Curve, Steps
from knxgw.sim.bench.plant import Charger, Plant
from knxgw.sim.bench.recording import PointLog, Recording, Violation
from knxgw.sim.bench.scenario import (
    BaseChanged,
    CarBehaves,
    CarChanged,
    CarModel,
    CarMoved,
    ConnectionModel,
    Habit,
    Restarted,
    Scenario,
    Trouble,
)
from knxgw.station.model import Event, GridControlCommanded, InterruptionCommanded

LOWER_FROM_MA = 500  # delta_dn
SLACK_MA = 100  # rounding of readings and of coarse datapoint types
STEADY_S = 4.0  # nothing moved for so long: the gateway can know the base load exactly
HOLD_S = 15.0  # T_hold
NOISE_MOST_MA = 450  # of a building whose load is never still
RESERVED_MA = 1000  # a vehicle that draws more than this counts
EARLY_S = 1e-6
UNSEEN_ROUNDS, OBEY_S = 2, 6.0  # until lowering chargers without measurement was enough
CYCLE_S = 1.0  # the gateway decides at least so often
FOUND_OUT_S = OBEY_S + 2 * CYCLE_S  # from an offer that a charger does not obey until that is known
REPEAT_S = RETRY_S  # a write that failed is repeated so much later


class Watch:
    """Looks at the run while it goes on; each invariant is reported once."""

    def __init__(self, scenario: Scenario, plant: Plant, found: list[Violation]) -> None:
        self.scenario = scenario
        self._plant = plant
        self._found = found
        self._reported: set[str] = set()
        self._grid_control = False
        self._interrupted: set[int] = set()
        self._moved_at = -1e9  # when a vehicle came, went or changed
        self._was_over = False
        self._offers: list[int] = []  # before the telegram
        self._reduced = [-1e9, -1e9, -1e9]
        self._offered = 0  # how many offers there were
        self._good = [(-1, 0)] * 3  # what was so when a phase was found in order
        self._hold_s = max(HOLD_S, 1.5 * scenario.meter.sample_s)
        self._is_shared = scenario.connection.load_management == "dynamic"
        self._due: list[tuple[float, float] | None] = [
            None
        ] * 3  # when offers must fit which sample
        self._obeying = {one.number for one in plant.chargers}  # those that can be told what to do
        self._returned_at = -1e9  # when one could be told again
        self.is_up = True  # the gateway; without power it answers nothing
        self._is_seen = all(point.is_measured for point in scenario.points)
        self._read_s = max(point.poll_s for point in scenario.points)
        if not self._is_seen:
            self._read_s += UNSEEN_ROUNDS * (OBEY_S + scenario.meter.sample_s)

    def started(self) -> None:
        """Note that the gateway has started; it knows of no reduction before (load-management 9.5d, 16.15)."""
        self.is_up = True
        self._reduced = [-1e9, -1e9, -1e9]

    def received(self, event: Event) -> None:
        """Note a command that orders or ends a pause."""
        if isinstance(event, GridControlCommanded):
            self._grid_control = event.is_active
        elif isinstance(event, InterruptionCommanded):
            change = self._interrupted.add if event.is_active else self._interrupted.discard
            change(event.point)

    def vehicle_changed(self, at_s: float) -> None:
        """Note that a vehicle came, went or changed."""
        self._moved_at = at_s

    def after_command(self, at_s: float) -> None:
        """Check I5: a zero source is in force at once."""
        for charger in self._plant.chargers:
            offer_ma = charger.log.offers.last
            if offer_ma and self._must_pause(charger.number):
                self._report(at_s, "I5", f"CP{charger.number} has {_a(offer_ma)}, 0 A was ordered")

    def offered(self, at_s: float, number: int, before_ma: int, offer_ma: int) -> None:
        """Check a new offer: I2 (range), I4 (hold after a reduction), I5 (pause)."""
        self._offered += 1
        charger = self._plant.chargers[number - 1]
        model = charger.model
        if offer_ma and not model.minimum_ma <= offer_ma <= self._cap_ma(number):
            limits = f"{_a(model.minimum_ma)} to {_a(self._cap_ma(number))}"
            self._report(at_s, "I2", f"CP{number} is offered {_a(offer_ma)}, allowed is {limits}")
        if offer_ma and self._must_pause(number):
            self._report(at_s, "I5", f"CP{number} is offered {_a(offer_ma)}, 0 A was ordered")
        if self._is_shared and offer_ma > before_ma > 0:
            for phase in charger.used:
                since_s = at_s - self._reduced[phase]
                if since_s < self._hold_s - EARLY_S:
                    words = (
                        f"CP{number} is raised {since_s:.1f} s after a reduction on L{phase + 1}"
                    )
                    self._report(at_s, "I4", words)

    def must_look(self, phase: int) -> bool:
        """Tell whether a meter value of a phase can tell anything that the last one did not."""
        key = (self._plant.changes, self._offered)
        return self.is_up and self._is_shared and self._good[phase] != key

    def before_telegram(self, phase: int, sampled_at: float) -> None:
        """Note whether the offers are above what a meter value will tell, so that lowering them is for safety.

        While the line carries no more than it may, they are lowered for that only once the chargers have been
        read again: what is lowered with the first such value is lowered for something else.
        """
        due = self._due[phase]
        if due is not None and (self._excess_ma(phase, due[1]) or 0) <= LOWER_FROM_MA + SLACK_MA:
            self._due[phase] = None
        excess_ma = self._excess_ma(phase, sampled_at)
        self._was_over = (
            excess_ma is not None
            and excess_ma > LOWER_FROM_MA + SLACK_MA
            and (self._due[phase] is not None or self._is_above_limit(phase, sampled_at))
        )
        self._offers = [charger.log.offers.last for charger in self._plant.chargers]

    def after_telegram(self, at_s: float, phase: int, sampled_at: float) -> None:
        """Check I1: after a meter value the offers fit; note the safety reduction."""
        chargers = self._plant.chargers
        if self._was_over and any(
            charger.log.offers.last < offer_ma and phase in charger.used
            for charger, offer_ma in zip(chargers, self._offers, strict=True)
        ):
            self._reduced[phase] = at_s
        self._note_returned(at_s)
        excess_ma = self._excess_ma(phase, sampled_at)
        if excess_ma is None or at_s < self._returned_at + self._read_s + CYCLE_S:
            self._due[phase] = None
            return
        if excess_ma <= LOWER_FROM_MA + SLACK_MA:
            self._good[phase] = (self._plant.changes, self._offered)
            self._due[phase] = None
            return
        is_urgent = self._is_seen and self._is_above_limit(phase, sampled_at)
        if not is_urgent and self._due[phase] is None:
            self._due[phase] = at_s + self._read_s + CYCLE_S, sampled_at
        if is_urgent or self._is_due(at_s, phase):
            offers = "/".join(f"{charger.log.offers.last / 1000:g}" for charger in chargers)
            words = f"offers {offers} A are {_a(excess_ma)} above what L{phase + 1} has"
            self._report(at_s, "I1", words)

    def _note_returned(self, at_s: float) -> None:
        """Note that a charger can be told again: it is read once, and the next cycle lowers it."""
        obeying = {one.number for one in self._plant.chargers if one.obeys}
        if obeying - self._obeying:
            self._returned_at = at_s
        self._obeying = obeying

    def _is_due(self, at_s: float, phase: int) -> bool:
        """Tell whether the offers must fit already.

        While the line carries no more than it may, the chargers are read once more first. Source:
        load-management 7.2.
        """
        due = self._due[phase]
        return due is not None and at_s >= due[0]

    def _is_above_limit(self, phase: int, sampled_at: float) -> bool:
        """Tell whether a phase carried clearly more than it may."""
        load_ma = self._plant.load[phase].at(sampled_at)
        return load_ma > self.scenario.connection.limit_ma + LOWER_FROM_MA

    def _excess_ma(self, phase: int, sampled_at: float) -> float | None:
        """Return by how much the offers exceed what a sample leaves.

        None: the sample cannot tell it (something moved, or it is wrong), or what can be reached does
        not fit even at its minimum beside what cannot.
        """
        plant = self._plant
        if self.scenario.meter.is_wrong(phase, sampled_at):
            return None
        if sampled_at - max(self._moved_at, plant.still_since) < STEADY_S:
            return None
        users = [
            one
            for one in plant.chargers
            if phase in one.used and one.vehicle.draw_ma(sampled_at) > RESERVED_MA
        ]
        base_ma = plant.base[phase].at(sampled_at)
        available_ma = _available_ma(self.scenario.connection, base_ma)
        if sum(_least_ma(one) for one in users) > available_ma:
            return None
        return sum(_claimed_ma(one, sampled_at) for one in users) - available_ma

    def _must_pause(self, number: int) -> bool:
        grid_pause = self._grid_control and self.scenario.connection.grid_setpoint_ma == 0
        return grid_pause or number in self._interrupted

    def _cap_ma(self, number: int) -> int:
        model = self.scenario.points[number - 1]
        grid_ma = self.scenario.connection.grid_setpoint_ma
        return min(model.maximum_ma, grid_ma) if self._grid_control else model.maximum_ma

    def _report(self, at_s: float, invariant: str, words: str) -> None:
        if invariant not in self._reported:
            self._reported.add(invariant)
            self._found.append(Violation(found_at=at_s, invariant=invariant, words=words))


def _a(current_ma: float) -> str:
    return f"{current_ma / 1000:.1f} A"


def _least_ma(charger: Charger) -> float:
    """Return how far it can be lowered: not at all if it cannot be told, or its vehicle is deaf."""
    if charger.vehicle.is_deaf:
        return max(charger.vehicle.target_ma, charger.model.minimum_ma)
    if not charger.obeys:
        return max(charger.limit_ma, charger.model.minimum_ma)
    return charger.model.minimum_ma


def _claimed_ma(charger: Charger, at_s: float) -> float:
    """Return what it may take: what it is offered, or what it holds if it cannot be told that.

    One that answers and does not obey is found out once its vehicle must have obeyed; one that acknowledges
    what it ignores, only if its vehicle draws more. Source: load-management 9.3i, 13.3.
    """
    offer_ma = charger.log.offers.last
    is_found_out = not charger.is_reachable or at_s >= charger.log.offers.times[-1] + FOUND_OUT_S
    if not charger.obeys and is_found_out:
        is_silent_about_it = charger.is_reachable and Trouble.IGNORES in charger.troubles.values
        draw_ma = charger.vehicle.draw_ma(at_s)
        return max(offer_ma, draw_ma) if is_silent_about_it else charger.limit_ma
    # nobody can see that one without measurement takes less than it is told
    return offer_ma if charger.model.is_measured else min(offer_ma, charger.vehicle.draw_ma(at_s))


def _available_ma(connection: ConnectionModel, base_ma: float) -> float:
    feeder_ma = connection.limit_ma if connection.feeder_ma is None else connection.feeder_ma
    return min(connection.limit_ma - base_ma, feeder_ma)


# --- I3, after the run -------------------------------------------------------------------------


def load_violations(scenario: Scenario, recording: Recording) -> list[Violation]:
    """Return the first violation of I3: with a constant base load the line is never overloaded.

    Not looked at: the time a change of the base load may take to be answered, phases of which the
    smart meter is wrong, or was until that is answered, vehicles that do not obey, vehicles that resume or add phases by themselves, and minima that do not fit. What the gateway
    may not do then either is in `overload.py`.
    """
    if scenario.connection.load_management != "dynamic" or not is_obedient(scenario):
        return []
    found = []
    grace_s = answer_s(scenario)
    for from_s, to_s in _quiet(scenario, recording):
        configured = recording.configuration_at(scenario, from_s)
        limit_ma = configured.connection.limit_ma + slack_ma(scenario)
        for phase, load in enumerate(recording.load):
            for over in load.above(limit_ma, from_s, to_s):
                if _was_wrong(scenario, phase, over[0]):
                    continue
                if not _is_infeasible(configured, recording, phase, over[0], grace_s):
                    words = (
                        f"L{phase + 1} carries {_a(load.highest(*over))} with a constant base load"
                    )
                    found.append(Violation(found_at=over[0], invariant="I3", words=words))
                    break
    return sorted(found, key=lambda one: one.found_at)[:1]


def _was_wrong(scenario: Scenario, phase: int, at_s: float) -> bool:
    meter = scenario.meter
    return meter.is_wrong(phase, at_s) or meter.is_wrong(phase, at_s - answer_s(scenario))


def is_obedient(scenario: Scenario) -> bool:
    """Tell whether every vehicle takes what it is told; `strays` are times in which one does not."""
    return all(one.car.deaf_from_s is None for one in scenario.points)


def slack_ma(scenario: Scenario) -> int:
    """Return by how much a load may be above the limit before anybody need do anything."""
    return LOWER_FROM_MA + SLACK_MA + noise_ma(scenario) + _overdraw_ma(scenario)


def noise_ma(scenario: Scenario) -> int:
    """Return by how much the unrest of the building may be above what any sample has told."""
    is_never_still = any(
        isinstance(one, BaseChanged) and one.is_noise for one in scenario.happenings
    )
    return NOISE_MOST_MA if is_never_still else 0


def _overdraw_ma(scenario: Scenario) -> int:
    """Return by how much all vehicles together may draw more than they are told."""
    most = [point.car.overdraw_ma for point in scenario.points]
    for one in scenario.happenings:
        match one:
            case CarMoved(point=number, car=CarModel(overdraw_ma=more_ma)):
                most[number - 1] = max(most[number - 1], more_ma)
            case CarBehaves(point=number, habit=Habit.OVERDRAW, value=int(more_ma)):
                most[number - 1] = max(most[number - 1], more_ma)
            case _:
                pass
    return sum(most)


def answer_s(scenario: Scenario) -> float:
    """Return how long an excess may last that the building causes: T_int + tau_m + 1 s + T_EV.

    With chargers that are polled less often than once in a second, longer by that: what they draw is known
    later, and what the building draws with it.
    """
    meter = scenario.meter
    moves = [one for one in scenario.happenings if isinstance(one, CarMoved)]
    cars = [point.car for point in scenario.points] + [one.car for one in moves if one.car]
    latency_s = max((point.latency_s for point in scenario.points), default=0.0)
    obeys_s = max(
        (car.delay_s + 16_000 / car.fall_ma_per_s if car.settle_s is None else car.settle_s)
        for car in cars
    )
    misfortune_s = 0.0
    if scenario.disturbance is not None:  # one lost telegram, one write that had to be repeated
        misfortune_s = meter.sample_s + REPEAT_S
    if not all(point.is_measured for point in scenario.points):
        # what was lowered frees less than was thought when a vehicle took less than it was told
        misfortune_s += UNSEEN_ROUNDS * (OBEY_S + meter.sample_s)
    read_s = max(CYCLE_S, *(point.poll_s for point in scenario.points))
    return meter.sample_s + meter.longest_delay_s + read_s + latency_s + obeys_s + misfortune_s


def _quiet(scenario: Scenario, recording: Recording) -> Iterable[tuple[float, float]]:
    """Give the times in which every change of the base load has been answered, and all obey."""
    grace_s = answer_s(scenario)
    busy = list(_unanswered(scenario, recording, grace_s))
    for log in recording.points:
        busy += [
            (from_s, to_s + grace_s) for from_s, to_s in times_of(log.strays, recording.ended_at)
        ]
    start_s = recording.started_at
    for from_s, to_s in sorted(busy):
        if from_s > start_s:
            yield start_s, from_s
        start_s = max(start_s, to_s)
    if start_s < recording.ended_at:
        yield start_s, recording.ended_at


def _unanswered(
    scenario: Scenario, recording: Recording, grace_s: float
) -> Iterable[tuple[float, float]]:
    """Give the times that changes of the base load, and vehicles that change, may take."""
    changes = list(recording.base_changes)
    for one in scenario.happenings:
        if isinstance(one, CarChanged):
            changes += (
                [one.happens_at] if one.holds_until is None else [one.happens_at, one.holds_until]
            )
    changes += [at_s for at_s, _ in recording.configured]
    # who comes back knows nothing until the meter has told it: then everybody has the minimum
    changes += [
        one.happens_at + one.off_s for one in scenario.happenings if isinstance(one, Restarted)
    ]
    meter = scenario.meter
    lost_s = [
        (one.begins_at, one.ends_at + (one.late_s or 0.0)) for one in (*meter.lost, *meter.slow)
    ]
    # nor does a gateway without power act on it
    lost_s += [
        (one.happens_at, one.happens_at + one.off_s)
        for one in scenario.happenings
        if isinstance(one, Restarted)
    ]
    for at_s in sorted(changes):
        until_s = at_s + grace_s
        if _is_blurred(recording, at_s):
            until_s += scenario.meter.sample_s
        for from_s, to_s in lost_s:  # the meter cannot tell it before it is back
            if from_s <= until_s and at_s <= to_s:
                until_s = to_s + grace_s
        yield at_s, until_s


def times_of(line: Steps[bool], end_s: float) -> list[tuple[float, float]]:
    """Return from when to when something was so."""
    ends_s = [*line.times[1:], end_s]
    return [
        (from_s, to_s)
        for from_s, value, to_s in zip(line.times, line.values, ends_s, strict=True)
        if value
    ]


def _is_blurred(recording: Recording, at_s: float) -> bool:
    """Tell whether vehicles moved when the smart meter looked next: only the look after that tells."""
    index = bisect_left(recording.samples, at_s)
    if index == len(recording.samples):
        return False
    sampled_at = recording.samples[index]
    from_s = sampled_at - STEADY_S
    return any(
        point.draw.at(from_s) != point.draw.at(sampled_at)
        or point.draw.highest(from_s, sampled_at) != point.draw.at(sampled_at)
        for point in recording.points
    )


def _is_infeasible(
    scenario: Scenario, recording: Recording, phase: int, at_s: float, grace_s: float
) -> bool:
    """Tell whether the minima of all plugged vehicles do not fit at a moment.

    One that cannot be reached, or that has not had the time to take its answer since, draws what it
    draws.
    """
    base: Curve = recording.base[phase]
    minimums_ma = 0.0
    for model, log in zip(scenario.points, recording.points, strict=True):
        if phase in log.used.at(at_s):
            is_reached = _was_reached(log, at_s - grace_s, at_s)
            minimums_ma += model.minimum_ma if is_reached else log.draw.at(at_s)
    return base.at(at_s) + minimums_ma > scenario.connection.limit_ma


def _was_reached(log: PointLog, from_s: float, to_s: float) -> bool:
    """Tell whether a charger could be reached all the time between two moments."""
    changes = log.reached.changes(from_s, to_s)
    return log.reached.at(from_s) and all(is_reached for _, is_reached in changes)
