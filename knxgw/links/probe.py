"""Runs what only asks on one endpoint: one connection, one question at a time."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from knxgw.errors import LinkError
from knxgw.links.modbus import ModbusBus, Pollable, quiet_pymodbus
from knxgw.links.modbus_endpoint import ModbusEndpoint
from knxgw.modbus.probing import Probing

SHOW_S = 0.1  # between two reports of progress


class Asker(Pollable, Protocol):
    """Asks one device after the other what it wants to know, until that is enough."""

    @property
    def is_done(self) -> bool:
        """Tell whether it asks nothing more."""


A = TypeVar("A", bound=Asker)


async def carry_out(
    endpoint: ModbusEndpoint,
    probing: Probing,
    on_progress: Callable[[Probing], None],
    limit_s: float,
) -> bool:
    """Run until the probe is done; return False if it takes longer than `limit_s`.

    Raises: LinkError when there is no connection, or it was lost.
    """
    try:
        return await until_done(endpoint, [probing], lambda: on_progress(probing), limit_s)
    except LinkError as err:
        raise LinkError(f"{endpoint.name}: no connection: {err}") from err


async def until_done(
    endpoint: ModbusEndpoint,
    askers: Sequence[A],
    on_progress: Callable[[], None],
    limit_s: float,
) -> bool:
    """Run until all askers are done; return False if that takes longer than `limit_s`.

    Raises: LinkError when there is no connection, or it was lost.
    """
    quiet_pymodbus()
    bus = ModbusBus(endpoint, drivers=askers, on_event=lambda _event: None)
    try:
        async with asyncio.timeout(limit_s), asyncio.TaskGroup() as group:
            running = group.create_task(bus.run())
            while not all(asker.is_done for asker in askers):
                on_progress()
                await asyncio.sleep(SHOW_S)  # a bus that ends by an error ends this as well
            running.cancel()
    except TimeoutError:
        return False
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return True
