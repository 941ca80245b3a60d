"""Looks at the KNX connection of a configuration: the interface, the tunnel, the keyring, the meter.

At most a tunnel is opened, and values of the smart meter are read (GroupValueRead).
"""

import asyncio
import math
from collections.abc import Mapping

from knxgw.catalogue.messages import Listed, Message, message
from knxgw.catalogue.object_keys import SMART_METER
from knxgw.config.model import Configuration, KnxLinkKind, KnxSettings, SmartMeterSettings
from knxgw.config.objects import smart_meter_on_knx
from knxgw.errors import ConfigError, DecodeError, LinkError, Severity
from knxgw.links.knx import KnxLink
from knxgw.links.knx_discovery import KnxIpDevice, TunnelTrouble, trouble_of
from knxgw.links.knx_keyring_cover import KeyringCover, keyring_cover
from knxgw.links.knx_listening import Visit, visit
from knxgw.monitoring.direction import direction_risks, measured
from knxgw.objects.codec import Payload, decode_meter_value
from knxgw.online.modbus_devices import name_trouble
from knxgw.online.ports import Ports
from knxgw.online.progress import Board

KNX, METER = "knx", "knx/smart_meter"
LONGEST_WAIT_S = 20.0  # for values of the smart meter
LEAST_WAIT_S = 5.0
READ_AGAIN_S = 3.0
LISTEN_S = 3.0  # for any telegram, where no router says that it is there
SHOWN = 8  # group addresses in one message
METER_KEY = "load_management.smart_meter"


