"""A watchdog is fed with all that it needs; what was written shows at once."""

from dataclasses import replace
from itertools import pairwise

import pytest

from knxgw.catalogue.control import StepValue, WatchdogTrigger, WriteStep
from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.points import Point
from knxgw.charging.events import ChargerSeen, OfferAcknowledged
from knxgw.charging.quantities import Quantity
from knxgw.charging.scope import PointNumber
from knxgw.modbus.codec import Raw
from knxgw.modbus.commander import Commander
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.vehicle import Vehicle
from tests.support.devices import driver as make_driver
from tests.support.one_of_each import kind_of_charger, one_of_each
from tests.support.talk import REQUEST_S, Talk, name_of, settled_s

CHARGERS = tuple(catalogue().chargers.values())
WATCHED = [m for m in CHARGERS if m.watchdog is not None]
ARMED = [
    m
    for m in WATCHED
    if m.watchdog and m.watchdog.read_backs and m.control and not m.control.is_power
]
SHOWN = [
    m
    for m in CHARGERS
    if m.control is not None and (m.control.read_back or "current_offered" in m.points)
]
FOLLOWS_S = 2.0
OFFERS_MA = (16_000, 10_000, 13_000, 7000)


class Watched(Talk):
    """A driver and its charger; notes when what was seen and taken."""

    def __init__(self, model: DeviceModel, *, minimum_ma: int = 6000) -> None:
        self.box = SimulatedCharger(model, model.unit_id)
        self.box.plug(Vehicle(capacity_wh=1e9))
        driver = make_driver(PointNumber(1), model, unit_id=model.unit_id, minimum_ma=minimum_ma)
        super().__init__(driver, self.box)

    def lowest_and_highest_ma(self, seconds: float) -> tuple[int, int]:
        """Return between what the box's offers stay for some time."""
        end_s, seen = self.now_s + seconds, [self.box.offer_ma]
        while self.now_s < end_s:
            self.until(self.now_s + 0.5)
            seen.append(self.box.offer_ma)
        return min(seen), max(seen)


# --- watchdogs


@pytest.mark.proves("H.53")
@pytest.mark.parametrize("model", one_of_each(WATCHED, kind_of_charger, name_of))
def test_an_unchanged_offer_is_held_for_three_times_the_watchdogs_patience(
    model: DeviceModel,
) -> None:
    assert model.watchdog is not None
    site = Watched(model)
    site.driver.want(16_000)
    site.until(settled_s(model))
    offered_ma = site.box.offer_ma
    assert offered_ma > 14_000
    assert site.lowest_and_highest_ma(3 * model.watchdog.timeout_s) == (offered_ma, offered_ma)
    site.driver.want(0)
    site.until(site.now_s + 10.0)
    assert site.lowest_and_highest_ma(3 * model.watchdog.timeout_s) == (0, 0)
    site.driver.want(16_000)
    site.until(site.now_s + settled_s(model))
    assert site.lowest_and_highest_ma(3 * model.watchdog.timeout_s) == (offered_ma, offered_ma)


@pytest.mark.parametrize("model", ARMED, ids=name_of)
def test_a_fail_safe_that_was_lost_unnoticed_is_armed_again(model: DeviceModel) -> None:
    """A charger that restarts with the very offer it has would else never be armed again."""
    assert model.watchdog is not None
    points = [model.points[step.point] for step in model.watchdog.arm if step.read_back]
    site = Watched(model, minimum_ma=8000)
    site.driver.want(round(float(model.simulation.constants.get("current_max_hw", 32)) * 1000))
    site.until(60.0)
    armed = [site.box.raw_value(point) for point in points]
    site.box.restart()
    assert armed != [site.box.raw_value(point) for point in points], "it is lost"
    site.until(105.0)
    assert armed == [site.box.raw_value(point) for point in points]


def test_a_lost_fail_safe_tells_of_a_restart_where_the_setpoint_cannot_be_read() -> None:
    site = Watched(catalogue().chargers["webasto_next"], minimum_ma=8000)
    site.box.plug(Vehicle(capacity_wh=1e9, maximum_ma=8000))  # it shows nothing by its current
    site.driver.want(10_000)
    site.until(60.0)
    site.box.restart()
    assert site.box.offer_ma == 32_000
    site.until(105.0)
    assert site.box.offer_ma == 10_000


def test_a_fail_safe_that_a_charger_does_not_take_is_not_written_all_the_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = catalogue().chargers["bender_cc612_mennekes_professional"]
    site = Watched(model)
    site.box.show("failsafe_timeout", 30.0)
    site.driver.want(16_000)
    site.until(3000.0)
    address = model.points["failsafe_timeout"].address
    assert len([at_s for at_s, written in site.writes if written == address]) <= 4
    assert 1 <= caplog.text.count("failsafe_timeout = 30, written again") <= 3


def addresses(one: Commander, from_s: float, until_s: float) -> list[tuple[float, str]]:
    now_s, written = from_s, []
    while now_s < until_s:
        write = one.next_write(now_s)
        if write is None:
            now_s += 0.1
            continue
        one.note_acknowledged(write, now_s)
        written.append((round(now_s, 1), write.point))
    return written


def fed_by_offer(model_id: str, *refresh: WriteStep) -> Commander:
    model = catalogue().chargers[model_id]
    watchdog = catalogue().chargers["foxess_evc"].watchdog
    assert watchdog is not None
    watchdog = replace(
        watchdog, arm=(), refresh=refresh, trigger=WatchdogTrigger.OFFER, refresh_s=20.0
    )
    return Commander(
        "cp1",
        replace(model, watchdog=watchdog),
        unit_id=1,
        address_offset=0,
        minimum_ma=6000,
    )


