"""Runs a probe on one endpoint: one connection, one question at a time."""

import asyncio
from collections.abc import Callable

from knxgw.errors import LinkError
from knxgw.links.modbus import ModbusBus, quiet_pymodbus
from knxgw.links.modbus_endpoint import ModbusEndpoint
from knxgw.modbus.probing import Probing

SHOW_S = 0.1  # between two reports of progress


async def carry_out(
    endpoint: ModbusEndpoint,
    probing: Probing,
    on_progress: Callable[[Probing], None],
    limit_s: float,
) -> bool:
    """Run until the probe is done; return False if it takes longer than `limit_s`.

    Raises: LinkError when there is no connection, or it was lost.
    """
    quiet_pymodbus()
    bus = ModbusBus(endpoint, drivers=[probing], on_event=lambda _event: None)
    try:
        async with asyncio.timeout(limit_s), asyncio.TaskGroup() as group:
            running = group.create_task(bus.run())
            while not probing.is_done:
                on_progress(probing)
                await asyncio.sleep(SHOW_S)  # a bus that ends by an error ends this as well
            running.cancel()
    except TimeoutError:
        return False
    except ExceptionGroup as errors:
        first = errors.exceptions[0]
        if isinstance(first, LinkError):
            raise LinkError(f"{endpoint.name}: no connection: {first}") from first
        raise first from None
    return True
