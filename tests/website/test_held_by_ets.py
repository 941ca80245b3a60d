"""While ETS holds the device, its configuration is shown and cannot be changed, but for what belongs to the machine."""

import io
import zipfile
from collections.abc import Iterator

import pytest

from knxgw.config.edit_yaml import values_of
from knxgw.store.configurations import Configurations
from knxgw.website.configuring import HeldByEts, Outcome, Proposal, sum_of
from knxgw.website.drafts import Draft
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.website import Website, website
from tests.website.test_configuration_forms import EXAMPLES
from tests.website.test_pages import POINT

LOADED = "device:\n  name: Carport of ETS\n"
OWN_FILE = "device:\n  name: Garage\nknx:\n  keyring_password: sesame42\n"
EDITING = (
    "/config/form/device",
    "/config/form/charging_points/1",
    "/config/objects",
    "/config/objects/export",
    "/wizard",
    "/wizard/points",
    "/wizard/check",
    "/wizard/protocol",
)
OF_MACHINE = ("/config/form/knx", "/config/form/website", "/config/form/panel", "/config/keyring")


class HeldOwn(Own):
    """A device whose own file is not in force."""

    held = True
    loaded = LOADED

    def propose(self, proposal: Proposal) -> Outcome:
        """Refuse a text."""
        self.proposed.append(proposal)
        return Outcome(is_taken=False, is_held_by_ets=True)


@pytest.fixture
def own(tmp_path_factory: pytest.TempPathFactory) -> HeldOwn:
    kept = Configurations(tmp_path_factory.mktemp("versions"))
    return HeldOwn(EXAMPLES[2].read_text(encoding="utf-8"), kept)


@pytest.fixture
def visited(own: HeldOwn) -> Iterator[Website]:
    device = own.control(ets=HeldByEts(is_held=lambda: own.held, text=lambda: own.loaded))
    view = {"device": device, "configuration": lambda: OWN_FILE}
    with website(lambda _language: site(POINT), **view) as found:
        yield found


@pytest.mark.proves("W46")
def test_the_page_shows_what_ets_has_loaded_and_nothing_to_type_into(visited: Website) -> None:
    page = visited.get("/config")
    assert "Programmed by ETS" in page
    assert "Carport of ETS" in page
    assert "<textarea" not in page
    assert 'type="file"' not in page
    assert "Von der ETS programmiert" in visited.get("/config", "de")
    assert visited.get("/config/loaded/knxgw.yaml") == LOADED


@pytest.mark.proves("W46")
@pytest.mark.parametrize("path", EDITING)
def test_what_edits_the_file_leads_to_that_page(own: HeldOwn, visited: Website, path: str) -> None:
    answer = visited.browser.get(path)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/config")
    own.held = False
    assert visited.browser.get(path).headers.get("Location") != "/config"


@pytest.mark.parametrize("path", OF_MACHINE)
def test_the_forms_of_the_machine_stay_open(visited: Website, path: str) -> None:
    assert f'href="{path}"' in visited.get("/config")
    visited.get(path)


@pytest.mark.proves("W46")
def test_a_device_without_a_file_of_its_own_has_the_forms_of_the_machine_too(
    own: HeldOwn, visited: Website
) -> None:
    own.text = ""
    page = visited.get("/config")
    for path in OF_MACHINE:
        assert f'href="{path}"' in page
        visited.get(path)
    assert "/config/form/device" not in page
    answer = visited.post("/config/form/knx", **{"knx.link": "none"})
    assert answer.headers["Location"] == "/config/draft"
    draft = visited.app.extensions["knxgw"].drafts.of("owner")
    assert (values_of(draft.text), draft.based_on) == ({"knx": {"link": "none"}}, sum_of(""))
    given_back = Draft(text=draft.text, based_on=draft.based_on, was_taken_back=True)
    visited.app.extensions["knxgw"].drafts.keep("owner", given_back)
    assert "Your change was taken back" in visited.get("/config")
    # a draft that says more is of no use meanwhile, and in the way of the next form
    page = visited.get("/config")
    assert "it can be applied if it changes nothing but what belongs to this machine" in page
    assert 'action="/config/draft/discard"' in page


@pytest.mark.proves("W46")
def test_a_form_that_was_open_before_changes_nothing(own: HeldOwn, visited: Website) -> None:
    own.held = False
    page = visited.get("/config/form/charging_points/1")
    own.held = True
    assert page
    answer = visited.post("/config/form/charging_points/1", **{"charging_points[0].name": "Other"})
    assert answer.headers["Location"] == "/config"
    assert visited.post("/config/form/charging_points/1/check").status_code == 409
    assert visited.app.extensions["knxgw"].drafts.of("owner") is None


@pytest.mark.proves("W46")
def test_a_text_that_is_applied_all_the_same_is_refused_with_the_reason(visited: Website) -> None:
    answer = visited.post("/config/apply", text=LOADED)
    assert answer.status_code == 409
    page = answer.get_data(as_text=True)
    assert "Not applied. ETS has loaded this device" in page
    assert "unload the device in ETS" in page


def test_a_device_that_is_being_loaded_says_so(own: HeldOwn, visited: Website) -> None:
    own.loaded = ""
    assert "no charger is controlled until it is complete" in visited.get("/config")
    assert visited.browser.get("/config/loaded/knxgw.yaml").status_code == 404


def test_no_version_is_called_in_force(own: HeldOwn, visited: Website) -> None:
    assert "None of them is in force now" in visited.get("/config/versions")
    own.held = False
    assert "None of them is in force now" not in visited.get("/config/versions")


def packed(visited: Website) -> dict[str, str]:
    """Return the configurations of the log file, by name."""
    answer = visited.post("/support/log.zip")
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.get_data())) as archive:
        return {
            name: archive.read(name).decode()
            for name in archive.namelist()
            if name.endswith(".yaml")
        }


@pytest.mark.proves("W14", "W36", "W46")
def test_the_log_file_has_what_is_in_force_and_says_of_the_own_file_that_it_is_not(
    own: HeldOwn, visited: Website
) -> None:
    files = packed(visited)
    assert files["configuration.yaml"] == LOADED
    kept = files["own-configuration-not-in-force.yaml"]
    assert "name: Garage" in kept
    assert "sesame42" not in kept
    own.loaded = ""
    assert packed(visited)["configuration.yaml"].startswith("# ETS is loading the device")
    own.held = False
    assert set(packed(visited)) == {"configuration.yaml"}
    assert "name: Garage" in packed(visited)["configuration.yaml"]
