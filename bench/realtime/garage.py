"""The garage: one list of events, the real site they happen to, and the bench's model of that site.

What the bench is told of the chargers is what `product_db/` says of their models, and how often and
how quickly the gateway talks to them; of the meter and the cars it is what the simulators are made
with. Nothing of it is fitted to a run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from knxgw.catalogue.control import ZeroMeaning
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.points import PollClass
from knxgw.charging.scope import PointNumber
from knxgw.config.load import parse_configuration
from knxgw.config.model import Configuration, PointSettings
from knxgw.modbus.plan import PERIODS_S
from knxgw.sim.bench.curve import Steps
from knxgw.sim.bench.read_scenario import load_scenario
from knxgw.sim.bench.runner import Run
from knxgw.sim.bench.scenario import PointModel, Scenario

EVENTS = Path(__file__).with_name("garage.yaml")
# Model, unit, connector, endpoint of each charging point: fine and coarse setpoints, those that pause
# at 0 A and one that has to be switched off, with and without a watchdog.
CHARGERS = (
    ("alfen_eve", 1, 1, 0),
    ("alfen_eve", 1, 2, 0),
    ("abb_terra_ac", 1, 1, 1),
    ("goe_charger", 1, 1, 2),
    ("etrel_inch", 1, 1, 3),
)
ENDPOINTS = 4
SMART_METER = ("1/0/10", "1/0/11", "1/0/12")
GRID_CONTROL, HIGH_POWER, INTERRUPTION = "1/0/1", "1/0/13", "1/{point}/55"
LATENCY_S = 0.02  # from the decision to the write at the charger, on this computer
MINUTE_S = 60.0


def events(minutes: float) -> Scenario:
    """Return what happens in the first minutes."""
    scenario = load_scenario(EVENTS)
    end_s = min(scenario.duration_s, minutes * MINUTE_S)
    happenings = tuple(one for one in scenario.happenings if one.happens_at < end_s)
    return replace(scenario, duration_s=end_s, happenings=happenings)


def site_text(scenario: Scenario, *, knx: str, website: str, ports: Sequence[int]) -> str:
    """Return the configuration of the real site, its devices at ports of 127.0.0.1."""
    line = scenario.connection
    lines = [
        "device: {name: Garage, time_zone: UTC}",
        f"knx: {{{knx}}}",
        f"website: {{{website}}}",
        f"load_management: {{mode: dynamic, fuse_a: {line.fuse_ma / 1000:g}, "
        f"reserve_a: {line.reserve_ma / 1000:g}, smart_meter: {{source: knx, phases: 3, "
        f'measurement: current, dpt: "{scenario.meter.dpt}", '
        f"interval_s: {scenario.meter.monitoring_s:g}}}}}",
        "charging_points:",
    ]
    for number, point in enumerate(scenario.points, start=1):
        model, unit, connector, endpoint = CHARGERS[number - 1]
        lines.append(
            f"  - {{number: {number}, name: Point {number}, model: {model}, connection: "
            f"{{type: tcp, host: 127.0.0.1, port: {ports[endpoint]}, unit: {unit}, "
            f"connector: {connector}}}, minimum_a: {point.minimum_ma / 1000:g}, "
            f"maximum_a: {point.maximum_ma / 1000:g}, phases: {point.phases}, "
            f'phase_rotation: "{point.rotation}"}}'
        )
    lines += ["group_objects:", f"  1: [{GRID_CONTROL}]", f"  13: [{HIGH_POWER}]"]
    lines += [f"  {number}: [{address}]" for number, address in enumerate(SMART_METER, start=10)]
    for number in range(1, len(scenario.points) + 1):
        first = 50 * (number - 1)
        lines.append(f"  {first + 55}: [{INTERRUPTION.format(point=number)}]")
        lines += [f"  {first + one}: [1/{number}/{one}]" for one in (50, 61)]
    return "\n".join(lines) + "\n"


def configuration_of(text: str) -> Configuration:
    """Return the configuration of a site that must be good."""
    loaded = parse_configuration(text, catalogue(), name="garage")
    assert loaded.configuration is not None, [str(one) for one in loaded.findings]
    return loaded.configuration


def prediction(
    scenario: Scenario, configuration: Configuration
) -> Mapping[PointNumber, Steps[int]]:
    """Return which setpoints [mA] the bench says chargers will hold, with the events on such a site."""
    points = tuple(
        _as_it_is(model, settings)
        for model, settings in zip(scenario.points, configuration.points, strict=True)
    )
    recording = Run(replace(scenario, points=points)).run()
    return {PointNumber(n): log.limits for n, log in enumerate(recording.points, start=1)}


def _as_it_is(model: PointModel, settings: PointSettings) -> PointModel:
    """Return the charging point with the properties of its charger."""
    control = settings.model.control
    assert control is not None
    return replace(
        model,
        resolution_ma=control.resolution_ma,
        zero_pauses=control.zero is ZeroMeaning.PAUSES,
        is_measured="current" in settings.capabilities,
        poll_s=PERIODS_S[PollClass.FAST],
        latency_s=LATENCY_S,
    )
