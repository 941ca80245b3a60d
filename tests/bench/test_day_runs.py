"""Short days, run by the gateway and by what it is compared with."""

import pytest

from bench.days.comparison import MEASURES
from bench.days.day import day
from bench.days.day_run import GATEWAY, PORTS, YARDSTICKS, DayResult, Job, run_day
from bench.days.reference import AllOff
from bench.days.report import Page, page_lines, plots
from bench.days.series import BY_NAME, EVERY_SERIES, Series
from bench.days.tables import COLUMNS
from bench.days.yardsticks.simple import FirstCome, StaticShare
from knxgw.charging.events import ChargerSeen, GridMeterReading
from knxgw.charging.quantities import PHASE_CURRENTS, Quantity
from knxgw.charging.scope import PointNumber
from knxgw.config.devices import charger_id
from knxgw.sim.bench.runner import Run
from knxgw.station.model import Effect, Offer, Tick

HOURS = 0.4


@pytest.mark.long
@pytest.mark.parametrize(
    "series",
    [pytest.param(one, id=one.name) for one in EVERY_SERIES],
)
def test_a_short_day_is_safe(series: Series) -> None:
    own = run_day(Job(seed=5, series=series, hours=HOURS, compares=False)).figures[GATEWAY]
    assert own.caused_as == 0
    assert own.overrun_s == 0
    assert own.stress_b < 1
    assert own.lost_sessions == 0
    assert not own.violations
    assert own.utilisation > 0.85


def test_faults_happen_in_a_day_with_faults() -> None:
    scenario = day(3, BY_NAME["2s-faults"], 1.0)
    recording = Run(scenario, controller=FirstCome(scenario)).run()
    wanted = 3 * (scenario.duration_s + 60) / 2
    assert 0.98 * wanted < recording.telegrams < 0.998 * wanted
    assert any(len(log.reached.times) > 1 for log in recording.points)


@pytest.fixture(scope="module")
def result() -> DayResult:
    """Return a very short day with everything that is measured and drawn."""
    job = Job(seed=2, series=BY_NAME["2s"], hours=0.1, counts_telegrams=True, draws=True)
    return run_day(job)


def test_everybody_runs_the_same_day(result: DayResult) -> None:
    assert set(result.figures) == {GATEWAY, *YARDSTICKS}
    own = result.figures[GATEWAY]
    assert all(one.stays == own.stays for one in result.figures.values())
    assert own.telegrams_per_min is not None


def test_the_page_says_what_was_measured(result: DayResult) -> None:
    text = "\n".join(page_lines(Page(results=[result])))
    assert "### 2 s meter" in text
    for name in (GATEWAY, *YARDSTICKS):
        assert f"\n| {name} | " in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    tables = {line.count("|") for line in rows}
    assert tables <= {3, 6, len(MEASURES) + 2, len(COLUMNS) + 4}
    assert all(f"- **{port}** is beaten in" in text for port in PORTS)


def test_the_plots_are_named_by_the_page(result: DayResult) -> None:
    text = "\n".join(page_lines(Page(results=[result])))
    drawn = plots(Page(results=[result]))
    assert set(drawn) == {"utilisation-2s.svg", "day-2s.svg", "hour-2s.svg"}
    assert all(f"plots/{name}" in text for name in drawn)
    assert all("current [A]" in one or "seed of the day" in one for one in drawn.values())


# --- yardsticks ------------------------------------------------------------------------------------


def seen(number: int, *, there: bool, draws_ma: int = 0) -> ChargerSeen:
    values = dict.fromkeys(PHASE_CURRENTS, draws_ma)
    return ChargerSeen(
        device=charger_id(PointNumber(number)), values={**values, Quantity.CONNECTED: int(there)}
    )


def offers(effects: tuple[Effect, ...]) -> dict[int, int]:
    return {one.point: one.offer_ma for one in effects if isinstance(one, Offer)}


def test_a_safe_static_share_serves_one_vehicle_until_it_leaves() -> None:
    share = StaticShare(day(1, BY_NAME["2s"], 0.1))
    assert offers(share.tell(seen(2, there=True), 1.0)) == {2: 6000}
    assert offers(share.tell(seen(1, there=True), 2.0)) == {}
    assert offers(share.tell(seen(2, there=False), 3.0)) == {1: 6000, 2: 0}


def test_a_static_share_of_a_typical_building_serves_everybody_with_6_a() -> None:
    share = StaticShare(day(1, BY_NAME["2s"], 0.1), building_ma=16_000)
    for number in range(1, 6):
        assert offers(share.tell(seen(number, there=True), 1.0)) == {number: 6000}


def test_who_comes_first_gets_most_and_the_loop_looks_each_30_seconds() -> None:
    first = FirstCome(day(1, BY_NAME["2s"], 0.1))
    for phase in range(3):
        assert not first.tell(GridMeterReading(phase=phase, value=20_000), 0.5)
    first.tell(seen(4, there=True), 0.6)
    first.tell(seen(2, there=True), 0.7)
    assert offers(first.tell(Tick(), 1.0)) == {4: 16_000, 2: 10_000}  # 46 - 20 A
    for phase in range(3):
        first.tell(GridMeterReading(phase=phase, value=66_000), 2.0)
    first.tell(seen(4, there=True, draws_ma=16_000), 3.0)
    first.tell(seen(2, there=True, draws_ma=10_000), 3.0)
    assert offers(first.tell(Tick(), 30.9)) == {}
    assert offers(first.tell(Tick(), 31.0)) == {4: 6000, 2: 0}  # 46 - 40 A


@pytest.mark.long
def test_the_fastest_reaction_takes_everybody_the_current_until_the_overload_is_over() -> None:
    scenario = day(5, BY_NAME["2s"], HOURS)
    recording = Run(scenario).run()
    over = [part for load in recording.load for part in load.above(46_000, 0.0, recording.ended_at)]
    long = [(start_s, end_s) for start_s, end_s in over if end_s - start_s > 4.0]
    reference = Run(scenario, controller=AllOff(scenario, recording)).run()
    first_s = min(
        start_s for start_s, _ in long
    )  # the meter looks within 2 s and tells it 1 s later
    assert all(log.offers.at(first_s + 3.01) == 0 for log in reference.points)
    assert sum(load.integral_above(46_000, 0, 1e4) for load in reference.load) < sum(
        load.integral_above(46_000, 0, 1e4) for load in recording.load
    )
