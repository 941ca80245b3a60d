"""However strange a charger is, it is not asked without a pause."""

import pytest

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.points import Table
from knxgw.charging.scope import PointNumber
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.vehicle import Vehicle
from tests.support.devices import driver as make_driver
from tests.support.one_of_each import kind_of_charger, one_of_each
from tests.support.talk import Talk, name_of, settled_s

CHARGERS = tuple(catalogue().chargers.values())
WATCHED_S = 30.0


class StandsStill(SimulatedCharger):
    """A charger whose values stand still from a moment on: it takes writes and shows none of it."""

    still: dict[tuple[Table, int, int], list[int]] | None = None

    def read(self, unit: int, table: Table, address: int, count: int) -> list[int]:
        registers = super().read(unit, table, address, count)
        if self.still is None:
            return registers
        return self.still.setdefault((table, address, count), registers)


def requests_meanwhile(talk: Talk) -> int:
    before = talk.requests
    talk.until(talk.now_s + WATCHED_S)
    return talk.requests - before


@pytest.mark.parametrize("offer_ma", [0, 6000])
@pytest.mark.parametrize("model", one_of_each(CHARGERS, kind_of_charger, name_of))
def test_a_charger_that_shows_more_than_the_offer_is_not_read_without_a_pause(
    model: DeviceModel, offer_ma: int
) -> None:
    box = StandsStill(model, model.unit_id)
    box.plug(Vehicle(capacity_wh=1e9))
    talk = Talk(make_driver(PointNumber(1), model, unit_id=model.unit_id), box)
    talk.driver.want(16_000)
    talk.until(settled_s(model))
    usual = requests_meanwhile(talk)
    box.still = {}
    talk.until(talk.now_s + WATCHED_S)  # all of it is remembered
    talk.driver.want(offer_ma)
    talk.until(talk.now_s + 30.0)
    assert requests_meanwhile(talk) <= 2 * usual + 30
