"""Somebody else writes to the same charger: what we told it is told again, on every model."""

import logging

import pytest

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.charging.scope import PointNumber
from knxgw.errors import PeerRefusedError
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.vehicle import Vehicle
from tests.support.another_master import others_want
from tests.support.devices import driver as make_driver
from tests.support.one_of_each import kind_of_charger, one_of_each
from tests.support.talk import Talk, name_of, settled_s

CHARGERS = tuple(catalogue().chargers.values())
SWITCHED = [m for m in CHARGERS if m.control and any(s.read_back for s in m.control.offer)]
BACK_S = 20.0
THEIRS_MA = 16_000


class Site(Talk):
    """A driver, its charger with a vehicle, and another master."""

    def __init__(self, model: DeviceModel, vehicle: Vehicle | None = None) -> None:
        self.box = SimulatedCharger(model, model.unit_id)
        self.box.plug(vehicle or Vehicle(capacity_wh=1e9))
        super().__init__(make_driver(PointNumber(1), model, unit_id=model.unit_id), self.box)
        self._model = model

    def others_want(self, offer_ma: int) -> None:
        """Have another master write all that brings this charger to an offer."""
        others_want(self.box, self._model, offer_ma)

    def wait(self, seconds: float) -> None:
        self.until(self.now_s + seconds)

    def interrupted(self) -> None:
        """Charge, then be interrupted."""
        self.driver.want(THEIRS_MA)
        self.until(settled_s(self._model))
        assert self.box.phases_ma[0] >= 5900
        self.driver.want(0)
        self.wait(30.0)
        assert self.box.phases_ma[0] == 0

    def back_s(self, seconds: float) -> float:
        """Return how long it takes until nothing is offered any more."""
        start_s = self.now_s
        while self.box.offer_ma > 0:
            assert self.now_s < start_s + seconds, "not told again"
            self.wait(0.1)
        return self.now_s - start_s


@pytest.mark.proves("H.52")
@pytest.mark.parametrize("model", one_of_each(CHARGERS, kind_of_charger, name_of))
def test_0_a_is_written_again_to_an_interrupted_charger_that_another_master_enables(
    model: DeviceModel,
) -> None:
    site = Site(model)
    site.interrupted()
    site.others_want(THEIRS_MA)
    assert site.box.offer_ma >= 15_000
    site.back_s(BACK_S)
    site.wait(4.0)
    assert site.box.phases_ma[0] == 0
    writes = len(site.writes)
    site.wait(60.0)
    assert site.box.offer_ma == 0
    again = {address for _, address in site.writes[writes:]}
    feeding = model.watchdog.refresh if model.watchdog else ()
    armed = model.watchdog.arm if model.watchdog else ()
    kept = {model.points[step.point].address for step in (*feeding, *armed)}
    assert model.control is not None
    pause = {model.points[step.point].address for step in model.control.pause}
    fed_by_offer = model.watchdog is not None and model.watchdog.trigger == "offer"
    assert again <= (kept | pause if fed_by_offer else kept), "it holds: nothing is repeated"


@pytest.mark.parametrize("model", one_of_each(CHARGERS, kind_of_charger, name_of))
def test_one_that_is_switched_on_each_30_s_is_brought_back_each_time(
    model: DeviceModel, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(model)
    site.interrupted()
    with caplog.at_level(logging.WARNING):
        for _ in range(6):
            site.others_want(THEIRS_MA)
            assert site.box.offer_ma >= 15_000
            site.back_s(BACK_S)
            site.wait(30.0)
    said = [record for record in caplog.records if "written again" in record.getMessage()]
    assert 1 <= len(said) <= 3, "once for each way in which it shows, not each time"


@pytest.mark.parametrize("model", one_of_each(SWITCHED, kind_of_charger, name_of))
def test_one_that_another_switches_off_is_switched_on_again_but_calmly(model: DeviceModel) -> None:
    site = Site(model)
    site.driver.want(10_000)
    site.until(settled_s(model))
    assert site.box.offer_ma > 0
    site.others_want(0)
    site.wait(90.0)
    assert site.box.offer_ma > 0


@pytest.mark.parametrize("model", one_of_each(CHARGERS, kind_of_charger, name_of))
def test_a_vehicle_that_stops_slowly_causes_few_writes(model: DeviceModel) -> None:
    site = Site(model, Vehicle(capacity_wh=1e9, fall_ma_per_s=400))
    site.driver.want(THEIRS_MA)
    site.until(settled_s(model))
    watchdog, control = model.watchdog, model.control
    assert control is not None
    step = control.pause[-1].point
    writes = len(site.writes)
    site.driver.want(0)
    site.wait(60.0)
    times = [
        at_s for at_s, address in site.writes[writes:] if address == model.points[step].address
    ]
    if watchdog is not None and watchdog.trigger == "offer":
        assert len(times) <= 8
    else:
        assert len(times) <= 5, "40 s until it has stopped, 12 s between two repetitions"
    assert site.box.phases_ma[0] == 0


def test_a_pause_that_is_refused_all_the_time_is_repeated_without_end() -> None:
    model = catalogue().chargers["keba_p30"]
    site = Site(model)
    site.interrupted()
    refused: list[float] = []
    take = site.box.write

    def refuse(*place: object) -> None:
        if place[2] == model.points["enable"].address:
            refused.append(site.now_s)
            raise PeerRefusedError("as the test wants it", 4)
        take(*place)  # type: ignore[arg-type]

    site.others_want(THEIRS_MA)
    site.box.write = refuse  # type: ignore[method-assign,assignment]
    site.wait(300.0)
    assert 20 <= len(refused) <= 70
    site.box.write = take  # type: ignore[method-assign]
    site.back_s(BACK_S)


@pytest.mark.parametrize("model_id", ["webasto_next", "openwb_secondary"])
def test_a_higher_setpoint_of_another_shows_in_the_current_where_it_cannot_be_read(
    model_id: str,
) -> None:
    site = Site(catalogue().chargers[model_id])
    site.driver.want(8000)
    site.until(60.0)
    assert site.box.offer_ma == 8000
    site.others_want(16_000)
    site.wait(BACK_S)
    assert site.box.offer_ma == 8000
