"""Runs the self-test of a device: looks at one part after the other, and reads from each device once."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from knxgw.config.devices import DeviceId
from knxgw.errors import GatewayError
from knxgw.links.modbus_buses import ModbusBuses
from knxgw.modbus.driver import Driver
from knxgw.monitoring import self_test as judge
from knxgw.monitoring.self_test import Check, Row, SelfTestRun

LONGEST_S = 55.0
READ_S = 8.0  # that a device may take
LAG_ROUNDS, LAG_ROUND_S = 20, 0.05
STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceUnderTest:
    """What a self-test asks the device for; nothing here changes anything that matters."""

    store: Callable[[], Awaitable[float | None]]  # how long a write took [s], None: it failed
    directory: Path
    clock: Callable[[], Row]
    knx: Callable[[], Row]
    load_management: Callable[[], Sequence[Row]]
    certificate: Callable[[], Row]
    gpio: Callable[[], Row]
    appliance: Callable[[], Awaitable[Sequence[Row]]]  # firmware, time servers, network
    buses: Callable[[], ModbusBuses | None]
    took_s: Callable[[str], float | None]  # the last request of a device that was answered [s]


async def run_self_test(device: DeviceUnderTest, running: SelfTestRun) -> None:
    """Look at everything, within a minute; what is found stands in the running."""
    buses = device.buses()
    drivers = () if buses is None else buses.drivers
    running.begin(len(Check) - len(judge.OF_DEVICES) + len(drivers))
    try:
        async with asyncio.timeout(LONGEST_S):
            running.add(judge.of_store(await device.store()))
            running.add(judge.of_space(_free_b(device.directory)))
            running.add(device.clock())
            running.add(device.knx())
            for row in device.load_management():
                running.add(row)
            if buses is not None:
                for driver in drivers:
                    running.add(await _of_device(device, buses, driver))
            running.add(device.certificate())
            for row in await device.appliance():
                running.add(row)
            running.add(device.gpio())
            running.add(judge.of_memory(_memory_b()))
            running.add(judge.of_loop(await _lag_s()))
    except TimeoutError:
        seen = {row.subject for row in running.progress.rows}
        for driver in drivers:
            if driver.name not in seen:
                running.add(judge.device_not_finished(_check_of(driver), driver.name))
        for row in judge.not_finished(running.progress.rows):
            running.add(row)
    finally:
        running.end()


async def _of_device(device: DeviceUnderTest, buses: ModbusBuses, driver: Driver) -> Row:
    """Read the first point of a device, as one more poll behind its polls."""
    check = _check_of(driver)
    condition, read_s = driver.condition.value, None
    if condition not in judge.CONDITIONS and await _is_read(buses, driver):
        read_s = device.took_s(driver.device)  # without the time it has waited for its turn
    return judge.of_device(check, driver.name, condition, read_s)


def _check_of(driver: Driver) -> Check:
    return Check.METER if driver.model.control is None else Check.CHARGER


async def _is_read(buses: ModbusBuses, driver: Driver) -> bool:
    block = driver.first_block
    if block is None:
        return False
    try:
        async with asyncio.timeout(READ_S):
            await buses.read_once(DeviceId(driver.device), block.table, block.address, block.count)
    except (GatewayError, TimeoutError):
        return False
    return True


async def _lag_s() -> float:
    """Return by how much the loop was late, at worst, in a second [s]."""
    loop, worst_s = asyncio.get_running_loop(), 0.0
    for _ in range(LAG_ROUNDS):
        due_at = loop.time() + LAG_ROUND_S
        await asyncio.sleep(LAG_ROUND_S)
        worst_s = max(worst_s, loop.time() - due_at)
    return worst_s


def _free_b(directory: Path) -> int | None:
    try:
        status = os.statvfs(directory)
    except OSError:
        return None
    return status.f_bavail * status.f_frsize


def _memory_b() -> int | None:
    """Return what this process holds in memory [B], as the kernel counts it. Source: [linux-man] proc(5)."""
    try:
        lines = STATUS.read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))
    except (OSError, ValueError, StopIteration):
        return None
