"""What pages may ask while a device is set up: searches, the online check, the first charge.

Plain callables, safe from any thread; each returns at once, and what goes on is read as progress.
"""

from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace

from knxgw.catalogue.messages import Message
from knxgw.config.load import LoadedConfiguration
from knxgw.config.model import Configuration
from knxgw.config.reached import reached
from knxgw.errors import Place
from knxgw.links.knx_discovery import KnxIpDevice
from knxgw.monitoring.device_search import SearchProgress
from knxgw.monitoring.device_watch import WatchProgress
from knxgw.monitoring.online_check import Seen
from knxgw.monitoring.test_charge import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Addresses and ports at which devices are searched for."""

    name: str
    hosts: tuple[str, ...]
    ports: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Where a device that is set up looks, and what a configuration means there: the demo stays on its machine."""

    # where devices are searched for; None: in the networks of the machine
    networks: Callable[[], tuple[Network, ...]] | None = None
    # asks for KNX IP interfaces, from a local address; None: in the networks of the machine
    search_knx: Callable[[str | None], Awaitable[Sequence[KnxIpDevice]]] | None = None
    confined: Callable[[Configuration], Configuration] = lambda configuration: configuration
    # why a host, or None: a serial line, is not reached from here; None: it is
    refuses: Callable[[str | None], Message | None] = lambda _host: None

    def meant(self, loaded: LoadedConfiguration) -> LoadedConfiguration:
        """Return what a configuration means here; a connection that leads out of here is an error."""
        configuration = loaded.configuration
        if configuration is None:
            return loaded
        refused = tuple(
            loaded.finding(one.key, why)
            for one in reached(configuration)
            if (why := self.refuses(one.host)) is not None
        )
        if refused:
            return replace(loaded, configuration=None, findings=(*loaded.findings, *refused))
        return replace(loaded, configuration=self.confined(configuration))


UNCONFINED = Surroundings()  # of a device in an installation


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchPlaces:
    """Where devices may be searched for."""

    networks: tuple[str, ...] = ()  # "192.168.1.0/24"
    lines: tuple[str, ...] = ()  # device files of serial adapters


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckProgress:
    """An online check that runs or has run."""

    number: int = 0  # counts the checks of this start; 0: none yet
    seen: tuple[Seen, ...] = ()
    is_running: bool = False
    was_cancelled: bool = False
    text_sum: str = ""  # of the text that is checked


@dataclass(frozen=True, slots=True, kw_only=True)
class KnxProgress:
    """A search for KNX IP interfaces and routers."""

    number: int = 0
    devices: tuple[KnxIpDevice, ...] = ()
    is_running: bool = False
    trouble: str = ""  # why it could not be asked


def _nothing(*_what: object) -> None:
    """Do nothing: a test has no device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Commissioning:
    """One search, one online check and one first charge at a time; a second one of a kind is not begun."""

    places: Callable[[], SearchPlaces] = SearchPlaces
    search_network: Callable[[str], None] = _nothing
    search_address: Callable[[str, int, tuple[int, ...] | None], None] = _nothing
    search_line: Callable[[str], None] = _nothing
    search: Callable[[], SearchProgress] = SearchProgress
    cancel_search: Callable[[], None] = _nothing
    # where a device has answered Modbus TCP since the start: host, port, unit
    answered: Callable[[], frozenset[tuple[str, int, int]]] = frozenset
    # a configuration, the places of its keys, the sum of its text, what is looked at (None: everything)
    start_check: Callable[
        [Configuration, Callable[[str], Place], str, Container[str] | None], None
    ] = _nothing
    check: Callable[[], CheckProgress] = CheckProgress
    cancel_check: Callable[[], None] = _nothing
    # a configuration, the devices of it that are watched; one watch at a time, a new one ends that of before
    start_watch: Callable[[Configuration, Container[str]], None] = _nothing
    watch: Callable[[], WatchProgress] = WatchProgress  # goes on while this is asked
    search_knx: Callable[[str | None], None] = _nothing
    knx: Callable[[], KnxProgress] = KnxProgress
    # at a charging point; the sum of the text of the configuration that is in force
    start_charge: Callable[[int, str], None] = _nothing
    charge: Callable[[], Progress] = Progress
    end_charge: Callable[[], None] = _nothing
    charges: Callable[[], Mapping[int, Progress]] = dict  # the last one of each charging point
    identify: Callable[[int], None] = _nothing  # interrupts a charging point for ten seconds
    identified: Callable[[], int | None] = lambda: None  # that is interrupted now for it
