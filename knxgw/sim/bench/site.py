"""The configuration of a bench: made-up chargers that do exactly what a scenario says of them."""

from dataclasses import fields, replace
from functools import cache, lru_cache

from knxgw.catalogue.device_model import DeviceKind, DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.load_models import read_model
from knxgw.catalogue.object_keys import (
    GRID_CONTROL,
    HIGH_POWER,
    IN_OPERATION,
    INTERRUPTION,
    SETPOINT,
    SMART_METER,
    START_STOP,
)
from knxgw.catalogue.yaml_tree import parse_tree
from knxgw.config.load import parse_configuration
from knxgw.config.model import Configuration
from knxgw.dlm.settings import Settings
from knxgw.errors import ConfigError, GatewayError, Problems
from knxgw.sim.bench.scenario import ConnectionModel, MeterModel, PointModel, Scenario
from knxgw.station.load_management import load_management_settings

_BOX = """
id: {id}
ets_id: 1
manufacturer: knxgw
model: Bench box
confirmed: false
sources: ["made up for the bench"]
interface: {{transports: [tcp], port: 502, unit_id: 1, byte_order: big, word_order: big}}
read: {{block: merged, max_registers: 100, gap_registers: 20}}
write: {{functions: [6], min_interval_s: 0}}
control:
  resolution_a: {resolution_a:g}
  minimum_a: 6
  maximum_a: 80
  zero_a: {zero}
{commands}
  start_stop: true
  read_back: setpoint_read
state_rules:
  - {{if: {{state: "*"}}, use: codes}}
plug_rules:
  - {{if: {{plug: 0}}, connected: false}}
  - {{if: {{plug: 1}}, connected: true}}
points:
  state:
    address: 0
    table: holding
    type: u16
    codes: {{2: {{meaning: "2", state: 2}}, 5: {{meaning: "5", state: 5}}, 6: {{meaning: "6", state: 6}},
      8: {{meaning: "8", state: 8}}, 11: {{meaning: "11", state: 11}}}}
  plug: {{address: 1, table: holding, type: u16}}
  setpoint_read: {{address: 2, table: holding, type: u16, scale: 0.1, unit: A}}
  energy_total: {{address: 3, table: holding, type: u32, unit: Wh}}
  limit: {{address: 60, table: holding, type: u16, scale: 0.1, unit: A, access: wo, low: {low_a}}}
  enable: {{address: 61, table: holding, type: u16, access: wo}}
{currents}
simulator:
  states:
    available: {{state: 5, plug: 0}}
    waiting: {{state: 6, plug: 1}}
    charging: {{state: 8, plug: 1}}
    paused: {{state: 11, plug: 1}}
    unauthorised: {{state: 6, plug: 1}}
    error: {{state: 2, plug: 1}}
"""
_BY_CURRENT = """\
  offer: [{point: limit, value: offer}]
  pause: [{point: limit, value: 0}]"""
_BY_CONTACTOR = """\
  offer: [{point: limit, value: offer}, {point: enable, value: 1}]
  pause: [{point: enable, value: 0}]"""
_CURRENTS = "\n".join(
    f"  current_l{n}: {{address: {7 + n}, table: holding, type: u16, scale: 0.01, unit: A}}"
    for n in (1, 2, 3)
)
_DEVICE_OBJECTS = (GRID_CONTROL, "grid_supporting_control_state", "fault", "last_fault")
_POINT_OBJECTS = ("state", START_STOP, INTERRUPTION)


LIMIT_POINT, ENABLE_POINT, SETPOINT_POINT = "limit", "enable", "setpoint_read"


def box_of(point: PointModel) -> DeviceModel:
    """Return the model of a charging point's charger. Raises: ConfigError."""
    return _box(point.resolution_ma, zero_pauses=point.zero_pauses, is_measured=point.is_measured)


@cache
def _box(resolution_ma: int, *, zero_pauses: bool, is_measured: bool) -> DeviceModel:
    """Return a charger model. Raises: ConfigError."""
    problems = Problems()
    text = _BOX.format(
        id=_box_id(resolution_ma, zero_pauses=zero_pauses, is_measured=is_measured),
        resolution_a=resolution_ma / 1000,
        zero="pauses" if zero_pauses else "forbidden",
        commands=_BY_CURRENT if zero_pauses else _BY_CONTACTOR,
        low_a=0 if zero_pauses else 6,
        currents=_CURRENTS if is_measured else "",
    )
    root = parse_tree(text, problems, name="bench_box.yaml")
    model = read_model(root, DeviceKind.CHARGER) if root else None
    problems.raise_if_errors()
    if model is None:
        raise ConfigError(problems.findings)
    return model


def _box_id(resolution_ma: int, *, zero_pauses: bool, is_measured: bool) -> str:
    return f"bench_{resolution_ma}_{zero_pauses:d}_{is_measured:d}"


