"""Every Modbus device of a site has an identity of its own and a role."""

from knxgw.config.devices import DeviceRole, devices
from tests.config.sites import configuration, points

METER = "meter: {model: eastron_sdm630, connection: {host: 10.0.0.9, unit: 2}}"
MAINS = """
load_management:
  mode: dynamic
  fuse_a: 35
  smart_meter: {source: modbus, model: eastron_sdm630, connection: {host: 10.0.0.8}}
"""


def roles(text: str) -> dict[str, tuple[DeviceRole, int | None]]:
    """Return role and charging point of every device, by its identity."""
    found = list(devices(configuration(text)))
    named = {str(one.id): (one.role, one.point) for one in found}
    assert len(named) == len(found), "an identity twice"
    return named


def test_charger_and_meter_of_a_charging_point_are_two_devices() -> None:
    text = points(f"number: 4, model: keba_p30, connection: {{host: 10.0.0.1}}, {METER}")
    assert roles(text) == {
        "cp4/charger": (DeviceRole.CHARGER, 4),
        "cp4/meter": (DeviceRole.POINT_METER, 4),
    }


def test_the_meter_at_the_mains_belongs_to_no_charging_point() -> None:
    text = points("number: 1, model: keba_p30, connection: {host: 10.0.0.1}") + MAINS
    assert roles(text) == {
        "cp1/charger": (DeviceRole.CHARGER, 1),
        "grid/meter": (DeviceRole.GRID_METER, None),
    }


def test_a_smart_meter_on_knx_is_no_modbus_device() -> None:
    mains = MAINS.replace(
        "source: modbus, model: eastron_sdm630, connection: {host: 10.0.0.8}",
        'source: knx, dpt: "14.019"',
    )
    text = points("number: 1, model: keba_p30, connection: {host: 10.0.0.1}") + mains
    assert set(roles(text)) == {"cp1/charger"}
