"""Another model than the configured one is noticed; a charger of the model never is taken for one."""

import pytest

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.charging.events import ChargerSeen, LinkCondition
from knxgw.charging.scope import PointNumber
from knxgw.modbus.model_check import CONFIRM_S, PATIENCE_S
from knxgw.modbus.model_evidence import ModelEvidence, ModelVerdict
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.vehicle import Vehicle
from tests.support.devices import driver as make_driver
from tests.support.one_of_each import kind_of_charger, one_of_each
from tests.support.talk import Talk

CHARGERS = sorted(catalogue().chargers)
EACH_KIND = one_of_each(CHARGERS, lambda one: kind_of_charger(catalogue().chargers[one]))
CODES = (1, 2, 3, 4, 6)  # Modbus exceptions
SOON_S = CONFIRM_S + 5.0  # two looks, also by a model that is read slowly
CERTAIN_S = PATIENCE_S + 15.0


def model_of(model_id: str) -> DeviceModel:
    return catalogue().chargers[model_id]


def talk_of(configured: str, answering: str) -> Talk:
    """Return a driver that wants 10 A, and what answers at its address."""
    model = model_of(configured)
    driver = make_driver(PointNumber(1), model, unit_id=model.unit_id)
    driver.want(10_000)
    return Talk(driver, SimulatedCharger(model_of(answering), model.unit_id))


# --- the configured model


@pytest.mark.parametrize("model_id", EACH_KIND)
def test_a_charger_of_the_model_is_known_at_its_first_answers(model_id: str) -> None:
    talk = talk_of(model_id, model_id)
    talk.until(CERTAIN_S)
    assert talk.conditions == [LinkCondition.GOOD]
    first_s = talk.writes[0][0]
    assert first_s <= 2 * talk.driver.model.read.min_interval_s + 0.2, "the offer does not wait"


@pytest.mark.parametrize("model_id", EACH_KIND)
def test_no_state_of_a_charger_makes_it_another_model(model_id: str) -> None:
    def look(*, plugged: bool, authorised: bool = True, error: bool = False) -> None:
        talk = talk_of(model_id, model_id)
        assert isinstance(talk.device, SimulatedCharger)
        if plugged:
            talk.device.plug(Vehicle(), authorised=authorised)
        talk.device.has_error = error
        talk.until(SOON_S)
        assert talk.conditions == [LinkCondition.GOOD]

    look(plugged=False)
    look(plugged=True)
    look(plugged=True, authorised=False)
    look(plugged=True, error=True)


@pytest.mark.parametrize("model_id", EACH_KIND)
def test_one_register_that_a_firmware_does_not_have_makes_no_other_model(model_id: str) -> None:
    points = model_of(model_id).points.values()
    for missing in sorted({point.address for point in points if point.is_readable}):
        talk = talk_of(model_id, model_id)
        talk.refuses = lambda address, missing=missing: 2 if address == missing else None  # type: ignore[misc]
        talk.until(SOON_S)
        assert LinkCondition.WRONG_MODEL not in talk.conditions, missing
        assert talk.writes, missing


REFUSED = [(one, CODES[(n + step) % 5]) for n, one in enumerate(CHARGERS) for step in (0, 2)]


@pytest.mark.parametrize(
    ("model_id", "code"),
    one_of_each(
        REFUSED,
        lambda case: kind_of_charger(catalogue().chargers[case[0]]),
        lambda case: f"{case[0]}-{case[1]}",
        unpacked=True,
    ),
)
def test_a_charger_that_refuses_everything_while_it_starts_is_its_model(
    model_id: str, code: int
) -> None:
    talk = talk_of(model_id, model_id)
    talk.refuses = lambda _address: code
    talk.until(PATIENCE_S - 1.0)
    talk.refuses = lambda _address: None
    talk.until(PATIENCE_S + CONFIRM_S + 5.0)
    assert LinkCondition.WRONG_MODEL not in talk.conditions
    assert talk.conditions[-1] is LinkCondition.GOOD
    assert talk.writes


@pytest.mark.parametrize("model_id", EACH_KIND)
def test_an_unknown_state_alone_makes_no_other_model(model_id: str) -> None:
    model = model_of(model_id)
    point = model.points["state"]
    talk = talk_of(model_id, model_id)
    talk.device.fixed["state"] = "?" if isinstance(next(iter(point.codes), 0), str) else 97
    talk.until(CERTAIN_S)
    assert LinkCondition.WRONG_MODEL not in talk.conditions
    assert talk.writes


