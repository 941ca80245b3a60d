"""One life of the gateway after the other: start, check what it tells, act, kill, look."""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from tests.support.waiting import wait_until
from tests.torture.actor import Actor
from tests.torture.history import FaultBook, SessionBook
from tests.torture.journal import GENERAL, BrokenStateError, Journal, What
from tests.torture.line import Line
from tests.torture.plan import Ending, Plan, draw
from tests.torture.site import (
    GRID_MA,
    MAXIMUM_MA,
    MINIMUM_MA,
    OUTLETS,
    POINTS,
    Chargers,
    group_address,
    site_text,
)
from tests.torture.stored import look
from tests.torture.victim import Victim

TELL_TIMEOUT_S = 15.0  # longer than a charger that came back is left alone
PROGRESS = 10  # kills between two lines


@dataclass(slots=True, kw_only=True)
class Tally:
    """What has happened so far."""

    seed: int
    kills: int = 0
    starts: int = 0
    early: int = 0  # killed before it was ready
    latest: int = 0  # kills after which the last command was stored
    started_s: float

    def line(self, torture: "Torture") -> str:
        """Return all of it on one line."""
        sessions, faults = len(torture.sessions.lines), len(torture.faults.lines)
        return (
            f"seed {self.seed}: {self.kills} kills ({self.early} during the start), "
            f"{self.starts} starts, {torture.journal.sent} commands, "
            f"{self.latest} times the newest state and {self.kills - self.latest} times an older "
            f"one, {sessions} closed sessions, {faults} rows of faults, "
            f"{perf_counter() - self.started_s:.0f} s"
        )


class Torture:
    """The site, the process on it, and the books that say what may be stored."""

    def __init__(self, directory: Path, seed: int) -> None:
        self.tally = Tally(seed=seed, started_s=perf_counter())
        self.journal = Journal(POINTS)
        self.sessions = SessionBook({p: outlet.reading_mwh for p, outlet in OUTLETS.items()})
        self.faults = FaultBook(POINTS)
        self._directory = directory
        self._state = directory / "state"
        self._site = directory / "site.yaml"
        self._site.write_text(site_text(), encoding="utf-8")
        self._line = Line()
        self._chargers = Chargers()
        self._actor = Actor(self._line, self._chargers, self.journal, self.sessions)

    def close(self) -> None:
        """Close what was opened."""
        self._chargers.close()
        self._line.close()

    def run(self, kills: int, say: Callable[[str], None]) -> None:
        """Kill so often, then end in order. Raises: BrokenStateError."""
        for number in range(1, kills + 1):
            self._live(number)
            if number % PROGRESS == 0 and number < kills:
                say(self.tally.line(self))
        self._end_in_order()
        say(self.tally.line(self))

    # --- lives

    def _live(self, number: int) -> None:
        """Live one life, from the start to the kill and the look after it."""
        dice = random.Random(f"{self.tally.seed}/{number}")  # noqa: S311 - no secret
        plan = draw(dice)
        self.tally.kills = number
        self.tally.early += plan.early
        victim = self._start()
        try:
            if plan.early:
                self._actor.act(dice, plan.act_s, heard=False)
            else:
                self._live_well(victim, plan, dice)
            victim.kill()
        finally:
            victim.discard()
        self.tally.latest += self._look()
        for point in plan.powerless:
            self._chargers.lose_power(point)

    def _live_well(self, victim: Victim, plan: Plan, dice: random.Random) -> None:
        victim.wait_ready()
        self._check_what_is_reported()
        self._actor.act(dice, plan.act_s, heard=True)
        if plan.ending is Ending.BURST:
            self._actor.burst(dice)
        elif plan.ending is Ending.PARTING and (point := self._actor.let_one_leave(dice)):
            self._chargers.wait_asked(point)
        time.sleep(plan.caught_s)

    def _end_in_order(self) -> None:
        """Let every vehicle leave and end the process: everything commanded is stored."""
        victim = self._start()
        try:
            victim.wait_ready()
            self._check_what_is_reported()
            self._actor.burst(random.Random(self.tally.seed))  # noqa: S311 - no secret
            self._actor.calm_down()
            for point in POINTS:
                self._wait_reported(group_address(51, point), 0)
            victim.end()
        finally:
            victim.discard()
        if not self._look():
            raise BrokenStateError("it ended in order, but the last commands are not stored")
        if not all(self.sessions.is_free(point) for point in POINTS):
            raise BrokenStateError("it ended in order, but a vehicle that left is stored")

    def _start(self) -> Victim:
        self.tally.starts += 1
        return Victim(self._site, self._state, self._directory / "gateway.log")

    # --- checks

    def _look(self) -> bool:
        """Check what is stored; return whether that is everything that was commanded."""
        stored = look(self._state, self._directory / "copy", POINTS)
        delivered_mwh = {point: self._chargers.delivered_mwh(point) for point in POINTS}
        self.sessions.found(stored, delivered_mwh)
        self.faults.found(stored)
        return self.journal.found(stored.wishes)

    def _check_what_is_reported(self) -> None:
        """Check that the bus and the chargers hear what is stored."""
        stored = self.journal.stored
        self._wait_reported(group_address(2), stored[What.GRID_CONTROL, GENERAL])
        for point in POINTS:
            self._wait_reported(group_address(56, point), stored[What.INTERRUPTION, point])
        for point in POINTS:
            if not self._chargers.is_away(point) and not self._chargers.is_broken(point):
                self._wait_offered(point)

    def _wait_reported(self, address: str, value: int | None) -> None:
        answers: list[bytes | None] = []

        def reported() -> bool:
            answers.append(self._line.read(address))
            return answers[-1] == bytes((value or 0,))

        _wait(reported, lambda: f"{address} to be {value}, it is {answers[-1]!r}")

    def _wait_offered(self, point: int) -> None:
        lowest_ma, highest_ma = self._offers_ma(point)

        def offered() -> bool:
            return lowest_ma <= self._chargers.offer_ma(point) <= highest_ma

        _wait(
            offered,
            lambda: (
                f"an offer of {lowest_ma} to {highest_ma} mA at charging point {point}, "
                f"it is {self._chargers.offer_ma(point)} mA"
            ),
        )

    def _offers_ma(self, point: int) -> tuple[int, int]:
        """Return the lowest and highest offer [mA] that fit what is stored.

        A gateway that has just started may be careful and offer less than it could.
        """
        stored = self.journal.stored
        setpoint_ma = stored[What.SETPOINT, point]
        if stored[What.INTERRUPTION, point] or setpoint_ma == 0:
            return 0, 0
        highest_ma = MAXIMUM_MA if setpoint_ma is None else setpoint_ma
        if stored[What.GRID_CONTROL, GENERAL]:
            highest_ma = min(highest_ma, GRID_MA)
        return MINIMUM_MA, highest_ma


def _wait(condition: Callable[[], bool], what: Callable[[], str]) -> None:
    try:
        wait_until(condition, TELL_TIMEOUT_S, what)
    except TimeoutError as err:
        raise BrokenStateError(f"after a start from the stored state: {err}") from err
