"""Every electricity meter of the catalogue behind a charger that measures nothing, in virtual time."""

from pathlib import Path

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.model import DeviceModel, Transport
from knxgw.sim.vehicle import VOLTAGE_V, Vehicle
from tests.support.world import World, from_payload

METERS = tuple(catalogue().meters.values())
MEASURED = {  # object -> datapoint type, what the capability is called
    63: ("14.019", "current_l1"),
    64: ("14.019", "current_l2"),
    65: ("14.019", "current_l3"),
    62: ("14.019", "current"),
    67: ("14.056", "power_l1"),
    68: ("14.056", "power_l2"),
    69: ("14.056", "power_l3"),
    66: ("14.056", "power"),
    71: ("13.010", "energy_l1"),
    72: ("13.010", "energy_l2"),
    73: ("13.010", "energy_l3"),
    70: ("13.010", "energy"),
}
SITE = """
knx: {{link: none}}
charging_points:
  - number: 1
    model: evse_din
    connection: {{type: rtu_over_tcp, host: 127.0.0.1, port: 5021, unit: 1}}
    maximum_a: 16
    dpt: {{current: "14.019", power: "14.056", energy: "13.010"}}
    meter: {meter}
group_objects: {{{links}}}
"""
LINKS = ", ".join(f"{number}: [1/1/{number}]" for number in (*MEASURED, 50, 74, 94, 95))


def site(meter: str) -> str:
    """Return a site with an electricity meter, written as a flow mapping, on port 5031."""
    return SITE.format(meter=meter, links=LINKS)


def of_the_catalogue(model: DeviceModel) -> str:
    """Return the entry of a meter of the catalogue."""
    kind = "tcp" if Transport.TCP in model.transports else "rtu_over_tcp"
    place = f"type: {kind}, host: 127.0.0.1, port: 5031, unit: {model.unit_id}"
    return f"{{model: {model.id}, connection: {{{place}}}}}"


def expected(world: World, capability: str) -> float:
    """Return what an object must say while a vehicle draws steadily [A, W, Wh]."""
    box = world.charger()
    quantity, _, phase = capability.partition("_")
    amperes = [current / 1000 for current in box.phases_ma]
    if quantity == "energy":
        return box.energy_wh / (3 if phase else 1)
    flowing = amperes[int(phase[1]) - 1] if phase else sum(amperes)
    return flowing * (VOLTAGE_V if quantity == "power" else 1)


async def measured(world: World, number: int) -> float | None:
    """Return what an object answers, None: nothing."""
    payload = await world.read(f"1/1/{number}")
    if payload is None:
        return None
    value = from_payload(MEASURED[number][0], payload)
    assert isinstance(value, int | float)
    return value


async def compare(world: World, capabilities: frozenset[str]) -> None:
    """See that each object says what flows, and that there is none of what is not measured."""
    for number, (_, capability) in MEASURED.items():
        value = await measured(world, number)
        if capability in capabilities:
            assert value == pytest.approx(expected(world, capability), rel=0.01), capability
        else:
            assert value is None, capability


@pytest.mark.proves("4.40")
@pytest.mark.parametrize("model", METERS, ids=lambda model: str(model.id))
async def test_what_a_meter_of_the_catalogue_measures_is_told(
    model: DeviceModel, tmp_path: Path
) -> None:
    async with World(site(of_the_catalogue(model)), tmp_path) as world:
        world.strict = False
        capabilities = model.capabilities
        has_one_phase = "current_l1" in capabilities and "current_l2" not in capabilities
        world.charger().plug(Vehicle(maximum_ma=10_000, phases=1 if has_one_phase else 3))
        await world.sleep(60)
        assert world.charger().phases_ma[0] == pytest.approx(10_000)
        await compare(world, capabilities)
        assert from_payload("1.002", await world.read("1/1/94")) is False


SUNSPEC = [catalogue().meters[name] for name in ("sunspec_meter_201_204", "sunspec_meter_211_214")]


@pytest.mark.proves("4.41")
@pytest.mark.parametrize("model", SUNSPEC, ids=lambda model: str(model.id))
async def test_a_device_without_the_marker_is_a_fault_of_the_meter_until_it_has_one(
    model: DeviceModel, tmp_path: Path
) -> None:
    async with World(site(of_the_catalogue(model)), tmp_path, run_gateway=False) as world:
        world.strict = False
        meter = next(iter(world.site.meters.values()))
        marked, meter.chain = meter.chain, dict.fromkeys(meter.chain, 0)
        world.start_gateway()
        await world.until(lambda: world.gateway.is_ready, 60.0)
        await world.sleep(10)
        assert from_payload("16.001", await world.read("1/1/95")) == "EMeter Comm"
        assert await measured(world, 63) is None
        meter.chain = marked
        await world.sleep(60)
        assert from_payload("1.002", await world.read("1/1/94")) is False
        assert await measured(world, 63) == 0
