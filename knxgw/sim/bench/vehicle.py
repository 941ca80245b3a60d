"""A vehicle whose current moves along straight lines, so that it is known exactly at any moment.

Source: load-management 21. Currents are mA per phase, times s.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import assert_never

from knxgw.sim.bench.scenario import CarModel

MINIMUM_OFFER_MA = 6000  # below this the pilot signals nothing
NEVER_S = float("inf")


class Input(StrEnum):
    """What reaches a vehicle or changes it, each with a whole number."""

    LIMIT = "limit"  # the charger offers so much [mA]
    RESET = "reset"  # the charger restarts and offers so much [mA]; below 6 A its contactor opens
    PLUG = "plug"
    UNPLUG = "unplug"
    MAXIMUM = "maximum"  # it can use [mA]
    PHASES = "phases"  # it can use
    DEAF = "deaf"  # 1: it keeps what it draws, 0: it hears again
    OVERDRAW = "overdraw"  # it draws more than its limit [mA]
    DELAY = "delay"  # from a changed limit until it reacts [ms]


@dataclass(slots=True)
class Vehicle:
    """One place for a vehicle: plugged in or not, and what it draws per phase."""

    model: CarModel
    wired: int = 3  # phases of its charging point: it uses no more
    plugged: bool = False
    phases: int = 0  # it uses
    maximum_ma: int = 0  # it can use just now
    overdraw_ma: int = 0  # it draws so much more than its limit
    delay_s: float = 0.0
    is_deaf: bool = False
    offered_ma: int = 0  # the charger announces, a vehicle plugged in or not
    limit_ma: int = 0  # it obeys
    line_since: float = -NEVER_S  # of the present line
    value_ma: float = 0.0  # then
    slope: float = 0.0  # mA/s
    line_ends_at: float = NEVER_S  # of the line
    target_ma: float = 0.0  # there
    is_open: bool = False  # the charger's contactor
    drawn_as: float = 0.0  # A·s of one phase times the phases, until `line_since`
    version: int = 0  # of the line
    pending: list[tuple[float, int, float]] = field(default_factory=list)  # when, limit, changed
    opens_at: float = NEVER_S

    def draw_ma(self, at_s: float) -> float:
        """Return the draw per used phase."""
        return (
            self.value_ma + self.slope * (at_s - self.line_since) if self.slope else self.value_ma
        )

    def charge_as(self, at_s: float) -> float:
        """Return what was drawn on all phases together [A·s]."""
        if self.line_since < -1e300:
            return 0.0
        mean_ma = (self.value_ma + self.draw_ma(at_s)) / 2
        return self.drawn_as + mean_ma * self.phases * (at_s - self.line_since) / 1000

    @property
    def next_at(self) -> float:
        """Return when something happens in it by itself."""
        first_s = self.pending[0][0] if self.pending else NEVER_S
        return min(first_s, self.line_ends_at, self.opens_at)

    def take(self, at_s: float, what: Input, value: int) -> None:
        """Let something reach it: all that a run and its replay do to a vehicle."""
        match what:
            case Input.LIMIT:
                self.offer(at_s, value)
            case Input.RESET:
                self._reset(at_s, value)
            case Input.PLUG:
                self.plug(at_s, self.offered_ma)
            case Input.UNPLUG:
                self.unplug(at_s)
            case Input.MAXIMUM:
                self.change_use(at_s, maximum_ma=value, phases=None)
            case Input.PHASES:
                self.change_use(at_s, maximum_ma=None, phases=value)
            case Input.DEAF:
                self._hear(at_s, hears=not value)
            case Input.OVERDRAW:
                self.overdraw_ma = value
                self._aim(at_s, None)
            case Input.DELAY:
                self._react_after(at_s, value / 1000)
            case _:
                assert_never(what)

    def plug(self, at_s: float, limit_ma: int) -> None:
        """Plug it in; it starts at once with what is offered."""
        self._line(at_s, 0.0, 0.0, 0.0)
        self.plugged, self.is_open = True, False
        model = self.model
        self.phases, self.maximum_ma = min(model.phases, self.wired), model.maximum_ma
        self.overdraw_ma, self.delay_s, self.is_deaf = model.overdraw_ma, model.delay_s, False
        self.offered_ma = self.limit_ma = limit_ma
        self._aim(at_s, None)

    def unplug(self, at_s: float) -> None:
        """Pull the plug."""
        self.plugged = False
        self.pending, self.opens_at = [], NEVER_S
        self._line(at_s, 0.0, 0.0, 0.0)

    def offer(self, at_s: float, limit_ma: int) -> None:
        """Show it another limit; it reacts after its delay, to the newest it knows."""
        self.offered_ma = limit_ma
        if not self.plugged:
            return
        reacts_at = at_s + self.delay_s
        self.pending = [one for one in self.pending if one[0] <= reacts_at]
        self.pending.append((reacts_at, limit_ma, at_s))
        opens = self.model.contactor_s is not None and limit_ma < MINIMUM_OFFER_MA
        self.opens_at = at_s + (self.model.contactor_s or 0.0) if opens else NEVER_S

    def _reset(self, at_s: float, limit_ma: int) -> None:
        """Let its charger restart: without power the contactor is open at once."""
        self.offer(at_s, limit_ma)
        if limit_ma < MINIMUM_OFFER_MA:
            self.pending, self.opens_at = [], NEVER_S
            self.is_open = True
            self._line(at_s, 0.0, 0.0, 0.0)

    def _hear(self, at_s: float, *, hears: bool) -> None:
        """Let it keep what it draws, or hear again; it then reacts to what is offered."""
        self.is_deaf = not hears
        if hears:
            self.offer(at_s, self.offered_ma)

    def _react_after(self, at_s: float, delay_s: float) -> None:
        """Let it react sooner or later from now on; what it waits for may come sooner."""
        self.delay_s = delay_s
        if self.pending and at_s + delay_s < self.pending[-1][0]:
            self.offer(at_s, self.offered_ma)

    def change_use(self, at_s: float, *, maximum_ma: int | None, phases: int | None) -> None:
        """Change what it can use."""
        draw_ma = self.draw_ma(at_s)
        self._line(at_s, draw_ma, 0.0, draw_ma)
        self.maximum_ma = self.maximum_ma if maximum_ma is None else maximum_ma
        self.phases = self.phases if phases is None else min(phases, self.wired)
        self._aim(at_s, None)

    def advance(self, at_s: float) -> None:
        """Let happen what is due."""
        while self.next_at <= at_s:
            moment_s = self.next_at
            if self.line_ends_at == moment_s:
                self._line(moment_s, self.target_ma, 0.0, self.target_ma)
            elif self.opens_at == moment_s:
                self.opens_at, self.is_open = NEVER_S, True
                self._line(moment_s, 0.0, 0.0, 0.0)
            else:
                _, limit_ma, changed_at = self.pending.pop(0)
                self._react(moment_s, limit_ma, changed_at)

    def _react(self, at_s: float, limit_ma: int, changed_at: float) -> None:
        deaf_s = self.model.deaf_from_s
        self.is_open = self.is_open and limit_ma < MINIMUM_OFFER_MA
        if not self.is_deaf and (deaf_s is None or at_s < deaf_s):
            self.limit_ma = limit_ma
            self._aim(at_s, changed_at)

    def _aim(self, at_s: float, changed_at: float | None) -> None:
        """Start the line to what the limit allows now."""
        target_ma = self._target_ma()
        now_ma = self.draw_ma(at_s)
        if target_ma == now_ma:
            self._line(at_s, now_ma, 0.0, target_ma)
            return
        rate = self.model.rise_ma_per_s
        if target_ma < now_ma:
            rate = -self._fall(at_s, now_ma - target_ma, changed_at)
        self._line(at_s, now_ma, rate, target_ma)

    def _fall(self, at_s: float, difference_ma: float, changed_at: float | None) -> float:
        """Return how fast the draw falls [mA/s]: by a rate, or to be there in time."""
        settle_s = self.model.settle_s
        if settle_s is None or changed_at is None:
            return self.model.fall_ma_per_s
        return difference_ma / max(0.001, changed_at + settle_s - at_s)

    def _target_ma(self) -> float:
        if not self.plugged or self.is_open or self.limit_ma < MINIMUM_OFFER_MA:
            return 0.0
        return float(min(self.limit_ma + self.overdraw_ma, self.maximum_ma))

    def _line(self, at_s: float, value_ma: float, slope: float, target_ma: float) -> None:
        self.drawn_as = self.charge_as(at_s)
        self.line_since, self.value_ma, self.slope = at_s, value_ma, slope
        self.target_ma = target_ma
        self.line_ends_at = at_s + (target_ma - value_ma) / slope if slope else NEVER_S
        self.version += 1
