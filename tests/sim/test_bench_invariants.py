"""The bench notices a gateway that breaks its own invariants."""

from knxgw.charging.scope import PointNumber
from knxgw.sim.bench.invariants import Watch, answer_s, load_violations
from knxgw.sim.bench.plant import Plant
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.recording import Recording, Violation
from knxgw.sim.bench.runner import Run
from knxgw.sim.bench.scenario import Trouble
from knxgw.station.model import GridControlCommanded, InterruptionCommanded

CP1 = PointNumber(1)


class World:
    """A plant with cars that draw 14 A each, and the watch over it."""

    def __init__(self, text: str = "points: 2") -> None:
        scenario = parse_scenario(text)
        self.plant = Plant(scenario, 0.0)
        self.found: list[Violation] = []
        self.watch = Watch(scenario, self.plant, self.found)
        for charger in self.plant.chargers:
            charger.vehicle.plug(0.0, 14_000)
            charger.vehicle.advance(60.0)
            charger.log.offers.add(0.0, 14_000)
            self.plant.vehicle_changed(10.0, charger)

    @property
    def names(self) -> list[str]:
        return [one.invariant for one in self.found]

    def telegram(self, at_s: float) -> None:
        self.watch.before_telegram(0, at_s - 1.0)
        self.watch.after_telegram(at_s, 0, at_s - 1.0)


def test_offers_that_fit_are_fine() -> None:
    world = World()
    world.telegram(41.0)
    assert not world.found


def test_offers_above_what_the_line_has_are_noticed() -> None:
    world = World("points: 2\nbase_a: 8")
    world.telegram(41.0)
    world.telegram(43.0)
    assert world.names == ["I1"]
    assert world.found[0].words == "offers 14/14 A are 4.0 A above what L1 has"


def test_a_charger_that_comes_back_is_read_and_lowered_before_the_offers_must_fit() -> None:
    world = World(
        "points: 2\nbase_a: 16"
    )  # beside the 14 A that the first one holds no minimum fits
    first = world.plant.chargers[0]
    first.limit_ma = 14_000
    spell = first.troubles.begin(Trouble.UNREACHABLE, is_timed=True)
    world.telegram(41.0)
    first.troubles.end(spell)
    for at_s in (42.0, 43.0, 43.9):
        world.telegram(at_s)
    assert not world.found
    world.telegram(46.0)
    world.telegram(48.0)
    assert world.names == ["I1"]


def test_of_a_charger_that_cannot_be_told_counts_what_it_holds() -> None:
    world = World("points: 2\nbase_a: 12")
    first, second = world.plant.chargers
    first.limit_ma = 6000  # the 14 A that it is offered have not arrived
    first.troubles.begin(Trouble.UNREACHABLE, is_timed=True)
    second.log.offers.add(30.0, 14_000)
    world.telegram(41.0)
    world.telegram(44.0)
    assert not world.found
    first.limit_ma = 14_000
    world.plant.vehicle_changed(45.0, first)
    for at_s in (61.0, 64.0):
        world.telegram(at_s)
    assert world.names == ["I1"]


def test_a_charger_that_refuses_is_counted_with_what_it_holds_once_that_must_be_known() -> None:
    world = World("points: 2\nbase_a: 10")
    first, second = world.plant.chargers
    first.limit_ma = 14_000
    first.troubles.begin(Trouble.REFUSES, is_timed=True)
    for charger in (first, second):
        charger.log.offers.add(40.0, 9000)  # 22 A are there: 18 A fit, but the first one keeps 14 A
    for at_s in (41.0, 43.0, 47.0):
        world.telegram(at_s)
    assert not world.found
    for at_s in (50.0, 52.0, 54.0):
        world.telegram(at_s)
    assert world.names == ["I1"]


def test_an_offer_outside_the_range_is_noticed() -> None:
    world = World()
    world.watch.offered(50.0, 1, 14_000, 5000)
    world.watch.offered(50.0, 1, 14_000, 0)
    assert world.names == ["I2"]


def test_an_offer_above_the_cap_of_the_grid_operator_is_noticed() -> None:
    world = World()
    world.watch.received(GridControlCommanded(is_active=True))
    world.watch.offered(50.0, 1, 6000, 7000)
    assert world.names == ["I2"]


def test_a_raise_soon_after_a_reduction_is_noticed() -> None:
    world = World("points: 2\nbase_a: 8")
    world.watch.before_telegram(0, 40.0)
    world.plant.chargers[0].log.offers.add(41.0, 12_000)
    world.plant.chargers[1].log.offers.add(41.0, 12_000)
    world.watch.after_telegram(41.0, 0, 40.0)
    world.watch.offered(55.9, 1, 12_000, 14_000)
    assert world.names == ["I4"]


