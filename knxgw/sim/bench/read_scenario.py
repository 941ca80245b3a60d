"""Reads a scenario file; every mistake at once, each with its line and a remedy."""

from dataclasses import replace
from pathlib import Path

from knxgw.catalogue.yaml_tree import Node, parse_tree, read_tree
from knxgw.errors import ConfigError, Problems, Severity
from knxgw.sim.bench.fields import (
    Place,
    current_ma,
    flag,
    optional_ma,
    optional_seconds,
    seconds,
    whole,
)
from knxgw.sim.bench.read_expectations import read_expectations
from knxgw.sim.bench.read_happenings import read_happenings
from knxgw.sim.bench.read_meter import read_meter
from knxgw.sim.bench.read_settings import read_settings
from knxgw.sim.bench.scenario import (
    CarModel,
    ConnectionModel,
    PointModel,
    Reconfigured,
    Scenario,
    reconfigured,
)
from knxgw.sim.bench.site import configuration_of

MOST_POINTS = 5
DURATION_S, LONGEST_S = 60.0, 100 * 86_400.0
IDLE_S = 60.0
ROTATIONS = ("123", "231", "312", "132", "213", "321")
SLOW_S = 5.0
_KEYS: tuple[str, ...] = (
    "about",
    "duration_s",
    "idle_s",
    "connection",
    "settings",
    "meter",
    "base_a",
)
_KEYS += ("points", "every_point", "every_car", "events", "periodic", "expect")
_CONNECTION: tuple[str, ...] = (
    "load_management",
    "fuse_a",
    "reserve_a",
    "feeder_a",
    "phases",
    "priority",
)
_CONNECTION += ("static_limit_a", "grid_setpoint_a", "voltage_v", "power_factor")
_POINT: tuple[str, ...] = (
    "minimum_a",
    "maximum_a",
    "resolution_a",
    "phases",
    "rotation",
    "measured",
    "zero_pauses",
)
_POINT += ("poll_s", "poll_offset_s", "latency_s", "car")
_CAR: tuple[str, ...] = (
    "kind",
    "plug_s",
    "unplug_s",
    "phases",
    "maximum_a",
    "delay_s",
    "rise_a_per_s",
)
_CAR += ("fall_a_per_s", "settle_s", "overdraw_a", "deaf_from_s", "contactor_s")


def load_scenario(path: Path) -> Scenario:
    """Read a scenario file. Raises: ConfigError."""
    problems = Problems()
    root = read_tree(path, problems)
    return _finish(root, path.stem, problems)


def parse_scenario(text: str, name: str = "scenario") -> Scenario:
    """Read the text of a scenario. Raises: ConfigError."""
    problems = Problems()
    root = parse_tree(text, problems, name=name)
    return _finish(root, name, problems)


def _finish(root: Node | None, name: str, problems: Problems) -> Scenario:
    problems.raise_if_errors()
    if root is None:
        raise AssertionError("a file without a root has a finding")
    scenario = _scenario(root, name)
    problems.raise_if_errors()
    _check_site(root, scenario)
    problems.raise_if_errors()
    return scenario


def _check_site(root: Node, scenario: Scenario) -> None:
    """Report a site that the gateway would not run: at the beginning, or after a change."""
    _check_configuration(root.get("connection") or root, scenario)
    events = root.get("events")
    nodes = [one for one in events.items() if one.get("configuration")] if events else []
    changes = [one for one in scenario.happenings if isinstance(one, Reconfigured)]
    for change, node in sorted(
        zip(changes, nodes, strict=True), key=lambda pair: pair[0].happens_at
    ):
        scenario = reconfigured(scenario, change)
        _check_configuration(node, scenario)


def _check_configuration(node: Node, scenario: Scenario) -> None:
    try:
        configuration_of(scenario)
    except ConfigError as err:
        for finding in err.findings:
            if finding.severity is Severity.ERROR:
                node.report(f"{finding.key}: {finding.problem}", finding.remedy)


def _scenario(root: Node, name: str) -> Scenario:
    root.only_keys(_KEYS)
    about = root.get("about")
    duration = root.get("duration_s")
    duration_s = (duration.number(0.1, LONGEST_S) if duration else None) or DURATION_S
    connection = _connection(root.get("connection"))
    meter = read_meter(root.get("meter"))
    points = _points(root, connection)
    if connection.priority is not None and connection.priority > len(points):
        root.report("the prioritised charging point does not exist", "name one of `points`")
    place = Place(
        points=len(points),
        resolutions_ma=tuple(point.resolution_ma for point in points),
        maximums_ma=tuple(point.maximum_ma for point in points),
        fuse_ma=connection.fuse_ma,
        limit_ma=connection.limit_ma,
        duration_s=duration_s,
        dpt=meter.dpt,
    )
    return Scenario(
        name=name,
        about=about.text() if about else "",
        duration_s=duration_s,
        idle_s=seconds(root, "idle_s", IDLE_S),
        connection=connection,
        settings=read_settings(root.get("settings")),
        meter=meter,
        base_ma=_base(root.get("base_a")),
        points=points,
        happenings=read_happenings(root, place),
        expectations=read_expectations(root, place),
    )


def _base(node: Node | None) -> tuple[int, int, int]:
    if node is None:
        return 4000, 4000, 4000
    if not node.is_list:
        load_ma = current_ma(node, None)
        return load_ma, load_ma, load_ma
    items = [current_ma(item, None) for item in node.items()]
    if len(items) != 3:
        node.report(f"expected 3 values, got {len(items)}", "write L1, L2 and L3")
        return 0, 0, 0
    return items[0], items[1], items[2]


