"""The named numbers of load management; the defaults are normative.

Currents are mA per phase, durations are seconds. A comment gives the symbol that the rules use. Source:
load-management 2.
"""

from dataclasses import dataclass

from knxgw.charging.limits import NOMINAL_V, OBEY_S
from knxgw.config.model import SMART_METER_7012_MA, Monitoring


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the mains connection is shared: its limits, its meter, and the numbers of the rules."""

    fuse_ma: int  # I_fuse
    reserve_ma: int = 3000  # I_res
    feeder_ma: int | None = None  # I_feeder, of the chargers' own line; None: as the mains
    static_limit_ma: int | None = None  # given: no meter, this is what there is to share
    phases: int = 3  # of the mains connection: 1 or 3
    saturating: bool = False  # the meter's datapoint type ends at 65.535 A (7.012)
    priority: int | None = None  # number of the prioritised charging point
    voltage_v: float = NOMINAL_V  # nominal, for power -> current
    power_factor: float = 1.0
    monitoring: Monitoring = Monitoring.VALUES
    interval_s: float = 10.0  # T_mon
    meter_delay_s: float = 1.0  # tau_m: from the sampling in the meter to the telegram
    high_power_s: float = 30.0  # T_hp
    raise_ma: int = 2000  # dI_up
    raise_spacing_s: float = 5.0  # T_up
    lower_from_ma: int = 500  # delta_dn
    raise_from_ma: int = 500  # delta_up
    obey_s: float = OBEY_S  # T_ev
    overcurrent_fuse_s: float = 6.0  # T_och
    overcurrent_limit_s: float = 60.0  # T_ocs
    severe_factor: float = 1.25  # k_sev
    restart_s: float = 60.0  # T_rst
    headroom_ma: int = 2000  # h
    observe_s: float = 30.0  # T_obs
    idle_s: float = 60.0  # T_idle
    wait_s: float = 300.0  # T_wait
    queue: bool = False  # take turns instead of interrupting all
    rotation_s: float = 900.0  # T_rot

    @property
    def limit_ma(self) -> int:
        """Return I_lim: what the mains connection may carry per phase [mA].

        That is the rated current of the fuse less the load reserve. With a meter whose values end at 65.535 A
        (`saturating`, datapoint type 7.012) it is at most 60 A, because a higher current would not be seen
        (3.1b). A static limit replaces all of that.
        """
        if self.static_limit_ma is not None:
            return self.static_limit_ma
        limit_ma = self.fuse_ma - self.reserve_ma
        return min(limit_ma, SMART_METER_7012_MA) if self.saturating else limit_ma

    @property
    def chargers_ma(self) -> int:
        """Return I_feeder: what the chargers' own line may carry per phase [mA]; by default as the mains."""
        return self.limit_ma if self.feeder_ma is None else self.feeder_ma

    @property
    def timeout_s(self) -> float:
        """Return T_to: how long the smart meter may be silent [s].

        That is its interval plus a fifth of it, or plus 1 s if that is more.
        """
        return self.interval_s + max(1.0, 0.2 * self.interval_s)


LONG_AGO = -1e9  # an instant before all others [monotonic s]
PEAK_HOLD_S = 15.0  # shortest window W of the peak-hold
UNKNOWN_SPACING_S = 10.0  # T_mon_eff of a meter that sends changes only, and until it is known
MOST_BACK_OFF = 3  # the highest k: hold and window are 8 times as long at most (9.4e)
LOWERED_WITHIN_S = 5.0  # a vehicle follows a lower limit, or 0 A, within this time (IEC 61851-1)
BACK_OFF_AFTER_RAISE_S = 60.0  # a safety reduction within this time of a raise: back off
BACK_OFF_ENDS_S = 600.0  # k falls back to 0 when it was of no use for so long (9.4e)
# a raise of less than delta_up, but of so much, is given when it was possible for so long (9.4g)
SMALL_RAISE_MA, SMALL_RAISE_S = 200, 30.0
# a charger that was never read may simply not have had its turn yet: so long after load management began with
# it, nobody who draws is stopped for what it might take (17.6)
FIRST_READ_WITHIN_S = 30.0
LOW_EXCESS_S = 10.0  # a smaller excess than delta_dn is lowered after this time
# offers a little above their share are lowered once another participant has lacked them for this time
LACKING_S = 10.0
