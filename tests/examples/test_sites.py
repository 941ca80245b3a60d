"""Every example file is a site that starts."""

from pathlib import Path

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.config.load import load_configuration
from knxgw.config.model import Configuration, LoadManagementMode

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))


def load(name: str) -> Configuration:
    """Return one of the examples."""
    configuration = load_configuration(ROOT / "examples" / name, catalogue()).configuration
    assert configuration is not None
    return configuration


@pytest.mark.parametrize("path", [*EXAMPLES, ROOT / "docs" / "config-example.yaml"], ids=str)
def test_an_example_has_no_errors_and_no_needless_warnings(path: Path) -> None:
    loaded = load_configuration(path, catalogue())
    assert loaded.configuration is not None
    assert loaded.configuration.faults == ()
    needless = [str(one) for one in loaded.findings if "not known here" not in one.problem]
    assert needless == [], "what an Alfen falls back to is set in the charger: worth a warning"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_explains_itself_at_its_top(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line.startswith("#") for line in lines[:5]] == [True] * 5
    assert f"knxgw check examples/{path.name}" in "\n".join(lines[:12])


def test_there_are_four_sites() -> None:
    assert len(EXAMPLES) == 4


def test_mixed_operation_has_five_charging_points_of_four_makers() -> None:
    site = load("mixed-operation.yaml")
    assert [point.number for point in site.points] == [1, 2, 3, 4, 5]
    assert len({point.model.manufacturer for point in site.points}) == 4
    eve = [point.connection for point in site.points if point.model.id == "alfen_eve"]
    assert [(one.host, one.connector) for one in eve] == [
        ("192.168.20.32", 1),
        ("192.168.20.32", 2),
    ]


def test_the_meter_entered_by_hand_supplies_what_the_charger_does_not_measure() -> None:
    site = load("meter-entered-by-hand.yaml")
    [point] = site.points
    assert point.meter is not None
    assert not {"current", "power", "energy"} & point.model.capabilities
    assert {"current_l3", "power_l1", "energy"} <= point.capabilities
    assert "error_1" in point.meter.model.points


def test_the_house_with_a_smart_meter_shares_its_mains_connection() -> None:
    site = load("double-charger-with-meter.yaml")
    assert site.load_management.mode is LoadManagementMode.DYNAMIC
    assert {10, 11, 12, 20} <= site.group_objects.keys()
    meters = [point.meter.model.id for point in site.points if point.meter]
    assert meters == ["eastron_sdm630"]
