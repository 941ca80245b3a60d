"""Who comes first, who must go, and whose turn it is."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from knxgw.catalogue.codes import FaultCode
from knxgw.dlm import queue as queues
from knxgw.dlm.allocation import AllocationRequest, mains_constraints, room_by_mains_phase, rounded
from knxgw.dlm.participant import Participant
from knxgw.dlm.participant_values import Use
from knxgw.dlm.settings import Settings
from tests.dlm.houses import HOUSE, Car, House, participant, slow_cars

QUEUE = replace(HOUSE, queue=True)
ROOM_FOR_ONE, ROOM_FOR_TWO = [7000] * 3, [13_000] * 3


def served(
    number: int, energy_mwh: int = 0, since_s: float = 0.0, wired: tuple[int, ...] = (0, 1, 2)
) -> Participant:
    return Participant(
        settings=participant(number, wired),
        phases=wired,
        offer_ma=6000,
        energy_mwh=energy_mwh,
        use=Use(offered_since=since_s),
    )


def numbers(participants: Iterable[Participant]) -> list[int]:
    return [one.settings.number for one in participants]


# --- who comes first -----------------------------------------------------------------------------


def first_of(house: House) -> int:
    """Return who gets the only minimum that fits when everybody may charge again."""
    for car in house.cars.values():
        car.allowed = False
    house.live(40, base_a=23)
    for car in house.cars.values():
        car.allowed = True
    house.live(20)
    assert sorted(house.offers_ma)[:-1] == [0] * (len(house.cars) - 1)
    return 1 + house.offers_ma.index(max(house.offers_ma))


@pytest.mark.proves("D9.2a")
def test_of_those_who_wait_the_prioritised_comes_first_then_least_energy_then_lowest_number() -> (
    None
):
    participants = [participant(number) for number in (1, 2, 3)]
    assert first_of(House(*participants)) == 1
    house = House(*participants)
    for number, energy_mwh in ((1, 2000), (2, 1000), (3, 1500)):
        house.cars[number].energy_mwh = energy_mwh
    assert first_of(house) == 2
    house = House(*participants, settings=replace(HOUSE, priority=3))
    house.cars[3].energy_mwh = 5000
    assert first_of(house) == 3


@pytest.mark.proves("D18.1l")
@pytest.mark.parametrize(("settings", "first"), [(QUEUE, 2), (HOUSE, 1)], ids=["queue", "plain"])
def test_with_the_queue_who_has_waited_longest_comes_first_of_equals(
    settings: Settings, first: int
) -> None:
    house = House(participant(1), participant(2), settings=settings, base_a=30)
    house.cars = {1: Car(connected=False), 2: Car(connected=False)}
    house.live(20)
    for number in (2, 1):
        house.cars[number] = Car()
        house.live(10)
    assert house.offers_ma == [0, 0]
    house.live(40, base_a=23)
    assert [offer_ma > 0 for offer_ma in house.offers_ma] == [first == 1, first == 2]


@pytest.mark.proves("D8.1b")
def test_a_left_over_step_goes_to_the_prioritised_then_the_holder_then_least_energy() -> None:
    coarse = AllocationRequest(
        minimum_ma=6000, cap_ma=16_000, constraints=mains_constraints((0,)), resolution_ma=1000
    )
    exact, room = [12_500] * 2, room_by_mains_phase([25_000])

    def gets(one: AllocationRequest, two: AllocationRequest) -> list[int]:
        return rounded(room, [one, two], exact)

    holder = coarse._replace(offer_ma=13_000)
    poor, rich = coarse._replace(energy_mwh=1), coarse._replace(energy_mwh=2)
    assert gets(holder, coarse._replace(is_prioritised=True)) == [12_000, 13_000]
    assert gets(poor, rich._replace(offer_ma=13_000)) == [12_000, 13_000]
    assert gets(rich, poor) == [12_000, 13_000]
    assert gets(poor, poor) == [13_000, 12_000]


# --- who must go ---------------------------------------------------------------------------------


@pytest.mark.proves("D18.1b")
def test_the_one_with_most_energy_goes_first_then_who_was_served_longest_then_lowest_number() -> (
    None
):
    rich, poor = served(1, energy_mwh=2), served(2, energy_mwh=1)
    assert numbers(queues.participants_to_shed([poor, rich], ROOM_FOR_ONE, QUEUE, 0.0)) == [1]
    old, new = served(1, since_s=5.0), served(2, since_s=1.0)
    assert numbers(queues.participants_to_shed([old, new], ROOM_FOR_ONE, QUEUE, 0.0)) == [2]
    assert numbers(
        queues.participants_to_shed([served(2), served(1)], ROOM_FOR_ONE, QUEUE, 0.0)
    ) == [1]


@pytest.mark.proves("D18.1b")
def test_the_prioritised_one_stays() -> None:
    settings = replace(QUEUE, priority=1)
    participants = [served(1, energy_mwh=9), served(2)]
    assert numbers(queues.participants_to_shed(participants, ROOM_FOR_ONE, settings, 0.0)) == [2]


@pytest.mark.proves("D18.1c")
def test_only_those_on_the_overloaded_phase_go() -> None:
    rich, poor = served(1, energy_mwh=9, wired=(0,)), served(2, wired=(1,))
    assert numbers(
        queues.participants_to_shed([rich, poor], [20_000, 5000, 20_000], QUEUE, 0.0)
    ) == [2]


@pytest.mark.proves("D18.1c")
def test_nobody_goes_before_the_overcurrent_is_confirmed() -> None:
    house = House(participant(1), participant(2), settings=QUEUE)
    house.live(60)
    house.live(1, base_a=22)
    while 0 not in house.offers_ma:
        house.live(1)
    assert house.now_s - 62 >= 60, "above the limit only: a minute"


@pytest.mark.proves("D18.1k")
def test_who_has_to_go_again_soon_after_it_came_back_waits_twice_as_long() -> None:
    one = served(1)
    waits: list[float] = []
    for now_s in (1000.0, 1600.0, 2200.0, 2800.0, 3400.0, 4000.0):
        queues.note_shed(one, now_s)
        waits.append(one.shedding.room_needed_s)
        one.shedding = replace(one.shedding, returned_at=now_s)
    assert waits == [60, 120, 240, 480, 900, 900]
    queues.note_shed(one, 4601.0)
    assert one.shedding.room_needed_s == 60, "it had stayed for more than 10 minutes"


# --- whose turn it is ----------------------------------------------------------------------------


@pytest.mark.proves("D18.1g")
def test_the_one_with_most_energy_yields_after_its_turn() -> None:
    poor, rich, next_one = served(1, energy_mwh=10), served(2, energy_mwh=20), served(3)

    def yields(now_s: float, room: list[int] = ROOM_FOR_TWO) -> int | None:
        found = queues.participant_to_yield([poor, rich], next_one, room, QUEUE, now_s)
        return found.settings.number if found else None

    assert yields(900.0) == 2
    assert yields(899.0) is None, "a turn is a quarter of an hour"
    assert yields(900.0, [11_000] * 3) is None, "the other one would not fit in its place"


@pytest.mark.proves("D18.1g")
def test_nobody_yields_to_one_on_other_phases() -> None:
    running = [served(1, wired=(0,)), served(2, wired=(1,))]
    next_one = served(3, wired=(1,))
    found = queues.participant_to_yield(running, next_one, ROOM_FOR_ONE, QUEUE, 900.0)
    assert found is running[1]


@pytest.mark.proves("D18.1h")
def test_who_came_last_is_not_rotated_out_before_its_turn_is_over() -> None:
    newcomer, old = served(1, energy_mwh=50, since_s=500.0), served(2, energy_mwh=1)
    found = queues.participant_to_yield([newcomer, old], served(3), ROOM_FOR_TWO, QUEUE, 900.0)
    assert found is old


@pytest.mark.proves("D18.1a")
@pytest.mark.parametrize("count", [3, 4])
def test_where_only_one_fits_everybody_has_a_turn_before_anybody_has_a_second(count: int) -> None:
    settings = replace(QUEUE, rotation_s=60.0)
    house = House(*(participant(number) for number in range(1, count + 1)), settings=settings)
    house.cars = {number: Car(connected=False) for number in house.cars}
    house.live(20, base_a=24)
    house.cars = {number: Car() for number in house.cars}
    turns: list[int] = []
    for _ in range(60 * 2 * count):
        house.live(1)
        for car in house.cars.values():
            car.energy_mwh += car.current_ma
        now = [number for number, offer_ma in enumerate(house.offers_ma, 1) if offer_ma]
        assert len(now) <= 1
        turns += [number for number in now if turns[-1:] != [number]]
    assert sorted(turns[:count]) == sorted(turns[count : 2 * count]) == list(house.cars)


# --- one is shed, and comes back ---


@pytest.mark.proves("D18.1d")
def test_with_the_queue_one_is_shed_and_nobody_is_locked_out() -> None:
    house = slow_cars(House(participant(1), participant(2), settings=QUEUE))
    house.live(1, base_a=24)
    served = set()
    for _ in range(120):
        house.live(1)
        assert FaultCode.OVER_CURRENT not in house.state.outcome.faults
        served.add(sum(offer_ma > 0 for offer_ma in house.offers_ma))
    assert served == {2, 1}, "never less than one"
    assert sorted(house.offers_ma) == [0, 8000]


@pytest.mark.proves("D18.1f")
def test_who_was_shed_comes_back_after_a_minute_of_room_for_1_a_more() -> None:
    house = slow_cars(House(participant(1), participant(2), settings=QUEUE))
    house.live(60, base_a=24)
    assert sorted(house.offers_ma) == [0, 8000]
    house.live(300, base_a=19.5)
    assert 0 in house.offers_ma, "12.5 A are not 13"
    house.live(50, base_a=18.9)
    assert 0 in house.offers_ma
    house.live(30)
    assert 0 not in house.offers_ma


@pytest.mark.proves("D18.1f")
def test_the_room_for_a_return_is_what_is_available_at_each_moment() -> None:
    house = slow_cars(House(participant(1), participant(2), settings=QUEUE))
    house.live(60, base_a=24)
    house.live(70, base_a=18)
    assert 0 not in house.offers_ma, "the previous peak is remembered for 15 s, the minute is not"


def test_one_that_was_shed_is_no_reason_to_yield_before_it_has_waited_for_a_turn() -> None:
    settings = replace(QUEUE, rotation_s=100.0)
    house = slow_cars(House(participant(1), participant(2), settings=settings))
    house.live(30, base_a=24)
    served = [offer_ma > 0 for offer_ma in house.offers_ma]
    assert sorted(served) == [False, True]
    for _ in range(60):
        house.live(1)
        assert [offer_ma > 0 for offer_ma in house.offers_ma] == served


@pytest.mark.proves("D18.1f")
def test_a_minute_of_room_is_60_s_to_the_second() -> None:
    house = slow_cars(House(participant(1), participant(2), settings=QUEUE))
    house.live(60, base_a=24)
    shed = next(one for one in house.state.participants.values() if one.shedding.is_shed)
    while shed.shedding.room_since is None:
        house.live(1, base_a=8)
        shed = house.participant(shed.settings.number)
    house.live(round(shed.shedding.room_since + 60 - house.now_s) - 1)
    assert 0 in house.offers_ma
    house.live(1)
    assert house.now_s == shed.shedding.room_since + 60
    assert 0 not in house.offers_ma
