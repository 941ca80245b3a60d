"""Ports of what people run, in small situations worked out by hand: 46 A line, five points of 16 A."""

from collections.abc import Sequence
from itertools import pairwise

from bench.days.day import day
from bench.days.series import BY_NAME
from bench.days.yardsticks.evcc import Evcc
from bench.days.yardsticks.openwb import OpenWb
from bench.days.yardsticks.warp import Lowest, Warp
from bench.days.yardsticks.watching import Yardstick
from knxgw.charging.events import ChargerSeen, GridMeterReading
from knxgw.charging.quantities import PHASE_CURRENTS, Quantity
from knxgw.charging.scope import PointNumber
from knxgw.config.devices import charger_id
from knxgw.station.model import Offer, Tick


class Bench:
    """Tells a yardstick what happens, and keeps what it offers [A]."""

    def __init__(self, kind: type[Yardstick]) -> None:
        self.yardstick = kind(day(1, BY_NAME["2s"], 0.1))
        self.now_s = 0.0
        self.offers = dict.fromkeys(range(1, 6), 0.0)
        self.changes = 0

    def measure(self, *amperes: float) -> None:
        for phase, ampere in enumerate(amperes * 3 if len(amperes) == 1 else amperes):
            self.yardstick.tell(GridMeterReading(phase=phase, value=ampere * 1000), self.now_s)

    def car(self, number: int, *draws_a: float, there: bool = True) -> None:
        """Let a charger report: one value for all three phases, or one for each terminal."""
        draws: Sequence[float] = draws_a * 3 if len(draws_a) == 1 else (*draws_a, 0, 0, 0)
        currents = [round(draw_a * 1000) for draw_a in draws]
        values = dict(zip(PHASE_CURRENTS, currents, strict=False))
        seen = {**values, Quantity.CONNECTED: int(there)}
        self.yardstick.tell(
            ChargerSeen(device=charger_id(PointNumber(number)), values=seen), self.now_s
        )

    def wait(self, seconds: int) -> None:
        """Let time pass, a tick each second."""
        for _ in range(seconds):
            self.now_s += 1.0
            for effect in self.yardstick.tell(Tick(), self.now_s):
                if isinstance(effect, Offer):
                    self.offers[effect.point] = effect.offer_ma / 1000
                    self.changes += 1

    def offered(self, *numbers: int) -> list[float]:
        return [self.offers[number] for number in numbers]


# --- openWB --------------------------------------------------------------------------------------


def test_openwb_gives_newcomers_their_minimum_and_those_that_charge_even_shares() -> None:
    bench = Bench(OpenWb)
    bench.measure(20)
    for number in (1, 2, 3):
        bench.car(number, 0)
    bench.wait(1)
    assert bench.offered(1, 2, 3, 4) == [6, 6, 6, 0]
    for number in (1, 2, 3):
        bench.car(number, 6)
    bench.measure(38)
    bench.wait(9)
    assert bench.offered(1, 2, 3) == [6, 6, 6]  # the next look is after 10 s
    bench.wait(1)
    assert bench.offered(1, 2, 3) == [8.6, 8.6, 8.6]  # 46 - 20 A, by three: 8.67


def test_openwb_takes_all_in_one_step_and_gives_all_in_one_step() -> None:
    bench = Bench(OpenWb)
    bench.car(1, 16)
    bench.measure(16)
    bench.wait(1)
    assert bench.offered(1) == [16]
    bench.measure(55)
    bench.wait(10)
    assert bench.offered(1) == [7]  # the building takes 39
    bench.car(1, 7)
    bench.measure(7)
    bench.wait(10)
    assert bench.offered(1) == [16]


def test_openwb_switches_off_the_last_whose_minimum_does_not_fit_and_on_again_at_once() -> None:
    bench = Bench(OpenWb)
    for number in (1, 3, 5):
        bench.car(number, 6)
    bench.measure(18 + 33)  # 13 A are left to vehicles
    bench.wait(1)
    assert bench.offered(1, 3, 5) == [6.5, 6.5, 0]
    bench.car(5, 0)
    bench.measure(12 + 27)  # 19 A
    bench.wait(10)
    assert bench.offered(1, 3, 5) == [6.5, 6.5, 6]


def test_openwb_counts_a_vehicle_on_the_phases_it_draws_on() -> None:
    bench = Bench(OpenWb)
    bench.car(1, 6, 0, 0)  # L1 only
    bench.car(2, 6, 6, 6)
    bench.measure(12 + 30, 6 + 10, 6 + 10)  # L1 leaves 16 A, the others 36 A
    bench.wait(1)
    assert bench.offered(1, 2) == [8, 8]
    bench.car(2, 0, 0, 0, there=False)
    bench.measure(6 + 20, 6 + 39, 39)
    bench.wait(10)
    assert bench.offered(1, 2) == [16, 0]  # what L2 and L3 leave is none of its business


def test_openwb_counts_who_takes_less_with_what_it_draws_after_a_minute() -> None:
    bench = Bench(OpenWb)
    bench.measure(22 + 22)
    bench.car(1, 10)
    bench.car(2, 12)
    bench.wait(1)
    assert bench.offered(1, 2) == [12, 12]
    bench.wait(60)
    assert bench.offered(1, 2) == [12, 12]
    bench.wait(10)
    assert bench.offered(1, 2) == [12, 14]


# --- WARP ----------------------------------------------------------------------------------------


def test_warp_starts_a_newcomer_with_one_and_a_half_minima_and_raises_by_half() -> None:
    bench = Bench(Warp)
    bench.measure(30)
    bench.car(1, 0)
    bench.wait(1)
    assert bench.offered(1) == [9]
    bench.car(1, 9)
    bench.measure(39)
    bench.wait(9)
    assert bench.offered(1) == [9]
    bench.wait(1)
    assert bench.offered(1) == [12.5]  # 9 A and half of 46 - 39
    bench.wait(10)
    assert bench.offered(1) == [16]  # the loop adds again: the vehicle has not followed


