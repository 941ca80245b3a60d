"""Tables stay tables for screen readers where a style sheet shows their rows as blocks."""

import re

import pytest
from markupsafe import Markup

from knxgw.website.table_roles import with_roles
from tests.support.website import website
from tests.website.test_pages import SITE

PARTS = re.compile(r"<(?:table|thead|tbody|tr|th|td)\b[^>]*>")


def test_each_part_of_a_table_names_its_role() -> None:
    table = (
        '<table class="blocks"><thead><tr><th>A</th></tr></thead>'
        '<tbody><tr id="r"><th scope="row">B</th><td>C</td></tr></tbody></table>'
    )
    assert with_roles(table) == (
        '<table role="table" class="blocks"><thead role="rowgroup"><tr role="row">'
        '<th role="columnheader">A</th></tr></thead><tbody role="rowgroup"><tr role="row" id="r">'
        '<th role="rowheader" scope="row">B</th><td role="cell">C</td></tr></tbody></table>'
    )


def test_what_has_a_role_and_what_is_no_part_of_a_table_stay() -> None:
    other = '<td role="gridcell">1</td><track><thing>&lt;td&gt;'
    assert with_roles(other) == other
    assert with_roles(Markup.escape("<td>")) == "&lt;td&gt;"


@pytest.mark.proves("W52")
@pytest.mark.parametrize(
    "path", ["/", "/points/1", "/settings/accounts", "/diagnostics/objects", "/help"]
)
def test_no_page_has_a_table_without_roles(path: str) -> None:
    with website(lambda _language: SITE) as found:
        parts = PARTS.findall(found.get(path))
    assert parts
    assert [one for one in parts if " role=" not in one] == []
