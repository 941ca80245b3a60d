"""The table of a site: which objects run, and how they send."""

from dataclasses import replace

import pytest

from knxgw.catalogue.flags import Flags, Priority
from knxgw.catalogue.load import catalogue
from knxgw.objects.table import CYCLE_ONLY, GroupObject, build_table
from tests.config.sites import KNX, configuration


def table(points: str, links: str, device: str = "") -> dict[int, GroupObject]:
    text = f"{KNX}{device}charging_points:\n  - {{{points}}}\ngroup_objects: {{{links}}}\n"
    objects = build_table(configuration(text), catalogue())
    return {one.number: one for one in objects}


ALFEN = "number: 1, name: Left, model: alfen_eve, connection: {host: 192.168.1.31}"


def test_only_linked_objects_run() -> None:
    assert set(table(ALFEN, "50: 1/1/50, 62: 1/1/62")) == {50, 62}


def test_the_minimum_change_of_an_energy_is_in_watt_hours() -> None:
    energy = table(ALFEN, "70: 1/1/70")[70]
    assert energy.rule is not None
    assert energy.rule.min_change == 100_000, "values of the station are mWh"


def test_states_send_on_every_change_and_moving_values_by_their_rule() -> None:
    objects = table(ALFEN, "50: 1/1/50, 62: 1/1/62, 66: 1/1/66")
    assert objects[50].rule is None
    assert objects[62].rule is not None
    assert objects[62].rule.min_change == 500
    assert objects[66].rule is not None
    assert objects[66].rule.min_change == 100


@pytest.mark.proves("2.38")
def test_a_temperature_is_sent_as_the_parameter_says() -> None:
    for sending, may_send in (("off", False), ("on_change", True), ("cyclic", True)):
        one = table(f"{ALFEN}, temperature: {{sending: '{sending}'}}", "82: 1/1/82")[82]
        assert one.may_send is may_send
        assert one.rule is not None
        assert (one.rule.min_change == CYCLE_ONLY) is (sending == "cyclic")
        assert (one.cycle_s is not None) is (sending == "cyclic")


def test_the_first_link_is_the_sending_one() -> None:
    one = table(ALFEN, "50: [1/1/51, 1/1/50]")[50]
    assert str(one.sending_address) == "1/1/51"


def test_flags_and_priority_are_those_of_the_link() -> None:
    site = configuration(f"{KNX}charging_points: [{{{ALFEN}}}]\ngroup_objects: {{50: 1/1/50}}\n")
    flags = Flags.parse("C-W-UI")
    link = replace(site.group_objects[50], flags=flags, priority=Priority.URGENT)
    (one,) = build_table(replace(site, group_objects={50: link}), catalogue())
    assert (one.flags, one.priority) == (flags, Priority.URGENT)


def test_names_carry_the_point_and_the_language_of_the_bus() -> None:
    assert table(ALFEN, "53: 1/1/53")[53].name.startswith("Left: Charging complete")
    german = table(ALFEN, "53: 1/1/53", "device: {language: de}\n")
    assert german[53].name.startswith("Left: Laden abgeschlossen")
