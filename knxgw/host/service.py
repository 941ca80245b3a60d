"""What starts and watches the program: a service manager, a container, or the launcher of the firmware."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn, Self

RESTART_STATUS = 75  # exit status of an end that asks to be started again
_SIGNS = ("INVOCATION_ID", "KNXGW_SUPERVISED")  # systemd sets the first one, the launcher the other
ALIVE_S = 10.0  # how often a sign of life is given, at the latest
SERVED_S = (
    60.0  # a website that is not there by then does not make the device unhealthy, but for a trial
)
LOOK_S = 0.5


def is_supervised() -> bool:
    """Tell whether the program is run by something that starts it again.

    systemd says so in the environment; the first process of a container is restarted by its runtime;
    whoever has another supervisor sets KNXGW_SUPERVISED.
    """
    return any(os.environ.get(sign) for sign in _SIGNS) or os.getpid() == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceManager:
    """What waits for word of this program: the launcher, or systemd itself."""

    address: str = ""  # of its socket; "": nobody waits
    slot: str = ""  # of the firmware that the launcher has started; "": there is no launcher
    is_on_trial: bool = False  # a firmware that must prove itself
    alive_s: float = ALIVE_S  # how often a sign of life is wanted

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Return what the environment of the process says. Source: [linux-man] sd_watchdog_enabled(3)."""
        wanted_us = environment.get("WATCHDOG_USEC", "")
        wanted_s = int(wanted_us) / 1e6 if wanted_us.isdecimal() else ALIVE_S * 3
        return cls(
            address=environment.get("NOTIFY_SOCKET", ""),
            slot=environment.get("KNXGW_SLOT", ""),
            is_on_trial=bool(environment.get("KNXGW_ON_TRIAL")),
            alive_s=min(ALIVE_S, wanted_s / 3),
        )


async def tell_health(
    manager: ServiceManager,
    tell: Callable[[str, str], None],
    is_served: Callable[[], Awaitable[bool]],
    *,
    notes: tuple[str, str],
) -> NoReturn:
    """Say that the device is healthy once it is, and that it lives from then on.

    Healthy is a device whose loop turns and whose website answers. Where the address of the website is taken,
    charging must go on all the same: only a firmware on trial needs its website. `tell` sends a text to an
    address; `notes`: what says that it is ready, and that it lives.
    """
    loop = asyncio.get_running_loop()
    begun_at, (ready, alive) = loop.time(), notes
    while not await is_served():
        if not manager.is_on_trial and loop.time() - begun_at >= SERVED_S:
            break
        await asyncio.sleep(LOOK_S)
    text = ready
    while True:
        if manager.address:
            with suppress(OSError):  # whoever listened is gone, or has too much to read
                tell(manager.address, text)
        text = alive
        await asyncio.sleep(manager.alive_s)


async def answers_health(host: str, port: int) -> bool:
    """Tell whether a website answers at an address; it does so without encryption, too."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - to recognise it
    try:
        async with asyncio.timeout(LOOK_S * 4):
            reader, writer = await asyncio.open_connection(here, port)
            writer.write(b"GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
            answer = await reader.readline()
            writer.close()
    except (OSError, TimeoutError, ValueError):
        return False
    return answer.split(b" ")[1:2] in ([b"200"], [b"503"])
