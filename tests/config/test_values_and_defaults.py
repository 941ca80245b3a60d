"""What a file that is right means: values, units, defaults."""

import re
from pathlib import Path

import pytest

from knxgw.catalogue.flags import Priority
from knxgw.catalogue.load import catalogue
from knxgw.config.load import load_configuration
from knxgw.config.model import (
    ChargingStart,
    Configuration,
    ConfigurationSource,
    ConnectionKind,
    KnxLinkKind,
    LoadManagementMode,
    Measurement,
    Monitoring,
    PanelLine,
    PanelSettings,
    SendingRule,
    TemperatureSending,
)
from tests.config.sites import DYNAMIC, HOME, KNX, configuration, errors, points, read, warnings

EXAMPLE = """\
device: {name: Garage, time_zone: Europe/Berlin, language: de}
knx:
  link: tunnelling            # routing | tunnelling | tunnelling_tcp | none
  gateway: 127.0.0.1:3671     # tunnelling only
  local_ip: 127.0.0.1
  individual_address: 1.1.20  # routing
website: {listen: 127.0.0.1:8080}
serial: {port: /dev/ttyUSB0, protocol: rtu, baud: 19200, data_bits: 8, parity: E, stop_bits: 1}
load_management:
  mode: dynamic               # off | static | dynamic
  fuse_a: 35
  reserve_a: 3
  priority: 1                 # charging point number, optional
  # static_limit_a: 32        # mode static
  high_power_wait_s: 30
  smart_meter: {source: knx, phases: 3, measurement: current, dpt: "14.019", monitoring: values, interval_s: 10}
grid_supporting_control: {setpoint_a: 6}   # 0 or 6
charging_points:
  - number: 1
    name: Left
    model: keba_p30
    connection: {type: tcp, host: 192.168.1.31, port: 502, unit: 255}
    minimum_a: 6
    maximum_a: 16
    phases: 3
    phase_rotation: "123"
    dpt: {current: "14.019", power: "14.056", energy: "13.010"}
    complete: {threshold_a: 1.0, time_s: 300}
    meter: {model: eastron_sdm630, connection: {type: tcp, host: 192.168.1.41, port: 502, unit: 1}}
group_objects:                # number -> group addresses, the first one is sent on
  1: [1/0/1]
  50: [1/1/50, 1/7/50]
"""


def linked(site: Configuration) -> dict[int, tuple[str, ...]]:
    """Return the group addresses by the number of the object."""
    return {number: link.addresses for number, link in site.group_objects.items()}


def test_the_example_of_the_design_loads_with_all_its_values() -> None:
    site = configuration(EXAMPLE)
    assert site.source is ConfigurationSource.FILE
    assert (site.device.name, site.device.time_zone, site.device.language) == (
        "Garage",
        "Europe/Berlin",
        "de",
    )
    assert site.knx.link is KnxLinkKind.TUNNELLING
    assert (site.knx.gateway_host, site.knx.gateway_port) == ("127.0.0.1", 3671)
    assert site.serial is not None
    assert (site.serial.port, site.serial.baud, site.serial.parity) == ("/dev/ttyUSB0", 19200, "E")
    assert site.load_management.mode is LoadManagementMode.DYNAMIC
    assert (site.load_management.fuse_ma, site.load_management.reserve_ma) == (35_000, 3_000)
    assert site.load_management.priority == 1
    point = site.point(1)
    assert (point.name, point.model.id) == ("Left", "keba_p30")
    assert (point.minimum_ma, point.maximum_ma) == (6_000, 16_000)
    assert point.meter is not None
    assert point.meter.connection.host == "192.168.1.41"
    assert linked(site) == {1: ("1/0/1",), 50: ("1/1/50", "1/7/50")}


@pytest.mark.proves("2.5")
def test_a_file_with_one_charger_is_filled_in_with_the_defaults() -> None:
    site = configuration(HOME)
    assert (site.website.host, site.website.port) == ("0.0.0.0", 8080)  # noqa: S104 - the default
    assert site.device.time_zone == "UTC"
    assert site.grid_setpoint_ma == 6_000
    assert site.load_management.mode is LoadManagementMode.OFF
    assert site.load_management.priority is None
    assert site.serial is None
    point = site.point(1)
    assert point.name == "Charging point 1"
    assert point.connection.kind is ConnectionKind.TCP
    assert (point.connection.port, point.connection.unit) == (502, 255)
    assert (point.phases, point.phase_rotation) == (3, "123")
    assert (point.dpts.current, point.dpts.power, point.dpts.energy) == ("7.012", "9.024", "13.010")
    assert (point.complete_threshold_ma, point.complete_time_s) == (1_000, 300.0)
    assert point.start is ChargingStart.AUTOMATIC
    assert point.sending.current == SendingRule(min_change=500, min_interval_s=10, cycle_s=None)
    assert point.sending.power == SendingRule(min_change=100, min_interval_s=10, cycle_s=None)
    assert point.temperature.sending is TemperatureSending.ON_CHANGE
    assert point.temperature.warning_c == 70