def _connection(node: Node | None) -> ConnectionModel:
    default = ConnectionModel()
    if node is None:
        return default
    node.only_keys(_CONNECTION)
    mode, grid = node.get("load_management"), node.get("grid_setpoint_a")
    feeder, static = node.get("feeder_a"), node.get("static_limit_a")
    priority = node.get("priority")
    if mode is not None and mode.text() == "static" and static is None:
        node.report("static load management needs a limit", "add `static_limit_a: …`")
    return ConnectionModel(
        load_management=(mode.choice(("dynamic", "static", "off")) if mode else None)
        or default.load_management,
        fuse_ma=optional_ma(node, "fuse_a", default.fuse_ma, 6.0),
        reserve_ma=optional_ma(node, "reserve_a", default.reserve_ma),
        feeder_ma=current_ma(feeder) if feeder else None,
        phases=1 if whole(node, "phases", default.phases, 1, 3) == 1 else 3,
        priority=priority.integer(1, MOST_POINTS) if priority else None,
        static_limit_ma=current_ma(static) if static else None,
        grid_setpoint_ma=0 if grid and grid.choice(("0", "6")) == "0" else 6000,
        voltage_v=seconds(node, "voltage_v", default.voltage_v, 1.0),
        power_factor=seconds(node, "power_factor", default.power_factor, 0.1),
    )


def _points(root: Node, connection: ConnectionModel) -> tuple[PointModel, ...]:
    """Return the charging points: a number of equal ones, or a list.

    At a connection with one phase they have one by themselves.
    """
    every_car, every_point = root.get("every_car"), root.get("every_point")
    car = _car(every_car, CarModel()) if every_car else CarModel()
    default = replace(PointModel(), car=car, phases=connection.phases)
    if every_point is not None:
        _check_phases(every_point, connection)
        default = _point(every_point, default)
    node = root.get("points")
    if node is None:
        return (default,)
    if not node.is_list:
        count = node.integer(1, MOST_POINTS) or 1
        return (default,) * count
    items = node.items()
    if not 1 <= len(items) <= MOST_POINTS:
        node.report(f"expected 1 to {MOST_POINTS} charging points, got {len(items)}")
    for item in items:
        _check_phases(item, connection)
    return tuple(_point(item, default) for item in items) or (default,)


def _check_phases(node: Node, connection: ConnectionModel) -> None:
    """Report that a charging point is wired to a phase that the connection does not have."""
    if connection.phases > 1 or not node.is_mapping:
        return
    phases, rotation = node.get("phases"), node.get("rotation")
    if phases is not None and phases.text() in ("2", "3"):
        remedy = "leave it out, or give `connection` 3 phases"
        phases.report(f"{phases.text()} phases are wired, the connection has one", remedy)
    if rotation is not None and rotation.text() in ROTATIONS and rotation.text()[0] != "1":
        remedy = "leave it out, or give `connection` 3 phases"
        rotation.report(
            f"terminal 1 is on L{rotation.text()[0]}, the connection has L1 only", remedy
        )


def _point(node: Node, default: PointModel) -> PointModel:
    if node.is_null:
        return default
    children = node.only_keys(_POINT)
    rotation, resolution = node.get("rotation"), node.get("resolution_a")
    fine = resolution is None or resolution.choice(("0.1", "1")) != "1"
    minimum_ma = optional_ma(node, "minimum_a", default.minimum_ma, 6.0)
    maximum_ma = optional_ma(node, "maximum_a", default.maximum_ma, 6.0)
    if minimum_ma > maximum_ma:
        place = children.get("minimum_a") or children.get("maximum_a") or node
        place.report("the minimum is above the maximum", "lower minimum_a or raise maximum_a")
    return replace(
        default,
        minimum_ma=minimum_ma,
        maximum_ma=maximum_ma,
        resolution_ma=default.resolution_ma if resolution is None else 100 if fine else 1000,
        phases=whole(node, "phases", default.phases, 1, 3),
        rotation=(rotation.choice(ROTATIONS) if rotation else None) or default.rotation,
        is_measured=flag(node, "measured", default.is_measured),
        zero_pauses=flag(node, "zero_pauses", default.zero_pauses),
        poll_s=seconds(node, "poll_s", default.poll_s, 0.1),
        poll_offset_s=optional_seconds(node, "poll_offset_s", default.poll_offset_s),
        latency_s=seconds(node, "latency_s", default.latency_s),
        car=_car(node.get("car"), default.car),
    )


def _car(node: Node | None, default: CarModel) -> CarModel:
    if node is None:
        return default
    if not node.is_mapping:
        node.choice(("none",))
        return replace(default, plug_s=None)
    node.only_keys(_CAR)
    kind = node.get("kind")
    is_slow = kind is not None and kind.choice(("standard", "slow")) == "slow"
    return replace(
        default,
        plug_s=optional_seconds(node, "plug_s", default.plug_s),
        unplug_s=optional_seconds(node, "unplug_s", default.unplug_s),
        phases=whole(node, "phases", default.phases, 1, 3),
        maximum_ma=optional_ma(node, "maximum_a", default.maximum_ma),
        delay_s=seconds(node, "delay_s", default.delay_s),
        rise_ma_per_s=optional_ma(node, "rise_a_per_s", int(default.rise_ma_per_s), 0.01),
        fall_ma_per_s=optional_ma(node, "fall_a_per_s", int(default.fall_ma_per_s), 0.01),
        settle_s=optional_seconds(node, "settle_s", SLOW_S if is_slow else default.settle_s),
        overdraw_ma=optional_ma(node, "overdraw_a", default.overdraw_ma),
        deaf_from_s=optional_seconds(node, "deaf_from_s", default.deaf_from_s),
        contactor_s=optional_seconds(node, "contactor_s", default.contactor_s),
    )
