"""The guided first charge, in injected time against what a charging point may look like."""

from dataclasses import replace

import pytest

from knxgw.catalogue.codes import Reason
from knxgw.monitoring.test_charge import NO_OFFER_S, Problem, Result, Row, Step, TestCharge
from knxgw.station.actions import Action
from knxgw.station.view import InstalledView, LimitView, PointView

WITHOUT_LOAD_MANAGEMENT = (Action.INTERRUPT, Action.SETPOINT)
POINT = PointView(
    number=2,
    name="Yard",
    model="go-e Charger",
    state=5,
    state_words="available",
    connected=False,
    condition="good",
    offer_ma=16_000,
    reason="maximum",
    setpoint_ma=16_000,
    phases_ma=(0, 0, 0),
    current_ma=0,
    power_w=0,
    energy_wh=None,
    session_wh=None,
    interruption=False,
    complete=False,
    fault="",
    fault_present=False,
    fault_infos=(),
    actions=WITHOUT_LOAD_MANAGEMENT,
    wanted_ma=13_000,
    installed=InstalledView(minimum_ma=6000, maximum_ma=16_000),
)


class Rig:
    """A charging point that does what the station is asked, and a vehicle that draws what it is offered."""

    def __init__(self, point: PointView = POINT) -> None:
        self.point = point
        self.now_s = 100.0
        self.asked: list[tuple[Action, int | None]] = []
        self.most_ma = 32_000  # that the vehicle takes
        self.obeys = True
        self.test = TestCharge(point, number=1, now_s=self.now_s)

    def run(self, for_s: float = 2000.0) -> list[Row]:
        """Go on until the test ends, or for some time; return its rows."""
        ends_at = self.now_s + for_s
        while not self.test.is_done and self.now_s < ends_at:
            self.now_s += 0.5
            self.take(self.test.look(self.point, self.now_s))
        return list(self.test.progress.rows)

    def take(self, commands: object) -> None:
        for action, setpoint_ma in commands:  # type: ignore[attr-defined]
            self.asked.append((action, setpoint_ma))
            self._obey(action, setpoint_ma)

    def plug(self) -> None:
        self._draw(replace(self.point, connected=True))

    def _obey(self, action: Action, setpoint_ma: int | None) -> None:
        if not self.obeys:
            return
        match action:
            case Action.SETPOINT:
                self._draw(replace(self.point, offer_ma=setpoint_ma))
            case Action.INTERRUPT:
                self._draw(replace(self.point, offer_ma=0, interruption=True))
            case Action.RESUME:
                self._draw(replace(self.point, offer_ma=16_000, interruption=False))
            case _:
                raise AssertionError(action)

    def _draw(self, point: PointView) -> None:
        drawn_ma = min(point.offer_ma or 0, self.most_ma) if point.connected else 0
        phases = (drawn_ma, drawn_ma, drawn_ma)
        self.point = replace(point, phases_ma=phases, is_charging=drawn_ma > 0)


def results(rows: list[Row]) -> list[tuple[Step, Result, Problem | None]]:
    return [(row.step, row.result, row.problem) for row in rows]


@pytest.mark.proves("W47")
def test_a_vehicle_gets_6_a_then_10_a_is_paused_and_goes_on_as_before() -> None:
    rig = Rig()
    rig.plug()
    rows = rig.run()
    assert [row.step for row in rows] == [
        Step.VEHICLE,
        Step.CHARGE,
        Step.LOW,
        Step.HIGH,
        Step.PAUSE,
        Step.AGAIN,
    ]
    assert {row.result for row in rows} == {Result.GOOD}
    assert [rows[2].phases_ma[0], rows[3].phases_ma[0], rows[4].phases_ma[0]] == [6000, 10_000, 0]
    assert rig.asked == [
        (Action.SETPOINT, 6000),
        (Action.SETPOINT, 10_000),
        (Action.INTERRUPT, None),
        (Action.RESUME, None),
        (Action.SETPOINT, 13_000),
    ]
    assert rig.test.progress.is_good


def test_load_management_decides_the_current_and_the_vehicle_has_to_stay_within_it() -> None:
    rig = Rig(replace(POINT, actions=(Action.INTERRUPT,)))
    rig.plug()
    rows = rig.run()
    assert [row.step for row in rows] == [
        Step.VEHICLE,
        Step.CHARGE,
        Step.FOLLOWS,
        Step.PAUSE,
        Step.AGAIN,
    ]
    assert rig.asked == [(Action.INTERRUPT, None), (Action.RESUME, None)]
    assert rig.test.progress.is_good


def locked_out(point: PointView = POINT) -> PointView:
    """Return a charging point of load management during an overcurrent lock-out."""
    limit = LimitView(
        reason=6, words="overcurrent lock-out", cap_ma=0, is_effective=True, ends_in_s=40.0
    )
    actions = (Action.INTERRUPT,)
    return replace(
        point,
        actions=actions,
        offer_ma=0,
        reason="overcurrent lock-out",
        reason_code=6,
        limits=(limit,),
    )


