"""The pages of the documentation as tests read them: links, anchors, and where each rule stands."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
RULES = DOCS / "rules"
CODE = re.compile(r"```(\w*)\n(.*?)^\s*```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:href|src)=\"([^\"]+)\"")
ANCHOR = re.compile(r'<a id="([^"]+)"')


def prose(path: Path) -> str:
    """Return the text of a page without its blocks of code."""
    return CODE.sub("", path.read_text(encoding="utf-8"))


def links(path: Path) -> list[str]:
    """Return where a page links to."""
    return [markdown or html for markdown, html in LINK.findall(prose(path))]


def anchors(path: Path) -> Counter[str]:
    """Return the anchors of a page: its headings as GitHub names them, and explicit ones."""
    text = prose(path)
    found: Counter[str] = Counter()
    for head in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        visible = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", head)
        made = re.sub(r"[^\w\- ]", "", visible.lower()).replace(" ", "-")
        found[f"{made}-{found[made]}" if found[made] else made] += 1
    return found + Counter(ANCHOR.findall(text))


def rule_places() -> Mapping[str, str]:
    """Return in which page, as `docs/` links to it, each explicit anchor of a rule stands."""
    return {
        anchor: page.relative_to(DOCS).as_posix()
        for page in sorted(RULES.rglob("*.md"))
        for anchor in ANCHOR.findall(prose(page))
    }