def test_a_watchdog_that_the_offer_feeds_gets_every_step_of_it_in_their_order() -> None:
    one = fed_by_offer("kathrein_kwb")
    one.want(16_000)
    written = addresses(one, 0.0, 50.0)
    assert written == [
        (at_s, point) for at_s in (0.0, 20.0, 40.0) for point in ("ems_enable", "setpoint_write")
    ]
    one = fed_by_offer("innogy_ebox")
    one.want(16_000)
    addresses(one, 0.0, 10.0)
    one.want(0)
    assert [point for _, point in addresses(one, 10.0, 45.0)] == [
        "setpoint_write",
        "setpoint_write_l2",
        "setpoint_write_l3",
    ] * 2


def test_or_the_steps_that_its_file_names() -> None:
    one = fed_by_offer("victron_evcs", WriteStep(point="setpoint_write", value=StepValue.OFFER))
    one.want(16_000)
    assert [point for _, point in addresses(one, 0.0, 50.0)] == [
        "setpoint_write",
        "enable",
        "setpoint_write",
        "setpoint_write",
    ]
    one.want(0)
    assert [point for _, point in addresses(one, 50.0, 95.0)] == ["enable"] * 3, "a pause is whole"


def test_an_offer_whose_lowering_is_refused_is_not_repeated() -> None:
    one = fed_by_offer("phoenix_charx")
    one.want(16_000)
    addresses(one, 0.0, 10.0)
    one.want(10_000)
    written, now_s = [], 10.0
    while now_s < 80.0:
        write = one.next_write(now_s)
        if write is not None and write.point == "setpoint_write":
            one.note_refused(write, now_s)
        elif write is not None:
            one.note_acknowledged(write, now_s)
            written.append(write.point)
        now_s += 0.1
    assert written == [], "better that it falls back than that it keeps 16 A"


def test_every_refresh_step_is_written_where_there_are_several() -> None:
    model = catalogue().chargers["vestel_evc04_webasto_unite"]
    assert model.watchdog is not None
    refresh_s = model.watchdog.refresh_s
    both = (*model.watchdog.refresh, WriteStep(point="failsafe_timeout", value=60.0))
    model = replace(model, watchdog=replace(model.watchdog, refresh=both))
    one = Commander("cp1", model, unit_id=1, address_offset=0, minimum_ma=6000)
    one.want(16_000)
    written = addresses(one, 0.0, 100.0)
    for point in ("heartbeat", "failsafe_timeout"):
        times = [at_s for at_s, name in written if name == point]
        assert max(b - a for a, b in pairwise(times)) <= refresh_s + 0.2


# --- what was written shows at once


@pytest.mark.proves("H.54")
@pytest.mark.parametrize("model", one_of_each(SHOWN, kind_of_charger, name_of))
def test_a_setpoint_shows_within_two_seconds_of_its_acknowledgement(model: DeviceModel) -> None:
    site = Watched(model)
    site.driver.want(8000)
    site.until(settled_s(model))
    for offer_ma in OFFERS_MA:
        site.events.clear()
        asked_s = site.now_s
        site.driver.want(offer_ma)
        while not any(isinstance(event, OfferAcknowledged) for event in site.events):
            assert site.now_s < asked_s + 20.0
            site.until(site.now_s + REQUEST_S)
        taken_s = site.now_s
        while _shown_ma(site) is None or abs((_shown_ma(site) or 0) - offer_ma) > 600:
            assert site.now_s <= taken_s + FOLLOWS_S, (offer_ma, _shown_ma(site))
            site.until(site.now_s + REQUEST_S)
        site.until(site.now_s + 30.0)


def _shown_ma(site: Watched) -> int | None:
    seen = [event for event in site.events if isinstance(event, ChargerSeen)]
    values = [e.values[Quantity.SETPOINT] for e in seen if Quantity.SETPOINT in e.values]
    return int(values[-1] or 0) if values else None


class Effective(SimulatedCharger):
    """Reports the current of its pilot, which is none while it is not enabled."""

    def raw_value(self, point: Point) -> Raw | None:
        """Return what the device shows at a point now."""
        if point.name == "current_offered":
            return self.offer_ma
        return super().raw_value(point)


@pytest.mark.parametrize("model_id", ["keba_p30", "keba_p40"])
def test_an_effective_current_of_0_before_it_is_enabled_is_nothing_forgotten(
    model_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    site = Watched(catalogue().chargers[model_id])
    site.box = site.device = Effective(site.driver.model, site.driver.unit_id)
    site.box.plug(Vehicle(capacity_wh=1e9))
    site.driver.want(0)
    site.until(60.0)
    for _ in range(3):
        site.driver.want(16_000)
        asked_s = site.now_s
        while site.box.offer_ma < 16_000:
            site.until(site.now_s + 0.1)
            assert site.now_s < asked_s + 2 * 5.0 + 0.5, "setpoint, then enabled"
        site.until(asked_s + 60.0)
        site.driver.want(0)
        site.until(site.now_s + 60.0)
        assert site.box.offer_ma == 0
    assert "written again" not in caplog.text


def test_a_charger_that_takes_a_while_is_looked_at_until_it_shows() -> None:
    """A KEBA reads one value in half a second; it may apply what it took a second later."""
    site = Watched(catalogue().chargers["keba_p30"])
    site.driver.want(10_000)
    site.until(60.0)
    site.box.show("current_offered", 10.0)
    site.events.clear()
    site.driver.want(16_000)
    site.until(61.2)
    assert _shown_ma(site) == 10_000, "it was looked at, and did not show yet"
    site.box.show("current_offered", 16.0)
    site.until(62.2)
    assert _shown_ma(site) == 16_000
