"""Looks for chargers and meters in a network, at an address or on a serial line; it only reads.

In a network it first tries which addresses take a connection at all, many at once. Whoever does is asked which
model it is, as `knxgw probe` does, and then read once, as a gateway would: its serial number and what it measures
help a person to tell one from another.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Protocol

from knxgw.catalogue.device_model import DeviceKind, DeviceModel, Transport
from knxgw.catalogue.messages import Message, message
from knxgw.config.device_address import device_address
from knxgw.config.devices import Device, DeviceId, DeviceRole
from knxgw.config.model import Connection, ConnectionKind
from knxgw.errors import LinkError
from knxgw.links.modbus_buses import driver_of
from knxgw.links.modbus_endpoint import ModbusEndpoint, SerialEndpoint, TcpEndpoint
from knxgw.links.probe import Asker, until_done
from knxgw.modbus.examination import Examination, Verdict
from knxgw.modbus.probe_target import Target
from knxgw.modbus.probing import Candidate, Probing
from knxgw.monitoring.device_search import FoundDevice, SearchProgress, in_order
from knxgw.online.attempts import SERIAL_TIMEOUT_S, TCP_TIMEOUT_S, Try, tries

CONNECT_S = 1.0
CONNECTS_AT_ONCE = 64
DEVICES_AT_ONCE = 8  # that are asked which model they are
PROBE_S = 15.0  # for one device
LINE_S = 300.0  # for all settings of a serial line
READ_S = 12.0
WATCH_S = 2.5  # after the first cycle: what is read seldom, such as a serial number
RESTS_S = 0.3  # a device with one connection needs a moment after it was closed


class Ask(Protocol):
    """Runs those who ask at an endpoint. Raises: LinkError."""

    async def __call__(
        self,
        endpoint: ModbusEndpoint,
        askers: Sequence[Asker],
        on_progress: Callable[[], None],
        limit_s: float,
    ) -> bool:
        """Tell whether that was done in time."""


async def takes_connection(host: str, port: int) -> bool:
    """Tell whether something at an address takes a TCP connection."""
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


class DeviceSearch:
    """One search; `progress` may be read at any time, from any thread."""

    def __init__(
        self,
        models: Sequence[DeviceModel],
        *,
        number: int = 1,
        used: Mapping[tuple[str, int], tuple[Message, ...]] | None = None,
        connects: Callable[[str, int], Awaitable[bool]] = takes_connection,
        ask: Ask = until_done,
    ) -> None:
        """Look for any of `models`. `used`: what the gateway has at (host, port): it is left alone."""
        self._models = models
        self.used = used or {}
        self.used_lines: Collection[str] = ()  # device files of the lines that the gateway has
        self._connects = connects
        self._ask = ask
        self.progress = SearchProgress(number=number, is_running=True)

    def remember(self, earlier: Sequence[FoundDevice]) -> None:
        """Keep what searches before this one have found."""
        self._set(earlier=tuple(earlier))

    def leave_out_used(self) -> None:
        """Forget of what was found earlier what the gateway has by now."""
        earlier = (
            one
            for one in self.progress.earlier
            if one.place[:2] not in self.used and not (one.line and self._is_used(one.line.port))
        )
        self._set(earlier=tuple(earlier))

    async def in_network(self, hosts: Sequence[str], ports: Sequence[int]) -> None:
        """Look at every address; a device that the gateway has already is named."""
        places = [place for place in product(hosts, ports) if place not in self.used]
        self._set(total=len(places))
        for (host, port), words in self.used.items():
            if host in hosts and port in ports:
                connection = _tcp(host, port, unit=0)
                self._add(FoundDevice(connection=connection, used_as=words))
        waiting = iter(places)
        asked = asyncio.Semaphore(DEVICES_AT_ONCE)
        try:
            async with asyncio.TaskGroup() as group:

                async def look() -> None:
                    for host, port in waiting:
                        if await self._connects(host, port):
                            group.create_task(self._ask_in_turn(host, port, asked))
                        self._set(done=self.progress.done + 1)

                for _ in range(min(CONNECTS_AT_ONCE, len(places))):
                    group.create_task(look())
        finally:
            self._end()

    async def at_address(self, host: str, port: int, units: tuple[int, ...] | None) -> None:
        """Look who answers at one address."""
        self._set(total=1)
        try:
            used = self.used.get((host, port))
            if used is not None:
                self._add(FoundDevice(connection=_tcp(host, port, unit=0), used_as=used))
            elif await self._connects(host, port):
                await self._ask_at(host, port, units)
            else:
                self._set(trouble=message("online_no_answer", address=f"{host}:{port}"))
            self._set(done=1)
        finally:
            self._end()

    async def on_line(self, port: str) -> None:
        """Look who is on a serial line, with the likely settings, until somebody answers."""
        attempts = tries(Target(kind=ConnectionKind.SERIAL, host=port), self._models, None)
        if self._is_used(port):
            attempts = ()
            self._set(trouble=message("search_line_in_use", address=port))
        self._set(total=len(attempts))
        try:
            async with asyncio.timeout(LINE_S):
                for attempt in attempts:
                    if await self._ask_on(attempt):
                        break
                    self._set(done=self.progress.done + 1)
        except TimeoutError:
            pass
        except LinkError as err:
            self._set(trouble=message("online_not_connected", address=port, reason=str(err)))
        finally:
            self._end()

    # --- inside

    def _is_used(self, port: str) -> bool:
        """Tell whether the gateway has a serial line, by whichever of its device files."""
        return Path(port).resolve() in {Path(one).resolve() for one in self.used_lines}

    async def _ask_in_turn(self, host: str, port: int, turns: asyncio.Semaphore) -> None:
        async with turns:
            await asyncio.sleep(RESTS_S)
            await self._ask_at(host, port, None)

    async def _ask_at(self, host: str, port: int, units: tuple[int, ...] | None) -> None:
        """Ask at a TCP address who it is, and note it; somebody who speaks no Modbus is nobody."""
        target = Target(kind=ConnectionKind.TCP, host=host, port=port)
        # also those of a serial line: many are behind a gateway to TCP
        (attempt,) = tries(target, self._models, units)
        place = f"{host}:{port}"
        self._set(asking=(*self.progress.asking, place))
        try:
            await self._ask_one(attempt, must_probe_all=units is not None)
        except LinkError:
            return
        finally:
            self._set(asking=tuple(one for one in self.progress.asking if one != place))

    async def _ask_on(self, attempt: Try) -> bool:
        """Ask on a serial line with some settings; tell whether anybody has answered."""
        self._set(asking=(str(attempt.endpoint.name),))
        try:
            return await self._ask_one(attempt, must_probe_all=True)
        finally:
            self._set(asking=())

    async def _ask_one(self, attempt: Try, *, must_probe_all: bool) -> bool:
        timeout_s = TCP_TIMEOUT_S if attempt.line is None else SERIAL_TIMEOUT_S
        probing = Probing(
            attempt.models, attempt.units, timeout_s=timeout_s, must_probe_all=must_probe_all
        )
        await self._ask(attempt.endpoint, [probing], _nothing, PROBE_S)
        if not probing.has_answered:
            return False
        likely: dict[int, list[Candidate]] = {}
        for one in probing.candidates:
            if one.is_likely:
                likely.setdefault(one.unit, []).append(one)
        if not likely:  # it speaks Modbus, like no model that is known
            self._add(FoundDevice(connection=_connection(attempt, unit=1), line=attempt.line))
        for best, *others in likely.values():
            same_kind = (one.model for one in others if one.model.kind is best.model.kind)
            await self._read(attempt, best, tuple(same_kind))
        return True

    async def _read(
        self, attempt: Try, candidate: Candidate, others: tuple[DeviceModel, ...]
    ) -> None:
        """Note a device that was recognised, with each of its connectors that answers."""
        model = candidate.model
        for connector in model.connectors:
            connection = replace(
                _connection(attempt, unit=candidate.unit), connector=connector.number
            )
            found = FoundDevice(
                connection=connection,
                line=attempt.line,
                model=model,
                others=others,
                reasons=candidate.reasons,
            )
            examination = await self._examined(attempt.endpoint, model, connection)
            if connector is model.connectors[0] or examination.verdict is Verdict.FITS:
                self._add(replace(found, values=dict(examination.values)))

    async def _examined(
        self, endpoint: ModbusEndpoint, model: DeviceModel, connection: Connection
    ) -> Examination:
        """Read a device once, as a gateway would."""
        is_charger = model.kind is DeviceKind.CHARGER
        device = Device(
            id=DeviceId("found"),
            role=DeviceRole.CHARGER if is_charger else DeviceRole.POINT_METER,
            name=endpoint.name,
            model=model,
            connection=connection,
            point=1,
        )
        address = device_address(connection, model)
        if isinstance(endpoint, TcpEndpoint):
            endpoint = replace(endpoint, port=address.port)
        timeout_s = SERIAL_TIMEOUT_S if endpoint.is_serial else TCP_TIMEOUT_S
        driver = driver_of(device, may_write=False)
        examination = Examination(driver, address.unit, (), timeout_s=timeout_s, watch_s=WATCH_S)
        with contextlib.suppress(LinkError):  # what was recognised is there all the same
            await self._ask(endpoint, [examination], _nothing, READ_S)
        return examination

    def _add(self, found: FoundDevice) -> None:
        self._set(found=(*self.progress.found, found))

    def _end(self) -> None:
        self._set(is_running=False, asking=(), found=in_order(self.progress.found))

    def refuse(self, why: Message) -> None:
        """Note that nothing is searched for there."""
        self._set(trouble=why)
        self._end()

    def cancelled(self) -> None:
        """Note that a person ended it."""
        self._end()
        self._set(was_cancelled=True)

    def _set(self, **changes: object) -> None:
        self.progress = replace(self.progress, **changes)  # type: ignore[arg-type]


def ports_of(models: Iterable[DeviceModel]) -> tuple[int, ...]:
    """Return the TCP ports at which models answer as they are delivered, the most frequent one first."""
    counts: dict[int, int] = {}
    for model in models:
        if Transport.TCP in model.transports:
            counts[model.port] = counts.get(model.port, 0) + 1
    return tuple(sorted(counts, key=lambda port: (-counts[port], port)))


def _nothing() -> None:
    """Show nothing: `progress` is read instead."""


def _tcp(host: str, port: int, *, unit: int) -> Connection:
    return Connection(kind=ConnectionKind.TCP, host=host, port=port, unit=unit, connector=1)


def _connection(attempt: Try, *, unit: int) -> Connection:
    endpoint = attempt.endpoint
    if isinstance(endpoint, TcpEndpoint):
        return _tcp(endpoint.host, endpoint.port, unit=unit)
    assert isinstance(endpoint, SerialEndpoint)  # noqa: S101 - there is no third one
    return Connection(kind=ConnectionKind.SERIAL, host=None, port=0, unit=unit, connector=1)