def test_a_home_site_has_no_findings() -> None:
    assert read(HOME).findings == ()


def test_an_empty_value_counts_as_left_out() -> None:
    site = configuration(HOME + "website: {listen: }\ndevice:\n")
    assert site.website.port == 8080


def test_a_name_left_out_is_made_in_the_language_of_the_bus() -> None:
    assert configuration(HOME + "device: {language: de}\n").point(1).name == "Ladepunkt 1"


@pytest.mark.parametrize(
    "given",
    ["[garage, garage.example.org]", "garage garage.example.org", "'garage, garage.example.org'"],
)
def test_the_website_may_have_several_names_in_a_list_or_a_line(given: str) -> None:
    site = configuration(HOME + f"website: {{host_names: {given}, trusted_proxy: 10.0.0.2}}\n")
    assert site.website.host_names == ("garage", "garage.example.org")
    assert site.website.trusted_proxy == "10.0.0.2"
    assert configuration(HOME + "website: {host_names: []}\n").website.host_names == ()


def test_a_port_or_a_host_left_out_is_taken_from_the_default() -> None:
    assert configuration(HOME + "website: {listen: 127.0.0.2}\n").website.port == 8080
    site = configuration(HOME + "website: {listen: ':9000'}\n")
    assert (site.website.host, site.website.port) == ("0.0.0.0", 9000)  # noqa: S104 - the default


@pytest.mark.proves("2.70")
def test_sending_rules_are_given_per_kind_of_value() -> None:
    site = configuration(
        points(
            "number: 1, model: keba_p30, connection: {host: 10.0.0.1}, sending: {"
            "current: {min_change_a: 2.5, cycle_s: 60}, energy: {min_change_wh: 500}, "
            "state_cycle_s: 900}"
        )
    )
    sending = site.point(1).sending
    assert sending.current == SendingRule(min_change=2_500, min_interval_s=10, cycle_s=60)
    assert sending.energy.min_change == 500
    assert sending.state_cycle_s == 900


@pytest.mark.proves("8.36")
def test_a_button_is_pressed_at_the_low_level_and_leds_are_lit_at_the_high_one() -> None:
    panel = configuration(HOME + "panel: {chip: pinctrl-rp1, button: 17, led_app: GPIO22}\n").panel
    assert panel == PanelSettings(
        chip="pinctrl-rp1",
        button=PanelLine(line="17", is_active_low=True),
        led_programming=None,
        led_app=PanelLine(line="GPIO22", is_active_low=False),
        led_com=None,
    )
    assert configuration(HOME).panel is None


@pytest.mark.proves("8.36")
def test_each_line_of_the_front_panel_may_have_the_other_level() -> None:
    text = HOME + (
        "panel: {chip: /dev/gpiochip0, button: 1, button_active: high, led_programming: 2, "
        "led_programming_active: low, led_app: 3, led_app_active: low, led_com: 4, led_com_active: low}\n"
    )
    panel = configuration(text).panel
    assert panel is not None
    lines = (panel.button, panel.led_programming, panel.led_app, panel.led_com)
    assert [(one.line, one.is_active_low) for one in lines if one] == [
        ("1", False), ("2", True), ("3", True), ("4", True),
    ]  # fmt: skip


def test_static_load_management_takes_its_limit() -> None:
    site = configuration(HOME + "load_management: {mode: static, static_limit_a: 32}\n")
    assert site.load_management.static_limit_ma == 32_000


def test_a_smart_meter_left_out_delivers_three_currents_over_knx() -> None:
    meter = configuration(HOME + DYNAMIC).load_management.smart_meter
    assert meter is not None
    assert (meter.source, meter.phases, meter.dpt) == ("knx", 3, "14.019")
    assert meter.measurement is Measurement.CURRENT
    assert meter.monitoring is Monitoring.VALUES


