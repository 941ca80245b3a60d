"""The protocol of a set-up says what was set up, and which configuration a first charge has tested."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from knxgw.catalogue.codes import ChargingState, Reason
from knxgw.catalogue.load import catalogue
from knxgw.monitoring.test_charge import Problem, Progress, Result, Row, Step
from knxgw.station.view import InstalledView
from knxgw.store.configurations import Configurations, Origin
from knxgw.website.commissioning import Commissioning
from knxgw.website.configuring import sum_of
from knxgw.website.language import Language
from knxgw.website.pages.wizard_charge import point_words
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.website import FACTS, NOON, Website, website
from tests.website.test_pages import POINT, text_of

FIRST, SECOND = "knx: {link: none}\n", "knx: {link: none}\ndevice: {name: Garage}\n"
TUNNEL = "knx: {link: tunnelling, gateway: 192.0.2.9, individual_address: 1.1.20}\n"

SECOND_SOCKET = InstalledView(
    mains_phases=(2, 3, 1), address="as logs say it", host="192.0.2.31:502", unit=1, connector=2
)


def passed(text: str) -> Progress:
    """Return a first charge that was passed while a text was in force."""
    row = Row(step=Step.VEHICLE, result=Result.GOOD)
    return Progress(
        number=1, point=1, rows=(row,), steps=(row.step,), began_at=NOON, text_sum=sum_of(text)
    )


@contextmanager
def protocol_of(own: Own, *charges: Progress) -> Iterator[Website]:
    """Give a website of a device that has had these first charges."""
    turned = replace(POINT, number=2, installed=SECOND_SOCKET)
    facts = replace(FACTS, addresses=("192.0.2.5",), individual_address="1.1.21")
    with website(
        lambda _language: replace(site(POINT), points=(POINT, turned)),
        device=own.control(),
        facts=lambda: facts,
        commissioning=Commissioning(charges=lambda: {one.point: one for one in charges}),
    ) as found:
        yield found


@pytest.fixture
def kept(tmp_path: Path) -> Configurations:
    """Return two versions, the second of the hour after the first charge."""
    found = Configurations(tmp_path)
    found.keep(FIRST, at=NOON - timedelta(hours=1), origin=Origin.WEBSITE)
    found.keep(SECOND, at=NOON + timedelta(hours=1), origin=Origin.WEBSITE)
    return found


def test_a_first_charge_says_when_it_was_and_with_which_version(kept: Configurations) -> None:
    with protocol_of(Own(SECOND, kept), passed(FIRST)) as visited:
        page = visited.get("/wizard/protocol")
        assert "tested with version 1, another configuration is in force now" in page
        assert "1 Jul 2026, 12:00, tested" in page
        assert "tested with version 1" in visited.get("/wizard/protocol")
    with protocol_of(Own(FIRST, kept), passed(FIRST)) as visited:
        page = visited.get("/wizard/protocol")
        assert "tested with version 1" in page
        assert "another configuration" not in page


def test_a_first_charge_of_a_configuration_that_is_not_kept_says_its_sum() -> None:
    with protocol_of(Own(SECOND), passed(FIRST)) as visited:
        assert f"tested with checksum {sum_of(FIRST)}, another" in visited.get("/wizard/protocol")


def test_a_charging_point_counts_as_tested_only_with_the_configuration_in_force(
    kept: Configurations,
) -> None:
    with protocol_of(Own(SECOND, kept), passed(FIRST)) as visited:
        assert '<button class="primary">Test' in visited.get("/wizard/apply").partition("/2")[0]
    with protocol_of(Own(FIRST, kept), passed(FIRST)) as visited:
        assert '<button class="primary">Test' not in visited.get("/wizard/apply").partition("/2")[0]


def test_phases_stand_in_the_order_of_the_terminals() -> None:
    with protocol_of(Own(FIRST)) as visited:
        page = text_of(visited.get("/wizard/protocol"))
    assert "Phases L2, L3, L1" in page
    assert "Phases L1, L2, L3" in page  # of the first one


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            TUNNEL,
            "KNX connection Tunnel through a KNX IP interface (UDP) "
            "Address of the KNX IP interface 192.0.2.9:3671 Individual address 1.1.21 "
            "KNX Secure no",
        ),
        (
            "knx: {link: routing}\n",
            "KNX connection KNXnet/IP routing (multicast) Multicast group of routing 224.0.23.12 "
            "Individual address 1.1.21",
        ),
        (FIRST, "KNX connection No KNX connection 0 of"),
    ],
    ids=["tunnelling", "routing", "none"],
)
def test_it_says_how_the_device_reaches_knx_and_as_whom(text: str, said: str) -> None:
    with protocol_of(Own(text)) as visited:
        page = text_of(visited.get("/wizard/protocol"))
    assert said in page
    assert "Addresses 192.0.2.5" in page


def test_a_second_socket_is_named_as_the_search_names_it_in_the_language_of_the_page() -> None:
    with protocol_of(Own(FIRST)) as visited:
        assert "192.0.2.31:502, unit 1, connector 2" in visited.get("/wizard/protocol")
        assert "192.0.2.31:502, Unit 1, Anschluss 2" in visited.get("/wizard/protocol", "de")


def test_a_first_charge_is_told_in_the_language_of_the_page_not_of_the_device() -> None:
    row = Row(
        step=Step.CHARGE,
        result=Result.BAD,
        problem=Problem.NOT_OFFERED,
        state=int(ChargingState.CHARGE),
        state_words="Charge",
        reason="interruption",
        reason_code=int(Reason.INTERRUPTION),
        offer_ma=6000,
    )
    charge = Progress(number=1, point=1, rows=(row,), steps=(row.step,), text_sum=sum_of(FIRST))
    texts = catalogue().product.texts
    with protocol_of(Own(FIRST), charge) as visited:
        for language in ("en", "de"):
            page = visited.get("/wizard/protocol", language)
            assert texts.states[ChargingState.CHARGE].name.in_language(language) in page
            assert texts.reasons[Reason.INTERRUPTION].words.in_language(language) in page
        assert "interruption" not in visited.get("/wizard/protocol", "de").lower()


def test_a_charging_point_without_a_name_of_its_own_is_named_once_in_every_language() -> None:
    for name in ("", "Charging point 1", "Ladepunkt 1"):
        assert point_words(replace(POINT, name=name), Language("de")) == "Ladepunkt 1"
        assert point_words(replace(POINT, name=name), Language("en")) == "Charging point 1"
    assert point_words(POINT, Language("de")) == "Ladepunkt 1: Left"
