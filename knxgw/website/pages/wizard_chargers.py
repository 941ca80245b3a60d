"""Which charger each charging point of a draft is: model, address, unit, connector, serial number. Source: website 47.

A draft may be wrong elsewhere, so what it says of one charger is enough here.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from knxgw.catalogue.product import Catalogue
from knxgw.charging.quantities import Quantity, Value
from knxgw.config.model import Connection
from knxgw.config.numbers import hexadecimal, whole
from knxgw.monitoring.csv_table import plain_text
from knxgw.monitoring.device_search import FoundDevice
from knxgw.monitoring.device_watch import WatchProgress
from knxgw.website.config_form import POINTS
from knxgw.website.language import Language

Where = tuple[str, int, int, int]  # host (of a serial line: ""), port, unit, connector


def charger_words(
    data: Mapping[str, Any],
    found: Iterable[FoundDevice],
    watch: WatchProgress,
    catalogue: Catalogue,
    words: Language,
) -> list[str]:
    """Return for each charging point of a draft which charger it is.

    `found` and `watch`: what searches and a watch know of chargers, such as their serial numbers.
    """
    serials = _serials(found, watch)
    points = data.get(POINTS)
    return [
        _words(one if isinstance(one, Mapping) else {}, data, serials, catalogue, words)
        for one in (points if isinstance(points, list) else ())
    ]


def _words(
    point: Mapping[str, Any],
    data: Mapping[str, Any],
    serials: Mapping[Where, Value],
    catalogue: Catalogue,
    words: Language,
) -> str:
    model = catalogue.chargers.get(str(point.get("model", "")))
    given = point.get("connection")
    connection = given if isinstance(given, Mapping) else {}
    if model is None:
        return words.text("No charger is chosen for it yet.")
    unit = _number(connection, "unit", model.unit_id)
    connector = _number(connection, "connector", 1)
    name = model.title
    if connection.get("type") == "serial":
        where: Where = ("", 0, unit, connector)
        serial = data.get("serial")
        address = str(serial.get("port", "")) if isinstance(serial, Mapping) else ""
    else:
        where = (str(connection.get("host", "")), _number(connection, "port", model.port),
                 unit, connector)  # fmt: skip
        address = f"{where[0]}:{where[1]}" if where[0] else ""
    parts = [name, address or words.text("no address yet"), words.text("unit {unit}", unit=unit)]
    if len(model.connectors) > 1:
        parts.append(words.text("connector {number}", number=connector))
    if serials.get(where):
        parts.append(words.text("serial number {serial}", serial=serials[where]))
    return plain_text(" · ".join(parts))


def _number(connection: Mapping[str, Any], key: str, otherwise: int) -> int:
    """Return a number that a draft says; what is none, or is missing, has its default."""
    text = str(connection.get(key, ""))
    found = whole(text) if hexadecimal(text) is None else hexadecimal(text)
    return otherwise if found is None else found


def _serials(found: Iterable[FoundDevice], watch: WatchProgress) -> dict[Where, Value]:
    """Return the serial numbers that are known, the newest ones."""
    known = [(one.connection, one.values) for one in found]
    known += [
        (one.connection, one.values)
        for one in watch.watched
        if isinstance(one.connection, Connection)
    ]
    return {
        (one.host or "", 0 if one.host is None else one.port, one.unit, one.connector): serial
        for one, values in known
        if (serial := values.get(Quantity.SERIAL))
    }
