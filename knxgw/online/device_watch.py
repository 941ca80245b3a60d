"""Watches devices of a draft for somebody who sets them up: reads each every few seconds, writes nothing.

What the running gateway has in use is not asked again: many devices take one connection only.
"""

import asyncio
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, replace

from knxgw.charging.quantities import Quantity, Value
from knxgw.config.devices import devices
from knxgw.config.model import Configuration
from knxgw.errors import LinkError
from knxgw.links.modbus_buses import devices_by_endpoint, driver_of
from knxgw.links.modbus_endpoint import ModbusEndpoint
from knxgw.links.probe import until_done
from knxgw.modbus.watching import Watching
from knxgw.monitoring.device_watch import Watched, WatchProgress, seen_again

LOOK_S = 0.5  # between two looks at what was read
AGAIN_S = 2.0  # until a connection that was refused or lost is tried again


@dataclass(frozen=True, slots=True, kw_only=True)
class InUse:
    """What the running gateway has of a device whose connection it has."""

    values: Mapping[Quantity, Value] | None = None  # None: it reads none of it
    is_otherwise: bool = False  # it has the connection with other settings


Known = Mapping[str, InUse]  # by device


class DeviceWatch:
    """One watch; `progress` may be read at any time, from any thread."""

    def __init__(
        self,
        configuration: Configuration,
        only: Container[str],
        *,
        number: int = 1,
        known: Callable[[], Known] = dict,
        now: Callable[[], float] | None = None,
    ) -> None:
        """Watch some devices of a configuration. `known`: what the running gateway has of them."""
        self.progress = WatchProgress(
            number=number,
            is_running=True,
            watched=tuple(
                Watched(id=one.id, connection=one.connection)
                for one in devices(configuration)
                if one.id in only
            ),
        )
        self._configuration = configuration
        self._known = known
        self._now = now or asyncio.get_running_loop().time
        self._askers: dict[str, Watching] = {}

    async def run(self, limit_s: float, goes_on: Callable[[], bool] = lambda: True) -> None:
        """Watch until the time is over, or nobody looks any more."""
        wanted = {one.id for one in self.progress.watched} - set(self._known())
        try:
            async with asyncio.timeout(limit_s), asyncio.TaskGroup() as group:
                tasks = []
                for endpoint, shared in devices_by_endpoint(self._configuration).items():
                    askers: dict[str, Watching] = {
                        one.id: Watching(driver_of(one, may_write=False))
                        for one in shared
                        if one.id in wanted
                    }
                    if askers:
                        self._askers |= askers
                        asking = self._ask(endpoint, tuple(askers.values()), limit_s)
                        tasks.append(group.create_task(asking))
                while goes_on():
                    self._look()
                    await asyncio.sleep(LOOK_S)
                for task in tasks:
                    task.cancel()
        except TimeoutError:
            pass
        finally:
            self.end()

    def end(self) -> None:
        """Note that nobody watches any more."""
        self.progress = replace(self.progress, is_running=False)

    @staticmethod
    async def _ask(endpoint: ModbusEndpoint, askers: Sequence[Watching], limit_s: float) -> None:
        while True:
            try:
                await until_done(endpoint, askers, lambda: None, limit_s)
            except LinkError:
                for one in askers:
                    one.lost(asyncio.get_running_loop().time())
            await asyncio.sleep(AGAIN_S)

    def _look(self) -> None:
        known, now_s = self._known(), self._now()
        self.progress = replace(
            self.progress,
            watched=tuple(self._seen(one, known, now_s) for one in self.progress.watched),
        )

    def _seen(self, one: Watched, known: Known, now_s: float) -> Watched:
        asker = self._askers.get(one.id)
        if asker is not None:
            return seen_again(one, asker.values, now_s, is_heard=asker.is_heard)
        in_use = known.get(one.id, InUse())
        seen = seen_again(one, in_use.values or {}, now_s, is_heard=in_use.values is not None)
        return replace(seen, is_in_use=True, is_used_otherwise=in_use.is_otherwise)
