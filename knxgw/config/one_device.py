"""One device of a configuration that need not be complete: all that a read of it depends on; pure after load.

What stands elsewhere in the draft, right or wrong, does not matter for a read.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from knxgw.catalogue.product import Catalogue
from knxgw.config.devices import (
    GRID_METER_ID,
    Device,
    DeviceId,
    charger_id,
    devices,
    point_meter_id,
)
from knxgw.config.load import parse_configuration
from knxgw.config.model import Configuration
from knxgw.errors import FileLine, Finding, Severity

POINTS, MANAGEMENT, METER = "charging_points", "load_management", "smart_meter"
NUMBER = 1  # of the charging point in the configuration of one device
NOBODY = "192.0.2.1"  # an address that belongs to nobody. Source: [rfc-5737]
_CHARGER_KEYS = ("model", "connection", "phases")


class Part(StrEnum):
    """Which device of a form."""

    CHARGER = "charger"
    METER = "meter"  # of a charging point
    SMART_METER = "smart_meter"


SECTIONS: Mapping[Part, str] = {
    Part.CHARGER: POINTS,
    Part.METER: POINTS,
    Part.SMART_METER: MANAGEMENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OneDevice:
    """A device, and the smallest configuration that names it."""

    device: Device
    configuration: Configuration
    entry: int  # of the list in the draft, from 0

    def in_draft(self, finding: Finding) -> Finding:
        """Return a finding about this configuration with the key that the draft has."""
        key = _in_draft(finding.place.key, self.entry)
        return replace(finding, place=FileLine("", 0, key))


def one_device(
    data: Mapping[str, Any], part: Part, entry: int, catalogue: Catalogue
) -> OneDevice | tuple[Finding, ...]:
    """Return a device of a draft, or what is wrong with it. `data`: what the draft says."""
    text = json.dumps(_smallest(data, part, entry, catalogue))  # JSON is YAML
    loaded = parse_configuration(text, catalogue, is_offline=True)
    found = None
    if loaded.configuration is not None:
        wanted = _id_of(part)
        found = next((one for one in devices(loaded.configuration) if one.id == wanted), None)
    if found is None or loaded.configuration is None:
        return tuple(
            replace(one, place=FileLine("", 0, _in_draft(one.place.key, entry)))
            for one in loaded.findings
            if one.severity is not Severity.NOTE and one.place.key != POINTS
        )
    return OneDevice(device=found, configuration=loaded.configuration, entry=entry)


def _id_of(part: Part) -> DeviceId:
    match part:
        case Part.CHARGER:
            return charger_id(NUMBER)
        case Part.METER:
            return point_meter_id(NUMBER)
        case Part.SMART_METER:
            return GRID_METER_ID


def _smallest(
    data: Mapping[str, Any], part: Part, entry: int, catalogue: Catalogue
) -> dict[str, Any]:
    """Return the smallest file with a device in it."""
    smallest: dict[str, Any] = {"knx": {"link": "none"}}
    if data.get("serial"):
        smallest["serial"] = data["serial"]
    if part is Part.SMART_METER:
        meter = _section(_section(data, MANAGEMENT), METER)
        management = {"mode": "dynamic", "fuse_a": "63", METER: {**meter, "source": "modbus"}}
        return {**smallest, MANAGEMENT: management}
    points = data.get(POINTS)
    point = points[entry] if isinstance(points, list) and entry < len(points) else {}
    given = point if isinstance(point, Mapping) else {}
    if part is Part.CHARGER:
        charger = {key: given[key] for key in _CHARGER_KEYS if key in given}
    else:  # its charger need not be known yet
        charger = {"model": next(iter(catalogue.chargers)), "connection": {"host": NOBODY}}
        charger["meter"] = _section(given, "meter")
    return {**smallest, POINTS: [{"number": NUMBER, **charger}]}


def _section(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = data.get(name)
    return found if isinstance(found, Mapping) else {}


def _in_draft(key: str, entry: int) -> str:
    first = f"{POINTS}[0]"
    return f"{POINTS}[{entry}]{key.removeprefix(first)}" if key.startswith(first) else key
