"""In German no page shows an English word, and no template holds a word outside the catalogue."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from knxgw.catalogue.directory import product_db
from knxgw.catalogue.model_texts import FILE
from knxgw.charging.scope import DEVICE
from knxgw.charging.session import SessionEnding
from knxgw.errors import FileLine, Finding, Plain, Severity
from knxgw.monitoring.telegrams import Meaning, TelegramRing
from knxgw.station.view import SiteView
from knxgw.store.database import Database, FaultRow, SessionRow
from knxgw.store.history import History
from knxgw.website import app
from knxgw.website.language import FOLDER
from knxgw.website.recordings import Telegrams
from tests.support.website import FACTS, NOON, Website, website
from tests.website.test_foreign_text import FULL, with_text
from tests.website.test_group_monitor import telegram
from tests.website.test_security import filled, routes
from tests.website.test_translations import each

TEMPLATES = Path(app.__file__).parent / "templates"
WORD = re.compile(r"[A-Za-zÄÖÜäöüß]{2,}")
SHOWN = {"aria-label", "title", "alt", "placeholder", "data-label", "data-confirm", "data-yes"}
SAME = {  # names that are no words of a language, and what is written as people type it
    "app", "com", "dpt", "kwh", "kw", "ma", "min", "wh", "en", "de", "english", "deutsch", "localhost", "owner",
    "service", "write", "direction", "out", "security", "refused", "nan", "ms",
}  # fmt: skip
FOREIGN = ("/licences", "/wizard/mains")  # texts of other people, names of models


class Texts(HTMLParser):
    """Collects what a page says: its texts, and the attributes that are read aloud."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in ("script", "style", "symbol")
        self.found += [value for name, value in attrs if name in SHOWN and value]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("script", "style", "symbol")

    def handle_data(self, data: str) -> None:
        if not self._silent and data.strip():
            self.found.append(" ".join(data.split()))


def texts_on(page: str) -> list[str]:
    parser = Texts()
    parser.feed(page)
    return parser.found


def words_in(text: str) -> set[str]:
    return {one.lower() for one in WORD.findall(text)}


@pytest.fixture(scope="module")
def german() -> dict[str, str]:
    with (FOLDER / "de/LC_MESSAGES/messages.po").open("rb") as file:
        return {
            " ".join(each(one.id)): " ".join(each(one.string)) for one in read_po(file) if one.id
        }


@pytest.fixture(scope="module")
def english_words(german: dict[str, str]) -> set[str]:
    """Return the words of English texts that no German text has."""
    known = words_in(" ".join(german.values())) | SAME
    for path in sorted(Path(str(product_db())).rglob("*.yaml")):
        if path.parent.name not in ("chargers", "meters") and path.name != FILE:
            lines = path.read_text(encoding="utf-8")
            known |= words_in(" ".join(re.findall(r"_?de: (?:>-\s*)?([^,}\n]*)", lines)))
    return words_in(" ".join(german)) - known


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Website]:
    """Give a website that has something on every page; what is foreign there has no words."""
    site: SiteView = with_text(FULL, "0")
    points = tuple(replace(one, name="0") for one in site.points)
    site = replace(site, name="0", language="de", points=points)
    warning = Finding(place=FileLine("0", 1, "0"), words=Plain("0"), severity=Severity.WARNING)
    facts = replace(FACTS, warnings=(warning,), serial="0", started_at=NOON)
    rows = [
        SessionRow(point=1, started_at=NOON.isoformat(), ended_at=NOON.isoformat(), duration_s=60,
                   energy_mwh=1_000_000, ending=ending.value, held_by=16)
        for ending in SessionEnding
    ]  # fmt: skip
    faults = [FaultRow(at=NOON.isoformat(), scope=DEVICE, code="OverCurrent", present=True)]
    database, kept = Database(tmp_path / "history"), TelegramRing()
    database.save({}, rows, faults)
    for number in range(3):
        kept.note(telegram(number))
    telegrams = Telegrams(kept=kept, interpret=lambda _address, _payload: Meaning())
    given = {
        "facts": lambda: facts,
        "history": History(tmp_path / "history"),
        "telegrams": telegrams,
    }
    with website(lambda _language: site, **given) as found:
        yield found
    database.close()


def test_a_page_in_german_has_no_english_word(shown: Website, english_words: set[str]) -> None:
    assert {"the", "charging", "history"} <= english_words
    wrong: list[str] = []
    seen = 0
    paths = [filled(rule) for method, rule in routes(shown) if method == "GET"]
    for path in [*paths, "/help/NotReachable", "/no/such/page", "/?said=done", "/?failed=3"]:
        if path.startswith(("/api/", "/static/", *FOREIGN)):
            continue
        answer = shown.browser.get(path, headers={"Accept-Language": "de"})
        if answer.mimetype != "text/html" or answer.status_code in (302, 303):
            continue
        seen += 1
        wrong += [
            f"{path}: {text[:80]!r} has {sorted(words_in(text) & english_words)}"
            for text in texts_on(answer.get_data(as_text=True))
            if words_in(text) & english_words
        ]
    assert seen > 20
    assert sorted(set(wrong)) == []


@pytest.mark.proves("W55")
@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda one: one.name)
def test_a_template_holds_no_word_of_its_own(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|<code>[^<]*</code>", "", text, flags=re.DOTALL)
    text = re.sub(r"(?<=[</])\{\{.*?\}\}", "span", text)  # the name of a tag
    text = re.sub(r"\{\{.*?\}\}", "0", text, flags=re.DOTALL).replace('data-each="0">', "")
    text = re.sub(r"^data-[^<>]*$", "", text, flags=re.MULTILINE)  # macros that are attributes
    own = [one for one in texts_on(text) if words_in(one) - SAME]
    assert own == []
