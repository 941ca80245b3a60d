"""What pages may ask about the machine, its network and its time, and have done to them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv4Interface

from knxgw.errors import RejectedError
from knxgw.host.answer import Failure, NetworkAnswer, PartAnswer
from knxgw.host.manager import Manager
from knxgw.host.network_plan import AUTOMATIC, IPv4Settings
from knxgw.host.networkd_file import Source
from knxgw.host.time_plan import TimeService
from knxgw.website.keep_links import KeepLinks


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkState:
    """The network as it is, and whether pages may change it."""

    manager: Manager = Manager.UNKNOWN
    is_writable: bool = False  # networkd manages it, and the side with the rights answers
    adapter: str = ""  # "": it is not clear which one
    addresses: tuple[IPv4Interface, ...] = ()
    gateway: IPv4Address | None = None
    name_servers: tuple[str, ...] = ()
    uses_name_servers: bool = True  # those that are set here; False: the host has its own
    settings: IPv4Settings = AUTOMATIC  # as written; else as far as they can be told
    source: Source = Source.HOST  # who wrote them
    written_at: datetime | None = None
    change: NetworkAnswer | None = None  # the last one
    bound_to: str = ""  # the only address at which the website answers; "": at all of them
    knx_address: str = (
        ""  # of this machine, by which the configuration reaches KNX; "": whichever it is
    )

    @property
    def is_ours(self) -> bool:
        """Tell whether the settings are written in our file: then it is known what they are."""
        return self.source is not Source.HOST


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeState:
    """Where the time comes from."""

    is_synchronised: bool = False
    has_service: bool = False  # systemd-timesyncd, and the side with the rights answers
    can_set_clock: bool = False
    wanted: tuple[str, ...] = ()  # time servers of the configuration
    are_taken: bool = True  # the time service has them
    service: TimeService | None = None  # None: it does not answer


@dataclass(frozen=True, slots=True, kw_only=True)
class RebootState:
    """Whether pages may restart the machine, and what became of the last try."""

    is_offered: bool = False  # the side with the rights answers and can, and this is no container
    failure: Failure | None = None  # of the operating system; None: there is none


def _refuse(*_what: object) -> NetworkAnswer:
    raise RejectedError("the host manages network and time of this device")


def _refuse_part(_at: datetime) -> PartAnswer:
    raise RejectedError("the host manages network and time of this device")


def _refuse_reboot() -> PartAnswer:
    raise RejectedError("the host restarts this machine")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSettings:
    """Plain callables, safe from any thread; those that change something may take half a minute."""

    network: Callable[[], NetworkState] = NetworkState
    time: Callable[[], TimeState] = TimeState
    # settings, and whether they must be confirmed. Raises: RejectedError
    change_network: Callable[[IPv4Settings, bool], NetworkAnswer] = _refuse
    keep: Callable[[str], NetworkAnswer] = _refuse  # the id of a change. Raises: RejectedError
    give_back: Callable[[str], NetworkAnswer] = _refuse  # as above
    set_clock: Callable[[datetime], PartAnswer] = _refuse_part  # Raises: RejectedError
    reboot_state: Callable[[], RebootState] = RebootState
    # returns seconds before it happens. Raises: RejectedError
    reboot: Callable[[], PartAnswer] = _refuse_reboot
    links: KeepLinks = field(default_factory=KeepLinks)
