"""A device is read once from its form: what is typed is handed on, and what came of it is shown."""

from collections.abc import Iterator
from typing import Any

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import message
from knxgw.charging.quantities import Quantity
from knxgw.config.edit_yaml import edited
from knxgw.config.one_device import OneDevice
from knxgw.errors import FileLine, Finding, RejectedError, Severity
from knxgw.website.access.roles import Role
from knxgw.website.language import LANGUAGES, Language
from knxgw.website.quantity_words import value_rows
from knxgw.website.trials import Trial, Trials
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.website import Website, website
from tests.website.test_configuration_forms import EXAMPLES, typed_in
from tests.website.test_models import text_of
from tests.website.test_pages import POINT

FORM = "/config/form/charging_points/1"
HOST = "charging_points[0].connection.host"
VALUES = {
    Quantity.STATE: 5,
    Quantity.CONNECTED: 1,
    Quantity.CURRENT_L1: 15_980,
    Quantity.POWER: -230,
}
FINDING = Finding(
    place=FileLine("", 0, "charging_points[0].connection.port"),
    words=message("online_refused", address="192.168.1.7:502"),
    severity=Severity.WARNING,
)


class Reads:
    """Reads that end as a test wants."""

    def __init__(self) -> None:
        self.wanted: list[OneDevice] = []
        self.cancelled: list[int] = []
        self.trial = Trial(is_running=True, words=message("online_reading"))
        self.at_the_end = Trial(is_running=False, values=VALUES, words=message("online_answers", model="keba_p30", where=message("where_unit", unit=255)))  # fmt: skip

    def start(self, wanted: OneDevice) -> int:
        self.wanted.append(wanted)
        return 7

    def finished(self, _number: int) -> None:
        self.trial = self.at_the_end

    def for_pages(self) -> Trials:
        return Trials(
            start=self.start,
            progress=lambda number: self.trial if number == 7 else None,
            cancel=self.cancelled.append,
            finished=self.finished,
        )


@pytest.fixture
def own() -> Own:
    return Own(EXAMPLES[2].read_text(encoding="utf-8"))


@pytest.fixture
def reads() -> Reads:
    return Reads()


@pytest.fixture
def visited(own: Own, reads: Reads) -> Iterator[Website]:
    with website(
        lambda _language: site(POINT), device=own.control(), trials=reads.for_pages()
    ) as found:
        yield found


def begin(visited: Website, path: str, language: str = "en", **typed: str) -> dict[str, Any]:
    """Begin a read as the script does."""
    answer = visited.browser.post(
        path,
        data={"csrf": visited.csrf, **typed},
        headers={"Accept": "application/json", "Accept-Language": language},
    )
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: dict[str, Any] = answer.get_json()
    return found


@pytest.mark.proves("W64")
def test_what_is_typed_is_read_and_neither_kept_nor_applied(
    own: Own, reads: Reads, visited: Website
) -> None:
    before = own.text
    found = begin(visited, f"{FORM}/read/charger", **{HOST: "192.168.1.7"})
    assert (found["number"], found["is_running"], found["text"]) == (7, True, "Reads.")
    (wanted,) = reads.wanted
    assert wanted.device.connection.host == "192.168.1.7"
    assert own.text == before
    assert visited.app.extensions["knxgw"].drafts.of("owner") is None


@pytest.mark.proves("W64")
@pytest.mark.parametrize("language", LANGUAGES)
def test_values_have_units_and_a_finding_its_remedy(
    reads: Reads, visited: Website, language: str
) -> None:
    reads.trial = Trial(
        is_running=False, values=VALUES, findings=(FINDING,), words=message("online_not_reached")
    )
    found = visited.browser.get(
        "/config/trials/7", headers={"Accept-Language": language}
    ).get_json()
    values = dict(found["values"])
    state = catalogue().product.texts.states[5].name.in_language(language)  # type: ignore[index]
    assert state in values.values()
    assert {"en": "15.98\u202fA", "de": "15,98\u202fA"}[language] in values.values()
    assert "-230\u202fW" in values.values()
    (said,) = found["findings"]
    assert said["text"] == "; ".join(FINDING.said(language))
    assert found["tone"] == "warning"


