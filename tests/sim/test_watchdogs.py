"""The watchdogs of simulated chargers wait as long as the register says that somebody can write."""

import pytest

from knxgw.catalogue.control import Watchdog
from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.points import Point
from knxgw.modbus.codec import encode, unscaled
from knxgw.sim.charger import SimulatedCharger
from knxgw.sim.vehicle import Vehicle

SETPOINT_A, FALLBACK_A = 16, 8
SETTLED_S = 5.0  # a vehicle reacts after a second and follows within two more


def watchdog_of(model: DeviceModel) -> Watchdog:
    assert model.watchdog is not None
    return model.watchdog


SETTABLE = [
    model
    for model in catalogue().chargers.values()
    if model.watchdog is not None
    and (name := model.watchdog.timeout_point) is not None
    and model.points[name].is_writable
    and (fallback := model.watchdog.fallback_point) is not None
    and model.points[fallback].is_writable
]


class Fed:
    """A charger that was told everything, with a vehicle that takes all it may have."""

    def __init__(self, model: DeviceModel) -> None:
        self.charger = SimulatedCharger(model, model.unit_id)
        self.charger.plug(Vehicle(capacity_wh=1e9, maximum_ma=32_000))
        self.now_s = 0.0

    def write(self, point: Point, value: float) -> None:
        """Write a value [unit of the point]."""
        model = self.charger.model
        unit = model.unit_id if point.unit_id is None else point.unit_id
        function = point.write_function or (model.write.functions or (16,))[-1]
        self.charger.note_request(self.now_s)
        registers = encode(point, unscaled(point, value))
        self.charger.write(unit, point.table, point.address, function, registers)

    def tell(self, timeout_s: float) -> None:
        """Have it offer 16 A, and 8 A once nobody has spoken for this time."""
        model, control = self.charger.model, self.charger.model.control
        watchdog = watchdog_of(model)
        assert control is not None
        assert control.offer_step is not None
        assert watchdog.timeout_point is not None
        assert watchdog.fallback_point is not None
        setpoint = model.points[control.offer_step.point]
        fallback = model.points[watchdog.fallback_point]
        in_w = 3 * 230
        self.write(fallback, FALLBACK_A * (in_w if fallback.unit == "W" else 1))
        for name, value in (step for step in self._arming() if step[0] != fallback.name):
            self.write(model.points[name], value)
        self.write(model.points[watchdog.timeout_point], timeout_s)
        for step in control.offer:
            if not isinstance(step.value, str):
                self.write(model.points[step.point], step.value)
        self.write(setpoint, SETPOINT_A * (in_w if setpoint.unit == "W" else 1))

    def _arming(self) -> list[tuple[str, float]]:
        """Return what is written once to switch the watchdog on, where that is a plain number."""
        steps = watchdog_of(self.charger.model).arm
        return [(step.point, step.value) for step in steps if not isinstance(step.value, str)]

    def after(self, seconds: float) -> float:
        """Return what the vehicle draws on L1 [A] after some time of silence."""
        self.now_s += seconds
        self.charger.advance(self.now_s)
        return self.charger.phases_ma[0] / 1000


@pytest.mark.proves("H.25")
@pytest.mark.parametrize("model", SETTABLE, ids=lambda model: model.id)
def test_a_watchdog_waits_as_long_as_was_written(model: DeviceModel) -> None:
    for timeout_s in (20, 60):
        fed = Fed(model)
        fed.tell(timeout_s)
        assert fed.after(timeout_s - 1) == SETPOINT_A
        assert fed.after(1 + SETTLED_S) == FALLBACK_A


@pytest.mark.proves("H.25")
@pytest.mark.parametrize(
    ("model_id", "off"),
    [
        ("amperfied_connect", 0),
        ("elli_charger_2", 0),
        ("heidelberg_energy_control", 0),
        ("kathrein_kwb", 0),
        ("keba_p30", 0),
        ("keba_p40", 0),
        ("phoenix_charx", 65_535),
    ],
)
def test_a_watchdog_that_was_switched_off_never_falls_back(model_id: str, off: int) -> None:
    fed = Fed(catalogue().chargers[model_id])
    fed.tell(off)
    assert fed.after(300) == SETPOINT_A


@pytest.mark.proves("H.25")
def test_a_watchdog_that_nobody_has_set_waits_as_delivered() -> None:
    heidelberg = Fed(catalogue().chargers["heidelberg_energy_control"])
    heidelberg.charger.note_request(0.0)
    assert heidelberg.after(14) == SETPOINT_A
    assert heidelberg.after(SETTLED_S) == 0, "15 s, and nothing behind them"
    charx = Fed(catalogue().chargers["phoenix_charx"])
    assert charx.after(300) == 32, "off"
