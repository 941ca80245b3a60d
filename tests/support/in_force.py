"""What a configuration in force says of each parameter, in the values of the configuration file."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from knxgw.catalogue.device_model import DeviceModel
from knxgw.config.convert import Endpoint
from knxgw.config.model import (
    Configuration,
    Connection,
    LoadManagementSettings,
    MeterSettings,
    PanelLine,
    PointSettings,
    SendingRule,
)

Values = Iterator[tuple[str, Any]]
_FUNCTIONS = {"holding": "3", "input": "4"}
_CATALOGUE_SCALES = {"eastron_sdm630": 1.0}  # of its current, to tell the ratio


def in_force(configuration: Configuration) -> dict[str, Any]:
    """Return the values of all parameters by their keys, of the first charging point.

    What a configuration does not keep, such as the smart meter without load management, is left out.
    """
    parts = (
        _device(configuration),
        _load_management(configuration.load_management),
        _panel(configuration),
        *(_point(point) for point in configuration.points[:1]),
    )
    return {key: value for part in parts for key, value in part}


def _device(c: Configuration) -> Values:
    for name in ("name", "time_zone", "language", "alive_cycle_s", "ntp_servers"):
        yield f"device.{name}", getattr(c.device, name)
    yield "knx.link", c.knx.link.value
    yield "knx.gateway", Endpoint(c.knx.gateway_host, c.knx.gateway_port)
    for name in ("local_ip", "individual_address", "multicast_group", "server_port", "keyring"):
        yield f"knx.{name}", getattr(c.knx, name)
    yield "knx.keyring_password_file", c.knx.keyring_password_file
    yield "website.listen", Endpoint(c.website.host, c.website.port)
    for name in ("host_names", "trusted_proxy", "certificate", "key"):
        yield f"website.{name}", getattr(c.website, name)
    yield "website.discovery", c.website.is_announced
    yield "firmware.index", c.firmware.index
    yield "firmware.check", "daily" if c.firmware.looks_daily else "manual"
    proxy = urlsplit(c.firmware.proxy)
    yield "firmware.proxy", Endpoint(proxy.hostname, proxy.port)
    if c.serial is not None:
        for name in ("port", "protocol", "baud", "data_bits", "parity", "stop_bits"):
            yield f"serial.{name}", getattr(c.serial, name)
    yield "grid_supporting_control.setpoint_a", str(c.grid_setpoint_ma // 1000)


def _load_management(of: LoadManagementSettings) -> Values:
    key = "load_management"
    yield f"{key}.mode", of.mode.value
    for name in ("fuse", "reserve", "static_limit"):
        current_ma = getattr(of, f"{name}_ma")
        yield f"{key}.{name}_a", None if current_ma is None else current_ma / 1000
    yield f"{key}.priority", of.priority
    yield f"{key}.queue", "on" if of.has_queue else "off"
    yield f"{key}.high_power_wait_s", of.high_power_wait_s
    meter = of.smart_meter
    if meter is None:
        return
    key += ".smart_meter"
    yield f"{key}.source", meter.source
    yield f"{key}.phases", str(meter.phases)
    yield f"{key}.measurement", meter.measurement.value
    yield f"{key}.dpt", meter.dpt
    yield f"{key}.monitoring", meter.monitoring.value
    yield f"{key}.interval_s", meter.interval_s
    if meter.meter is not None:
        yield from _meter(key, meter.meter)


def _meter(key: str, meter: MeterSettings) -> Values:
    yield from _connection(f"{key}.connection", meter.connection)
    model = meter.model
    yield f"{key}.model", model.id
    if model.id in _CATALOGUE_SCALES:
        yield f"{key}.ratio", model.points["current_l1"].scale / _CATALOGUE_SCALES[model.id]
    elif model.id == "manual_meter":
        yield from _registers(f"{key}.manual", model)


def _registers(key: str, model: DeviceModel) -> Values:
    first = next(iter(model.points.values()))
    yield f"{key}.function", _FUNCTIONS[first.table.value]
    yield f"{key}.word_order", first.word_order.value
    yield f"{key}.byte_order", first.byte_order.value
    yield f"{key}.max_registers", model.read.max_registers
    yield f"{key}.request_gap_s", model.request_gap_s
    for quantity, name in (("current", "current"), ("power", "power"), ("energy", "energy_total")):
        for leaf, point in (("l1", "_l1"), ("l2", "_l2"), ("l3", "_l3"), ("sum", "")):
            if (found := model.points.get(name + point)) is not None:
                yield f"{key}.{quantity}.{leaf}", found.address
                yield f"{key}.{quantity}.type", found.type.value
                yield f"{key}.{quantity}.scale", found.scale
    if (fault := model.points.get("error_1")) is not None:
        yield f"{key}.fault.register", fault.address
        yield f"{key}.fault.type", fault.type.value


def _connection(key: str, connection: Connection) -> Values:
    yield f"{key}.type", connection.kind.value
    for name in ("host", "port", "unit", "connector"):
        yield f"{key}.{name}", getattr(connection, name)


def _panel(c: Configuration) -> Values:
    if c.panel is None:
        return
    yield "panel.chip", c.panel.chip
    for name in ("button", "led_programming", "led_app", "led_com"):
        line: PanelLine | None = getattr(c.panel, name)
        if line is not None:
            yield f"panel.{name}", line.line
            yield f"panel.{name}_active", "low" if line.is_active_low else "high"


def _point(point: PointSettings) -> Values:
    key = "charging_points[]"
    for name in ("number", "name", "phases", "phase_rotation"):
        yield f"{key}.{name}", getattr(point, name)
    yield f"{key}.model", point.model.id
    yield f"{key}.start", point.start.value
    yield f"{key}.minimum_a", point.minimum_ma / 1000
    yield f"{key}.maximum_a", point.maximum_ma / 1000
    yield f"{key}.complete.threshold_a", point.complete_threshold_ma / 1000
    yield f"{key}.complete.time_s", point.complete_time_s
    for name in ("current", "power", "energy"):
        yield f"{key}.dpt.{name}", getattr(point.dpts, name)
    yield from _rule(f"{key}.sending.current", "min_change_a", point.sending.current, 1000)
    yield from _rule(f"{key}.sending.power", "min_change_w", point.sending.power, 1)
    yield from _rule(f"{key}.sending.energy", "min_change_wh", point.sending.energy, 1)
    yield f"{key}.sending.state_cycle_s", point.sending.state_cycle_s
    yield f"{key}.temperature.sending", point.temperature.sending.value
    for name in ("change_k", "cycle_s", "warning_c"):
        yield f"{key}.temperature.{name}", getattr(point.temperature, name)
    yield from _connection(f"{key}.connection", point.connection)
    if point.meter is not None:
        yield from _meter(f"{key}.meter", point.meter)


def _rule(key: str, change: str, rule: SendingRule, parts: int) -> Values:
    yield f"{key}.{change}", rule.min_change / parts
    yield f"{key}.min_interval_s", rule.min_interval_s
    yield f"{key}.cycle_s", rule.cycle_s
