"""What the network has disproved of a check: a device that has answered Modbus TCP can be reached so. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import Message
from knxgw.config.devices import devices, key_of
from knxgw.config.edit_yaml import NotEditableError, values_of
from knxgw.config.load import parse_configuration
from knxgw.config.model import Configuration, Connection, ConnectionKind
from knxgw.config.one_device import OneDevice, Part, one_device
from knxgw.errors import Finding
from knxgw.website.config_form import POINTS
from knxgw.website.configuring import Checked

Place = tuple[str, int, int]  # host, port, unit
DOUBTED = "needs_translating_gateway"  # whether anybody translates between TCP and the line
_KEY = ".connection.type"
_ENTRY = re.compile(rf"{POINTS}\[(\d+)\](\.meter)?")


def without_disproved(checked: Checked, text: str, answered: Collection[Place]) -> Checked:
    """Return what a text would mean, without the doubt whether a device is behind a gateway that translates.

    A model that speaks on a line only, and has answered Modbus TCP, is behind such a gateway. `answered`: where
    somebody has. What else is wrong with the text does not matter.
    """
    if not answered or not any(_is_doubt(one) for one in checked.findings):
        return checked
    configuration = parse_configuration(text, catalogue(), is_offline=True).configuration
    if configuration is not None:
        kept = without_doubts(checked.findings, configuration, answered)
    else:
        proved = _proved(_in_draft(checked.findings, text), answered)
        kept = _without(checked.findings, proved)
    return replace(checked, findings=kept)


def without_doubts(
    findings: Collection[Finding],
    configuration: Configuration | None,
    answered: Collection[Place],
) -> tuple[Finding, ...]:
    """Return findings about a configuration without the doubts that the network has disproved."""
    if configuration is None or not any(_is_doubt(one) for one in findings):
        return tuple(findings)
    connections = (
        (key_of(device, configuration), device.connection) for device in devices(configuration)
    )
    return _without(findings, _proved(connections, answered))


def _without(findings: Collection[Finding], proved: Collection[str]) -> tuple[Finding, ...]:
    return tuple(one for one in findings if not (_is_doubt(one) and one.place.key in proved))


def _proved(
    connections: Iterator[tuple[str, Connection]], answered: Collection[Place]
) -> frozenset[str]:
    """Return the keys at which a doubt is disproved; `connections`: by the key of their device."""
    return frozenset(
        f"{key}{_KEY}"
        for key, one in connections
        if one.kind is ConnectionKind.TCP and (one.host, one.port, one.unit) in answered
    )


def _in_draft(findings: Collection[Finding], text: str) -> Iterator[tuple[str, Connection]]:
    """Yield the connections that are doubted in a text that is no configuration yet."""
    try:
        data = values_of(text)
    except NotEditableError:
        return
    for key in (one.place.key.removesuffix(_KEY) for one in findings if _is_doubt(one)):
        found = _device_at(key, data)
        if isinstance(found, OneDevice):
            yield key, found.device.connection


def _device_at(key: str, data: Mapping[str, Any]) -> object:
    """Return the device of a key of a draft, or what is wrong with it."""
    entry = _ENTRY.fullmatch(key)
    if entry is None:
        return one_device(data, Part.SMART_METER, 0, catalogue())
    part = Part.METER if entry[2] else Part.CHARGER
    return one_device(data, part, int(entry[1]), catalogue())


def _is_doubt(one: Finding) -> bool:
    return isinstance(one.words, Message) and one.words.id == DOUBTED
