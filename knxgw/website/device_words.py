"""What the device says of itself, line by line, for Status and for the support text. Pure. Source: website 16, 37."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from knxgw.website.device_facts import AdapterFacts, DeviceFacts
from knxgw.website.language import Language, marked

PRODUCT = marked("knxgw, KNX gateway for charging points")
WITH_KNX_DEVICE = marked("none yet (comes with the KNX device)")
BEING_LOADED = marked(
    "ETS is loading the device, or was cut off: nothing is controlled until it has loaded everything"
)
CANNOT_RUN = marked("ETS has loaded the device, but it cannot run with that: nothing is controlled")
CAUSES: Mapping[str, str] = {  # how the time before the start ended
    "first": marked("first start"),
    "stopped": marked("it was stopped in order"),
    "restarted": marked("a restart that somebody asked for on the website"),
    "reset": marked("a reset of the device"),
    "rebooted": marked("a restart of the machine that somebody asked for on the website"),
    "failed": marked("an error of the program"),
    "power": marked("a power cut, or a restart of the machine"),
    "killed": marked("the program ended without a word"),
    "unknown": marked("not known"),
}
LINKS: Mapping[str, str] = {
    "routing": "KNXnet/IP routing",
    "tunnelling": "KNXnet/IP tunnelling (UDP)",
    "tunnelling_tcp": "KNXnet/IP tunnelling (TCP)",
}
CLOCKS: Mapping[str | None, str] = {
    "ntp": marked("set by a time server"),
    "knx": marked("set by a telegram on KNX"),
    "system": marked("clock of the device, without a time server"),
    None: marked("not set"),
}
SOURCES: Mapping[str, str] = {
    "file": marked("file of the host"),
    "website": marked("the device's own"),
    "ets": marked("ETS"),
}


class Line(NamedTuple):
    """One fact of the device in words."""

    name: str
    value: str | None  # None: not known, or not there


def cause_words(cause: str, words: Language) -> str:
    """Return why the device has started."""
    return words.text(CAUSES.get(cause, CAUSES["unknown"]))


def device_lines(facts: DeviceFacts, words: Language, now: datetime) -> tuple[Line, ...]:
    """Return all lines, in the order in which they are shown."""
    return tuple(Line(words.text(name), value) for name, value in _lines(facts, words, now))


def _lines(facts: DeviceFacts, words: Language, now: datetime) -> Iterator[tuple[str, str | None]]:
    """Yield names, not translated yet, and values."""
    yield marked("Product"), words.text(PRODUCT)
    yield marked("Firmware"), facts.version
    yield marked("Order number"), words.text(WITH_KNX_DEVICE)
    yield marked("Serial number"), facts.serial or words.text(WITH_KNX_DEVICE)
    yield marked("Configuration"), _configuration(facts, words)
    yield marked("Started"), words.moment(facts.started_at, now) if facts.started_at else None
    yield marked("The start before ended by"), cause_words(facts.start_cause, words)
    yield marked("Uptime"), words.duration(facts.up_s)
    yield marked("IP address"), ", ".join(facts.addresses) or None
    yield marked("MAC address"), ", ".join(facts.macs) or None
    yield marked("Network"), "; ".join(_adapter(one, words) for one in facts.adapters) or None
    yield marked("KNX link"), LINKS.get(facts.knx_link or "", facts.knx_link)
    is_up = facts.knx_up_s is not None
    yield (
        marked("Connected to KNX for"),
        words.duration(facts.knx_up_s) if is_up else words.text("not connected"),
    )
    yield marked("Individual address"), facts.individual_address
    yield marked("KNX Secure"), words.text("yes") if facts.is_secure else words.text("no")
    yield marked("RS485 line"), facts.serial_line
    yield marked("Time"), words.text(CLOCKS[facts.clock_source])


def held_words(facts: DeviceFacts, words: Language) -> str:
    """Return why ETS keeps the device from controlling anything."""
    return words.text(BEING_LOADED if facts.is_being_loaded else CANNOT_RUN)


def _configuration(facts: DeviceFacts, words: Language) -> str:
    """Return where the configuration comes from."""
    if facts.is_held_by_ets:
        return held_words(facts, words)
    if facts.configuration_source is None:
        return words.text("Not configured")
    source = SOURCES.get(facts.configuration_source, facts.configuration_source)
    return words.text(source)


def _adapter(one: AdapterFacts, words: Language) -> str:
    """Return how a network adapter is connected."""
    if not one.is_up:
        return words.text("{name}: no link", name=one.name)
    if one.mbit_s is None:
        return words.text("{name}: connected", name=one.name)
    return words.text("{name}: connected, {speed} Mbit/s", name=one.name, speed=one.mbit_s)
