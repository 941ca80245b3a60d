"""Links of a device in ETS: what is taken, changed, left out."""

import pytest

from knxgw.catalogue.ets_words import ets_words
from knxgw.catalogue.flags import Flags
from knxgw.catalogue.load import catalogue
from knxgw.config.model import GroupAddress
from knxgw.errors import ConfigError, FileLine, Place
from knxgw.ets.imported import Imported, Wanted, import_project
from knxgw.ets.match_objects import ImportedObject, Outcome, expected_objects, match_objects
from knxgw.ets.project import DeviceObject, EtsDevice, EtsProject, GroupAddressEntry
from tests.config.sites import HOME, configuration

OURS = "M-00FA_A-E501-10-0000"
EXPECTED = expected_objects(catalogue(), None)


def place(key: str) -> Place:
    return FileLine("house.knxproj", 0, key)


def linked(
    number: int | None,
    *addresses: str,
    dpt: str | None = None,
    size: str = "",
    flags: str | None = None,
) -> DeviceObject:
    """Return an object of ETS; what is not said is as ours."""
    ours = EXPECTED.get(number or 0)
    return DeviceObject(
        number=number,
        text="",
        function_text="",
        size=size,
        dpts=(dpt,) if dpt else (),
        flags=Flags.parse(flags or (ours.definition.flags if ours else "C-----")),
        addresses=tuple(GroupAddress(one) for one in addresses or ("1/0/1",)),
    )


def device(*objects: DeviceObject, ia: str = "1.0.5", application: str = OURS) -> EtsDevice:
    return EtsDevice(
        individual_address=ia,
        name="Box",
        product="",
        manufacturer="Somebody",
        order_number="",
        application=application,
        objects=objects,
    )


def house(*devices: EtsDevice, **types: str) -> EtsProject:
    """Return a project; `types`: of group addresses, "a1_0_1"."""
    entries = [
        GroupAddressEntry(address=GroupAddress(name[1:].replace("_", "/")), name="", dpt=dpt)
        for name, dpt in types.items()
    ]
    return EtsProject(devices=devices, addresses={one.address: one for one in entries})


def match(one: DeviceObject, site: str | None = None, **types: str) -> ImportedObject:
    expected = expected_objects(catalogue(), configuration(site)) if site else EXPECTED
    (found,) = match_objects(device(one), house(**types), expected, place)
    return found


def said(found: ImportedObject) -> list[str]:
    return [one.words.id for one in found.findings]  # type: ignore[attr-defined]


def take(project: EtsProject, **more: object) -> Imported:
    wanted = Wanted(file="f", expected=EXPECTED, words=ets_words(), **more)  # type: ignore[arg-type]
    return import_project(project, wanted, place)


def test_an_object_as_the_catalogue_has_it_is_taken_without_a_word() -> None:
    addresses = ("1/0/2", "1/0/1")
    found = {
        number: match(linked(number, *addresses, dpt=ours.dpt)) for number, ours in EXPECTED.items()
    }
    assert found
    said_of = {number: (one.outcome, one.addresses, said(one)) for number, one in found.items()}
    assert said_of == dict.fromkeys(EXPECTED, (Outcome.TAKEN, addresses, []))


def test_the_type_of_the_address_counts_where_the_object_has_none() -> None:
    assert match(linked(66), a1_0_1="14.056").outcome is Outcome.CHANGED
    assert match(linked(66), a1_0_1="5.001").outcome is Outcome.LEFT_OUT
    assert match(linked(66)).outcome is Outcome.TAKEN


@pytest.mark.parametrize(
    ("one", "outcome", "id_"),
    [
        (linked(57), Outcome.LEFT_OUT, "object_unknown"),
        (linked(None), Outcome.LEFT_OUT, "ets_object_without_number"),
        (linked(66, dpt="5.001"), Outcome.LEFT_OUT, "ets_type_does_not_fit"),
        (linked(66, dpt="1.002", size="1 Bit"), Outcome.LEFT_OUT, "ets_type_does_not_fit"),
        (linked(66, size="1 Byte"), Outcome.LEFT_OUT, "ets_size_does_not_fit"),
        (linked(50, dpt="7.005"), Outcome.LEFT_OUT, "ets_size_does_not_fit"),
        (linked(50, size="2 Bytes"), Outcome.LEFT_OUT, "ets_size_does_not_fit"),
        (linked(55, dpt="9.024", size="1 Bit"), Outcome.LEFT_OUT, "ets_type_does_not_fit"),
        (linked(66, dpt="14.056", size="4 Bytes"), Outcome.CHANGED, "ets_type_differs"),
        (linked(66, size="4 Bytes"), Outcome.CHANGED, "ets_size_differs"),
        (linked(70, dpt="13.013"), Outcome.CHANGED, "ets_type_differs"),
        (linked(55, flags="C-W---"), Outcome.CHANGED, "ets_flags_differ"),
    ],
)
def test_what_is_not_as_here_is_said(one: DeviceObject, outcome: Outcome, id_: str) -> None:
    found = match(one)
    assert found.outcome is outcome
    assert id_ in said(found)