def configuration_of(scenario: Scenario) -> Configuration:
    """Return the configuration of a scenario's site. Raises: ConfigError."""
    kinds = {(one.resolution_ma, one.zero_pauses, one.is_measured) for one in scenario.points}
    return _configuration(_text(scenario), frozenset(kinds), f"{scenario.name} (site)")


@lru_cache(maxsize=256)  # a scenario is checked when it is read, and then runs in many variations
def _configuration(text: str, kinds: frozenset[tuple[int, bool, bool]], name: str) -> Configuration:
    """Return the configuration of a site's text with these kinds of boxes. Raises: ConfigError."""
    boxes = [
        _box(resolution_ma, zero_pauses=zero_pauses, is_measured=is_measured)
        for resolution_ma, zero_pauses, is_measured in sorted(kinds)
    ]
    models = replace(catalogue(), chargers={str(box.id): box for box in boxes})
    loaded = parse_configuration(text, models, name=name)
    if loaded.configuration is None:
        raise ConfigError(loaded.findings)
    return loaded.configuration


def settings_of(scenario: Scenario, configuration: Configuration) -> Settings | None:
    """Return the numbers of load management with those the scenario changes; None: it is off."""
    settings = load_management_settings(configuration)
    if settings is None:
        return None
    connection = scenario.connection
    settings = replace(
        settings,
        feeder_ma=connection.feeder_ma,
        voltage_v=connection.voltage_v,
        power_factor=connection.power_factor,
        meter_delay_s=scenario.meter.assumed_delay_s,
    )
    known = {one.name for one in fields(Settings)}
    if unknown := scenario.settings.keys() - known:
        raise GatewayError(f"load management has no number {min(unknown)!r}")
    return replace(settings, **scenario.settings)  # type: ignore[arg-type]  # checked by the reader


def _text(scenario: Scenario) -> str:
    """Return the site as a configuration file."""
    lines = [
        "device: {time_zone: Europe/Berlin, language: en}",
        "knx: {link: routing, local_ip: 127.0.0.1, individual_address: 1.1.20}",
        f"load_management: {_load_management(scenario.connection, scenario.meter)}",
        f"grid_supporting_control: {{setpoint_a: {scenario.connection.grid_setpoint_ma // 1000}}}",
        "charging_points:",
    ]
    lines += [_point(number, point) for number, point in enumerate(scenario.points, 1)]
    lines.append("group_objects:")
    lines += [f"  {number}: [1/{number // 50}/{number % 50}]" for number in _objects(scenario)]
    return "\n".join(lines) + "\n"


def _objects(scenario: Scenario) -> list[int]:
    """Return the group objects that are linked: those the rules look for, and that exist."""
    connection = scenario.connection
    is_off = connection.load_management == "off"
    keys = [*_DEVICE_OBJECTS, *([] if is_off else [HIGH_POWER])]
    if connection.load_management == "dynamic":
        keys += SMART_METER[: connection.phases]
        keys += [] if scenario.meter.in_operation_s is None else [IN_OPERATION]
    own = (*_POINT_OBJECTS, SETPOINT) if is_off else _POINT_OBJECTS
    number_of, points = catalogue().product.number_of, range(1, len(scenario.points) + 1)
    return [*map(number_of, keys), *(number_of(key, point) for point in points for key in own)]


def _load_management(connection: ConnectionModel, meter: MeterModel) -> str:
    if connection.load_management == "off":
        return '{mode: "off"}'
    entries = [
        f"mode: {connection.load_management}",
        f"fuse_a: {connection.fuse_ma / 1000:g}",
        f"reserve_a: {connection.reserve_ma / 1000:g}",
    ]
    if connection.priority is not None:
        entries.append(f"priority: {connection.priority}")
    if connection.static_limit_ma is not None:
        entries.append(f"static_limit_a: {connection.static_limit_ma / 1000:g}")
    if connection.load_management == "dynamic":
        monitoring = "values" if meter.in_operation_s is None else "values_and_in_operation"
        measurement = "power" if meter.dpt in ("9.024", "14.056") else "current"
        entries.append(
            f"smart_meter: {{source: knx, phases: {connection.phases}, measurement: {measurement}, "
            f'dpt: "{meter.dpt}", monitoring: {monitoring}, interval_s: {meter.monitoring_s:g}}}'
        )
    return "{" + ", ".join(entries) + "}"


def _point(number: int, point: PointModel) -> str:
    model = box_of(point).id
    return (
        f"  - {{number: {number}, name: CP{number}, model: {model}, "
        f"connection: {{type: tcp, host: 127.0.0.1, port: {5000 + number}, unit: 1}}, "
        f"minimum_a: {point.minimum_ma / 1000:g}, maximum_a: {point.maximum_ma / 1000:g}, "
        f'phases: {point.phases}, phase_rotation: "{point.rotation}"}}'
    )
