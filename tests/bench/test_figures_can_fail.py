"""Every figure of the page is moved by somebody who decides badly: one that is not measures nothing."""

import pytest

from bench.days.acceptance import criteria, judge
from bench.days.day import day
from bench.days.day_figures import DayFigures, day_figures
from bench.days.series import BY_NAME
from knxgw.charging.scope import point_scope
from knxgw.sim.bench.controller import Controller, Gateway
from knxgw.sim.bench.metrics import MINUTE_S
from knxgw.sim.bench.oracle import ideal
from knxgw.sim.bench.read_scenario import parse_scenario
from knxgw.sim.bench.runner import Run
from knxgw.sim.bench.telegram_count import TelegramCount
from knxgw.station.model import Effect, Event, Publish, Tick
from tests.bench.mutants import SaysLate, SaysNothing
from tests.bench.scripted import Script, Scripted

SEED, HOURS = 2, 0.6
POINTS = range(1, 6)
ALL: Script = {0: dict.fromkeys(POINTS, 16)}
ONE: Script = {0: {1: 16}}
FLICKERING: Script = {
    at_s: dict.fromkeys(POINTS, 6 * (at_s // 4 % 2)) for at_s in range(0, 2160, 4)
}
TOGGLED = ("connected", "charging", "complete", "interruption_state", "state")


class Chatty(Scripted):
    """Says that everything is otherwise, each second."""

    def tell(self, event: Event, now_s: float) -> tuple[Effect, ...]:
        """Publish what is not so."""
        if not isinstance(event, Tick):
            return super().tell(event, now_s)
        is_odd = int(now_s) % 2 == 1
        return tuple(
            Publish(
                scope=point_scope(point), key=key, value=int(is_odd) if key == "state" else is_odd
            )
            for point in POINTS
            for key in TOGGLED
        )


def figures(controller: Controller, telegrams: TelegramCount | None = None) -> DayFigures:
    """Return the figures of a short day."""
    scenario = day(SEED, BY_NAME["2s"], HOURS)
    recording = Run(scenario, controller=controller, telegrams=telegrams).run()
    return day_figures(scenario, recording, ideal(scenario, recording, 0.0, recording.ended_at))


def missed(one: DayFigures) -> set[str]:
    """Return which marks are missed."""
    verdicts = judge(BY_NAME["2s"], [(SEED, one)])
    return {verdict.criterion.name for verdict in verdicts if not verdict.kept}


@pytest.mark.long
def test_each_mark_is_missed_by_somebody() -> None:
    chatty = TelegramCount(Gateway(day(SEED, BY_NAME["2s"], HOURS)).configuration)
    found: set[str] = set()
    for script in (ALL, ONE, FLICKERING):
        found |= missed(figures(Scripted(script)))
    found |= missed(figures(Chatty({}), chatty))
    assert found == {criterion.name for criterion in criteria(BY_NAME["2s"])}


# --- what scenarios show besides -------------------------------------------------------------------

TEXT = "duration_s: 60\nbase_a: 20"


@pytest.mark.parametrize(("mutant", "least_s", "most_s"), [(Gateway, 0, 0), (SaysLate, 0.1, 1)])
def test_how_late_an_offer_is_said_is_measured(
    mutant: type[Gateway], least_s: float, most_s: float
) -> None:
    scenario = parse_scenario(TEXT)
    lag_s = Run(scenario, controller=mutant(scenario)).run().explanation_lag_s
    assert least_s <= lag_s <= most_s


def test_an_offer_that_is_never_said_is_late_to_the_end() -> None:
    scenario = parse_scenario(TEXT)
    recording = Run(scenario, controller=SaysNothing(scenario)).run()
    assert recording.explanation_lag_s >= MINUTE_S