@pytest.mark.parametrize(
    "one",
    [
        linked(55, dpt="1.001"),
        linked(50, dpt="20.102", size="1 Byte"),
        linked(50, dpt="5.010"),
        linked(66, dpt="9"),
        linked(16 - 7, dpt="16.000", size="14 Bytes"),
    ],
)
def test_a_type_with_the_same_values_is_taken(one: DeviceObject) -> None:
    assert match(one).outcome is Outcome.TAKEN


def test_a_number_twice_counts_once() -> None:
    first, second = match_objects(
        device(linked(55, "1/0/1"), linked(55, "1/0/2")), house(), EXPECTED, place
    )
    assert (first.outcome, second.outcome) == (Outcome.TAKEN, Outcome.LEFT_OUT)
    assert said(second) == ["object_given_twice"]


def test_the_chosen_type_and_the_objects_of_the_site_count() -> None:
    chosen = HOME.replace("keba_p30,", "keba_p30, dpt: {power: '14.056'},")
    assert match(linked(66, dpt="14.056"), chosen).outcome is Outcome.TAKEN
    assert said(match(linked(66, dpt="9.024"), chosen)) == ["ets_type_differs"]
    assert said(match(linked(105, dpt="1.002"), chosen)) == ["ets_object_not_here"]


# --- which device -----------------------------------------------------------------------------------

FIVE = (
    linked(50, size="1 Byte"),
    *(linked(number, dpt=EXPECTED[number].dpt) for number in (51, 52, 55, 66)),
)


def test_our_device_is_known_by_its_application() -> None:
    found = take(house(device(*FIVE, ia="1.0.6", application="M-1_A-1"), device(*FIVE)))
    assert found.individual_address == "1.0.5"
    assert list(found.links) == [50, 51, 52, 55, 66]


def test_a_device_with_our_numbers_stands_in() -> None:
    other = device(linked(1, dpt="5.001"), ia="1.0.7", application="M-2_A-1")
    found = take(house(device(*FIVE, application="M-1_A-1"), other))
    assert found.individual_address == "1.0.5"
    assert "a stand-in" in found.text


@pytest.mark.parametrize(
    "objects",
    [FIVE[:4], (*FIVE, linked(57, dpt="1.001")), (*FIVE, linked(56, dpt="9.001"))],
)
def test_a_device_that_fits_in_part_is_not_taken_unasked(
    objects: tuple[DeviceObject, ...],
) -> None:
    project = house(device(*objects, application="M-1_A-1"))
    with pytest.raises(ConfigError) as caught:
        take(project)
    assert [one.key for one in caught.value.findings] == ["", "1.0.5"]
    assert set(take(project, device="1.0.5").links) >= {50, 51, 52, 55}


def test_of_several_the_configured_or_named_one_counts() -> None:
    two = house(device(*FIVE), device(FIVE[0], ia="1.0.6"))
    with pytest.raises(ConfigError, match=r"several devices .*: 1\.0\.5, 1\.0\.6"):
        take(two)
    site = configuration(HOME.replace("{link", "{individual_address: 1.0.6, link"))
    assert list(take(two, configuration=site).links) == [50]
    assert list(take(two, configuration=site, device="1.0.5").links) == [50, 51, 52, 55, 66]


def test_a_device_of_which_nothing_fits_is_refused_with_the_list_of_devices() -> None:
    project = house(device(linked(57), application="M-1_A-1"))
    with pytest.raises(
        ConfigError, match=r"no linked group object of device 1\.0\.5 fits"
    ) as caught:
        take(project, device="1.0.5")
    assert "1.0.5: Box, Somebody, linked group objects: 1" in str(caught.value)


def test_links_of_the_configuration_that_change_are_named() -> None:
    site = configuration(HOME + "group_objects: {50: 1/0/1, 55: 2/0/1, 56: 2/0/2}\n")
    findings = [str(one) for one in take(house(device(*FIVE)), configuration=site).findings]
    assert any(
        "group_objects.55: the configuration has 2/0/1, ETS has 1/0/1" in one for one in findings
    )
    assert any("56: the configuration links 2/0/2, ETS links nothing" in one for one in findings)
    assert not any("50: the configuration" in one for one in findings)
