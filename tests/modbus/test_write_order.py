"""Which write of a charger comes first, and how long any of them waits where writes keep a distance."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.control import FEED_LATE_SPACINGS, WatchdogTrigger, WriteStep
from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.product import Catalogue
from knxgw.modbus.commander import Commander
from knxgw.modbus.write_order import NeededWrite, Spacing, WriteKind
from knxgw.modbus.writing import Write
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.vehicle import Vehicle
from tests.support.talk import name_of

REQUEST_S = 0.02
SLACK_S = 0.5  # some requests, and the steps of this clock
SPACING_S = 5.0
CHARGERS = tuple(catalogue().chargers.values())
SPACED = tuple(m for m in CHARGERS if m.write.min_interval_s > 0)
SETPOINT, ENABLE, FAILSAFE, TIMEOUT, UNLOCK = 5004, 5014, 5016, 5018, 5012


def with_spacing(model: DeviceModel) -> DeviceModel:
    """Return a model as it would be if its writes had to keep a distance, and be fed all the same."""
    watchdog = model.watchdog
    if watchdog is not None:
        watchdog = replace(watchdog, timeout_s=60.0, refresh_s=25.0)
    return replace(model, write=replace(model.write, min_interval_s=SPACING_S), watchdog=watchdog)


def shape_of(model: DeviceModel) -> tuple[object, ...]:
    """Return what the order of writes of a model depends on."""
    control, watchdog = model.control, model.watchdog
    assert control is not None
    kinds = tuple("offer" if step.is_offer else step.point for step in control.offer)
    pause = tuple(step.point for step in control.pause)
    trigger = watchdog.trigger if watchdog else None
    return kinds, pause, trigger, bool(watchdog and watchdog.arm), control.is_power


SHAPES = tuple({shape_of(m): m for m in CHARGERS}.values())


class Life:
    """A commander and its simulated charger; every instant is looked at."""

    def __init__(self, model: DeviceModel) -> None:
        self.model = model
        self.now_s = 0.0
        self.one = Commander(
            "cp1", model, unit_id=model.unit_id, address_offset=0, minimum_ma=6000, phases=1
        )
        self.box = SimulatedCharger(model, model.unit_id)
        self.box.plug(Vehicle(phases=1, capacity_wh=1e9))
        self.known_s: float | None = None  # when it first knew an offer
        self.writes: list[tuple[float, Write]] = []
        self.wants: list[tuple[float, int]] = []
        self.offers: list[tuple[float, int]] = []  # what the box could let flow

    def want(self, offer_ma: int) -> None:
        self.wants.append((self.now_s, offer_ma))
        self.one.want(offer_ma)

    def until(self, until_s: float) -> None:
        while self.now_s < until_s:
            self.box.note_request(self.now_s)
            write = self.one.next_write(self.now_s)
            if write is None:
                self.now_s = min(max(self.one.due_at(self.now_s), self.now_s + 0.01), until_s)
                continue
            place = write.unit_id, write.table, write.address, write.function
            self.box.write(*place, list(write.registers))
            self.writes.append((self.now_s, write))
            reported_ma = self.one.note_acknowledged(write, self.now_s)
            if reported_ma is not None and self.known_s is None:
                self.known_s = self.now_s
            if self.known_s is not None:
                self.offers.append((self.now_s, self.box.offer_ma))
            self.now_s += REQUEST_S

    def highest_ma(self, from_s: float, until_s: float) -> int:
        """Return the highest of the offers that were wanted in a time."""
        before = [ma for at_s, ma in self.wants if at_s <= from_s]
        within = [ma for at_s, ma in self.wants if from_s < at_s <= until_s]
        return max(before[-1:] + within)

    def times_of(self, *points: str) -> list[float]:
        return [at_s for at_s, write in self.writes if write.point in points]


def keba(catalogue: Catalogue) -> Life:
    """Return a KEBA that charges with 16 A, its watchdog armed and fed."""
    life = Life(catalogue.chargers["keba_p30"])
    life.want(16_000)
    life.until(45.0)
    assert life.box.offer_ma == 16_000
    return life


# --- what goes first


def test_of_what_may_be_written_the_most_urgent_kind_goes_first() -> None:
    step = WriteStep(point="x", value=1.0)
    every = [NeededWrite(kind=kind, step=step, registers=(1,)) for kind in reversed(WriteKind)]
    spacing, order = Spacing(5.0), []
    now_s = 0.0
    while every:
        one = spacing.pick(every, now_s)
        if one is None:
            now_s += 1.0
            continue
        spacing.note_write(now_s)
        every.remove(one)
        order.append((one.kind, now_s))
    assert (
        [kind for kind, _ in order]
        == [
            WriteKind.PAUSE,
            WriteKind.LOWER,  # it may break the spacing, a feeding may not
            WriteKind.LATE_FEED,
            *list(WriteKind)[3:],
        ]
    )
    assert [at_s for _, at_s in order] == [0.0, 0.0, *(5.0 * n for n in range(1, 9))]


def test_after_a_pause_enabling_comes_before_a_newer_higher_setpoint(catalogue: Catalogue) -> None:
    life = keba(catalogue)
    life.want(0)
    life.until(60.0)
    first = len(life.writes)
    for n in range(10):
        life.want(10_000 + 500 * n)
        life.until(life.now_s + 3.0)
    written = [(at_s, write.address) for at_s, write in life.writes[first:]]
    assert [address for _, address in written if address < FAILSAFE][:2] == [SETPOINT, ENABLE]
    enabled_s = next(at_s for at_s, address in written if address == ENABLE)
    assert enabled_s <= 60.0 + 2 * SPACING_S + SLACK_S


def test_an_offer_that_falls_while_it_is_being_enabled_is_never_exceeded(
    catalogue: Catalogue,
) -> None:
    life = keba(catalogue)
    life.want(0)
    life.until(60.0)
    life.want(16_000)
    life.until(61.0)
    for n in range(12):
        life.want(15_000 - 500 * n)
        life.until(life.now_s + 3.0)
        assert life.box.offer_ma <= life.highest_ma(life.now_s - SPACING_S, life.now_s)
    enabled_s = next(at_s for at_s in life.times_of("enable") if at_s > 61.0)
    assert enabled_s <= 61.0 + 2 * SPACING_S + SLACK_S, "the minimum is told, then it is enabled"


def test_the_last_decision_is_written_before_the_charger_is_enabled_and_armed(
    catalogue: Catalogue,
) -> None:
    life = Life(catalogue.chargers["keba_p30"])
    life.want(6000)  # until the gateway has found out
    life.until(4.0)
    for n in range(10):
        life.want(14_000 + 200 * n)
        life.until(life.now_s + 3.0)
    order = [write.address for _, write in life.writes]
    assert order[:5] == [SETPOINT, SETPOINT, ENABLE, FAILSAFE, TIMEOUT]
    assert life.writes[1][0] == pytest.approx(SPACING_S, abs=SLACK_S)


def test_a_setpoint_that_changes_every_3_s_starves_neither_enabling_nor_feeding(
    catalogue: Catalogue,
) -> None:
    life = keba(catalogue)
    life.want(0)
    life.until(60.0)
    for n in range(60):
        life.want((16_000, 9000, 12_000)[n % 3])
        life.until(life.now_s + 3.0)
        if life.now_s > 60.0 + 2 * SPACING_S + 3.0:
            assert life.box.offer_ma > 0
    fed = life.times_of("failsafe_timeout")
    assert max(b - a for a, b in pairwise(fed)) <= 25.0 + 2 * SPACING_S


@pytest.mark.proves("D9.3g")
def test_zero_comes_before_a_feeding_that_is_overdue(catalogue: Catalogue) -> None:
    life = keba(catalogue)
    fed_s = life.times_of("failsafe_timeout")[-1]
    life.until(fed_s + 19.0)
    life.want(10_000)  # overtakes nothing: the feeding is due in a second
    life.until(fed_s + 20.5)
    life.want(0)
    life.until(fed_s + 40.0)
    addresses = [write.address for at_s, write in life.writes if at_s > fed_s + 18.0]
    assert addresses[:3] == [SETPOINT, ENABLE, TIMEOUT]


def test_a_feeding_that_a_lowering_has_overtaken_comes_before_the_next_one(
    catalogue: Catalogue,
) -> None:
    life = keba(catalogue)
    last_s = life.times_of("failsafe_timeout")[-1]
    for n in range(40):
        life.want(15_800 - 200 * n)
        life.until(life.now_s + 0.5)
    fed_s = next(at_s for at_s in life.times_of("failsafe_timeout") if at_s > last_s)
    assert fed_s <= last_s + 25.0 + 2 * SPACING_S
    assert life.writes[0][1].address == SETPOINT


def test_a_watchdog_is_not_fed_before_it_is_armed(catalogue: Catalogue) -> None:
    life = Life(catalogue.chargers["keba_p30"])
    life.want(16_000)
    refused: list[int] = []
    while life.now_s < 40.0:
        write = life.one.next_write(life.now_s)
        if write is not None and write.address == FAILSAFE:
            refused.append(write.address)
            life.one.note_refused(write, life.now_s)
        elif write is not None:
            life.writes.append((life.now_s, write))
            life.one.note_acknowledged(write, life.now_s)
        life.now_s += 0.5
    written = [write.address for _, write in life.writes]
    assert written == [SETPOINT, ENABLE], "feeding would arm it with a fallback nobody has set"
    assert 6 <= len(refused) <= 9, "it is tried again, and holds up nothing else"


def test_a_refused_enabling_does_not_hold_up_a_setpoint(catalogue: Catalogue) -> None:
    life = Life(catalogue.chargers["victron_evcs"])
    life.want(6000)
    for second in range(30):
        life.now_s = float(second)
        if second == 10:
            life.want(16_000)
        if second == 20:
            life.want(8000)
        while (write := life.one.next_write(life.now_s)) is not None:
            if write.point == "enable":
                life.one.note_refused(write, life.now_s)
            else:
                life.writes.append((life.now_s, write))
                life.one.note_acknowledged(write, life.now_s)
    assert [(at_s, write.registers) for at_s, write in life.writes] == [
        (0.0, (6,)),
        (10.0, (16,)),
        (20.0, (8,)),
    ]


def test_a_raise_that_was_not_answered_counts_as_taken(catalogue: Catalogue) -> None:
    """Lowering must not wait because the charger was thought to have less."""
    life = keba(catalogue)
    life.until(48.0)
    life.want(20_000)
    while (write := life.one.next_write(life.now_s)) is None or write.address != SETPOINT:
        life.until(life.now_s + 0.1) if write is None else life.one.note_acknowledged(
            write, life.now_s
        )
    life.box.write(write.unit_id, write.table, write.address, write.function, write.registers)
    life.one.note_unanswered(write, life.now_s)
    life.want(18_000)
    life.until(life.now_s + 0.5)
    assert life.box.offer_ma == 18_000


# --- how long anything waits

AMPERES = st.sampled_from((0, 0, 6000, 7000, 10_000, 13_000, 16_000))
SEQUENCES = st.lists(
    st.tuples(st.sampled_from((0.0, 0.3, 1.0, 3.0, 4.9, 5.1, 8.0, 21.0)), AMPERES),
    min_size=1,
    max_size=25,
)


def check(life: Life, spacing_s: float) -> None:
    """See that nothing waits too long and that nothing flows that nobody offers any more."""
    for at_s, box_ma in life.offers:
        assert box_ma <= life.highest_ma(at_s - spacing_s - SLACK_S, at_s)
    for (before_s, _), (at_s, write) in pairwise(life.writes):
        if not write.is_urgent:
            assert at_s >= before_s + spacing_s - 1e-6, "only what lowers may break the spacing"
    check_enabling(life, spacing_s)
    watchdog = life.model.watchdog
    if watchdog is None or watchdog.trigger not in (WatchdogTrigger.STEPS, WatchdogTrigger.OFFER):
        return
    feeding = {step.point for step in watchdog.refresh}
    if watchdog.trigger is WatchdogTrigger.STEPS:
        fed = [life.writes[0][0], *life.times_of(*feeding), life.now_s]
        latest_s = watchdog.refresh_s + FEED_LATE_SPACINGS * spacing_s + SLACK_S
        assert max(b - a for a, b in pairwise(fed)) <= latest_s < watchdog.timeout_s


def check_enabling(life: Life, spacing_s: float) -> None:
    """See that after a pause nothing keeps the charger from being enabled.

    It is two spacings after the last setpoint before it at most, and four after the first: one that
    falls in between, and a feeding, may each cost one.
    """
    control = life.model.control
    assert control is not None
    carriers = [step.point for step in control.offer if step.is_offer]
    enabling = [step.point for step in control.offer if step.point not in carriers][-1:]
    for (_, paused_ma), (wanted_s, wanted_ma) in pairwise(life.wants):
        if paused_ma or not wanted_ma or not enabling or control.offer[-1].point != enabling[0]:
            continue
        paused_again = [at_s for at_s, ma in life.wants if at_s >= wanted_s and ma == 0]
        reported = [at_s for at_s in life.times_of(carriers[0]) if at_s >= wanted_s]
        latest_s = reported[0] + 4 * spacing_s + SLACK_S if reported else 0.0
        if reported and not any(at_s <= latest_s for at_s in paused_again):
            enabled = [
                at_s for at_s in life.times_of(enabling[0]) if reported[0] <= at_s <= latest_s
            ]
            assert enabled, (wanted_s, reported[0])
            last_s = max(at_s for at_s in reported if at_s <= enabled[0])
            assert enabled[0] <= last_s + 2 * spacing_s + SLACK_S, (wanted_s, last_s)


def settle(life: Life, spacing_s: float) -> None:
    """See that the newest offer arrives: what a start needs, and what arms and feeds, in between."""
    life.until(life.now_s + 8 * spacing_s + SLACK_S)
    wanted_ma = life.wants[-1][1]
    control = life.model.control
    assert control is not None
    assert life.one.is_acknowledged
    assert wanted_ma - control.resolution_ma < life.box.offer_ma <= wanted_ma or (
        wanted_ma == life.box.offer_ma == 0
    )


def run(model: DeviceModel, sequence: list[tuple[float, int]]) -> None:
    life = Life(model)
    spacing_s = model.write.min_interval_s
    resolution_ma = model.control.resolution_ma if model.control else 1
    minimum_ma = math.ceil(6000 / resolution_ma) * resolution_ma
    for pause_s, offer_ma in sequence:
        life.until(life.now_s + pause_s)
        life.want(max(offer_ma, minimum_ma) if offer_ma else 0)
    life.until(life.now_s + 0.1)
    settle(life, spacing_s)
    check(life, spacing_s)


@pytest.mark.proves("H.51")
@settings(max_examples=60, deadline=None)
@given(sequence=SEQUENCES)
@pytest.mark.parametrize("model", SPACED, ids=name_of)
def test_every_write_comes_in_its_time_and_the_box_never_has_more_than_was_offered(
    model: DeviceModel, sequence: list[tuple[float, int]]
) -> None:
    run(model, sequence)


@settings(max_examples=12, deadline=None)
@given(sequence=SEQUENCES)
@pytest.mark.parametrize("model", SHAPES, ids=name_of)
def test_every_shape_of_commands_would_bear_a_spacing(
    model: DeviceModel, sequence: list[tuple[float, int]]
) -> None:
    run(with_spacing(model), sequence)


@pytest.mark.parametrize("model", CHARGERS, ids=name_of)
def test_an_offer_that_changes_every_3_s_arrives_at_every_model(model: DeviceModel) -> None:
    run(model, [(3.0, ma) for ma in (0, 16_000, 9000, 12_000, 6000, 0, 10_000, 16_000) * 2])
