"""What an energy register can show at all: how fast it may rise, and how far it may fall. Pure.

It follows from the model of the device that has the register. `EnergyCounter` doubts a reading that is beyond
it. The slack is how far a rise may exceed what power and time allow; the jitter is how far a reading may fall
although nothing is wrong.
"""

from dataclasses import dataclass
from typing import NamedTuple

from knxgw.charging.quantities import PHASE_ENERGIES, Quantity, metered_quantities
from knxgw.config.model import PointSettings

MWH_PER_WS = 1000 / 3600  # mWh in one watt second
MOST_W = 90_000  # three phases of 80 A at 250 V, and half as much again
SLACK_MWH = 2_000_000  # 2 kWh: meters that count in whole kWh jump
JITTER_MWH = 10_000  # 10 Wh: a sum of registers may fall by this although no energy was taken away
MOST_V = 260  # of one phase: more is no mains any more
COARSEST_WH = 1000  # assumed step of a register whose scale only the device itself tells
# how model files call the register of an energy; that of a phase has its name behind it
_ENERGY_POINTS = {Quantity.ENERGY: "energy_total", Quantity.SESSION_ENERGY: "energy_session"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """What is known of an energy register before its first reading, from the device's model."""

    most_w: int = MOST_W  # the highest power that can flow there
    slack_mwh: int = SLACK_MWH  # how much more than that power allows it may rise
    jitter_mwh: int = JITTER_MWH  # how far it may fall although nothing is wrong
    may_restart: bool = False  # it may start at 0 again, and what it shows then counts

    def most_mwh_in(self, seconds: float) -> int:
        """Return the most energy [mWh] that can flow in this time, at the highest power; below 0 s: none."""
        return round(self.most_w * max(0.0, seconds) * MWH_PER_WS)


def register_of(settings: PointSettings, quantity: Quantity) -> Register:
    """Return what is plausible for the register of an energy at a charging point.

    The highest power is what the charger's model can do (at 260 V, on three phases, or on one for the energy of a
    phase), not what is configured: without the gateway the charger may do that. The slack is two steps of the register (at least 2 kWh), the jitter
    one step (at least 10 Wh). Only the charger's own register of a session may restart at 0.
    """
    control = settings.model.control
    phases = 1 if quantity in PHASE_ENERGIES else 3
    step = _register_step(settings, quantity)
    return Register(
        most_w=control.maximum_ma * MOST_V * phases // 1000 if control else MOST_W,  # mA·V are mW
        slack_mwh=max(SLACK_MWH, round(2 * step.widest_wh * 1000)),
        jitter_mwh=max(JITTER_MWH, round(step.finest_wh * 1000)),
        may_restart=quantity is Quantity.SESSION_ENERGY,
    )


class RegisterStep(NamedTuple):
    """Bounds of the step in which a register counts [Wh]; both 0: nothing is known of it."""

    finest_wh: float
    widest_wh: float


def _register_step(settings: PointSettings, quantity: Quantity) -> RegisterStep:
    """Return bounds of the step in which the register of an energy counts, by the model file of its device.

    That device is the electricity meter, if it measures this energy, else the charger. If the model file
    gives a scale, both bounds are that. If only the device itself tells its scale, the step lies between 0 and
    1 kWh (`COARSEST_WH`), or the file's scale if that is more. Both are 0 if there is no such register.
    """
    supplier = settings.model
    if settings.meter is not None and quantity in metered_quantities(settings):
        supplier = settings.meter.model
    # how the model file calls the register; of a phase by the end of the quantity's name, "l1" to "l3"
    name = _ENERGY_POINTS.get(quantity, f"energy_total_{quantity.value[-2:]}")
    register = supplier.points.get(name)
    if register is None:
        return RegisterStep(finest_wh=0.0, widest_wh=0.0)
    if register.scale_from or register.ratio_points:  # only the device tells its scale
        return RegisterStep(finest_wh=0.0, widest_wh=max(register.scale, COARSEST_WH))
    return RegisterStep(finest_wh=register.scale, widest_wh=register.scale)
