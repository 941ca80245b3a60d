"""The topics of streams: what live pages show, by language, and the site for programs."""

import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import partial
from hashlib import sha256
from typing import Any

from knxgw.catalogue.load import catalogue
from knxgw.store.history import HistoryError
from knxgw.website.bridge import Bridge
from knxgw.website.contract import past_faults, site_value
from knxgw.website.language import LANGUAGES, Language, moment
from knxgw.website.present import present
from knxgw.website.present_faults import LastFaults
from knxgw.website.publisher import Publisher

FAULTS_S = 10.0  # how often the disk is asked for past faults


class Live:
    """Makes what pages show, for a first paint and for their streams."""

    def __init__(self, bridge: Bridge, publisher: Publisher) -> None:
        """Name a topic for each language."""
        self._bridge = bridge
        self._last_faults: LastFaults = {}
        self._faults_read_at = -FAULTS_S
        self.publisher = publisher
        for code in LANGUAGES:
            publisher.add_topic(f"page.{code}", partial(self.page, code), part=code)

    def page(self, code: str) -> Mapping[str, Any]:
        """Return what the live pages show now, in a language."""
        bridge = self._bridge
        site = bridge.view(code)
        language = Language(code, site.time_zone)
        return present(
            site,
            bridge.facts(),
            language,
            bridge.utc_now(),
            is_ready=bridge.is_ready(),
            last_faults=self._stored_faults(),
            confirm_until=bridge.device.configuring.confirm_until(),
        )

    def site_topic(self, points: Collection[int] | None) -> str:
        """Return the topic of the site for programs; `points`: those that may be seen, None: all.

        Whoever may see the same shares it.
        """
        part = "s" if points is None else f"s{'.'.join(map(str, sorted(points)))}"
        make = partial(self._site, points)
        self.publisher.add_topic(f"site.{part}", make, part=part, is_stamped=True)
        return f"site.{part}"

    def _site(self, points: Collection[int] | None) -> Mapping[str, Any]:
        bridge = self._bridge
        site = bridge.view(None)
        return site_value(
            site,
            bridge.facts(),
            bridge.utc_now(),
            is_ready=bridge.is_ready(),
            past=past_faults(site, self._stored_faults(), catalogue().product.faults),
            points=points,
        )

    def _stored_faults(self) -> LastFaults:
        """Return the last fault of each scope, read from the disk now and then."""
        history, now_s = self._bridge.diagnostics.history, self._bridge.now_s()
        if history is not None and now_s - self._faults_read_at >= FAULTS_S:
            self._faults_read_at = now_s
            with suppress(HistoryError):  # what was read before is true, too
                self._last_faults = {
                    scope: (row.code, moment(row.at))
                    for scope, row in history.last_faults().items()
                }
        return self._last_faults


def tag_of(value: Mapping[str, Any]) -> str:
    """Return the entity tag of a JSON value."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return sha256(text.encode()).hexdigest()[:16]