@pytest.mark.proves("W47")
def test_while_load_management_offers_nothing_the_test_waits_and_says_why() -> None:
    rig = Rig(locked_out())
    rig.plug()
    rows = rig.run(for_s=600.0)
    assert (rows[-1].step, rows[-1].result) == (Step.CHARGE, Result.RUNNING)
    assert (rows[-1].reason, rows[-1].ends_in_s) == ("overcurrent lock-out", 40.0)
    assert rows[-1].held_s == pytest.approx(600.0, abs=1.0)
    rig.point = replace(rig.point, offer_ma=8000, reason="raising", limits=())
    rig.plug()
    assert rig.run()[-1].step is Step.AGAIN
    assert rig.test.progress.is_good


@pytest.mark.proves("W47")
def test_what_load_management_never_offers_is_named_with_its_reason() -> None:
    rig = Rig(locked_out())
    rig.plug()
    row = rig.run(for_s=NO_OFFER_S + 100.0)[-1]
    assert (row.step, row.result, row.problem) == (Step.CHARGE, Result.BAD, Problem.NOT_OFFERED)
    assert row.reason == "overcurrent lock-out"
    assert row.took_s == pytest.approx(NO_OFFER_S, abs=2.0)


def test_a_charging_point_that_offers_nothing_is_no_vehicle_that_is_full() -> None:
    rig = Rig(replace(POINT, offer_ma=0, reason="grid-supporting control"))
    rig.plug()
    row = rig.run()[-1]
    assert (row.problem, row.reason) == (Problem.NOT_OFFERED, "grid-supporting control")
    assert row.took_s < 200.0, "only load management ends such a wait by itself"


@pytest.mark.parametrize(
    "reason",
    [Reason.INTERRUPTION, Reason.GRID_CONTROL, Reason.WAITING_FOR_START, Reason.FAULT, Reason.IDLE],
)
def test_with_load_management_only_what_ends_by_itself_is_waited_for(reason: Reason) -> None:
    point = replace(POINT, actions=(Action.INTERRUPT,), offer_ma=0, reason="another cause")
    rig = Rig(replace(point, reason_code=int(reason)))
    rig.plug()
    row = rig.run()[-1]
    assert (row.problem, row.reason) == (Problem.NOT_OFFERED, "another cause")
    assert row.took_s < 200.0


def test_without_a_vehicle_it_waits_ten_minutes_and_changes_nothing() -> None:
    rig = Rig()
    assert results(rig.run()) == [(Step.VEHICLE, Result.BAD, Problem.NO_VEHICLE)]
    assert rig.now_s == pytest.approx(700.0)
    assert rig.asked == []


@pytest.mark.parametrize(
    ("most_ma", "obeys", "problem"),
    [
        (900, True, Problem.NOT_CHARGING),
        (32_000, False, Problem.NOT_OFFERED),
    ],
)
def test_what_does_not_go_as_it_should_is_named(
    most_ma: int,
    obeys: bool,  # noqa: FBT001 - a case of the table
    problem: Problem,
) -> None:
    rig = Rig()
    rig.most_ma, rig.obeys = most_ma, obeys
    rig.plug()
    rows = rig.run()
    assert (rows[-1].result, rows[-1].problem) == (Result.BAD, problem)
    assert not rig.test.progress.is_good


def test_a_vehicle_that_draws_more_than_it_is_offered_is_named_and_the_setpoint_returns() -> None:
    rig = Rig()
    rig.plug()
    rig.run(for_s=5.0)
    assert rig.test.progress.rows[-1].step is Step.LOW
    rig.point = replace(rig.point, phases_ma=(9000, 9000, 9000))
    rows = rig.run()
    assert results(rows)[-1] == (Step.LOW, Result.BAD, Problem.DRAWS_MORE)
    assert rig.asked[-1] == (Action.SETPOINT, 13_000)


def test_a_person_who_ends_it_during_the_pause_finds_the_vehicle_charging() -> None:
    rig = Rig()
    rig.plug()
    while rig.test.progress.rows[-1].step is not Step.PAUSE:
        rig.run(for_s=0.5)
    rig.take(rig.test.end())
    assert rig.asked[-2:] == [(Action.RESUME, None), (Action.SETPOINT, 13_000)]
    assert rig.test.progress.rows[-1].result is Result.ENDED
    assert rig.test.end() == ()


def test_a_vehicle_that_leaves_ends_it() -> None:
    rig = Rig()
    rig.plug()
    rig.run(for_s=2.0)
    rig.point = replace(rig.point, connected=False, phases_ma=(0, 0, 0))
    assert results(rig.run())[-1][1:] == (Result.BAD, Problem.GONE)


def test_the_current_stays_within_the_limits_of_the_charging_point() -> None:
    rig = Rig(replace(POINT, installed=InstalledView(minimum_ma=8000, maximum_ma=9000)))
    rig.plug()
    rig.run()
    assert rig.asked[:2] == [(Action.SETPOINT, 8000), (Action.SETPOINT, 9000)]
