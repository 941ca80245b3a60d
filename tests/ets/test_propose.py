"""Links proposed by the names and types of group addresses."""

import pytest

from knxgw.catalogue.ets_words import ets_words, plain_words
from knxgw.catalogue.load import catalogue
from knxgw.config.group_objects import POINTS
from knxgw.config.load import parse_configuration
from knxgw.config.model import GroupAddress
from knxgw.errors import ConfigError, FileLine
from knxgw.ets.imported import Imported, Wanted, import_project
from knxgw.ets.match_objects import expected_objects
from knxgw.ets.project import EtsProject, GroupAddressEntry
from knxgw.ets.propose import Confidence, Proposal, left_over, propose
from tests.config.sites import DYNAMIC, HOME, configuration

EXPECTED = expected_objects(catalogue(), None)


def project(*named: tuple[str, str | None], ranges: tuple[str, ...] = ()) -> EtsProject:
    """Return group addresses 1/0/1 and on, by name and type."""
    entries = [
        GroupAddressEntry(address=GroupAddress(f"1/0/{i}"), name=name, dpt=dpt, ranges=ranges)
        for i, (name, dpt) in enumerate(named, 1)
    ]
    return EtsProject(addresses={one.address: one for one in entries}, is_list=True)


def proposed(
    *named: tuple[str, str | None], ranges: tuple[str, ...] = (), site: str | None = None
) -> tuple[Proposal, ...]:
    known = configuration(site) if site else None
    names = {point.number: point.name for point in known.points} if known else {}
    expected = expected_objects(catalogue(), known)
    return propose(project(*named, ranges=ranges), expected, ets_words(), names)


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_list_with_our_own_names_is_recognised_as_a_whole(language: str) -> None:
    word = {"en": "Charging point", "de": "Ladepunkt"}[language]
    numbers, named = [], []
    for number, one in EXPECTED.items():
        definition = one.definition
        if not definition.is_per_point:
            continue
        point = next(each for each in POINTS if definition.number_of(each) == number)
        numbers.append(number)
        named.append((f"{word} {point} {one.function.in_language(language)}", one.dpt or "5.010"))
    found = {one.number: one for one in proposed(*named)}
    assert {number: one.address for number, one in found.items()} == {
        number: f"1/0/{i}" for i, number in enumerate(numbers, 1)
    }
    assert {one.confidence for one in found.values()} == {Confidence.HIGH}


@pytest.mark.parametrize(
    ("name", "dpt", "number"),
    [
        ("LP1 Leistung", "14.056", 66),
        ("Wallbox 2 Wirkleistung", "9.024", 116),
        ("Ladestation 1 Sperre", "1.002", 55),
        ("WB1 Sperre Status", "1.011", 56),
        ("LP3 Ladestrom L2", "9.021", 164),
        ("Wallbox1_Zählerstand", "13.010", 75),
        ("Wallbox1_Zaehlerstand", "13.010", 75),
        ("CP1 fault", "1.002", 94),
        ("EVSE 1 plugged in", "1.002", 51),
        ("LP1 Sollstrom", "14.019", 60),
        ("LP1 Sollstrom Rückmeldung", "14.019", 61),
    ],
)
def test_what_people_call_an_object_is_understood(name: str, dpt: str, number: int) -> None:
    (one,) = proposed((name, dpt))
    assert (one.number, one.confidence) == (number, Confidence.HIGH)


@pytest.mark.parametrize(
    ("name", "dpt"),
    [
        ("Licht Küche", "1.001"),
        ("Jalousie Süd auf/ab", "1.008"),
        ("Temperatur Bad", "9.001"),
        ("LP1 Leistung", "5.001"),
        ("", "1.001"),
        ("LP1", "1.001"),
        ("Wallbox 7 Leistung", "9.020"),
    ],
)
def test_what_is_something_else_is_not_sure(name: str, dpt: str) -> None:
    assert [one for one in proposed((name, dpt)) if one.confidence is not Confidence.LOW] == []


MANAGED = HOME + DYNAMIC


@pytest.mark.parametrize(
    ("name", "dpt", "site"),
    [
        ("Ladepunkt 1: Sollwert Ladestrom", "14.019", MANAGED),  # there is no setpoint to write
        ("Ladepunkt 1: Sollwert Ladestrom", "7.012", None),
        ("LP 1 Vorgabe Strom", "9.021", None),
        ("LP 1 Vorgabe Strom", "7.012", HOME),
        ("LP 1 Vorgabe Leistung", "14.056", None),  # no object takes one
        ("LP1 Soll Leistung", "9.024", None),
    ],
)
def test_a_command_is_not_taken_for_the_value_that_goes_out(
    name: str, dpt: str, site: str | None
) -> None:
    assert [
        one for one in proposed((name, dpt), site=site) if one.confidence is not Confidence.LOW
    ] == []


def test_doubts_lower_the_confidence() -> None:
    (sure,) = proposed(("LP1 Leistung", "9.024"))
    (without_type,) = proposed(("LP1 Leistung", None))
    (without_point,) = proposed(("Leistung", "9.024"), ranges=("Wallbox",))
    (elsewhere,) = proposed(("Leistung", "9.024"))
    assert sure.score > without_type.score > without_point.score > elsewhere.score
    assert [one.confidence for one in (sure, without_type, without_point, elsewhere)] == [
        Confidence.HIGH,
        Confidence.MEDIUM,
        Confidence.MEDIUM,
        Confidence.LOW,
    ]