def test_warp_takes_fifteen_sixteenths_of_what_is_too_much() -> None:
    bench = Bench(Warp)
    bench.measure(20)
    bench.car(1, 16)
    bench.wait(1)
    bench.wait(10)
    assert bench.offered(1) == [16]
    bench.measure(50)
    bench.wait(10)
    assert bench.offered(1) == [12.2]  # 16 - 4 x 15/16


def test_warp_does_not_wait_when_the_newest_value_is_far_above_the_limit() -> None:
    bench = Bench(Warp)
    bench.measure(20)
    bench.car(1, 16)
    bench.wait(12)
    assert bench.offered(1) == [16]
    bench.measure(62)  # more than 1.2 x 46 A
    bench.wait(1)
    # Mean of ten seconds (9 x 20 + 62) / 10 = 24.2 A, middle of that and 62 A: 43.1 A, so nothing is taken.
    assert bench.offered(1) == [16]
    bench.wait(4)
    assert bench.offered(1) == [16]
    bench.wait(1)  # the next urgent run, 5 s after the first
    # Mean (4 x 20 + 6 x 62) / 10 = 45.2 A, middle 53.6 A: 16 - 7.6 x 15/16
    assert bench.offered(1) == [8.8]


def test_warp_takes_the_place_of_who_was_switched_on_first_when_the_minima_do_not_fit() -> None:
    bench = Bench(Warp)
    bench.measure(10)
    bench.car(1, 0)
    bench.wait(1)
    bench.car(1, 9)
    bench.wait(250)
    bench.car(2, 0)
    bench.wait(10)
    bench.car(2, 9)
    bench.wait(250)  # neither is new any more
    assert bench.offered(1, 2) == [12, 12]  # 3 A more than they have drawn for a minute
    bench.measure(60)
    bench.wait(6)
    # Urgent for the second time: mean (4 x 10 + 6 x 60) / 10 = 40 A, middle 50 A: 24 - 4 x 15/16
    assert bench.offered(1, 2) == [10.1, 10.1]
    bench.wait(5)
    assert bench.offered(1, 2) == [0, 7.1]  # 20.2 - 14 x 15/16 is less than two minima


def test_warp_starts_again_when_enough_was_left_for_four_minutes() -> None:
    bench = Bench(Warp)
    bench.measure(10)
    bench.car(1, 16)
    bench.wait(250)
    bench.measure(62)
    bench.wait(20)
    bench.car(1, 0)
    assert bench.offered(1) == [0]
    bench.measure(30)
    bench.wait(230)
    assert bench.offered(1) == [0]
    bench.wait(30)
    assert bench.offered(1) == [9]


def test_warp_lets_who_waits_have_the_place_of_who_had_most_at_a_quarter_of_an_hour() -> None:
    bench = Bench(Warp)
    bench.measure(38)
    bench.car(1, 6)
    bench.wait(300)  # it has all there is
    bench.car(2, 0)
    bench.wait(1)
    on = []
    for _ in range(1800):
        draws = bench.offered(1, 2)
        bench.measure(38 + sum(draws))
        bench.car(1, draws[0])
        bench.car(2, draws[1])
        bench.wait(1)
        on.append(tuple(offer > 0 for offer in bench.offered(1, 2)))
    assert (True, False) in on
    assert (False, True) in on
    turns = sum(one != two for one, two in pairwise(on))
    assert 1 <= turns <= 5


def test_the_lowest_value_of_a_time_forgets_what_is_older() -> None:
    lowest = Lowest(10.0)
    assert lowest.add(0.0, 5.0) == 5
    assert lowest.add(1.0, 3.0) == 3
    assert lowest.add(5.0, 4.0) == 3
    assert lowest.add(10.9, 9.0) == 3
    assert lowest.add(11.0, 9.0) == 4
    assert lowest.add(15.0, 9.0) == 9


# --- evcc ----------------------------------------------------------------------------------------


def test_evcc_looks_at_one_charging_point_each_30_seconds() -> None:
    bench = Bench(Evcc)
    bench.measure(10)
    for number in (1, 2, 5):
        bench.car(number, 0)
    bench.wait(1)
    assert bench.offered(1, 2, 5) == [16, 0, 0]
    bench.wait(29)
    assert bench.offered(1, 2, 5) == [16, 0, 0]
    bench.wait(1)
    assert bench.offered(1, 2, 5) == [16, 16, 0]
    bench.wait(89)
    assert bench.offered(1, 2, 5) == [16, 16, 0]
    bench.wait(1)
    assert bench.offered(1, 2, 5) == [16, 16, 16]


def test_evcc_gives_what_the_fullest_phase_leaves_and_nothing_below_the_minimum() -> None:
    bench = Bench(Evcc)
    bench.car(1, 6, 0, 0)
    bench.measure(16, 35, 10)  # its own phase has room for 30 A more
    bench.wait(1)
    assert bench.offered(1) == [16]
    bench.car(1, 16, 0, 0)
    bench.measure(26, 52, 10)
    bench.wait(149)
    assert bench.offered(1) == [16]  # not its turn
    bench.wait(1)
    assert bench.offered(1) == [10]
    bench.car(1, 10, 0, 0)
    bench.measure(20, 51, 10)
    bench.wait(150)
    assert bench.offered(1) == [0]


def test_evcc_shares_nothing_who_has_it_keeps_it() -> None:
    bench = Bench(Evcc)
    bench.car(1, 16)
    bench.car(2, 0)
    bench.measure(41)
    bench.wait(300)
    assert bench.offered(1, 2) == [16, 0]
