"""The file of systemd-networkd with the device's settings: its text, and what it says; pure.

Source: [systemd-man] systemd.network(5) of systemd 252.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from knxgw.host.network_plan import (
    Field,
    IPv4Settings,
    Mode,
    SettingsError,
    read_settings,
)

FILE_NAME = "10-knxgw.network"
_SUM_DIGITS = 16
_HEAD = (
    "# Written by knxgw: change it on the website of the device, Settings > Network.",
    "# What is changed here holds too, until the website writes it again.",
)
_NOTE = re.compile(
    r"^# knxgw: id=(?P<id>[0-9a-f]{32}) source=(?P<source>[a-z]+) at=(?P<at>\S+) sum=(?P<sum>[0-9a-f]+)$",
    re.MULTILINE,
)
_ADAPTER = re.compile(r"[A-Za-z0-9_.-]{1,15}")


class Source(StrEnum):
    """Who wrote settings."""

    WEBSITE = "website"
    ETS = "ets"
    RESET = "reset"  # to the factory settings
    HOST = "host"  # somebody who changed the file itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Settings as the file has them."""

    adapter: str  # eth0
    settings: IPv4Settings
    source: Source
    id: str = ""  # of the change that brought them; "": somebody wrote them by hand
    at: datetime | None = None  # [UTC]


def is_adapter_name(name: str) -> bool:
    """Tell whether a name can stand in the file: patterns and blanks would match other adapters."""
    return _ADAPTER.fullmatch(name) is not None


def text_of(written: Written) -> str:
    """Return the text of the file. Raises: ValueError for an adapter with a name of pattern characters."""
    if not is_adapter_name(written.adapter):
        raise ValueError(f"an adapter called {written.adapter!r} cannot be named in a file")
    body = "\n".join(_body(written.adapter, written.settings)) + "\n"
    at = "-" if written.at is None else written.at.isoformat(timespec="seconds")
    note = f"# knxgw: id={written.id} source={written.source} at={at} sum={_sum(body)}"
    return "\n".join((*_HEAD, note, "", body))


def _body(adapter: str, settings: IPv4Settings) -> Iterator[str]:
    yield from ("[Match]", f"Name={adapter}", "", "[Network]")
    is_automatic = settings.mode is Mode.AUTOMATIC
    # with DHCP, networkd takes an IPv4LL address (169.254.1.0 to 169.254.254.255) after three tries without
    # an answer, and gives it up with the first lease
    yield f"DHCP={'ipv4' if is_automatic else 'no'}"
    yield f"LinkLocalAddressing={'yes' if is_automatic else 'ipv6'}"
    yield from (f"DNS={one}" for one in settings.name_servers)
    if settings.interface is not None:
        yield f"Address={settings.interface}"
    if settings.gateway is not None:
        yield f"Gateway={settings.gateway}"
    if settings.name_servers:
        yield from ("", "[DHCPv4]", "UseDNS=no", "", "[IPv6AcceptRA]", "UseDNS=no")


def read_text(text: str) -> Written | None:
    """Return what a text of ours says, also after somebody changed it by hand; None: it cannot be shown."""
    values = _values(text)
    adapter = values.get(("Match", "Name"), "")
    address, _, bits = values.get(("Network", "Address"), "").partition("/")
    is_automatic = values.get(("Network", "DHCP")) in {"ipv4", "yes"}
    fields: dict[str, str] = {
        Field.MODE: Mode.AUTOMATIC if is_automatic else Mode.PERMANENT,
        Field.ADDRESS: address,
        Field.MASK: bits,
        Field.GATEWAY: values.get(("Network", "Gateway"), ""),
        Field.DNS: values.get(("Network", "DNS"), ""),
    }
    try:
        settings = read_settings(fields)
    except SettingsError:
        return None
    if not is_adapter_name(adapter):
        return None
    by_hand = Written(adapter=adapter, settings=settings, source=Source.HOST)
    return _with_note(text, by_hand)


def _with_note(text: str, by_hand: Written) -> Written:
    """Return the settings with what our note says of them, unless somebody has changed the text since."""
    note = _NOTE.search(text)
    if note is None:
        return by_hand
    body = text[note.end() :].removeprefix("\n\n")
    try:
        source, at = Source(note["source"]), _moment(note["at"])
    except ValueError:
        return by_hand
    if note["sum"] != _sum(body):
        return by_hand
    return Written(
        adapter=by_hand.adapter, settings=by_hand.settings, source=source, id=note["id"], at=at
    )


def _values(text: str) -> Mapping[tuple[str, str], str]:
    """Return section and key -> value; what stands several times, with blanks between."""
    section, found = "", dict[tuple[str, str], str]()
    for line in text.splitlines():
        plain = line.strip()
        if not plain or plain.startswith(("#", ";")):
            continue
        if plain.startswith("["):
            section = plain.strip("[]")
            continue
        key, _, value = (part.strip() for part in plain.partition("="))
        before = found.get((section, key))
        found[section, key] = value if before is None else f"{before} {value}"
    return found


def _moment(text: str) -> datetime | None:
    if text == "-":
        return None
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("no time zone")
    return found


def _sum(body: str) -> str:
    return sha256(body.encode()).hexdigest()[:_SUM_DIGITS]