@pytest.mark.parametrize(
    "name", ["Wallbox 1 Leistung", "LP1 Sperre", "Ladepunkt 1 Ist-Leistung (Summe) – Status"]
)
def test_without_a_datapoint_type_no_name_is_sure(name: str) -> None:
    (one,) = proposed((name, None))
    assert one.confidence is Confidence.MEDIUM


def test_of_one_charging_point_the_name_needs_no_number() -> None:
    (one,) = proposed(("Wallbox Leistung", "9.024"), site=HOME)
    assert (one.number, one.confidence) == (66, Confidence.HIGH)


def test_the_groups_say_which_charging_point() -> None:
    (one,) = proposed(("Leistung", "9.024"), ranges=("E-Mobilität", "Ladepunkt 3"))
    assert (one.number, one.confidence) == (166, Confidence.HIGH)


def test_the_name_of_a_charging_point_says_which_one() -> None:
    site = HOME.replace("number: 1,", "number: 1, name: Carport Süd,")
    (one,) = proposed(("Carport Süd: Actual power (sum) – state", "9.024"), site=site)
    assert (one.number, one.confidence) == (66, Confidence.HIGH)


@pytest.mark.parametrize("words", ["Group object 66", "Gruppenobjekt 66"])
def test_the_number_that_our_export_writes_is_sure(words: str) -> None:
    def described(name: str, dpt: str) -> EtsProject:
        entry = GroupAddressEntry(
            address=GroupAddress("1/0/1"), name=name, dpt=dpt, description=words
        )
        return EtsProject(addresses={entry.address: entry}, is_list=True)

    (one,) = propose(described("whatever", "9.024"), EXPECTED, ets_words())
    assert (one.number, one.confidence) == (66, Confidence.HIGH)
    assert propose(described("whatever", "1.001"), EXPECTED, ets_words()) == ()


def test_two_addresses_that_fit_as_well_are_both_named() -> None:
    (one,) = proposed(("LP1 Leistung", "9.024"), ("LP1 Leistung", "9.024"))
    assert (one.address, one.rivals) == ("1/0/1", ("1/0/2",))
    assert one.confidence is not Confidence.HIGH


def test_what_stands_beside_them_and_is_proposed_for_nothing_is_named() -> None:
    garage = project(
        ("LP1 Leistung", "14.056"), ("LP1 Beleuchtung", "1.001"), ranges=("Garage", "Wallboxen")
    )
    proposals = propose(garage, EXPECTED, ets_words())
    assert [one.address for one in proposals] == ["1/0/1"]
    assert left_over(garage, proposals, ets_words()) == ("1/0/2",)
    kitchen = project(("LP1 Leistung", "14.056"), ("Herd", "1.001"), ranges=("EG", "Küche"))
    assert left_over(kitchen, propose(kitchen, EXPECTED, ets_words()), ets_words()) == ()


def test_no_address_and_no_object_is_used_twice() -> None:
    found = proposed(
        *[
            (f"LP{i} {word}", dpt)
            for i in (1, 2)
            for word in ("Strom", "Sperre", "Störung", "Laden")
            for dpt in ("1.002", "9.021", None)
        ]
    )
    assert len({one.address for one in found}) == len(found) == len({one.number for one in found})


def test_words_are_compared_without_accents_and_joined_numbers() -> None:
    assert plain_words("LP1_Zähler L2") == ("lp", "1", "zahler", "l2")
    assert plain_words("Zaehler") == plain_words("zähler")


# --- nothing applied unseen -------------------------------------------------------------------------


def imported(least: Confidence | None) -> Imported:
    named = [("LP1 Leistung", "9.024"), ("LP1 Sperre", None), ("Ladestrom", "9.021")]
    wanted = Wanted(file="list.csv", expected=EXPECTED, words=ets_words(), least=least)
    return import_project(project(*named), wanted, lambda key: FileLine("list.csv", 0, key))


@pytest.mark.parametrize(
    ("least", "links"),
    [
        (None, {}),
        (Confidence.HIGH, {66: "1/0/1"}),
        (Confidence.MEDIUM, {55: "1/0/2", 62: "1/0/3", 66: "1/0/1"}),
        (Confidence.LOW, {55: "1/0/2", 62: "1/0/3", 66: "1/0/1"}),
    ],
)
def test_proposals_are_comments_until_they_are_accepted(
    least: Confidence | None, links: dict[int, str]
) -> None:
    found = imported(least)
    assert found.links == {number: (one,) for number, one in links.items()}
    loaded = parse_configuration(HOME + found.text, catalogue())
    assert loaded.configuration is not None
    taken = loaded.configuration.group_objects
    assert {number: one.addresses for number, one in taken.items()} == found.links
    assert found.text.count("\n") == 3 + 3
    uncommented = found.text.replace("# group_objects", "group_objects").replace("#   ", "  ")
    everything = parse_configuration(HOME + uncommented, catalogue()).configuration
    assert everything is not None
    assert set(everything.group_objects) == {55, 62, 66}


def test_a_list_without_anything_that_fits_is_refused() -> None:
    wanted = Wanted(file="list.csv", expected=EXPECTED, words=ets_words())
    with pytest.raises(ConfigError, match="has neither this gateway"):
        import_project(project(("Licht", "1.001")), wanted, lambda key: FileLine("l", 0, key))
