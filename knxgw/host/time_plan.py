"""Time servers: which names may be one, the file that names them, and what the time service says; pure.

Source: website 41; [systemd-man] timesyncd.conf(5), timedatectl(1) of systemd 252.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

MOST_SERVERS = 16
# what came before cannot be the time; the product did not exist
EARLIEST = datetime(2026, 11, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_HEAD = "# Written by knxgw: the time servers of its configuration (device.ntp_servers)."
_NAME = re.compile(  # as the configuration reads names of hosts
    r"(?!.{254})[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
    r"(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?)*\.?"
)
_IPV6 = re.compile(r"[0-9A-Fa-f:]{2,39}")
_OFFSET = re.compile(r"^\s*Offset: ([+-]?)((?:[0-9.]+[a-z]* ?)+)$", re.MULTILINE)
_PART = re.compile(r"([0-9.]+)([a-z]*)")
_UNITS_S = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}
_ANSWERED = re.compile(r"DestinationTimestamp=(?:\w{3} )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC")


def is_time_server(name: str) -> bool:
    """Tell whether a text can be a time server: a name or an address, and nothing that a file reads otherwise."""
    return bool(_NAME.fullmatch(name) or (":" in name and _IPV6.fullmatch(name)))


def timesyncd_text(servers: Sequence[str]) -> str:
    """Return the text of the file that names time servers; "": those of the operating system hold.

    Raises: ValueError for what cannot be a time server.
    """
    if not servers:
        return ""
    if not all(map(is_time_server, servers)):
        raise ValueError("not a time server")
    # the empty line drops the servers that other files name
    return f"{_HEAD}\n[Time]\nNTP=\nNTP={' '.join(servers)}\n"


def servers_of(text: str) -> tuple[str, ...]:
    """Return the time servers that a file of ours names."""
    found: tuple[str, ...] = ()
    for line in text.splitlines():
        key, is_there, value = line.partition("=")
        if is_there and key.strip() == "NTP":
            found = (*found, *value.split()) if value.strip() else ()
    return found


def is_plausible(moment: datetime) -> bool:
    """Tell whether a moment can be the time: of a browser, whose clock may be wrong as well."""
    return EARLIEST <= moment < LATEST


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeService:
    """What the time service of the operating system says."""

    servers: tuple[str, ...] = ()  # that it asks: ours, else those of the network or of the system
    answering: str = ""  # the server whose time holds; "": none has answered
    answered_at: datetime | None = None  # [UTC]
    offset_s: float | None = None  # of the clock from the server's time, when it answered last


def read_time_service(properties: str, status: str) -> TimeService:
    """Return what `timedatectl show-timesync` and `timedatectl timesync-status` print, in UTC."""
    values = dict(_pairs(properties))
    named = (values.get(f"{kind}NTPServers", "") for kind in ("Runtime", "System", "Link"))
    servers = [name for names in named for name in names.split()]
    address = values.get("ServerAddress", "")
    name = values.get("ServerName", "")
    answered = _ANSWERED.search(properties)
    is_answered = answered is not None and bool(address)
    return TimeService(
        servers=tuple(dict.fromkeys(servers or values.get("FallbackNTPServers", "").split())),
        answering=(name or address) if is_answered else "",
        answered_at=_moment(answered[1]) if answered is not None else None,
        offset_s=_offset_s(status) if is_answered else None,
    )


def _pairs(properties: str) -> Mapping[str, str]:
    lines = (line.partition("=") for line in properties.splitlines())
    return {key: value for key, _, value in lines}


def _offset_s(status: str) -> float | None:
    """Return a time span with its sign, such as `-1min 2.345s`; None: it is not told, or days off and more."""
    found = _OFFSET.search(status)
    if found is None:
        return None
    try:
        parts = [float(number) * _UNITS_S[unit] for number, unit in _PART.findall(found[2])]
    except (KeyError, ValueError):
        return None
    return -sum(parts) if found[1] == "-" else sum(parts)


def _moment(text: str) -> datetime | None:
    found = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return found if found.year > 1970 else None  # none has answered yet