class KnxLook:
    """One look at the KNX connection."""

    def __init__(self, configuration: Configuration, board: Board, ports: Ports) -> None:
        self._configuration = configuration
        self._knx = configuration.knx
        self._board = board
        self._ports = ports
        self._meter = smart_meter_on_knx(configuration.load_management)
        self._phases = _phases(configuration, self._meter)
        self._values: dict[int, float] = {}  # of the phases [W or mA]
        self._not_read: set[str] = set()  # addresses whose values are of another type
        self._cover: KeyringCover | None = None
        self._routers: tuple[KnxIpDevice, ...] = ()
        self._heard = asyncio.Event()

    async def look(self) -> None:
        """Look at the interface, open the connection, and wait for the smart meter."""
        if not await self._look_at_interface():
            self._end_without_connection()
            return
        try:
            attachment = self._ports.make_link(self._knx)
        except ConfigError:  # whoever has read the configuration says so
            attachment = None
        if attachment is None:
            self._end_without_connection()
            return
        self._board.looking(KNX, message("online_connecting", address=_where(self._knx)))
        guest = Visit(self._phases, self._take)

        async def stay() -> None:
            await self._stay(guest, attachment.link)

        try:
            await visit(attachment, guest, stay, self._ports.wall_clock)
        except LinkError as err:
            if self._board.is_open(KNX):
                self._board.find(KNX, "knx.link", self._why(err))
            self._end_without_connection()

    def _end_without_connection(self) -> None:
        if self._board.is_open(KNX):
            self._board.end(KNX, message("online_not_reached"))
        if self._meter is not None and self._board.is_open(METER):
            self._board.skip(METER, message("online_meter_without_knx"))

    # --- interface

    async def _look_at_interface(self) -> bool:
        """Look for the interface; tell whether a connection can be tried."""
        if self._knx.link is KnxLinkKind.ROUTING:
            await self._search()
            return True
        host = self._knx.gateway_host or ""
        self._board.looking(KNX, message("online_resolving", host=host))
        trouble = await name_trouble(host, self._ports)
        if trouble is not None:
            self._board.find(KNX, "knx.gateway", trouble)
            return False
        self._board.looking(KNX, message("online_searching"))
        found = await self._ports.describe(host, self._knx.gateway_port, self._knx.local_ip)
        for words in interface_risks(self._knx, found):
            self._board.find(KNX, "knx.link", words)
        return True

    async def _search(self) -> None:
        self._board.looking(KNX, message("online_searching"))
        try:
            found = await self._ports.search(self._knx.local_ip)
        except (LinkError, OSError):  # opening the link fails as well, and says why
            return
        self._routers = tuple(one for one in found if one.has_routing)
        group = self._knx.multicast_group
        others = [one for one in self._routers if one.multicast_group not in ("", group)]
        if self._routers and len(others) == len(self._routers) and self._knx.keyring is None:
            other = others[0]
            words = message(
                "online_router_in_other_group", name=other.name, group=other.multicast_group
            )
            self._board.find(KNX, "knx.multicast_group", words)

    def _why(self, error: LinkError) -> Message:
        address = _where(self._knx)
        match trouble_of(error):
            case TunnelTrouble.ALL_TAKEN:
                return message("online_tunnels_taken", address=address)
            case TunnelTrouble.ADDRESS_TAKEN:
                wanted = self._knx.individual_address or ""
                return message("online_tunnel_taken", address=address, wanted=wanted)
            case TunnelTrouble.NOT_LET_IN:
                return message("online_tunnel_not_let_in", address=address)
            case TunnelTrouble.SILENT:
                return message("online_knx_silent", address=address)
            case TunnelTrouble.OTHER:
                return message("online_not_connected", address=address, reason=str(error))

    # --- while it is connected

    async def _stay(self, guest: Visit, link: KnxLink) -> None:
        """Look at what only a connection shows."""
        own, wanted = guest.individual_address, self._knx.individual_address
        if wanted and own != wanted:
            words = message("online_other_tunnel", own=own, wanted=wanted)
            self._board.find(KNX, "knx.individual_address", words, Severity.NOTE)
        await self._look_at_keyring(own)
        if self._meter is not None:
            self._board.looking(METER, message("online_waiting_for_values"))
        has_key = self._cover is not None and self._cover.has_backbone_key  # it may be another one
        if self._knx.link is KnxLinkKind.ROUTING and (has_key or not self._routers):
            self._board.looking(KNX, message("online_listening"))
        else:
            self._board.end(KNX, message("online_knx_connected", own=own))
        if self._meter is not None:
            await self._look_at_meter(guest, self._meter)
        elif self._board.is_open(KNX):
            await asyncio.sleep(LISTEN_S)
        if self._board.is_open(KNX):
            if has_key and link.malformed and not guest.telegrams:
                self._board.find(KNX, "knx.keyring", message("online_backbone_not_opened"))
            elif not guest.telegrams and not self._routers:
                self._board.find(KNX, "knx.link", message("online_no_router"))
            self._board.end(KNX, message("online_knx_connected", own=own))

    async def _look_at_keyring(self, own: str) -> None:
        linked = [
            address
            for link in self._configuration.group_objects.values()
            for address in link.addresses
        ]
        try:
            self._cover = await asyncio.to_thread(keyring_cover, self._knx, linked, own)
        except ConfigError:  # said before
            return
        if self._cover is not None:
            for words, severity in keyring_risks(self._cover, own):
                self._board.find(KNX, "knx.keyring", words, severity)

    async def _look_at_meter(self, guest: Visit, meter: SmartMeterSettings) -> None:
        secured = self._cover.secured if self._cover else ()
        first = {phase: address for address, phase in reversed(tuple(self._phases.items()))}
        wait_s = min(max(meter.interval_s, LEAST_WAIT_S), LONGEST_WAIT_S)
        ends_at = asyncio.get_running_loop().time() + wait_s
        for left_s in (READ_AGAIN_S, wait_s):
            for phase, address in sorted(first.items()):
                if phase not in self._values and address not in secured:
                    guest.read(address)
            until = min(ends_at, asyncio.get_running_loop().time() + left_s)
            if await self._wait_for_values(until):
                break
        self._judge_meter(guest, meter, wait_s)

    async def _wait_for_values(self, until: float) -> bool:
        """Wait for a value of every phase; tell whether they have come."""
        try:
            async with asyncio.timeout_at(until):
                while not self._values.keys() >= set(self._phases.values()):
                    self._heard.clear()
                    await self._heard.wait()
        except TimeoutError:
            return False
        return True

    def _take(self, address: str, payload: Payload) -> None:
        meter = self._meter
        if meter is None:
            return
        try:
            value = decode_meter_value(meter.dpt, payload).value
        except DecodeError:
            self._not_read.add(address)
            return
        self._values[self._phases[address]] = value
        self._heard.set()

    def _judge_meter(self, guest: Visit, meter: SmartMeterSettings, wait_s: float) -> None:
        board = self._board
        key = f"group_objects.{self._configuration.product.number_of(SMART_METER[0])}"
        missing = [one for one, phase in self._phases.items() if phase not in self._values]
        sealed = [one for one in missing if one in guest.sealed]
        odd = [one for one in missing if one in self._not_read]
        silent = [one for one in missing if one not in {*sealed, *odd}]
        if sealed:
            board.find(METER, key, message("online_meter_sealed", addresses=_listed(sealed)))
        if odd:
            words = message("online_meter_other_type", addresses=_listed(odd), dpt=meter.dpt)
            board.find(METER, f"{METER_KEY}.dpt", words)
        if silent:
            words = message("online_meter_silent", addresses=_listed(silent), seconds=wait_s)
            board.find(METER, key, words)
        invalid = [
            f"L{phase}" for phase, value in sorted(self._values.items()) if math.isnan(value)
        ]
        if invalid:
            board.find(METER, METER_KEY, message("online_meter_invalid", phases=_listed(invalid)))
        is_power = meter.measurement.value == "power"
        for words in direction_risks(self._values, is_power=is_power):
            board.find(METER, METER_KEY, words)
        words = measured(self._values, is_power=is_power)
        board.end(METER, words if self._values else message("online_meter_no_values"))


