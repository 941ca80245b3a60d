"""Help can be dictated on the telephone, and licences are those of what is installed."""

import re
from importlib.metadata import distribution, requires

import pytest

from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.load import catalogue
from knxgw.device.panel import Meaning, PanelState, Phase, meaning, patterns
from knxgw.website.licences import packages
from knxgw.website.pages.help_pages import LEDS, slug_of
from knxgw.website.panel_words import MEANINGS
from tests.support.website import website
from tests.website.test_pages import SITE, text_of


@pytest.mark.proves("W18")
def test_every_fault_has_a_page_with_cause_and_remedy() -> None:
    definitions = catalogue().product.faults.definitions
    with website(lambda _language: SITE) as found:
        overview = found.get("/help")
        for code in FaultCode:
            assert f'href="/help/{slug_of(code)}"' in overview
            for language in ("en", "de"):
                html = found.get(f"/help/{slug_of(code)}", language)
                page = text_of(html)
                assert code.value in page
                for text in (definitions[code].cause, definitions[code].remedy):
                    shown = " ".join(text.in_language(language).split())
                    assert shown in page.replace("&#34;", '"').replace("&#39;", "'")
        assert found.browser.get("/help/NoSuchFault").status_code == 404


@pytest.mark.proves("W29")
@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("flashes", [0, 3, 5])
@pytest.mark.parametrize("connected", [True, False])
def test_help_shows_the_pattern_of_every_meaning(
    phase: Phase, flashes: int, *, connected: bool
) -> None:
    state = PanelState(phase=phase, is_knx_connected=connected, fault_flashes=flashes)
    means, shown = meaning(state, 100.0), patterns(state, 100.0)
    app, com, programming = LEDS[means]
    assert app is shown.app or means is Meaning.KNX_LOST
    assert com is shown.com or means is Meaning.SERIOUS_FAULT
    assert programming is shown.programming


def test_every_meaning_has_words() -> None:
    assert {one[0] for one in MEANINGS} == set(Meaning) == set(LEDS)


@pytest.mark.proves("W51")
def test_the_licences_are_those_of_the_installed_packages() -> None:
    listed = {one.name.lower(): one for one in packages()}
    for line in requires("knxgw") or ():
        if "extra ==" in line:
            continue
        name = re.split(r"[<>=!~ ;]", line)[0].lower()
        assert listed[name].version == distribution(name).version
    for one in packages():
        assert one.licence, one.name
        assert one.texts or one.name == "pyserial", one.name
    with website(lambda _language: SITE) as found:
        page = text_of(found.get("/licences"))
    assert all(f"{one.name} {one.version}" in page for one in packages())
