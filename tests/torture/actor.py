"""What happens while the gateway lives: commands in quick succession, vehicles, faults."""

import random
import struct
import time
from collections.abc import Callable
from time import perf_counter

from tests.torture.history import SessionBook
from tests.torture.journal import GENERAL, Command, Journal, What
from tests.torture.line import Line
from tests.torture.site import MAXIMUM_MA, MINIMUM_MA, OUTLETS, POINTS, Chargers, group_address

LONGEST_PAUSE_S = 0.03  # between two commands
BURST = range(3, 13)  # commands that come at once, so that one write takes many of them
SETPOINTS_MA = range(MINIMUM_MA, MAXIMUM_MA + 1, 125)  # exact in a float of 4 bytes
ODD_SETPOINTS_MA = (0, 3000, 20_000, -8000)  # 0 A, out of range, no current
ACTIONS = {"interrupt": 40, "give_setpoint": 35, "limit_site": 8, "move_vehicle": 10, "trouble": 7}


class Actor:
    """Sends commands and changes the world; says everything to the journal first."""

    def __init__(
        self, line: Line, chargers: Chargers, journal: Journal, sessions: SessionBook
    ) -> None:
        self._line = line
        self._chargers = chargers
        self._journal = journal
        self._sessions = sessions
        self._heard = True

    def act(self, dice: random.Random, seconds: float, *, heard: bool) -> None:
        """Do one thing after the other for a while; `heard`: the gateway surely listens."""
        self._heard = heard
        actions: dict[str, Callable[[random.Random], None]] = {
            "interrupt": self._interrupt,
            "give_setpoint": self._give_setpoint,
            "limit_site": self._limit_site,
            "move_vehicle": self._move_vehicle,
            "trouble": self._trouble,
        }
        end_s = perf_counter() + seconds
        while (left_s := end_s - perf_counter()) > 0:
            name = dice.choices(list(ACTIONS), list(ACTIONS.values()))[0]
            actions[name](dice)
            if dice.random() < 0.5:
                time.sleep(min(left_s, dice.uniform(0, LONGEST_PAUSE_S)))

    def burst(self, dice: random.Random) -> None:
        """Send some commands at once to a gateway that listens."""
        self._heard = True
        commands = (self._interrupt, self._give_setpoint, self._limit_site)
        for _ in range(dice.choice(BURST)):
            dice.choices(commands, (4, 4, 1))[0](dice)

    def let_one_leave(self, dice: random.Random) -> int | None:
        """Let one vehicle leave a charger that can tell it; return where, None: nowhere."""
        leaving = [
            point
            for point in POINTS
            if self._sessions.is_plugged(point)
            and not self._chargers.is_away(point)
            and not self._chargers.is_broken(point)
        ]
        if not leaving:
            return None
        point = dice.choice(leaving)
        self._unplug(point)
        return point

    def calm_down(self) -> None:
        """Mend everything and let every vehicle leave."""
        for point in POINTS:
            self._chargers.break_or_mend(point, broken=False)
            self._chargers.switch(point, away=False)
            if self._sessions.is_plugged(point):
                self._unplug(point)

    # --- commands

    def _interrupt(self, dice: random.Random) -> None:
        point, active = dice.choice(POINTS), int(dice.random() < 0.4)
        self._note(What.INTERRUPTION, point, active)
        self._line.write_bit(group_address(55, point), active)

    def _limit_site(self, dice: random.Random) -> None:
        active = int(dice.random() < 0.4)
        self._note(What.GRID_CONTROL, GENERAL, active)
        self._line.write_bit(group_address(1), active)

    def _give_setpoint(self, dice: random.Random) -> None:
        point = dice.choice(POINTS)
        odd = dice.random() < 0.1
        wanted_ma = dice.choice(ODD_SETPOINTS_MA if odd else SETPOINTS_MA)
        if wanted_ma >= 0:  # others change nothing
            self._note(What.SETPOINT, point, taken_setpoint_ma(point, wanted_ma))
        self._line.write_bytes(group_address(60, point), struct.pack(">f", wanted_ma / 1000))

    def _note(self, what: What, point: int, value: int) -> None:
        self._journal.note(Command(key=(what, point), value=value), heard=self._heard)

    # --- the world

    def _move_vehicle(self, dice: random.Random) -> None:
        point = dice.choice(POINTS)
        if self._sessions.is_free(point):
            self._sessions.plugged(point)
            self._chargers.plug(point)
        elif self._sessions.is_plugged(point) and dice.random() < 0.2:
            self._unplug(point)

    def _unplug(self, point: int) -> None:
        self._sessions.unplugged(point)
        self._chargers.unplug(point)

    def _trouble(self, dice: random.Random) -> None:
        point = dice.choice(POINTS)
        if self._chargers.is_broken(point):
            self._chargers.break_or_mend(point, broken=False)
        elif self._chargers.away:
            for away in POINTS:
                self._chargers.switch(away, away=False)
        elif dice.random() < 0.5:
            self._chargers.break_or_mend(point, broken=True)
        else:
            self._chargers.switch(point, away=True)


def taken_setpoint_ma(point: int, wanted_ma: int) -> int:
    """Return what becomes of a setpoint [mA]: 0 where that pauses, else within the range."""
    if wanted_ma == 0 and OUTLETS[point].zero_pauses:
        return 0
    return min(max(wanted_ma, MINIMUM_MA), MAXIMUM_MA)
