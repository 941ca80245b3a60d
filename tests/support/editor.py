"""Somebody who edits the configuration of a running device on its website."""

import re
from html import unescape
from urllib.error import HTTPError

from tests.support.visitor import Visitor


class Editor(Visitor):
    """Somebody who edits the configuration without scripts."""

    def form(self, path: str = "/config") -> dict[str, str]:
        """Return the hidden fields of a page, and the text in its first text area."""
        page = self.page(path)
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
        area = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)
        return {**hidden, "text": unescape(area.group(1)) if area else ""}

    def apply(self, text: str, **fields: str) -> str:
        """Apply a text that was made from what stands there now; return the page that answers."""
        return self.answered("/config/apply", **{**self.form(), "text": text, **fields})

    def answered(self, path: str, **fields: str) -> str:
        """Send a form, and return the page that answers, also where it says no."""
        try:
            return self.send(path, **fields)
        except HTTPError as err:
            return str(err.read().decode())
