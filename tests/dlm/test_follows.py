"""Whether the smart meter follows the chargers: the rule alone, and what load management makes of it."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from knxgw.catalogue.codes import FaultCode, Reason
from knxgw.dlm import follows
from knxgw.dlm.follows import Answer, FollowCheck, examine
from knxgw.dlm.paired_report import PairedReport, Report
from tests.dlm.houses import HOUSE, House, participant
from tests.support.one_of_each import one_of_each

SPACING_S = 2.0
BASE_MA = 4000
Meter = Callable[[float, float], float]  # what the line carries, and when -> what is reported


def reversed_meter(load_ma: float, _: float) -> float:
    return -load_ma


def frozen_meter(_: float, __: float) -> float:
    return 20_000


class Line:
    """One phase, report each two seconds: what the chargers draw steps, and so may the building."""

    def __init__(self, *, spacing_s: float = SPACING_S, delay_s: float = 1.0) -> None:
        self.follow_check = follows.NEW
        self.now_s = 0.0
        self.drawn = [(-1e9, 0)]  # since when, how much
        self.base = [(-1e9, BASE_MA)]
        self.meter: Meter = lambda load_ma, _: load_ma
        self.delay_s = delay_s
        self.spacing_s = spacing_s
        self.others_ma, self.measured, self.held = 0, 1, False

    def live(self, seconds: float, drawn_ma: int | None = None, base_ma: int | None = None) -> None:
        """Let time pass, from now on with other currents."""
        if drawn_ma is not None:
            self.drawn.append((self.now_s, drawn_ma))
        if base_ma is not None:
            self.base.append((self.now_s, base_ma))
        end_s = self.now_s + seconds
        while self.now_s < end_s:
            self.now_s += self.spacing_s
            paired = self.paired()
            report = Report(paired.arrived_at, paired.current_ma, paired.total_ma)
            nearly_since, constant_since = follows.unchanged_since(self.follow_check.trail, report)
            trail = self.follow_check.trail._replace(
                nearly_constant_since=nearly_since, constant_since=constant_since
            )
            self.follow_check = examine(
                replace(self.follow_check, trail=trail), paired, self.spacing_s
            )

    def paired(self) -> PairedReport:
        at_s = self.now_s - self.delay_s
        reported_ma = round(self.meter(_at(self.drawn, at_s) + _at(self.base, at_s), at_s))
        about = [ma for since_s, ma in self.drawn if self.now_s - 5 < since_s <= self.now_s]
        about.append(_at(self.drawn, self.now_s - 5))
        total_ma = 0 if self.held else 3 * reported_ma
        return PairedReport(
            arrived_at=self.now_s,
            current_ma=reported_ma,
            total_ma=total_ma,
            low_ma=min(about),
            high_ma=max(about),
            assumed_ma=self.others_ma,
            measured_bits=self.measured,
            drawing_bits=int(max(about) > 0),
        )

    def steps(self, count: int, *, step_ma: int = 16_000, each_s: float = 60.0) -> None:
        """Let a vehicle come and go; where it begins is settled first."""
        self.live(30)
        for _ in range(count):
            self.live(each_s, drawn_ma=step_ma if not self.drawn[-1][1] else 0)

    @property
    def answers(self) -> tuple[Answer, ...]:
        return self.follow_check.answers


def _at(line: Sequence[tuple[float, int]], at_s: float) -> int:
    return next(ma for since_s, ma in reversed(line) if since_s <= at_s)


@pytest.mark.parametrize("spacing_s", [1.0, 2.0, 10.0])
@pytest.mark.parametrize("delay_s", [0.05, 1.0, 2.0, 4.0])
@pytest.mark.parametrize(
    ("meter", "answer"),
    [
        (lambda load_ma, _: load_ma, Answer.FOLLOWS),
        (reversed_meter, Answer.WRONG_WAY),
        (frozen_meter, Answer.STILL),
    ],
)
def test_a_step_has_the_answer_of_its_meter_at_any_spacing_and_delay(
    spacing_s: float, delay_s: float, meter: Meter, answer: Answer
) -> None:
    line = Line(spacing_s=spacing_s, delay_s=delay_s)
    line.meter = meter
    line.steps(6)
    assert set(line.answers) == {answer}
    assert line.follow_check.finding is (None if answer is Answer.FOLLOWS else answer)


@pytest.mark.proves("D13.5a")
def test_it_takes_five_steps_in_a_row_with_the_wrong_sign() -> None:
    line = Line()
    line.meter = reversed_meter
    line.steps(4)
    assert line.follow_check.finding is None
    line.steps(1)
    assert line.follow_check.finding is Answer.WRONG_WAY


@pytest.mark.proves("D13.5b")
def test_one_step_that_is_followed_begins_the_row_again() -> None:
    line = Line()
    line.meter = frozen_meter
    line.steps(4)
    line.meter = lambda load_ma, _: load_ma
    line.live(60)
    line.steps(1)
    line.meter = lambda _, __: 4000
    line.live(60)
    line.steps(4)
    assert line.follow_check.finding is None
    line.steps(1)
    assert line.follow_check.finding is Answer.STILL


@pytest.mark.proves("D13.5d")
def test_it_takes_five_steps_that_are_followed_to_forget_what_was_found() -> None:
    line = Line()
    line.meter = reversed_meter
    line.steps(5)
    line.meter = lambda load_ma, _: load_ma
    line.live(60)
    line.steps(4)
    assert line.follow_check.finding is Answer.WRONG_WAY
    line.steps(1)
    assert line.follow_check.finding is None


@pytest.mark.parametrize(("step_ma", "counts"), [(3000, 1), (2999, 0)])
def test_a_step_counts_from_3_a_on(step_ma: int, counts: int) -> None:
    line = Line()
    line.steps(1, step_ma=step_ma)
    assert len(line.answers) == counts


@pytest.mark.proves("D13.5c")
@pytest.mark.parametrize(
    ("building_ma", "later_s", "answers"),
    [
        (900, 0.0, (Answer.FOLLOWS,)),
        (3000, 0.0, ()),
        (-3000, 0.0, ()),
        (-12_000, 2.0, ()),
        (-6000, 4.0, ()),
        (3000, -4.0, ()),
        (3000, -20.0, (Answer.FOLLOWS,)),
        (3000, 20.0, (Answer.FOLLOWS,)),
    ],
)
def test_a_step_counts_only_while_the_building_stands_still(
    building_ma: int, later_s: float, answers: tuple[Answer, ...]
) -> None:
    line = Line()
    line.live(30)
    moves = [(0.0, 6000, None), (later_s, None, BASE_MA + building_ma)]
    moves.sort(key=lambda one: one[0])
    line.live(abs(later_s), drawn_ma=moves[0][1], base_ma=moves[0][2])
    line.live(60, drawn_ma=moves[1][1], base_ma=moves[1][2])
    assert line.answers == answers


def test_a_staircase_is_looked_at_on_every_stair() -> None:
    stairs = range(6000, 17_000, 2000)
    line, disturbed = Line(), Line()
    for one in (line, disturbed):
        one.live(30)
        for drawn_ma in stairs:
            moved_ma = 6000 if one is disturbed and drawn_ma > 10_000 else 0
            one.live(5, drawn_ma=drawn_ma, base_ma=BASE_MA + moved_ma)
        one.live(20)
    assert line.answers.count(Answer.FOLLOWS) == len(line.answers) > 1
    assert set(disturbed.answers) == {Answer.FOLLOWS}
    assert len(disturbed.answers) < len(line.answers), "the building had moved on the way"


@pytest.mark.proves("D13.5e")
def test_a_meter_that_is_very_late_is_not_frozen() -> None:
    for delay_s in (8.0, 12.0, 18.0):
        line = Line(delay_s=delay_s)
        line.steps(12)
        assert Answer.STILL not in line.answers
        assert Answer.WRONG_WAY not in line.answers


@pytest.mark.proves("D13.5e")
def test_a_wrong_sign_is_not_believed_of_a_phase_that_has_never_told_export() -> None:
    line = Line()
    line.meter = lambda load_ma, _: abs(load_ma)
    line.live(2, base_ma=-30_000)
    line.steps(6)
    assert set(line.answers) == {Answer.WRONG_WAY}
    assert line.follow_check.finding is None
    line.meter = reversed_meter
    line.live(10, base_ma=2000)
    assert line.follow_check.finding is Answer.WRONG_WAY, (
        "it has a sign, so the sign was wrong before"
    )


@pytest.mark.proves("D13.5e")
def test_a_line_that_a_battery_holds_at_zero_is_not_frozen_and_a_dead_meter_is() -> None:
    line = Line()
    line.held = True
    line.meter = lambda _, at_s: 40 * (at_s // 2 % 3)
    line.steps(10)
    assert line.answers == () or line.follow_check.finding is None
    line.meter = lambda _, __: 0
    line.steps(6)
    assert line.follow_check.finding is Answer.STILL


@pytest.mark.proves("D13.5b")
def test_a_meter_on_another_cable_does_not_follow_although_it_is_alive() -> None:
    line = Line()
    line.meter = lambda _, at_s: 9000 + 60 * (at_s // 2 % 3) + 3000 * (at_s // 170 % 2)
    line.steps(16)
    assert line.follow_check.finding is Answer.STILL


@pytest.mark.proves("D13.5c")
def test_a_line_that_is_held_at_its_limit_by_the_chargers_themselves_proves_nothing() -> None:
    line = Line()
    line.live(60, drawn_ma=20_000, base_ma=10_000)
    for round_ in range(40):  # a heat pump that modulates, and chargers that make room for it
        sign = 1 if round_ % 2 else -1
        for stair in range(1, 11):
            moved_ma = (stair if sign < 0 else 10 - stair) * 600
            line.live(4, drawn_ma=20_000 - moved_ma)
            line.live(4, base_ma=10_000 + moved_ma)
        line.live(40)
    assert line.follow_check.finding is None
    assert Answer.STILL not in line.answers


@pytest.mark.proves("D13.5e")
def test_a_charger_whose_reading_is_ten_seconds_late_makes_no_meter_frozen() -> None:
    line = Line()
    ahead = [(-1e9, 0)]
    line.meter = lambda _, at_s: BASE_MA + _at(ahead, at_s)
    line.live(30)
    for _ in range(14):
        ahead.append((line.now_s, 0 if ahead[-1][1] else 16_000))
        line.live(10)
        line.live(60, drawn_ma=ahead[-1][1])
    assert not set(line.answers) & {Answer.STILL, Answer.WRONG_WAY}


@pytest.mark.proves("D13.5c")
def test_a_step_proves_nothing_while_somebody_unseen_moves() -> None:
    line = Line()
    line.live(30)
    line.others_ma = 6000
    line.live(60, drawn_ma=16_000)
    assert not line.answers, "one that measures nothing has reported something else"
    line.measured = 3
    line.live(60, drawn_ma=0)
    assert not line.answers, "one more can be reached"
    line.live(60, drawn_ma=16_000)
    assert line.answers == (Answer.FOLLOWS,)


@pytest.mark.parametrize("seed", one_of_each(range(20), lambda seed: seed % 9))
def test_a_meter_that_follows_is_never_found_wrong_however_the_building_steps(seed: int) -> None:
    line = Line(spacing_s=(1.0, 2.0, 10.0)[seed % 3], delay_s=(0.1, 1.0, 2.0)[seed // 3 % 3])
    luck = random.Random(seed)  # noqa: S311 - to be the same each time
    for _ in range(250):
        drawn_ma = luck.choice((None, None, 0, 6000, 8000, 16_000, 32_000))
        base_ma = luck.choice((None, None, -8000, 500, 4000, 10_000, 26_000))
        line.live(luck.choice((2, 4, 8, 20, 60)), drawn_ma=drawn_ma, base_ma=base_ma)
        assert line.follow_check.finding is None


@pytest.mark.parametrize("seed", range(10))
def test_a_meter_that_is_wrong_is_found_in_an_hour_of_a_restless_building(seed: int) -> None:
    for meter, answer in ((reversed_meter, Answer.WRONG_WAY), (frozen_meter, Answer.STILL)):
        line = Line()
        line.meter = meter
        luck = random.Random(seed)  # noqa: S311 - to be the same each time
        while line.now_s < 3600:
            line.live(luck.uniform(20, 60), drawn_ma=luck.choice((0, 6000, 16_000)))
            line.live(luck.uniform(0, 60), base_ma=luck.choice((None, 3000, 9000)))
        assert line.follow_check.finding is answer


def test_five_wrong_answers_have_a_correlation_below_the_one_of_the_specification() -> None:
    luck = random.Random(0)  # noqa: S311 - to be the same each time
    for _ in range(2000):
        pairs = []
        for _ in range(5):
            step_ma = luck.choice((-1, 1)) * luck.randint(3000, 32_000)
            slack_ma = follows.BUILDING_MA + abs(step_ma) // 10
            pairs.append((step_ma, -step_ma + luck.choice((-1, 1)) * slack_ma))
        product = sum(one * two for one, two in pairs)
        lengths = [sum(pair[n] ** 2 for pair in pairs) ** 0.5 for n in (0, 1)]
        assert product / (lengths[0] * lengths[1]) < -0.8


# --- what load management makes of it ------------------------------------------------------------


class WrongHouse(House):
    """A house whose meter tells something else than the line carries."""

    meter: Meter = staticmethod(lambda load_ma, _: load_ma)
    wrong_phases: tuple[int, ...] = (0, 1, 2)

    def tell_that(self, phase: int, current_ma: float, *, saturating: bool = False) -> None:
        if phase in self.wrong_phases:
            current_ma = self.meter(current_ma, self.now_s)
        super().tell_that(phase, current_ma, saturating=saturating)

    def come_and_go(self, times: int, *, each_s: int = 60) -> None:
        """Let the vehicle of charging point 2 come and go."""
        for _ in range(times):
            self.cars[2].connected = not self.cars[2].connected
            self.live(each_s)


def sharing_of(house: House) -> tuple[bool, Reason]:
    """Return whether it is an emergency, and what the first charging point says."""
    return house.state.is_emergency, house.state.outcome.reasons[1]


def wrong_house(meter: Meter, *, base_a: float = 4.0) -> WrongHouse:
    house = WrongHouse(participant(1), participant(2), base_a=base_a)
    house.meter = meter
    house.live(60)
    return house


@pytest.mark.proves("D13.5d")
@pytest.mark.parametrize(
    ("meter", "code"),
    [(reversed_meter, FaultCode.CT_DIRECTION), (frozen_meter, FaultCode.METER_FROZEN)],
)
def test_a_wrong_meter_is_an_emergency_until_five_steps_are_followed(
    meter: Meter, code: FaultCode
) -> None:
    house = wrong_house(meter)
    house.come_and_go(2)
    assert house.state.outcome.faults == set()
    house.come_and_go(5)
    assert house.state.outcome.faults == {code}
    assert sharing_of(house) == (True, Reason.METER_LOST)
    assert max(house.offers_ma) == 6000
    house.meter = lambda load_ma, _: load_ma
    house.come_and_go(4)
    assert house.state.outcome.faults == {code}
    house.come_and_go(4)
    assert house.state.outcome.faults == set()
    house.live(60)
    assert sharing_of(house)[0] is False
    assert house.offers_ma[0] > 6000


def test_one_phase_is_enough() -> None:
    house = WrongHouse(participant(1), participant(2))
    house.meter, house.wrong_phases = reversed_meter, (2,)
    house.live(60)
    house.come_and_go(6)
    assert house.state.outcome.faults == {FaultCode.CT_DIRECTION}
    assert [one.follow_check.finding for one in house.state.phases] == [
        None,
        None,
        Answer.WRONG_WAY,
    ]


def test_while_the_meter_is_wrong_somebody_starts_only_beside_what_it_tells() -> None:
    house = wrong_house(reversed_meter)
    house.come_and_go(8)
    assert house.state.outcome.faults == {FaultCode.CT_DIRECTION}
    house.cars[2].connected = False
    house.live(30, base_a=24)
    house.cars[2].connected = True
    house.live(30)
    assert house.offers_ma == [6000, 0], "24 A and 6 A leave no 6 A of 32 A"
    house.live(30, base_a=10)
    assert house.offers_ma == [6000, 6000]


def test_no_overcurrent_is_counted_by_a_frozen_meter() -> None:
    house = wrong_house(frozen_meter)
    house.come_and_go(7)
    assert house.state.outcome.faults == {FaultCode.METER_FROZEN}
    house.meter = lambda _, __: 40_000
    house.live(120)
    assert house.state.outcome.faults == {FaultCode.METER_FROZEN}
    assert max(house.offers_ma) == 6000


def test_a_silent_meter_that_is_wrong_has_both_faults_and_is_no_longer_silent_when_it_speaks() -> (
    None
):
    house = wrong_house(reversed_meter)
    house.come_and_go(7)
    house.meter_s = 0
    house.live(20)
    assert house.state.outcome.faults == {FaultCode.CT_DIRECTION, FaultCode.SMART_METER_TIMEOUT}
    house.meter_s = 2
    house.live(5)
    assert house.state.outcome.faults == {FaultCode.CT_DIRECTION}
    assert house.state.is_emergency


def test_after_a_restart_a_wrong_meter_is_found_again() -> None:
    house = wrong_house(reversed_meter)
    house.come_and_go(7)
    assert house.state.outcome.faults == {FaultCode.CT_DIRECTION}
    again = wrong_house(reversed_meter)
    assert again.state.outcome.faults == set()
    again.come_and_go(7)
    assert again.state.outcome.faults == {FaultCode.CT_DIRECTION}


@pytest.mark.proves("D13.5c")
def test_a_charger_that_does_not_measure_each_phase_proves_nothing() -> None:
    parts = replace(participant(2), measures_every_phase=False)
    house = WrongHouse(replace(participant(1), measures_every_phase=False), parts)
    house.meter = frozen_meter
    house.live(60)
    house.come_and_go(10)
    assert house.state.outcome.faults == set()


def test_without_steps_nothing_is_claimed_and_the_history_stays_short() -> None:
    house = wrong_house(frozen_meter)
    house.live(1200)
    assert house.state.outcome.faults == set()
    follow_check: FollowCheck = house.state.phases[0].follow_check
    assert follow_check.rest is not None
    assert len(follow_check.trail.pending) <= follows.MANY_KEPT + 1
    assert all(two.arrived_at > one.arrived_at for one, two in pairwise(follow_check.trail.pending))
    assert house.settings == HOUSE