# --- another model


@pytest.mark.proves("7.34", "7.65")
def test_nothing_is_written_to_another_model_and_it_is_reported() -> None:
    talk = talk_of("keba_p30", "keba_p40")
    talk.until(SOON_S)
    assert talk.conditions == [LinkCondition.WRONG_MODEL]
    assert talk.driver.is_acknowledged, "the end of the gateway does not wait for it"
    talk.until(600.0)
    assert not talk.writes
    assert not any(isinstance(event, ChargerSeen) for event in talk.events)


@pytest.mark.proves("7.65")
def test_it_is_asked_ever_more_rarely_and_heals_when_the_right_one_answers() -> None:
    talk = talk_of("keba_p40", "keba_p30")
    talk.until(300.0)
    early = talk.requests
    talk.until(600.0)
    assert 0 < talk.requests - early <= early / 2
    talk.device = SimulatedCharger(model_of("keba_p40"), talk.driver.unit_id)
    talk.until(910.0)
    assert talk.conditions == [LinkCondition.WRONG_MODEL, LinkCondition.GOOD]
    assert isinstance(talk.device, SimulatedCharger)
    assert talk.device.offer_ma == 10_000


def test_a_new_connection_is_looked_at_at_once() -> None:
    talk = talk_of("keba_p40", "keba_p30")
    talk.until(300.0)
    talk.device = SimulatedCharger(model_of("keba_p40"), talk.driver.unit_id)
    talk.driver.opened()
    talk.until(302.0)
    assert talk.conditions[-1] is LinkCondition.GOOD


def test_another_charger_on_a_line_that_stays_open_is_noticed() -> None:
    talk = talk_of("keba_p30", "keba_p30")
    talk.until(10.0)
    talk.refuses = lambda _address: 11  # it was taken away: nobody answers
    talk.until(20.0)
    assert talk.conditions == [LinkCondition.GOOD, LinkCondition.NOT_REACHABLE]
    talk.refuses = lambda _address: None
    talk.device = SimulatedCharger(model_of("keba_p40"), talk.driver.unit_id)
    before = len(talk.writes)
    talk.until(60.0)
    assert talk.conditions[-1] is LinkCondition.WRONG_MODEL
    assert len(talk.writes) == before


def test_a_register_that_is_never_answered_delays_but_does_not_prevent_the_offer() -> None:
    talk = talk_of("keba_p30", "keba_p30")
    address = talk.driver.model.points["model"].address
    talk.refuses = lambda asked: 11 if asked == address else None
    talk.until(10.0)
    assert talk.conditions[-1] is LinkCondition.GOOD
    assert talk.writes


def test_a_device_that_has_none_of_the_registers_is_another_model() -> None:
    talk = talk_of("abb_terra_ac", "keba_p30")
    talk.until(CERTAIN_S)
    assert talk.conditions == [LinkCondition.COMM, LinkCondition.WRONG_MODEL]
    assert not talk.writes


@pytest.mark.parametrize(
    ("current_raw", "verdict"),
    [
        (4_000_000, ModelVerdict.IMPLAUSIBLE),
        (16_000, ModelVerdict.MATCH),  # in doubt
        (0xFFFF_FFFF, ModelVerdict.MATCH),  # a value that is not there yet
    ],
)
def test_a_state_that_is_none_and_a_current_that_cannot_be_are_another_model(
    current_raw: int, verdict: ModelVerdict
) -> None:
    identity = ModelEvidence(model_of("abb_terra_ac"), {"state", "plug", "error_1", "current_l1"})
    identity.add_values({"state": 77, "plug": 3, "error_1": 0, "current_l1": current_raw})
    assert identity.verdict is verdict
    assert "state is 77" in identity.reason


@pytest.mark.parametrize("configured", EACH_KIND)
def test_what_is_taken_for_another_model_is_never_written_to(configured: str) -> None:
    others = [other for other in CHARGERS if other != configured]
    for answering in others[len(configured) % 5 :: 5]:
        talk = talk_of(configured, answering)
        talk.until(CERTAIN_S)
        if LinkCondition.WRONG_MODEL in talk.conditions:
            assert not talk.writes, answering
            assert not any(isinstance(event, ChargerSeen) for event in talk.events), answering
