"""The roles of tables, said aloud: a table whose rows are blocks on a phone is none to a screen reader else.

A style sheet that shows cells as blocks takes the meaning of a table from them, unless each element names its
role. It is added to the finished page, so that no template can forget it. Source: website 52.
"""

import re

from markupsafe import Markup

_TAG = re.compile(r"<(table|thead|tbody|tr|th|td)(\s[^>]*)?>")
_ROLES = {
    "table": "table",
    "thead": "rowgroup",
    "tbody": "rowgroup",
    "tr": "row",
    "th": "columnheader",
    "td": "cell",
}


def with_roles(html: str) -> Markup:
    """Return a part of a page in which each part of a table names its role."""
    return Markup(_TAG.sub(_with_role, html))  # noqa: S704 - what templates have made, and a word of ours


def _with_role(tag: re.Match[str]) -> str:
    name, attributes = tag[1], tag[2] or ""
    if " role=" in attributes:
        return tag[0]
    role = "rowheader" if 'scope="row"' in attributes else _ROLES[name]
    return f'<{name} role="{role}"{attributes}>'
