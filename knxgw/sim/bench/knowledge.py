"""What the smart meter had told by a moment: that the line was within its limit, and the building's peak.

The windows are those of the specification, not of the controller that is judged: one that looks back
less far has to answer for it. Currents are mA per phase, times s.
Source: load-management 2, 3.1, 7.3, 11.
"""

from bisect import bisect_right

from knxgw.dlm.meter import OVER_RANGE_COUNTS_MA, OVER_RANGE_MA, current_of_power
from knxgw.dlm.settings import Settings
from knxgw.sim.bench.recording import Recording
from knxgw.sim.bench.scenario import Scenario
from knxgw.sim.bench.telegrams import TYPES

LEAST_WINDOW_S = 15.0  # of the peak-hold
SPACINGS_HELD = 1.5  # or so many spacings of the telegrams
SPACING_ON_CHANGE_S = 10.0  # where values come on change only
LATE_S = 2.0  # a value that is older than the spacing by more than this is none to raise on
UNKNOWN_MA = float("inf")


class Knowledge:
    """What was told of one phase."""

    def __init__(self, scenario: Scenario, recording: Recording, phase: int) -> None:
        meter, connection = scenario.meter, scenario.connection
        settings = Settings(
            fuse_ma=connection.fuse_ma,
            voltage_v=connection.voltage_v,
            power_factor=connection.power_factor,
            interval_s=meter.monitoring_s,
        )
        reported = [one for one in recording.reported if one.phase == phase]
        self._started_at = recording.started_at
        self._arrived = [one.arrived_at for one in reported]
        self._base = [recording.base[phase].at(one.sampled_at) for one in reported]
        self._good = [
            one.arrived_at
            for one in reported
            if _current_ma(settings, scenario.meter.dpt, one.value)
            <= recording.configuration_at(scenario, one.arrived_at).connection.limit_ma
        ]
        on_change = meter.in_operation_s is not None
        spacing_s = SPACING_ON_CHANGE_S if on_change else meter.sample_s
        self._window_s = max(LEAST_WINDOW_S, SPACINGS_HELD * spacing_s)
        self._fresh_s = settings.timeout_s if on_change else spacing_s + LATE_S
        self._alive = sorted([*self._arrived, *(recording.operations if on_change else ())])

    def within_limit_at(self, before_s: float) -> float:
        """Return when the last value arrived that showed the line within the limit."""
        index = bisect_right(self._good, before_s) - 1
        return self._good[index] if index >= 0 else self._started_at

    def building_ma(self, decided_at: float, *, starts: bool) -> float:
        """Return the most the building was known to draw when something was decided.

        Infinite: nothing was known. A value that is too old is none to raise on; to start somebody,
        what was known when the meter was heard last is allowed (load-management 11).
        """
        index = bisect_right(self._arrived, decided_at) - 1
        if index < 0:
            return UNKNOWN_MA
        until_s = decided_at
        alive_at = self._alive[bisect_right(self._alive, decided_at) - 1]
        if decided_at - alive_at > self._fresh_s:
            if not starts:
                return UNKNOWN_MA
            until_s = self._arrived[index]
        first = max(0, bisect_right(self._arrived, until_s - self._window_s) - 1)
        return max(self._base[first : index + 1])


def _current_ma(settings: Settings, dpt: str, value: float) -> float:
    """Return the current that a telegram tells."""
    kind = TYPES[dpt]
    if kind.is_power:
        return current_of_power(settings, value)
    return OVER_RANGE_COUNTS_MA if kind.saturating and value >= OVER_RANGE_MA else value