def test_a_smart_meter_that_measures_power_gets_a_power_type_by_default() -> None:
    site = HOME + DYNAMIC.replace("fuse_a: 35", "fuse_a: 35, smart_meter: {measurement: power}")
    meter = configuration(site).load_management.smart_meter
    assert meter is not None
    assert meter.dpt == "14.056"


def test_a_smart_meter_can_be_read_over_modbus() -> None:
    site = configuration(
        HOME + "load_management: {mode: dynamic, fuse_a: 35, smart_meter: {source: modbus, "
        "model: eastron_sdm630, connection: {host: 192.168.1.40, unit: 3}}}\n"
    )
    meter = site.load_management.smart_meter
    assert meter is not None
    assert meter.meter is not None
    assert (meter.meter.connection.unit, meter.meter.connection.port) == (3, 502)
    assert site.faults == ()


def test_a_meter_adds_what_it_measures_to_the_charging_point() -> None:
    entry = "number: 1, model: abb_terra_ac, connection: {host: 10.0.0.1}"
    alone = configuration(points(entry)).point(1).capabilities
    meter = ", meter: {model: eastron_sdm630, connection: {host: 10.0.0.2}}"
    assert "energy" not in alone
    assert configuration(points(entry + meter)).point(1).capabilities == alone | {
        *("energy", "energy_l1", "energy_l2", "energy_l3", "power_l1", "power_l2", "power_l3")
    }


def test_group_addresses_of_every_form_mean_the_same() -> None:
    site = configuration(HOME + "group_objects: {50: 1/2/3, 51: [1/515], 52: ['2563']}\n")
    assert linked(site) == {50: ("1/2/3",), 51: ("1/2/3",), 52: ("1/2/3",)}


def test_a_link_of_a_file_has_the_flags_and_the_priority_of_the_catalogue() -> None:
    site = configuration(HOME + "group_objects: {50: 1/1/50, 55: 1/1/55}\n")
    assert {n: (str(one.flags), one.priority) for n, one in site.group_objects.items()} == {
        50: ("CR-T--", Priority.LOW),
        55: ("C-WTU-", Priority.LOW),
    }


def test_routing_without_an_address_takes_that_of_a_new_device_and_warns() -> None:
    site = HOME.replace(KNX, "knx: {link: routing}\n")
    assert configuration(site).knx.individual_address == "15.15.255"
    assert warnings(site) == [
        "site.yaml:1: warning: knx.individual_address: is missing, so the address of a new "
        "device is used (15.15.255); add one such as 1.1.20"
    ]


@pytest.mark.proves("4.4")
def test_a_charging_point_with_unit_0_on_tcp_is_an_ordinary_one() -> None:
    entry = "number: 1, model: keba_p30, connection: {host: 10.0.0.1, unit: 0}"
    assert configuration(points(entry)).point(1).connection.unit == 0


def test_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    for name, content in (("site.knxkeys", "<Keyring/>"), ("keyring.password", "geheim")):
        (tmp_path / name).touch(mode=0o600)
        (tmp_path / name).write_text(content)
    file = tmp_path / "site.yaml"
    keys = "keyring: site.knxkeys, keyring_password_file: keyring.password"
    home = HOME.replace("link: tunnelling", "link: tunnelling_tcp")
    file.write_text(home.replace("192.168.1.10}", f"192.168.1.10, {keys}}}"))
    loaded = load_configuration(file, catalogue())
    assert loaded.findings == ()
    assert loaded.configuration is not None
    assert loaded.configuration.knx.keyring == str(tmp_path / "site.knxkeys")


def test_a_file_that_is_missing_or_not_text_is_a_finding(tmp_path: Path) -> None:
    (missing,) = load_configuration(tmp_path / "none.yaml", catalogue()).findings
    assert "cannot be read: No such file" in str(missing)
    (tmp_path / "bytes.yaml").write_bytes(b"device:\n  name: \xff\n")
    (garbled,) = load_configuration(tmp_path / "bytes.yaml", catalogue()).findings
    assert str(garbled).endswith("bytes.yaml:2: error: is not UTF-8 text; save it as UTF-8")


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + HOME.encode())
    assert load_configuration(file, catalogue()).findings == ()


def test_the_example_of_the_design_is_free_of_mistakes_but_misses_three_links() -> None:
    (only,) = errors(EXAMPLE)
    assert re.search(r"DLMAssociation: .* group objects 10, 11, 12", only)
