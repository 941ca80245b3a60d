"""The topics of live pages: what `present` makes of the gateway, by language."""

import json
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from typing import Any

from knxgw.website.bridge import Bridge
from knxgw.website.language import LANGUAGES, Language
from knxgw.website.present import present
from knxgw.website.publisher import Publisher


class Live:
    """Makes what pages show, for a first paint and for their streams."""

    def __init__(self, bridge: Bridge, publisher: Publisher) -> None:
        """Name a topic for each language."""
        self._bridge = bridge
        self.publisher = publisher
        for code in LANGUAGES:
            publisher.add_topic(f"page.{code}", partial(self.page, code))

    def page(self, code: str) -> Mapping[str, Any]:
        """Return what the live pages show now, in a language."""
        bridge = self._bridge
        site = bridge.view(code)
        language = Language(code, site.time_zone)
        return present(site, bridge.facts(), language, bridge.utc_now(), is_ready=bridge.is_ready())


def tag_of(value: Mapping[str, Any]) -> str:
    """Return the entity tag of a JSON value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return sha256(text.encode()).hexdigest()[:16]
