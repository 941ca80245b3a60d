"""What the files for ETS hold is the object table, read back by readers of the format's description."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.catalogue.load import catalogue
from knxgw.config.addresses import raw_group_address
from knxgw.config.model import Configuration, GroupAddress
from knxgw.config.objects import existing_objects, possible_objects
from knxgw.ets.exported import AddressWishes, Shape, group_addresses
from tests.config.sites import configuration
from tests.ets.group_address_files import Address, read_csv, read_xml
from tests.support.pages import ROOT

READERS: dict[Shape, Callable[[bytes], list[Address]]] = {
    Shape.ETS_CSV: read_csv,
    Shape.ETS_XML: read_xml,
}
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
TWO = """\
device: {name: %s, language: de}
knx: {link: none}
charging_points:
  - {number: 1, name: %s, model: keba_p30, connection: {host: 10.0.0.1}}
  - {number: 2, model: keba_p30, connection: {host: 10.0.0.2}}
group_objects: {55: [4/1/55, 4/0/55], 105: [4/2/55, 4/0/55], 50: [4/1/1], 62: [4/1/2, 4/7/2]}
"""


def written(
    site: Configuration | None, shape: Shape, wishes: AddressWishes | None = None
) -> list[Address]:
    """Return what a file holds."""
    every = existing_objects(site, catalogue()) if site else possible_objects(catalogue())
    numbers = {one.number for one in every}
    data = group_addresses(site, catalogue(), shape, wishes or AddressWishes(), numbers)
    return READERS[shape](data)


def by_address(
    site: Configuration | None, wishes: AddressWishes | None = None
) -> dict[str, Address]:
    """Return what both files hold by address."""
    found, other = (written(site, shape, wishes) for shape in READERS)
    assert found == other, "CSV and XML say the same"
    assert len({one.address for one in found}) == len(found)
    return {one.address: one for one in found}


def numbers_of(one: Address) -> list[int]:
    """Return the group objects that a description names."""
    return [int(word) for word in one.description.replace(",", "").split() if word.isdigit()]


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_whole_map_is_read_back_as_the_object_table(language: str) -> None:
    every = possible_objects(catalogue())
    found = by_address(None, AddressWishes(language=language))
    read = {tuple(numbers_of(one)): (one.name.split(": ")[-1], one.dpt) for one in found.values()}
    table = {(one.number,): (one.function.in_language(language), one.dpt or "") for one in every}
    assert read == table
    german = language == "de"
    assert {one.main_name for one in found.values()} == {
        "Ladestationen" if german else "EV charging"
    }
    points = [f"{'Ladepunkt' if german else 'Charging point'} {point}" for point in range(1, 6)]
    middle = list(dict.fromkeys(one.middle_name for one in found.values()))
    assert middle == ["Allgemein" if german else "General", *points]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
@pytest.mark.parametrize("language", ["en", "de"])
def test_an_example_is_read_back_as_its_object_table(file: Path, language: str) -> None:
    site = configuration(file.read_text(encoding="utf-8"))
    objects = {one.number: one for one in existing_objects(site, catalogue())}
    read: dict[int, list[Address]] = {}
    for one in by_address(site, AddressWishes(language=language)).values():
        for number in numbers_of(one):
            read.setdefault(number, []).append(one)
    assert read.keys() == objects.keys(), "every object of the site, and no other"
    for number, existing in objects.items():
        assert {row.address for row in read[number]} >= set(existing.addresses), "links are kept"
        assert {row.dpt for row in read[number]} == {existing.dpt or ""}
        function = existing.function.in_language(language)
        name = site.point(existing.point).name if existing.point else None
        own = f"{name}: {function}" if name else function
        assert {row.name for row in read[number]} <= {own, function}
        assert own in {row.name for row in read[number]}


def test_an_address_of_several_objects_stands_once_and_names_them_all() -> None:
    found = by_address(configuration(TWO % ("Garage", "Links")))
    assert found["4/0/55"] == Address(
        "Garage",
        "Allgemein",
        "4/0/55",
        "Unterbrechung",
        "Hört mit: Gruppenobjekte 55, 105",
        "1.002",
    )
    assert found["4/2/55"].name == "Ladepunkt 2: Unterbrechung"
    assert found["4/1/2"].description == "Gruppenobjekt 62"
    assert found["4/7/2"].description == "Hört mit: Gruppenobjekt 62"
    assert found["4/7/2"].middle_name == "Links"


def test_what_has_no_name_of_its_own_is_named_in_the_wanted_language() -> None:
    site = configuration(TWO % ("knxgw", "Links"))
    found = by_address(site, AddressWishes(language="en"))
    assert found["4/2/55"].middle_name == "Charging point 2"
    assert {one.main_name for one in found.values()} == {"EV charging"}
    assert found["4/1/1"].name == "Links: Charging point state – state"


def test_the_first_range_of_all_begins_with_1() -> None:
    data = group_addresses(None, catalogue(), Shape.ETS_XML, AddressWishes(main=0), {1}).decode()
    assert data.count('RangeStart="1"') == 2
    assert 'RangeEnd="2047"' in data
    assert 'RangeEnd="255"' in data


def test_the_addresses_are_in_order_and_the_files_bytes_are_those_of_ets() -> None:
    csv = group_addresses(
        configuration(TWO % ("Garage", "Links")),
        catalogue(),
        Shape.ETS_CSV,
        AddressWishes(),
        {50, 62},
    )
    assert csv.decode("utf-8-sig").split("\r\n") == [
        '"Main";"Middle";"Sub";"Address";"Central";"Unfiltered";"Description";"DatapointType";"Security"',
        '"Garage";"";"";"4/-/-";"";"";"";"";"Auto"',
        '"";"Links";"";"4/1/-";"";"";"";"";"Auto"',
        '"";"";"Links: Ladepunktzustand – Status";"4/1/1";"";"";"Gruppenobjekt 50";"";"Auto"',
        '"";"";"Links: Ist-Ladestrom (Summe) – Status";"4/1/2";"";"";"Gruppenobjekt 62";"DPST-7-12";"Auto"',
        '"";"Links";"";"4/7/-";"";"";"";"";"Auto"',
        '"";"";"Links: Ist-Ladestrom (Summe) – Status";"4/7/2";"";"";"Hört mit: Gruppenobjekt 62";"DPST-7-12";"Auto"',
        "",
    ]
    raw = [raw_group_address(GroupAddress(one.address)) for one in written(None, Shape.ETS_XML)]
    assert raw == sorted(raw)


@pytest.mark.parametrize("name", ['"', "';--", "Ä ß é €", "<&>]]>", "a;b", '=1+1";"', "#", "🚗"])
def test_names_of_any_characters_come_through(name: str) -> None:
    quoted = "'" + name.replace("'", "''") + "'"
    site = configuration(TWO % (quoted, quoted))
    found = by_address(site)
    assert {one.main_name for one in found.values()} == {name}
    assert found["4/1/1"].middle_name == name
    assert found["4/1/1"].name == f"{name}: Ladepunktzustand – Status"
    assert configuration(pasted(TWO % (quoted, quoted))).points == site.points, "as a comment too"


NAMES = st.text(min_size=1, max_size=30).filter(str.isprintable).map(str.strip).filter(bool)


@given(NAMES)
def test_random_names_come_through(name: str) -> None:
    quoted = "'" + name.replace("'", "''") + "'"
    found = by_address(configuration(TWO % (quoted, quoted)))
    assert found["4/1/1"].middle_name == name


# --- the same addresses as configuration -----------------------------------------------------------


def pasted(text: str, wishes: AddressWishes | None = None) -> str:
    """Return the text of a site whose section `group_objects` is the exported one."""
    site = configuration(text)
    numbers = {one.number for one in existing_objects(site, catalogue())}
    lines = group_addresses(site, catalogue(), Shape.CONFIG, wishes or AddressWishes(), numbers)
    before, found, _ = text.partition("group_objects:")
    assert found
    return before + lines.decode()


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_exported_lines_link_what_the_exported_file_holds(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    before, after = configuration(text), configuration(pasted(text))
    objects = existing_objects(after, catalogue())
    assert all(one.addresses for one in objects), "every object is linked"
    assert {one.number for one in objects} == {
        one.number for one in existing_objects(before, catalogue())
    }
    for number, link in before.group_objects.items():
        assert after.group_objects[number] == link
    assert by_address(after) == by_address(before), "a second export says the same"
    linked = {address for one in objects for address in one.addresses}
    assert linked == by_address(before).keys()


def test_links_of_objects_that_the_site_does_not_have_are_not_lost() -> None:
    text = TWO.replace("group_objects: {", "group_objects: {150: 4/3/1, ") % ("Garage", "Links")
    lines = pasted(text).splitlines()
    assert lines[-1] == "  150: [4/3/1]            # Ladepunktzustand – Status"
    assert "  50: [4/1/1]             # Ladepunktzustand – Status" in lines
    assert "  # Links" in lines
    assert "4/3/1" not in by_address(configuration(text))
