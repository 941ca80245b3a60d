"""The KNX device in words: what it is made of, what helps, what was loaded last. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from knxgw.catalogue.interface_objects import LoadState
from knxgw.device.condition import Condition
from knxgw.device.last_download import Ending, LastDownload, Way
from knxgw.knx.fixed_values import UNASSIGNED_TEXT
from knxgw.website.knx_facts import KnxDeviceFacts, LoadableFacts, SecurityFacts
from knxgw.website.language import UNKNOWN, Language, marked

_AGAIN = marked("Download again in ETS.")
CONDITIONS: Mapping[Condition, tuple[str, str, str]] = {  # what it is, what helps, tone
    Condition.OWN: (
        marked("The device does what its own configuration says. ETS has not loaded it."),
        "",
        "good",
    ),
    Condition.NOTHING: (
        marked("The device has no configuration: nothing is controlled."),
        marked("Set it up on this website, or load it with ETS."),
        "warning",
    ),
    Condition.ETS: (marked("The device does what ETS has loaded."), "", "good"),
    Condition.CANNOT_RUN: (
        marked("ETS has loaded the device, but it cannot run with that: nothing is controlled."),
        marked("Correct what is named below in ETS, and download again."),
        "bad",
    ),
    Condition.LOADING: (
        marked("ETS is loading the device: nothing is controlled until that has ended."),
        marked("Wait for the end of the download."),
        "warning",
    ),
    Condition.WAITS: (
        marked("Everything is loaded, but does not hold yet: nothing is controlled."),
        marked(
            "It holds when ETS restarts the device, or 6 s after ETS has closed its connection and the programming mode is off."
        ),
        "warning",
    ),
    Condition.UNLOADED: (
        marked("ETS has unloaded the device: nothing is controlled."),
        marked("Wait: ETS does so at the begin of a download, too."),
        "warning",
    ),
    Condition.CUT_OFF: (
        marked("ETS has begun a download and not ended it: nothing is controlled."),
        _AGAIN,
        "bad",
    ),
    Condition.FAILED: (
        marked("A download has failed: nothing is controlled."),
        marked(
            "The table below says which object, and why. Download again in ETS. If it fails again, send the log file to the support."
        ),
        "bad",
    ),
    Condition.DAMAGED: (
        marked("What ETS had loaded cannot be read from the disk any more: nothing is controlled."),
        _AGAIN,
        "bad",
    ),
}
BACK = marked(
    "30 s after ETS has closed its connection and the programming mode is off, the device does what its own configuration says."
)
OR_UNLOAD = marked(
    "Or unload the device in ETS: then it does what its own configuration says, 30 s later."
)
_HAS_WAY_BACK = {
    Condition.UNLOADED: BACK,
    Condition.CUT_OFF: OR_UNLOAD,
    Condition.FAILED: OR_UNLOAD,
}
OBJECTS = {  # by key
    "address_table": marked("Group address table"),
    "association_table": marked("Association table"),
    "group_object_table": marked("Group object table"),
    "application": marked("Application program and parameters"),
}
STATES: Mapping[LoadState, tuple[str, str]] = {
    LoadState.UNLOADED: (marked("unloaded"), "muted"),
    LoadState.LOADED: (marked("loaded"), "good"),
    LoadState.LOADING: (marked("being loaded"), "warning"),
    LoadState.ERROR: (marked("error"), "bad"),
}
ERRORS = {  # DPT 20.011
    3: marked("It has a group address 0/0/0."),
    6: marked("The device has no memory for it."),
    11: marked("ETS has asked for a kind of memory that the device does not have."),
    13: marked("It is longer than the memory of the device, or has fewer rows than it says."),
    14: marked("ETS has asked for a step that the device does not know."),
    15: marked("Its group addresses are not in ascending order."),
}
ENDINGS = {
    Ending.UNDER_WAY: marked("not ended yet"),
    Ending.COMPLETED: marked("completed"),
    Ending.UNLOADED: marked("completed; the device is unloaded"),
    Ending.CUT_OFF: marked("cut off: ETS did not go on with it"),
    Ending.FAILED: marked("failed"),
}
WAYS = {
    Way.LINE: marked("over KNX, from {address}"),
    Way.TUNNEL: marked("through the tunnel {address} of this device, from {client}"),
    Way.MANAGEMENT: marked("without a line (device management), from {client}"),
}


FAILURES = {  # by kind
    "control": marked("unknown kind"),
    "number": marked("repeated or recorded"),
    "crypto": marked("wrong key"),
    "access": marked("not allowed"),
}


class Fact(NamedTuple):
    """A line of a list."""

    name: str
    value: str


def condition_words(facts: KnxDeviceFacts, words: Language) -> Mapping[str, str]:
    """Return what the device is made of, what helps, and the tone of both."""
    said, remedy, tone = CONDITIONS[facts.condition]
    remedies = [words.text(remedy)] if remedy else []
    if facts.has_own and facts.condition in _HAS_WAY_BACK:
        remedies.append(words.text(_HAS_WAY_BACK[facts.condition]))
    return {"words": words.text(said), "remedy": " ".join(remedies), "tone": tone}


def device_rows(facts: KnxDeviceFacts, words: Language) -> Iterator[Fact]:
    """Yield what the device is."""
    yield Fact(words.text("Individual address"), _address(facts, words))
    yield Fact(words.text("Serial number"), facts.serial_number or UNKNOWN)
    yield Fact(words.text("Kind of device"), f"KNX IP, System B ({facts.mask_version:04X})")
    yield Fact(words.text("Application program"), _program(facts, words))
    connected = words.text("none") if facts.tool is None else facts.tool
    yield Fact(words.text("Tool that has a connection"), connected)
    yield from _security(facts.security, words)


def _security(facts: SecurityFacts, words: Language) -> Iterator[Fact]:
    """Yield how far a project has taken the device with KNX Secure."""
    if facts.is_on:
        said = words.text("on: only tools of its project may change the device")
    elif facts.is_commissioned:
        said = words.text("off; a project has given the device its key")
    elif facts.can_be_commissioned:
        said = words.text("off; the command knxgw device-certificate shows the device certificate")
    else:
        said = words.text("not possible: the factory key cannot be read or stored")
    yield Fact("KNX Secure", said)
    if facts.secured_addresses is not None:
        number = words.number(facts.secured_addresses)
        yield Fact(words.text("Group addresses with a key"), number)
    if facts.session_users:
        yield Fact(words.text("Users of KNX IP Secure"), words.number(facts.session_users))
    refused = [
        f"{words.text(name)} {words.number(facts.failures[key])}"
        for key, name in FAILURES.items()
        if facts.failures.get(key)
    ]
    if refused:
        yield Fact(words.text("Refused by KNX Secure"), ", ".join(refused))


def _address(facts: KnxDeviceFacts, words: Language) -> str:
    if not facts.individual_address:
        return UNKNOWN
    if facts.individual_address == UNASSIGNED_TEXT:
        return words.text("{address}: it has none yet", address=facts.individual_address)
    if facts.is_address_programmed:
        return words.text("{address}, given by a tool", address=facts.individual_address)
    return facts.individual_address


def _program(facts: KnxDeviceFacts, words: Language) -> str:
    found = facts.program
    if found is None:
        return words.text("none: ETS has not named one")
    return words.text(
        "manufacturer {manufacturer}, number {number}, version {version}",
        manufacturer=f"{found.manufacturer:04X}",
        number=f"{found.number:04X}",
        version=f"{found.version >> 4}.{found.version & 0xF}",
    )


def object_row(one: LoadableFacts, words: Language) -> Mapping[str, str]:
    """Return an object that ETS loads as the texts of its cells."""
    state, tone = STATES[one.state]
    return {
        "name": object_name(one.name, words),
        "state": words.text(state),
        "tone": tone,
        "entries": "" if one.entries is None else words.number(one.entries),
        "octets": "" if one.octets is None else words.number(one.octets),
        "crc": "" if one.crc is None else f"{one.crc:04X}",
        "error": error_words(one.error, words) if one.state is LoadState.ERROR else "",
    }


def object_name(key: str, words: Language) -> str:
    """Return what an object is called."""
    return words.text(OBJECTS[key]) if key in OBJECTS else key


def error_words(code: int, words: Language) -> str:
    """Return what an error says."""
    if code in ERRORS:
        return words.text(ERRORS[code])
    return words.text("Error {number}", number=code)


def download_rows(
    facts: KnxDeviceFacts, last: LastDownload, words: Language, now: datetime
) -> Iterator[Fact]:
    """Yield what is known of the last download."""
    yield Fact(words.text("Result"), _result(facts, last, words))
    kind = words.text("all of it") if last.is_full else words.text("in parts")
    yield Fact(words.text("Kind"), kind)
    yield Fact(words.text("Begin"), words.moment(last.begun_at, now))
    is_over = last.ending in (Ending.COMPLETED, Ending.UNLOADED)
    end = words.text("End") if is_over else words.text("Last request")
    yield Fact(end, words.moment(last.last_at, now))
    yield Fact(words.text("Duration"), words.duration(last.duration_s))
    client = last.tool.client or words.text("an unknown address")
    way = words.text(WAYS[last.tool.way], address=last.tool.address, client=client)
    yield Fact(words.text("Way"), way)
    names = {one.index: object_name(one.name, words) for one in facts.loadables}
    objects = [names.get(index, str(index)) for index in last.objects]
    yield Fact(words.text("Objects"), ", ".join(objects))
    yield Fact(words.text("Octets written"), words.number(last.octets))


def _result(facts: KnxDeviceFacts, last: LastDownload, words: Language) -> str:
    said = words.text(ENDINGS[last.ending])
    if last.failed is None:
        return said
    index, error = last.failed
    keys = {one.index: one.name for one in facts.loadables}
    name = object_name(keys.get(index, str(index)), words)
    return f"{said}. {name}: {error_words(error, words)}"
