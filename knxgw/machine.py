"""The machine, its network and time: what pages may see of them, and have done to them. Source: website 40, 41, 67."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from typing import NoReturn

from knxgw.config.model import Configuration
from knxgw.device.ip_settings import IpSettings
from knxgw.errors import RejectedError
from knxgw.host.adapters import ROOT
from knxgw.host.answer import Failure, NetworkAnswer, NetworkSideAnswer, PartAnswer, TimeSideAnswer
from knxgw.host.asking import Asking, Ports
from knxgw.host.clock import boot_id, is_synchronised
from knxgw.host.linux_machine import boot_s
from knxgw.host.manager import Manager, is_container
from knxgw.host.network import OwnAddress, ipv4_interfaces, own_addresses
from knxgw.host.network_change import ChangeByTool, Phase
from knxgw.host.network_plan import (
    AUTOMATIC,
    Field,
    IPv4Settings,
    Mode,
    SettingsError,
    fields_of,
    may_cut_off,
    read_settings,
)
from knxgw.host.networkd_file import Source, Written
from knxgw.host.root_folder import FOLDER
from knxgw.host.seen import SeenNetwork, has_time_service, see_network, see_time_service
from knxgw.host.time_plan import MOST_SERVERS
from knxgw.store.private_files import write_private
from knxgw.website.host_settings import HostSettings, NetworkState, RebootState, TimeState
from knxgw.website.listener import EVERYWHERE

log = logging.getLogger(__name__)
LOOK_S = 5.0  # how often it is looked for what the root side did, and for other time servers
_FOLDER_MODE = 0o750


class Machine:
    """The machine of one device; what pages ask is safe from any thread."""

    def __init__(
        self,
        state: Path,
        configuration: Callable[[], Configuration | None],
        note: Callable[[str], None],
        on_moved: Callable[[], None] = lambda: None,
        root: Path = ROOT,
    ) -> None:
        """Ask the root side of a state directory.

        `note`: what the host did, for the audit. `on_moved`: the machine has other addresses; in a thread.
        """
        self._configuration = configuration
        self._root = root  # of its files
        self._note = note
        self._state = state
        self._asking = asking_of(state)
        self._on_moved = on_moved
        self._addresses: tuple[OwnAddress, ...] | None = None
        self._waiting: str | None = None  # the change that waited when it was looked last
        self._refused: tuple[str, ...] | None = None  # time servers that were asked for in vain

    def for_pages(self, on_reboot: Callable[[], None] = lambda: None) -> HostSettings:
        """Return what pages may ask; `on_reboot`: the machine is about to restart, in a thread."""
        return HostSettings(
            network=self._network,
            time=self._time,
            change_network=self._change_network,
            keep=self._asking.keep,
            give_back=self._asking.give_back,
            set_clock=self._asking.set_clock,
            reboot_state=self._reboot_state,
            reboot=partial(self._reboot, on_reboot),
        )

    # --- what there is

    def _network(self) -> NetworkState:
        answer, configuration = self._asking.of_network(), self._configuration()
        written = None if answer is None else answer.written
        seen = see_network("" if written is None else written.adapter, self._root)
        state = _state_of(seen, written)
        return NetworkState(
            manager=seen.manager,
            is_writable=answer is not None and seen.manager is Manager.NETWORKD,
            adapter=state.adapter,
            addresses=state.addresses,
            gateway=seen.gateway,
            name_servers=seen.name_servers,
            uses_name_servers=seen.uses_name_servers,
            settings=state.settings,
            source=Source.HOST if written is None else written.source,
            written_at=None if written is None else written.at,
            change=None if answer is None else answer.network,
            bound_to=bound_to(configuration),
            knx_address="" if configuration is None else configuration.knx.local_ip or "",
        )

    def _time(self) -> TimeState:
        answer, is_right = self._asking.of_time(), is_synchronised()
        wanted = time_servers(self._configuration())
        return TimeState(
            is_synchronised=is_right,
            has_service=answer is not None and has_time_service(self._root),
            can_set_clock=answer is not None and not is_right,
            wanted=wanted,
            are_taken=answer is None or _are_taken(wanted, answer, self._asking.of_network()),
            service=see_time_service(),
        )

    def _reboot_state(self) -> RebootState:
        answer = self._asking.of_time()
        last = None if answer is None else answer.reboot
        # whoever was refused has read why; what failed later is known to nobody yet
        is_failed = last is not None and last.failure is Failure.NOT_TAKEN
        return RebootState(
            is_offered=answer is not None and not is_container(self._root),
            failure=Failure.NOT_TAKEN if is_failed else None,
        )

    def _change_network(self, settings: IPv4Settings, must_be_confirmed: bool) -> NetworkAnswer:  # noqa: FBT001 - as pages call it
        return self._asking.change_network(
            settings, Source.WEBSITE, must_be_confirmed=must_be_confirmed
        )

    # --- for the KNX device; see `ip_by_tools.Host`

    @property
    def is_settable(self) -> bool:
        """Tell whether the network can be changed from here."""
        answer = self._asking.of_network()
        return answer is not None and answer.manager is Manager.NETWORKD

    def change_by_tool(self, wanted: IpSettings) -> NetworkAnswer | None:
        """Have the network as a tool wants it; None: it is so. In a thread. Raises: RejectedError, with the reason.

        Tools know nothing of name servers: they stay.
        """
        state = self._network()
        if not state.is_writable:
            raise RejectedError("the host manages the network of this device")
        fields = {
            **fields_of(state.settings),
            Field.MODE: (Mode.PERMANENT if wanted.is_permanent else Mode.AUTOMATIC).value,
            Field.ADDRESS: str(wanted.address),
            Field.MASK: str(wanted.mask),
            Field.GATEWAY: str(wanted.gateway) if int(wanted.gateway) else "",
        }
        try:
            settings = read_settings(fields)
        except SettingsError as err:
            raise RejectedError(f"no machine can have them ({err})") from err
        before = state.settings if state.is_ours else None
        if settings == before:
            return None
        for own, key in ((state.knx_address, "knx.local_ip"), (state.bound_to, "website.listen")):
            if own and (settings.interface is None or str(settings.interface.ip) != own):
                raise RejectedError(
                    f"{key} of the configuration names the address {own}: change that first"
                )
        return self._asking.change_network(
            settings, Source.ETS, must_be_confirmed=may_cut_off(before, settings)
        )

    def waiting_by_tool(self) -> ChangeByTool | None:
        """Return the change of a tool that waits for somebody to keep it. In a thread."""
        answer = self._asking.of_network()
        if answer is None or answer.network is None or answer.written is None:
            return None
        is_of_tool = answer.written.source is Source.ETS and answer.written.id == answer.network.id
        if not is_of_tool or answer.network.phase is not Phase.WAITING:
            return None
        interface = answer.written.settings.interface
        return ChangeByTool(
            id=answer.network.id, address=None if interface is None else interface.ip
        )

    def addresses(self) -> frozenset[str]:
        """Return the addresses that the machine has now. In a thread."""
        return frozenset(one.address for one in own_addresses(with_link_local=True))

    def keep(self, change: str) -> NetworkAnswer:
        """Keep a change of the network. In a thread. Raises: RejectedError."""
        return self._asking.keep(change)

    def _reboot(self, on_reboot: Callable[[], None]) -> PartAnswer:
        found = self._asking.reboot()
        if found.failure is None:
            on_reboot()
        return found

    # --- what goes on beside

    async def look_after(self) -> NoReturn:
        """Note what the root side did by itself, and let it have the time servers of the configuration."""
        await asyncio.to_thread(_make_folder, self._state)
        while True:
            await asyncio.sleep(LOOK_S)
            network = await asyncio.to_thread(self._asking.of_network)
            self._note_return(network)
            await self._take_time_servers(await asyncio.to_thread(self._asking.of_time), network)
            if self._note_addresses(await asyncio.to_thread(own_addresses)):
                await asyncio.to_thread(self._on_moved)

    def _note_addresses(self, addresses: tuple[OwnAddress, ...]) -> bool:
        """Note the addresses of the machine; tell whether they are others than before."""
        before, self._addresses = self._addresses, addresses
        return before is not None and before != addresses

    def _note_return(self, answer: NetworkSideAnswer | None) -> None:
        change = None if answer is None else answer.network
        if change is None:
            return
        if change.phase is Phase.WAITING:
            self._waiting = change.id
        elif self._waiting is not None:
            if self._waiting == change.id and change.phase is Phase.RETURNED:
                self._note("network_returned")
            self._waiting = None

    async def _take_time_servers(
        self, answer: TimeSideAnswer | None, network: NetworkSideAnswer | None
    ) -> None:
        wanted = time_servers(self._configuration())
        if answer is None or wanted == self._refused or _are_taken(wanted, answer, network):
            return  # the page says so; it is asked for again when they are others, or after a restart
        if not has_time_service(self._root):
            return
        try:
            taken = await asyncio.to_thread(self._asking.set_time_servers, wanted)
        except RejectedError as err:
            log.warning("the time servers are not set: %s", err)
            self._refused = wanted
            return
        self._refused = None if taken.failure is None else wanted


def _are_taken(
    wanted: tuple[str, ...], answer: TimeSideAnswer, network: NetworkSideAnswer | None
) -> bool:
    """Tell whether the machine asks these time servers, and not before them those of its network."""
    is_alone = network is None or network.uses_time_servers is not bool(wanted)
    return answer.time_servers == wanted and is_alone


def asking_of(state: Path) -> Asking:
    """Return who asks the root side of a state directory."""
    return Asking(state, Ports(write=_write, boot=boot_id, now_s=boot_s, wait=time.sleep))


def return_to_automatic(state: Path) -> None:
    """Let the network be as when the device was new, for a reset to the factory settings.

    May take seconds; nobody has to confirm it. What the host manages stays. Raises: RejectedError.
    """
    asking = asking_of(state)
    if asking.of_network() is None or see_network().manager is not Manager.NETWORKD:
        return
    found = asking.return_to_automatic()
    if found.failure is not None:
        raise RejectedError(f"the network was not reset: {found.failure}")


def _make_folder(state: Path) -> None:
    """Make the folder in which the root side answers; it has not the right to give one away."""
    try:
        (state / FOLDER).mkdir(mode=_FOLDER_MODE, exist_ok=True)
    except OSError as err:
        log.warning("nobody can be asked to change network or time: %s", err)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=_FOLDER_MODE, exist_ok=True)
    write_private(path, content)


def time_servers(configuration: Configuration | None) -> tuple[str, ...]:
    """Return the time servers of a configuration; (): those of the operating system."""
    return () if configuration is None else configuration.device.ntp_servers[:MOST_SERVERS]


def bound_to(configuration: Configuration | None) -> str:
    """Return the only address at which the website answers, "": at all of them, or behind a proxy."""
    host = "" if configuration is None else configuration.website.host
    if not host or host in EVERYWHERE:
        return ""
    try:
        return "" if ip_address(host).is_loopback else host
    except ValueError:
        return ""  # a name, which leads wherever the address is


def _state_of(seen: SeenNetwork, written: Written | None) -> NetworkState:
    """Return adapter, addresses and settings: as written, else as they seem to be."""
    adapter = "" if seen.adapter is None else seen.adapter.name
    addresses = ipv4_interfaces(adapter) if adapter else ()
    if written is not None:
        return NetworkState(adapter=adapter, addresses=addresses, settings=written.settings)
    routable = [one for one in addresses if not one.ip.is_link_local]
    if not routable or seen.is_leased:
        return NetworkState(adapter=adapter, addresses=addresses, settings=AUTOMATIC)
    settings = IPv4Settings(mode=Mode.PERMANENT, interface=routable[0], gateway=seen.gateway)
    return NetworkState(adapter=adapter, addresses=addresses, settings=settings)
