"""What every page has from its surroundings, such as the firmware in its footer: no page hides any of it."""

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import knxgw.website.pages
from knxgw import __version__
from knxgw.store.configurations import Configurations, Origin
from knxgw.website.app import _surroundings
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.website import NOON, website
from tests.website.test_pages import POINT

PAGES = Path(knxgw.website.pages.__path__[0])
TEMPLATES = PAGES.parent / "templates"
_NAMED = re.compile(r"{%-?\s*(?:for|set)\s+([\w\s,()]+?)\s*(?:in\b|=|%})")


def given_names() -> frozenset[str]:
    """Return the names that every template has, wherever it is rendered."""
    with website(lambda _language: site(POINT)) as found, found.app.test_request_context("/"):
        found.app.preprocess_request()
        return frozenset(_surroundings(found.bridge))


def handed_over(code: str) -> Iterator[tuple[int, str]]:
    """Yield what calls give a template by name, directly or through a function that renders it: (line, name)."""
    for node in ast.walk(ast.parse(code)):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func).rpartition(".")[2]
        if called.startswith("render_") or called.endswith("page"):
            yield from ((one.value.lineno, one.arg) for one in node.keywords if one.arg)


def test_a_page_of_a_version_says_which_firmware_runs(tmp_path: Path) -> None:
    kept = Configurations(tmp_path)
    for number, text in enumerate(("device: {name: A}\n", "device: {name: B}\n")):
        kept.keep(text, at=NOON + timedelta(days=number), origin=Origin.FILE)
    device = Own("device: {name: B}\n", kept).control()
    with website(lambda _language: site(POINT), device=device) as found:
        for path in ("/config/versions/1", "/config/versions/2", "/config/versions"):
            page = found.get(path)
            assert f"Firmware {__version__}<" in page
            assert "datetime" not in page
        assert "This was the first configuration." in found.get("/config/versions/1")
        min((tmp_path / "knxgw.configurations").iterdir()).unlink()
        assert "The version before is not kept any more." in found.get("/config/versions/2")


def test_no_page_gives_its_template_a_name_that_every_template_has() -> None:
    names = given_names()
    assert "version" in names
    hidden = [
        f"{path.name}:{line} {name}"
        for path in sorted(PAGES.glob("*.py"))
        for line, name in handed_over(path.read_text(encoding="utf-8"))
        if name in names
    ]
    assert hidden == []


def test_no_template_gives_a_name_of_its_own_to_something_that_every_template_has() -> None:
    names = given_names()
    hidden = [
        f"{path.name} {name}"
        for path in sorted(TEMPLATES.glob("*.html"))
        for named in _NAMED.findall(path.read_text(encoding="utf-8"))
        for name in re.findall(r"\w+", named)
        if name in names
    ]
    assert hidden == []
