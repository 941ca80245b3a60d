"""What is exported for ETS and read back links what it linked before: every address, the sending one first."""

import csv
import io
from pathlib import Path

import pytest

from knxgw.catalogue.ets_words import ets_words
from knxgw.catalogue.load import catalogue
from knxgw.config.model import Configuration, GroupAddress
from knxgw.config.objects import existing_objects
from knxgw.errors import FileLine
from knxgw.ets.exported import AddressWishes, Shape, group_addresses, planned_links
from knxgw.ets.imported import Imported, Wanted, import_project
from knxgw.ets.match_objects import expected_objects
from knxgw.ets.project import EtsProject, GroupAddressEntry
from knxgw.ets.propose import Confidence, Proposal, propose
from knxgw.ets.read_group_addresses import read_group_addresses
from tests.config.sites import configuration
from tests.support.pages import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
SHARED = """\
knx: {link: none}
charging_points:
  - {number: 1, name: Links, model: keba_p30, connection: {host: 10.0.0.1}}
  - {number: 2, model: keba_p30, connection: {host: 10.0.0.2}}
group_objects: {55: [4/7/55, 4/0/55, 4/1/55], 105: [4/0/55], 50: [4/1/1], 62: [4/7/2, 4/1/2]}
"""


def exported(site: Configuration, shape: str, wishes: AddressWishes) -> bytes:
    """Return the file of every object of a site."""
    numbers = {one.number for one in existing_objects(site, catalogue())}
    kind = Shape.ETS_XML if shape == "xml" else Shape.ETS_CSV
    data = group_addresses(site, catalogue(), kind, wishes, numbers)
    return in_one_column(data) if shape == "csv 1/1" else data


def in_one_column(data: bytes) -> bytes:
    """Return a file of the format 3/1 as ETS exports it in the format 1/1."""
    _, *rows = csv.reader(io.StringIO(data.decode("utf-8-sig")), delimiter=";")
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(
        (
            "Group name",
            "Address",
            "Central",
            "Unfiltered",
            "Description",
            "DatapointType",
            "Security",
        )
    )
    writer.writerows((max(row[:3]), *row[3:]) for row in rows)
    return text.getvalue().encode("utf-8-sig")


def read_back(data: bytes, site: Configuration) -> Imported:
    """Return what `--accept-proposals high` takes of a file."""
    wanted = Wanted(
        file="back",
        expected=expected_objects(catalogue(), site),
        words=ets_words(),
        configuration=site,
        least=Confidence.HIGH,
    )
    return import_project(read_group_addresses(data), wanted, lambda key: FileLine("back", 0, key))


@pytest.mark.parametrize("shape", ["csv 3/1", "csv 1/1", "xml"])
@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_an_example_comes_back_as_it_went(file: Path, language: str, shape: str) -> None:
    site = configuration(file.read_text(encoding="utf-8"))
    wishes = AddressWishes(language=language)
    links = planned_links(site, catalogue(), wishes)
    here = {one.number for one in existing_objects(site, catalogue())}
    assert read_back(exported(site, shape, wishes), site).links == {
        number: tuple(links[number]) for number in here
    }


@pytest.mark.parametrize("shape", ["csv 3/1", "csv 1/1", "xml"])
@pytest.mark.parametrize("language", ["en", "de"])
def test_the_address_that_sends_is_known_although_it_is_neither_the_lowest_nor_its_own(
    language: str, shape: str
) -> None:
    site = configuration(SHARED)
    found = read_back(exported(site, shape, AddressWishes(language=language)), site).links
    assert found[62] == ("4/7/2", "4/1/2")
    assert found[55] == ("4/7/55", "4/1/55", "4/0/55"), "then what it has for itself"
    assert found[105] == ("4/0/55",)


# --- descriptions that somebody else wrote ----------------------------------------------------------


def described(*descriptions: str, dpt: str | None = "1.002") -> tuple[Proposal, ...]:
    """Return what follows from descriptions of the addresses 1/0/1 and on."""
    entries = [
        GroupAddressEntry(address=GroupAddress(f"1/0/{i}"), name="?", dpt=dpt, description=words)
        for i, words in enumerate(descriptions, 1)
    ]
    project = EtsProject(addresses={one.address: one for one in entries}, is_list=True)
    return propose(project, expected_objects(catalogue(), None), ets_words())


@pytest.mark.parametrize(
    "words",
    [
        "Group objects 55, 105",
        "group objects 55 105",
        "Gruppenobjekte 55,105",
        "GROUP OBJECT 55, 105",
    ],
)
def test_a_list_of_numbers_links_each_of_them(words: str) -> None:
    assert [(one.number, one.addresses) for one in described(words)] == [
        (55, ("1/0/1",)),
        (105, ("1/0/1",)),
    ]


def test_without_a_word_about_listening_an_address_of_its_own_sends() -> None:
    found = described("Group objects 55, 105", "Group object 105", "Group object 55")
    assert {one.number: one.addresses for one in found} == {
        55: ("1/0/3", "1/0/1"),
        105: ("1/0/2", "1/0/1"),
    }


def test_without_a_datapoint_type_a_number_is_likely_only_unless_the_object_has_none_either() -> (
    None
):
    (command, state) = described("Group objects 50, 55", dpt=None)
    assert (command.number, command.confidence) == (50, Confidence.HIGH)
    assert (state.number, state.confidence) == (55, Confidence.MEDIUM)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "Group objects",
        "Listening:",
        "Listening: 55",
        "Group object 57",
        f"Group object {'9' * 5000}",
        "Group object 55 in the hall",
        "55",
    ],
)
def test_a_description_that_names_no_object_of_ours_links_nothing(words: str) -> None:
    assert described(words) == ()
