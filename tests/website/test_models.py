"""What a model supplies stands beside its picker and on a page of its own, in both languages."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.load import catalogue
from knxgw.catalogue.model_texts import in_language
from knxgw.website.access.roles import Role
from knxgw.website.language import LANGUAGES, Language
from knxgw.website.model_words import facts_of
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.website import Website, website
from tests.website.test_configuration_forms import EXAMPLES, typed_in
from tests.website.test_pages import POINT

MODELS = {str(model.id): model for model in catalogue().models}
FORM, MODEL = "/config/form/charging_points/1", "charging_points[0].model"


@pytest.fixture(scope="module")
def visited() -> Iterator[Website]:
    own = Own(EXAMPLES[2].read_text(encoding="utf-8"))
    with website(lambda _language: site(POINT), device=own.control()) as found:
        yield found


def text_of(html: str) -> str:
    """Return what can be read of a page."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).split())


def path_of(model: DeviceModel) -> str:
    return f"/config/models/{model.kind}/{model.id}"


@pytest.mark.proves("W63")
@pytest.mark.parametrize("model_id", MODELS)
def test_the_page_of_a_model_says_what_its_file_says(visited: Website, model_id: str) -> None:
    model = MODELS[model_id]
    for language in LANGUAGES:
        page = text_of(visited.get(path_of(model), language))
        for one in catalogue().objects:
            if one.needs is not None:
                said = f"{one.function.in_language(language)} ({one.number})"
                assert (said in page) is (one.needs in model.capabilities), said
        wanted = [model.manufacturer, str(model.port), str(model.unit_id)]
        sentences = (in_language(one, language) for one in (*model.setup, *model.quirks))
        wanted += [*filter(None, sentences), *model.variants, *model.sources]
        wanted += [str(model.serial)] if model.serial else []
        wanted += [transport.value.upper() for transport in model.transports]
        for one_text in wanted:
            assert " ".join(one_text.split()) in page
        doubt = ("only one source says so: compare", "nur eine Quelle sagt es so: vergleichen")
        assert any(one in page for one in doubt) is not model.is_confirmed


@pytest.mark.proves("W63")
def test_what_an_installer_must_do_at_the_device_comes_first() -> None:
    for model in MODELS.values():
        facts = facts_of(model, catalogue().product, Language("en")).facts
        firsts = [fact.is_first for fact in facts]
        assert firsts == sorted(firsts, reverse=True)
        assert any(model.setup == fact.texts and fact.is_first for fact in facts) is bool(
            model.setup
        )


@pytest.mark.proves("W63")
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_picker_has_the_same_facts_without_a_script(visited: Website, language: str) -> None:
    form = visited.get(FORM, language)
    model = MODELS[typed_in(form)[MODEL]]
    beside = form.split(f'id="model:{MODEL}"')[1].split('id="said:')[0].split("</details>")[0]
    for fact in facts_of(model, catalogue().product, Language(language)).facts:
        assert all(" ".join(one.split()) in text_of(beside) for one in fact.texts)
    assert f'href="{path_of(model)}"' in beside


@pytest.mark.proves("W63")
def test_the_script_gets_the_same_facts(visited: Website) -> None:
    model = MODELS["eastron_sdm630"]
    answer = visited.browser.get(f"{path_of(model)}.json", headers={"Accept-Language": "de"})
    found = answer.get_json()
    wanted = facts_of(model, catalogue().product, Language("de"))
    assert (found["title"], found["path"]) == (wanted.title, path_of(model))
    assert [(one["label"], tuple(one["texts"])) for one in found["facts"]] == [
        (one.label, one.texts) for one in wanted.facts
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/config/models/charger/no_such",
        "/config/models/charger/eastron_sdm630",
        "/config/models/dish/keba_p30",
        "/config/models/charger/no_such.json",
    ],
)
def test_there_is_no_page_of_another_model(visited: Website, path: str) -> None:
    assert visited.browser.get(path).status_code == 404


def test_only_those_who_configure_see_models(visited: Website) -> None:
    guest = visited.guest(Role.USER)
    for path in (path_of(MODELS["keba_p30"]), f"{path_of(MODELS['keba_p30'])}.json"):
        assert guest.browser.get(path).status_code == 403


def test_every_model_can_be_looked_for_by_all_of_its_names(visited: Website) -> None:
    pairs = re.findall(r'<option data-names="([^"]*)" value="([^"]*)"', visited.get(FORM))
    found = {model_id: names for names, model_id in pairs}
    for model in catalogue().chargers.values():
        names = unescape(found[model.id])
        assert all(one in names for one in (model.manufacturer, model.model, *model.variants))


def test_the_documentation_is_made_of_the_same_words() -> None:
    pages = (Path(__file__).parents[2] / "tools" / "pages" / "catalogue.py").read_text("utf-8")
    assert "gives the minimum" not in pages
    assert "watchdog_words" in pages
