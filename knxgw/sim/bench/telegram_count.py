"""Counts the KNX telegrams the gateway sends: the real object server with every object linked.

Counted is what goes out by itself: values sent on change, after the sending rules and the outbox.
Answers to reads are not, for nobody reads here.
"""

from collections.abc import Iterator
from dataclasses import replace
from zoneinfo import ZoneInfo

from knxgw.catalogue.load import catalogue
from knxgw.config.addresses import group_address
from knxgw.config.group_objects import default_link
from knxgw.config.model import Configuration
from knxgw.config.objects import existing_objects
from knxgw.objects.server import ObjectServer
from knxgw.objects.table import build_table
from knxgw.station.model import Publish

LINES = 8  # main group of the made-up group addresses


class TelegramCount:
    """An object server whose telegrams are only counted."""

    def __init__(self, configuration: Configuration) -> None:
        linked = {
            one.number: default_link(one.definition, (group_address(LINES << 11 | one.number),))
            for one in existing_objects(configuration, catalogue())
        }
        table = build_table(replace(configuration, group_objects=linked), catalogue())
        self.objects = len(table)
        self._server = ObjectServer(table, ZoneInfo(configuration.device.time_zone))
        self._keys = {(one.scope, one.key) for one in table}

    def publish(self, effect: Publish, now_s: float) -> None:
        """Take a new value of an object."""
        if (effect.scope, effect.key) in self._keys:
            self._server.publish(effect.scope, effect.key, effect.value, now_s)

    def sent(self, now_s: float) -> Iterator[float]:
        """Give a moment for each telegram that goes out now."""
        while self._server.next_telegram(now_s) is not None:
            yield now_s
