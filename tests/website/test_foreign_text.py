"""Whatever a charger, a card, ETS or a file says is text on every page, and every text is translated."""

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from typing import Any

import pytest

from knxgw.catalogue.codes import ChargingState, Reason
from knxgw.catalogue.load import catalogue
from knxgw.errors import FileLine, Finding, Plain, Severity
from knxgw.station.view import (
    DetailView,
    FaultView,
    InstalledView,
    LimitView,
    SessionView,
    SiteView,
)
from knxgw.website.device_facts import DeviceFacts
from knxgw.website.language import Language
from knxgw.website.present import present
from tests.support.website import FACTS, NOON, website
from tests.website.test_pages import POINT, SHARED, SITE, text_of

EVIL = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7*7 }}{% if 1 %}",
    "javascript:alert(1)",
    "\u202egnirts\r\nSet-Cookie: a=b",
    "x" * 10_000,
)
FAULT = FaultView(
    code="Comm", severity=60, title="t", cause="c", remedy="r", since=NOON, info="0x1"
)
FULL = replace(
    SITE,
    load_management=SHARED,
    messages=("m",),
    faults=(FAULT,),
    points=(
        replace(
            POINT,
            faults=(FAULT,),
            limits=(LimitView(reason=15, words="w", cap_ma=1, is_effective=True),),
            installed=InstalledView(meter="m", address="a"),
            detail=DetailView(evccid="e", serial="s", firmware="f", card="c", temperature_c=20.5),
            session=SessionView(
                is_open=True, started_at=NOON, ended_at=None, duration_s=60, energy_wh=5
            ),
        ),
    ),
)


def with_text(value: Any, text: str) -> Any:
    """Return a view with every text in it replaced."""
    if isinstance(value, str):
        return text
    if is_dataclass(value) and not isinstance(value, type):
        kept = ("code", "name", "time_zone", "language", "condition")
        changed = {
            one.name: with_text(getattr(value, one.name), text)
            for one in fields(value)
            if one.init and not (one.name in kept and isinstance(getattr(value, one.name), str))
        }
        return replace(value, **changed)
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(with_text(one, text) if not _is_action(one) else one for one in value)
    return value


def _is_action(value: object) -> bool:
    return type(value).__name__ == "Action"


class Tags(HTMLParser):
    """Collects the tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.seen.update(f"{tag} {name}" for name, _ in attrs)


def tags(page: str) -> set[str]:
    parser = Tags()
    parser.feed(page)
    return parser.seen


@pytest.mark.proves("W09")
@pytest.mark.parametrize("text", EVIL, ids=range(len(EVIL)))
def test_a_foreign_text_is_text_everywhere(text: str) -> None:
    evil = replace(with_text(FULL, text), name=text)
    warning = Finding(
        place=FileLine("site.yaml", 1, text), words=Plain(text), severity=Severity.WARNING
    )
    facts: DeviceFacts = with_text(replace(FACTS, serial="s"), text)
    facts = replace(facts, clock_source="ntp", warnings=(warning,))
    with (
        website(lambda _language: FULL) as good,
        website(lambda _language: evil, facts=lambda: facts) as found,
    ):
        for path in ("/", "/points/1", "/settings", "/more"):
            page = found.get(path)
            assert tags(page) == tags(good.get(path)), path
            assert not re.search(r"[\u202a-\u202e\u2066-\u2069]", page), path
            assert "49{%" not in page
        answer = found.browser.get("/api/v1/page")
        assert answer.mimetype == "application/json"
        assert "a=b" not in str(answer.headers)


@pytest.mark.proves("W17")
@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("state", ChargingState)
def test_every_state_has_a_shape_a_word_and_its_value(state: ChargingState, language: str) -> None:
    words = catalogue().product.texts.states[state].name.in_language(language)
    point = replace(POINT, state=int(state), state_words=words)
    with website(lambda _language: replace(SITE, points=(point,))) as found:
        page = found.get("/", language)
    assert f"{words} ({int(state)})" in text_of(page)
    (shape,) = set(re.findall(r'href="#i-([\w-]+)" data-bind="icon:points.1.shape"', page))
    assert f'id="i-{shape}"' in page


@pytest.mark.proves("W17", "W19")
@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("offer_ma", [0, 10_000])
def test_every_reason_makes_a_sentence(reason: Reason, language: str, offer_ma: int) -> None:
    words = catalogue().product.texts.reasons[reason].words.in_language(language)
    point = replace(
        POINT, reason_code=int(reason), reason=words, offer_ma=offer_ma, is_charging=False
    )
    shown = present(replace(SITE, points=(point,)), FACTS, Language(language), NOON, is_ready=True)
    sentence = shown["points"]["1"]["why"]
    assert sentence.endswith(".")
    assert words in sentence or reason is Reason.NO_VEHICLE


class Marking(Language):
    """A language that marks every text that goes through it."""

    def text(self, english: str, **values: object) -> str:
        return "⟦" + (english.format(**values) if values else english) + "⟧"


def leaves(value: object) -> list[str]:
    if isinstance(value, Mapping):
        return [text for one in value.values() for text in leaves(one)]
    return [value] if isinstance(value, str) else []


@pytest.mark.proves("W55")
def test_no_word_of_a_live_page_stands_outside_the_catalogues() -> None:
    silent: SiteView = with_text(FULL, "0")  # what comes from elsewhere has no letters
    silent = replace(silent, name="0")
    facts: DeviceFacts = replace(with_text(FACTS, "0"), clock_source="ntp", knx_link="0")
    shown = present(silent, facts, Marking("en"), NOON, is_ready=True)
    known = {
        "Comm 0",
        "1 Left",
        "Left",
        "good",
        "bad",
        "warning",
        "muted",
        "info",
        "accent",
        "on",
        "off",
        "bolt",
    }
    for text in leaves(shown):
        rest = re.sub(r"⟦[^⟦⟧]*⟧", "", text)
        rest = re.sub(r"\u202f(A|kW|W|kWh|s|min|h|°C)", "", rest)
        if text in known or text.startswith("/") or text == shown["layout"]:
            continue
        assert not re.search(r"[a-zäöü]{3,}", rest), text
