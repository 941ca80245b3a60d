"""Where a device on Modbus answers, in the words that search, watch, pages and protocol share. Pure."""

from knxgw.station.view import InstalledView
from knxgw.website.language import Language


def modbus_place(host: str, unit: int, connector: int, words: Language) -> str:
    """Return a place as forms ask for it; `host`: with its port, "": on the serial line. The first connector is not named."""
    said = [host or words.text("serial line"), words.text("unit {unit}", unit=unit)]
    if connector > 1:
        said.append(words.text("connector {number}", number=connector))
    return ", ".join(said)


def installed_at(one: InstalledView, words: Language) -> str:
    """Return where the charger of a charging point answers, "": that is not told."""
    return modbus_place(one.host, one.unit, one.connector, words) if one.address else ""
