"""Configurations as files: uploaded to the draft, refused where they are none, and versions to download."""

from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from knxgw.store.configurations import Configurations, Origin
from knxgw.website.configuring import NOT_CONFIRMED
from knxgw.website.drafts import Draft
from knxgw.website.language import Language
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.website import NOON, Website, website
from tests.website.test_configuration_forms import EXAMPLES
from tests.website.test_pages import POINT

BEFORE = "device: {name: Before}\n"


@pytest.fixture
def own(tmp_path: Path) -> Own:
    kept = Configurations(tmp_path)
    now = EXAMPLES[2].read_text(encoding="utf-8")
    for number, text in enumerate((BEFORE, now)):
        kept.keep(text, at=NOON + timedelta(days=number), origin=Origin.FILE)
    return Own(now, kept)


@pytest.fixture
def visited(own: Own) -> Iterator[Website]:
    with website(lambda _language: site(POINT), device=own.control()) as found:
        yield found


def upload(visited: Website, content: bytes, language: str = "en") -> TestResponse:
    """Send a file as the page of the configuration does."""
    form = {"csrf": visited.csrf, "file": (BytesIO(content), "site.yaml")}
    return visited.browser.post(
        "/config/check",
        data=form,
        content_type="multipart/form-data",
        headers={"Accept-Language": language},
    )


def draft(visited: Website) -> Draft | None:
    """Return the draft of the owner."""
    found: Draft | None = visited.app.extensions["knxgw"].drafts.of("owner")
    return found


@pytest.mark.proves("W46")
@pytest.mark.parametrize("head", [b"", b"\xef\xbb\xbf"], ids=["plain", "with a byte order mark"])
def test_a_file_that_is_uploaded_is_checked_and_becomes_the_draft(
    own: Own, visited: Website, head: bytes
) -> None:
    before = own.text
    text = before.replace("maximum_a: 16", "maximum_a: 13", 1) + "# Süd\n"
    page = upload(visited, head + text.encode()).get_data(as_text=True)
    assert "maximum_a: 13</ins>" in page
    assert "# Süd</ins>" in page
    kept = draft(visited)
    assert kept is not None
    assert kept.text == text
    assert "You have changed the configuration and not applied it yet." in visited.get("/config")
    assert own.text == before
    assert own.proposed == []


@pytest.mark.proves("W44")
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"device: [\n", "not valid YAML"),
        (b"PK\x03\x04\x00\x00", "not valid YAML"),
        (b"just a sentence", "expected keys and values"),
        (b"device: {name: " + b"x" * 40 + b"}\n", "Name of the device"),
    ],
)
def test_a_damaged_file_is_shown_with_its_mistake_and_cannot_be_applied(
    own: Own, visited: Website, content: bytes, said: str
) -> None:
    answer = upload(visited, content)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert said in page
    assert "/config/apply" not in page
    assert own.proposed == []


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "That file is not UTF-8 text: save it as UTF-8."),
        ("de", "Diese Datei ist kein UTF-8-Text: als UTF-8 speichern."),
    ],
)
def test_a_file_in_another_encoding_is_refused_and_no_letter_is_replaced(
    visited: Website, language: str, said: str
) -> None:
    answer = upload(visited, "device: {name: Tiefgarage Süd}\n".encode("latin-1"), language)
    assert answer.status_code == 400
    assert said in answer.get_data(as_text=True)
    assert draft(visited) is None


@pytest.mark.proves("W10")
def test_a_file_that_is_too_large_is_refused(visited: Website) -> None:
    answer = upload(visited, b"#" * 200 * 1024)
    assert answer.status_code == 413
    page = answer.get_data(as_text=True)
    assert "That is too large for a configuration: at most 124 KiB are taken here." in page
    assert 'href="/config/objects"' in page  # a project of ETS belongs there
    assert 'href="/history"' in page
    assert draft(visited) is None


@pytest.mark.proves("W46")
def test_a_version_is_downloaded_as_the_file_that_it_was(own: Own, visited: Website) -> None:
    page = visited.get("/config/versions/1")
    assert 'href="/config/versions/1/knxgw.yaml"' in page
    answer = visited.browser.get("/config/versions/1/knxgw.yaml")
    assert answer.get_data() == BEFORE.encode()
    assert answer.mimetype == "application/yaml"
    assert "knxgw.yaml" in answer.headers["Content-Disposition"]
    assert visited.get("/config/versions/2/knxgw.yaml") == own.text == visited.get("/config/knxgw.yaml")  # fmt: skip


@pytest.mark.parametrize("number", ["0", "3", "9" * 30])
def test_there_is_no_other_version(visited: Website, number: str) -> None:
    for path in (f"/config/versions/{number}", f"/config/versions/{number}/knxgw.yaml"):
        assert visited.browser.get(path).status_code == 404


def test_a_version_that_came_back_says_why_and_the_note_of_a_person_stays_as_it_is(
    own: Own, visited: Website
) -> None:
    assert own.kept is not None
    came_back = own.kept.keep("a: 1\n", at=NOON, origin=Origin.RETURNED, note=NOT_CONFIRMED)
    typed = own.kept.keep("b: 1\n", at=NOON, origin=Origin.WEBSITE, note="nobody has asked")
    for language in ("en", "de"):
        said = Language(language).text(NOT_CONFIRMED)
        for path in ("", f"/{came_back.number}"):
            assert said in visited.get(f"/config/versions{path}", language)
        assert typed.note in visited.get("/config/versions", language)
