"""The messages of SSDP, by which UPnP devices are found, and who is answered. Pure.

Source: [upnp-arch].
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from knxgw.allowance import Allowance
from knxgw.links.discovery.introduction import DESCRIPTION_PATH, DEVICE_TYPE, Introduction
from knxgw.links.discovery.places import Place

GROUP, PORT = "239.255.255.250", 1900
ALL, ROOT = "ssdp:all", "upnp:rootdevice"
MAX_AGE_S = 1800  # for how long others believe an announcement; the least that UPnP allows
LONGEST_WAIT_S = 5.0  # whatever a search says
# the same for every version of the program: strangers learn none
SERVER = "Linux/1.0 UPnP/1.1 knxgw/1.0"
LARGEST_SEARCH = 1024  # bytes
MOST_PENDING = 64  # searches that wait for their answer
# one search has up to three answers of some 300 bytes
MOST_AT_ONCE, ONE_MORE_S = 40, 0.25

_FIRST_LINE = re.compile(rb"M-SEARCH \* HTTP/1\.[01]\r?\n")
_HEADER = re.compile(rb"^([!-9;-~]+)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r?$", re.MULTILINE)
_DEVICE = re.compile(r"urn:schemas-upnp-org:device:basic:1", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What somebody looks for, and how long he waits for answers."""

    target: str
    timeout_s: float  # in which the answers of all devices are to be spread


@dataclass(frozen=True, slots=True, kw_only=True)
class RootDevice:
    """The device as it is announced in one network."""

    udn: str
    location: str  # address of its description
    boot: int  # grows each time that it comes back
    configuration: int  # another one for another description

    def names(self) -> tuple[tuple[str, str], ...]:
        """Return what it is announced as: (type, unique service name)."""
        return (
            (ROOT, f"{self.udn}::{ROOT}"),
            (self.udn, self.udn),
            (DEVICE_TYPE, f"{self.udn}::{DEVICE_TYPE}"),
        )

    def alive(self) -> tuple[bytes, ...]:
        """Return the announcements that it is there."""
        return tuple(
            _message(
                "NOTIFY * HTTP/1.1",
                ("HOST", f"{GROUP}:{PORT}"),
                ("CACHE-CONTROL", f"max-age={MAX_AGE_S}"),
                ("LOCATION", self.location),
                ("NT", kind),
                ("NTS", "ssdp:alive"),
                ("SERVER", SERVER),
                ("USN", name),
                *self._numbers(),
            )
            for kind, name in self.names()
        )

    def byebye(self) -> tuple[bytes, ...]:
        """Return the announcements that it goes."""
        return tuple(
            _message(
                "NOTIFY * HTTP/1.1",
                ("HOST", f"{GROUP}:{PORT}"),
                ("NT", kind),
                ("NTS", "ssdp:byebye"),
                ("USN", name),
                *self._numbers(),
            )
            for kind, name in self.names()
        )

    def answers(self, target: str) -> tuple[bytes, ...]:
        """Return the answers to a search; none: it is for others."""
        return tuple(
            _message(
                "HTTP/1.1 200 OK",
                ("CACHE-CONTROL", f"max-age={MAX_AGE_S}"),
                ("EXT", ""),
                ("LOCATION", self.location),
                ("SERVER", SERVER),
                ("ST", kind),
                ("USN", name),
                *self._numbers(),
            )
            for kind, name in self.names()
            if _is_meant(target, kind)
        )

    def _numbers(self) -> Iterator[tuple[str, str]]:
        yield "BOOTID.UPNP.ORG", str(self.boot)
        yield "CONFIGID.UPNP.ORG", str(self.configuration)


def root_device(said: Introduction, place: Place, boot: int, configuration: int) -> RootDevice:
    """Return the device as it is announced in a network.

    The description is always fetched by plain http: Windows takes none from a website whose
    certificate it does not know.
    """
    return RootDevice(
        udn=said.udn,
        location=f"http://{place.address}:{said.port}{DESCRIPTION_PATH}",
        boot=boot & 0x7FFF_FFFF,
        configuration=configuration & 0xFF_FFFF,
    )


def read_search(packet: bytes) -> Search | None:
    """Return the search that a packet is; None: it is none, or not one that UPnP answers."""
    if len(packet) > LARGEST_SEARCH or _FIRST_LINE.match(packet) is None:
        return None
    headers = {name.upper(): value for name, value in _HEADER.findall(packet)}
    if headers.get(b"MAN") != b'"ssdp:discover"':
        return None
    wait, target = headers.get(b"MX", b""), headers.get(b"ST", b"")
    if not (wait.isdigit() and len(wait) <= 5 and int(wait) >= 1 and target.isascii()):
        return None
    return Search(target=target.decode("ascii"), timeout_s=min(float(wait), LONGEST_WAIT_S))


class Doorman:
    """Who is answered, and when: the own network only, and no more than the network bears."""

    def __init__(self, place: Place, device: RootDevice, part: Callable[[], float]) -> None:
        """Look after one network; `part` returns a random number from 0 to 1."""
        self._place, self._device, self._part = place, device, part
        self._allowance = Allowance(most=MOST_AT_ONCE, every_s=ONE_MORE_S)
        self._pending: dict[tuple[str, int, str], float] = {}  # when it is answered [s]

    def admit(
        self, packet: bytes, source: tuple[str, int], now_s: float
    ) -> tuple[float, tuple[bytes, ...]] | None:
        """Return (delay [s], answers) to what came from (address, port); None: it is ignored.

        A search is sent several times, as packets may be lost: while its answer waits, another one
        is not answered again.
        """
        address, port = source
        if port == 0 or not self._place.knows(address):
            return None
        search = read_search(packet)
        if search is None:
            return None
        answers = self._device.answers(search.target)
        if not answers:
            return None
        asked = (address, port, search.target.lower())
        self._forget_answered(now_s)
        if not self._has_room(asked) or not self._allowance.take(now_s):
            return None
        delay_s = search.timeout_s * 0.9 * self._part()  # it takes a moment on its way
        self._pending[asked] = now_s + delay_s
        return delay_s, answers

    def _forget_answered(self, now_s: float) -> None:
        for one in [one for one, answered_at in self._pending.items() if answered_at <= now_s]:
            del self._pending[one]

    def _has_room(self, asked: tuple[str, int, str]) -> bool:
        """Tell whether a search may wait for its answer: not twice, and not too many."""
        return asked not in self._pending and len(self._pending) < MOST_PENDING


def _is_meant(target: str, kind: str) -> bool:
    if kind == DEVICE_TYPE:
        return target == ALL or _DEVICE.fullmatch(target) is not None
    return target == ALL or target.lower() == kind.lower()


def _message(first: str, *headers: tuple[str, str]) -> bytes:
    lines = [first, *(f"{name}: {value}".rstrip() for name, value in headers)]
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("ascii")