def test_what_is_lowered_before_an_excess_within_the_limit_could_be_confirmed_is_no_reduction() -> (
    None
):
    cars = "points: [{car: {maximum_a: 10}}, {car: {maximum_a: 10}}]"
    world = World(f"{cars}\nbase_a: 6")  # the line carries 26 A; offers of 28 A are 2 A too much
    for at_s, is_noticed in ((41.0, False), (43.0, True)):
        world.watch.before_telegram(0, at_s - 1.0)
        for charger in world.plant.chargers:
            charger.log.offers.add(at_s, charger.log.offers.last - 200)
        world.watch.after_telegram(at_s, 0, at_s - 1.0)
        world.watch.offered(at_s, 1, 13_500, 14_000)
        assert ("I4" in world.names) is is_noticed


def test_a_gateway_that_has_started_anew_need_not_know_of_a_reduction_before() -> None:
    world = World("points: 2\nbase_a: 8")
    world.watch.before_telegram(0, 40.0)
    for charger in world.plant.chargers:
        charger.log.offers.add(41.0, 12_000)
    world.watch.after_telegram(41.0, 0, 40.0)
    world.watch.started()
    world.watch.offered(48.0, 1, 12_000, 14_000)
    assert not world.found


def test_a_raise_after_the_hold_is_fine() -> None:
    world = World("points: 2\nbase_a: 8")
    world.watch.before_telegram(0, 40.0)
    for charger in world.plant.chargers:
        charger.log.offers.add(41.0, 12_000)
    world.watch.after_telegram(41.0, 0, 40.0)
    world.watch.offered(56.0, 1, 12_000, 14_000)
    assert not world.found


def test_a_pause_that_is_not_obeyed_is_noticed() -> None:
    world = World()
    world.watch.received(InterruptionCommanded(point=CP1, is_active=True))
    world.watch.after_command(50.0)
    assert world.names == ["I5"]
    assert world.found[0].words == "CP1 has 14.0 A, 0 A was ordered"


def overloaded(
    change_s: float | None, *, moves_s: float | None = None, returns_s: float | None = None
) -> list[Violation]:
    """Return what is said of a line that is overloaded from 30 to 40 s.

    A vehicle may move once; a charger may be out of reach until a moment, and its 14 A are too much
    beside the others' minima then.
    """
    scenario = parse_scenario("points: 2")
    recording: Recording = Run(scenario).run()
    recording.load[0].add(70.0, 0.0, 0.0)  # beyond the end
    for at_s, load_ma in ((30.0, 36_000.0), (40.0, 20_000.0)):
        curve = recording.load[0]
        keep = [index for index, moment_s in enumerate(curve.times) if moment_s < at_s]
        for values in (curve.times, curve.values, curve.slopes):
            del values[len(keep) :]
        curve.add(at_s, load_ma, 0.0)
    if change_s is not None:
        recording.base_changes.append(change_s)
    if moves_s is not None:
        draw = recording.points[0].draw
        draw.add(moves_s, draw.values[-1] - 1000.0, 0.0)
    if returns_s is not None:
        recording.base[0].add(9.0, 16_000.0, 0.0)
        recording.points[0].draw.add(9.0, 14_000.0, 0.0)
        recording.points[0].reached.add(9.0, False)
        recording.points[0].reached.add(returns_s, True)
    return load_violations(scenario, recording)


def test_an_overload_with_a_constant_building_is_noticed() -> None:
    (one,) = overloaded(None)
    assert (one.invariant, one.found_at) == ("I3", 30.0)


def test_an_overload_that_the_building_causes_may_last_until_it_is_answered() -> None:
    scenario = parse_scenario("points: 2")
    assert overloaded(29.9)[0].found_at == 29.9 + answer_s(scenario)


def test_with_slow_polls_it_takes_longer_until_it_is_answered() -> None:
    usual, slow = (
        parse_scenario(f"points: 2\nevery_point: {{poll_s: {poll_s}}}") for poll_s in (1, 3)
    )
    assert answer_s(slow) == answer_s(usual) + 2


def test_the_building_is_known_one_look_later_when_a_vehicle_moves_while_the_meter_looks() -> None:
    scenario = parse_scenario("points: 2")
    late_s = 29.9 + answer_s(scenario) + scenario.meter.sample_s
    assert overloaded(29.9, moves_s=29.0)[0].found_at == late_s
    assert overloaded(29.9, moves_s=20.0)[0].found_at == 29.9 + answer_s(scenario)


def test_one_that_could_not_be_reached_has_the_time_to_obey_when_it_can_be_again() -> None:
    assert not overloaded(None, returns_s=29.9)
    assert overloaded(None, returns_s=10.0)[0].found_at == 30.0