@pytest.mark.proves("W64")
def test_without_a_script_the_page_waits_for_the_end_and_keeps_what_is_typed(
    own: Own, reads: Reads, visited: Website
) -> None:
    typed = typed_in(visited.get(FORM)) | {HOST: "192.168.1.7"}
    page = visited.post(f"{FORM}/read/charger", **typed).get_data(as_text=True)
    shown = text_of(page)
    assert "Answers as keba_p30, unit 255." in shown
    assert "15.98\u202fA" in page
    assert typed_in(page)[HOST] == "192.168.1.7"
    assert typed_in(visited.get(FORM))[HOST] == "192.168.1.7"


@pytest.mark.proves("W64")
def test_what_is_wrong_in_the_form_is_said_and_nobody_is_asked(
    reads: Reads, visited: Website
) -> None:
    found = begin(visited, f"{FORM}/read/charger", **{HOST: "no host"})
    assert (found["number"], found["is_running"]) == (0, False)
    assert "first" in found["text"]
    assert any("no host" in one["text"] for one in found["findings"])
    assert reads.wanted == []


@pytest.mark.proves("W64")
def test_the_smart_meter_and_the_meter_of_a_point_are_read_from_their_forms(
    own: Own, reads: Reads, visited: Website
) -> None:
    where = {"host": "192.168.1.9", "port": 502, "unit": 1}
    meter = {"model": "eastron_sdm630", "connection": {"type": "rtu_over_tcp", **where}}
    own.text = edited(
        own.text,
        {("load_management", "smart_meter"): meter, ("charging_points", 0, "meter"): meter},
    )
    begin(visited, "/config/form/load_management/read/smart_meter")
    begin(visited, f"{FORM}/read/meter")
    assert [one.device.id for one in reads.wanted] == ["grid/meter", "cp1/meter"]
    assert "Read once" in visited.get("/config/form/load_management")


@pytest.mark.proves("W64")
def test_a_read_is_cancelled(reads: Reads, visited: Website) -> None:
    assert visited.post("/config/trials/7/cancel").status_code == 200
    assert reads.cancelled == [7]
    assert visited.browser.get("/config/trials/8").status_code == 404


@pytest.mark.parametrize(
    "path", ["/config/form/device/read/charger", f"{FORM}/read/smart_meter", f"{FORM}/read/house"]
)
def test_nothing_else_can_be_read(visited: Website, path: str) -> None:
    assert visited.post(path).status_code == 404


def test_only_those_who_configure_read_devices(visited: Website) -> None:
    guest = visited.guest(Role.USER)
    assert guest.post(f"{FORM}/read/charger").status_code == 403
    assert guest.browser.get("/config/trials/7").status_code == 403
    assert visited.browser.post(f"{FORM}/read/charger", data={"csrf": "x"}).status_code == 403


def test_a_device_that_does_not_run_reads_nothing(own: Own) -> None:
    with website(lambda _language: site(POINT), device=own.control()) as found:
        answer = begin(found, f"{FORM}/read/charger")
    assert answer["text"] == "the device does not run"


def test_enter_in_a_field_still_takes_the_form_into_the_draft(visited: Website) -> None:
    form = visited.get(FORM).split('<form method="post" novalidate')[1]
    assert form.index("<button hidden></button>") < form.index("Read once")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("quantity", Quantity)
def test_every_quantity_has_a_name_and_a_value(quantity: Quantity, language: str) -> None:
    texts = catalogue().product.texts
    ((name, value),) = value_rows({quantity: 1}, texts, Language(language))
    assert name[0].isupper()
    assert value
    assert next(value_rows({quantity: "x\u202e\n"}, texts, Language(language)))[1].isprintable()


def test_a_start_that_is_refused_is_said(own: Own) -> None:
    def refuse(_wanted: OneDevice) -> int:
        raise RejectedError("the device does not react")

    with website(
        lambda _language: site(POINT), device=own.control(), trials=Trials(start=refuse)
    ) as found:
        answer = begin(found, f"{FORM}/read/charger", "de")
    assert answer["text"] == "das Gerät reagiert nicht"
