"""How much a station has to say: the story of a day, and no more."""

from collections.abc import Iterable

import pytest

from bench.days.day import day
from bench.days.series import BY_NAME, Series
from knxgw.catalogue.codes import ChargingState
from knxgw.charging.events import ChargerConditionChanged, LinkCondition
from knxgw.charging.quantities import Quantity
from knxgw.config.devices import charger_id
from knxgw.sim.bench.controller import Gateway
from knxgw.sim.bench.runner import Run
from knxgw.station.model import Effect, Event, FaultChanged, Note, NoteLevel, Station
from knxgw.station.step import step
from tests.charging.points import AVAILABLE, CHARGING, WAITING
from tests.station.sites import CP1, charger, started

HOUR_S, DAY_S = 3600, 86_400
LINE_BYTES = 60  # time, level and name before each text
FAULT_BYTES = 60
MONTH_HOURS, MONTH_BYTES = 31 * 24, 2_000_000


def loud(effects: Iterable[Effect]) -> list[Note | FaultChanged]:
    """Return what is in the log at its default level."""
    said = [one for one in effects if isinstance(one, Note | FaultChanged)]
    return [one for one in said if one.level is not NoteLevel.DETAIL]


class Recorder(Gateway):
    """The gateway's own rules, and what they say."""

    said: list[Note | FaultChanged]

    def tell(self, event: Event, now_s: float) -> tuple[Effect, ...]:
        """Let the station take one step."""
        effects = super().tell(event, now_s)
        self.said += loud(effects)
        return effects


@pytest.mark.long
@pytest.mark.proves("H.87")
@pytest.mark.parametrize(
    "series", [BY_NAME["2s"], BY_NAME["2s-faults"]], ids=["normal", "with faults"]
)
def test_a_month_of_operation_fits_in_two_megabytes(series: Series) -> None:
    """An hour and a half of five vehicles that come and go, and a building that never rests."""
    hours = 1.5
    scenario = day(7, series, hours)
    recorder = Recorder(scenario)
    recorder.said = []
    Run(scenario, controller=recorder).run()
    size = sum(
        LINE_BYTES + (len(one.text) if isinstance(one, Note) else FAULT_BYTES)
        for one in recorder.said
    )
    texts = [one.text for one in recorder.said if isinstance(one, Note)]
    assert [text for text in texts if "session started" in text]
    assert [text for text in texts if "session ended" in text]
    assert size * MONTH_HOURS / hours < MONTH_BYTES


def said_by_day(events: Iterable[tuple[float, Event]]) -> list[int]:
    """Return how many lines a day there are at the default level."""
    station: Station = started()
    days: dict[int, int] = {}
    for at_s, event in events:
        station, effects = step(station, event, at_s)
        count = len(loud(effects))
        days[int(at_s // DAY_S)] = days.get(int(at_s // DAY_S), 0) + count
    return list(days.values())


@pytest.mark.long
@pytest.mark.proves("H.87")
def test_a_charger_that_changes_its_state_all_day_adds_less_than_a_hundred_lines() -> None:
    states = (WAITING, CHARGING, {**WAITING, Quantity.STATE: ChargingState.ERROR})
    days = said_by_day((n * 15.0, charger(states[n % 3])) for n in range(1, 2 * DAY_S // 15))
    assert all(count < 100 for count in days)
    assert all(count > 20 for count in days), "but it is not silent for ever"


def test_a_plug_that_comes_loose_all_day_adds_less_than_a_hundred_lines() -> None:
    days = said_by_day(
        (n * 20.0, charger((AVAILABLE, CHARGING)[n % 2])) for n in range(1, DAY_S // 20)
    )
    assert days[0] < 100


@pytest.mark.proves("H.87")
def test_a_link_that_comes_and_goes_all_day_adds_less_than_a_hundred_lines() -> None:
    conditions = (LinkCondition.GOOD, LinkCondition.NOT_REACHABLE, LinkCondition.COMM)
    days = said_by_day(
        (n * 20.0, ChargerConditionChanged(device=charger_id(CP1), condition=conditions[n % 3]))
        for n in range(1, DAY_S // 20)
    )
    assert days[0] < 100


def test_what_is_cut_is_said_once_and_sessions_are_still_told() -> None:
    station, texts = started(), []
    for n in range(1, 400):  # it pauses each 20 s
        station, effects = step(station, charger((WAITING, CHARGING)[n % 2]), n * 20.0)
        texts += [one.text for one in loud(effects) if isinstance(one, Note)]
    station, effects = step(station, charger(AVAILABLE), 8000.0)
    texts += [one.text for one in loud(effects) if isinstance(one, Note)]
    assert len([text for text in texts if "changes too often" in text]) == 1
    assert len([text for text in texts if "session started" in text]) == 1
    assert len([text for text in texts if "session ended" in text]) == 1


def test_an_ordinary_day_is_told_in_full() -> None:
    """Four sessions with a pause each."""
    station, details = started(), 0
    for turn in range(4):
        values = (WAITING, CHARGING, WAITING, CHARGING, AVAILABLE)
        for hour, shown in enumerate(values):
            at_s = (turn * len(values) + hour + 1) * HOUR_S
            station, effects = step(station, charger(shown), at_s)
            details += len([one for one in effects if isinstance(one, Note)]) - len(
                [one for one in loud(effects) if isinstance(one, Note)]
            )
    assert details == 0


@pytest.mark.parametrize("code", ["0xZZ", "0x", "overheated"])
def test_a_code_that_is_a_text_and_no_number_is_told_as_it_is(code: str) -> None:
    values = {**WAITING, Quantity.STATE: ChargingState.ERROR, Quantity.FAULT_INFO_1: code}
    _, effects = step(started(), charger(values), 1.0)
    assert [one.own_code for one in effects if isinstance(one, FaultChanged)] == [code]
