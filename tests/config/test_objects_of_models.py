"""Which objects a charging point has follows from what its charger and its meter supply."""

import re

import pytest

from knxgw.catalogue.device_model import Transport
from knxgw.catalogue.product import Catalogue
from knxgw.config.load import parse_configuration
from knxgw.config.objects import existing_objects
from tests.support.everything import EVERYTHING_BOX, models

METER = ", meter: {model: everything_meter, connection: {host: 10.0.0.2}}"


def numbers(catalogue: Catalogue, model: str = "everything_box", meter: str = "") -> set[int]:
    """Return the numbers of the objects of a site with one charger."""
    transports = catalogue.chargers[model].transports
    place = "host: 10.0.0.1" if Transport.TCP in transports else "type: serial, unit: 1"
    text = (
        "knx: {link: none}\ncharging_points:\n"
        f"  - {{number: 1, model: {model}, connection: {{{place}}}{meter}}}\n"
        f"serial: {{port: /dev/ttyUSB0, protocol: {'ascii' if Transport.ASCII in transports else 'rtu'}}}\n"
    )
    configuration = parse_configuration(text, catalogue, name="site.yaml").configuration
    assert configuration is not None
    return {one.number for one in existing_objects(configuration, catalogue)}


def without(*points: str) -> Catalogue:
    """Return the catalogue with an Everything Box that lacks some points."""
    kept = [
        line
        for line in EVERYTHING_BOX.split("simulator:", maxsplit=1)[0].splitlines()
        if not re.match(rf"  ({'|'.join(points)}): ", line)
    ]
    return models("\n".join(kept))


@pytest.mark.proves("2.9", "4.6")
@pytest.mark.parametrize(
    ("point", "gone"),
    [
        ("current_l2", {64}), ("current_l3", {65}), ("current_l[123]", {62, 63, 64, 65}),
        ("power_l1", {67}), ("power_l2", {68}), ("power_l3", {69}), ("power", set()),
        ("power_l[123]|power", {66, 67, 68, 69}), ("power_l[123]", {67, 68, 69}),
        ("energy_total_l1", {71}), ("energy_total_l2", {72}), ("energy_total_l3", {73}),
        ("energy_total(_l[123])?", {70, 71, 72, 73, 75}), ("energy_session", set()),
        ("evccid", {79}), ("serial", {80}), ("firmware", {81}), ("temperature", {82, 83}), ("rfid", {84}),
        ("error_1", {96}), ("error_2", {97}), ("error_3", {98}), ("error_4", {99}),
    ],
)  # fmt: skip
def test_what_a_charger_does_not_tell_it_has_no_object_for(point: str, gone: set[int]) -> None:
    assert numbers(models()) - numbers(without(point)) == gone


@pytest.mark.proves("2.9")
def test_start_and_unlock_exist_where_the_charger_takes_them() -> None:
    mute = re.sub(r"  (unlock|start_stop): .*\n", "", EVERYTHING_BOX)
    assert numbers(models()) - numbers(models(mute)) == {54, 59}


@pytest.mark.proves("2.10")
@pytest.mark.parametrize("model", [*models().chargers])
def test_start_end_and_duration_of_a_session_exist_for_every_model(model: str) -> None:
    assert {76, 77, 78} <= numbers(models(), model)


@pytest.mark.proves("2.11")
@pytest.mark.parametrize(
    ("points", "exists"),
    [
        ((), True),
        (("energy_session",), True),
        (("energy_session", "energy_total(_l[123])?"), True),
        (("energy_session", "power(_l[123])?"), True),
        (("energy_session", "energy_total(_l[123])?", "power(_l[123])?"), False),
    ],
)
def test_the_energy_of_a_session_exists_where_energy_or_power_is_measured(
    points: tuple[str, ...], *, exists: bool
) -> None:
    catalogue = without(*points) if points else models()
    assert (74 in numbers(catalogue)) is exists
    assert 74 in numbers(catalogue, meter=METER), "the meter measures power"


@pytest.mark.proves("2.9", "4.6")
def test_a_meter_adds_the_objects_of_what_it_measures() -> None:
    poor = without("current_l[123]", "power(_l[123])?", "energy_.*")
    assert numbers(poor, meter=METER) - numbers(poor) == {62, 63, 66, 74}