def _phases(configuration: Configuration, meter: SmartMeterSettings | None) -> Mapping[str, int]:
    """Return which phase a group address of the smart meter is of, the sending one first."""
    if meter is None:
        return {}
    return {
        address: phase
        for phase, key in enumerate(SMART_METER[: meter.phases], 1)
        if (link := configuration.link_of(key)) is not None
        for address in link.addresses
    }


def _where(knx: KnxSettings) -> str:
    if knx.link is KnxLinkKind.ROUTING:
        return knx.multicast_group
    return f"{knx.gateway_host}:{knx.gateway_port}"


def _listed(texts: list[str] | tuple[str, ...]) -> Listed:
    """Return texts for a message, not too many of them."""
    more = ("…",) if len(texts) > SHOWN else ()
    return Listed((*texts[:SHOWN], *more))


def interface_risks(knx: KnxSettings, found: KnxIpDevice | None) -> tuple[Message, ...]:
    """Return what an interface says of itself that does not fit; silence is judged by connecting."""
    if found is None:
        return ()
    if not found.has_udp_tunnels:
        return (message("online_no_tunnelling", name=found.name),)
    if knx.link is KnxLinkKind.TUNNELLING_TCP and not found.has_tcp_tunnels:
        return (message("online_no_tcp_tunnels", name=found.name),)
    is_plain = knx.link is KnxLinkKind.TUNNELLING or knx.keyring is None
    if found.needs_secure_tunnels and is_plain:
        return (message("online_only_secure_tunnels", name=found.name),)
    return ()


def keyring_risks(cover: KeyringCover, own: str) -> tuple[tuple[Message, Severity], ...]:
    """Return what a keyring lacks for the linked group addresses and our individual address."""
    found: list[tuple[Message, Severity]] = []
    if cover.secured and not cover.has_own_address:
        words = message("online_keyring_without_us", own=own)
        found.append((words, Severity.WARNING))
    if cover.not_ours:
        words = message("online_keyring_not_ours", addresses=_listed(cover.not_ours), own=own)
        found.append((words, Severity.WARNING))
    if cover.secured and cover.plain:
        words = message("online_keyring_plain", addresses=_listed(cover.plain))
        found.append((words, Severity.NOTE))
    elif cover.plain:
        found.append((message("online_keyring_without_groups"), Severity.NOTE))
    return tuple(found)
