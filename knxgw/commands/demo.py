"""The demo: a whole gateway and simulated devices, shown in the terminal."""

import asyncio
import tempfile
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.live import Live

from knxgw.catalogue.load import catalogue
from knxgw.charging.scope import PointNumber
from knxgw.commands.demo_empty import run_empty
from knxgw.commands.demo_view import live_view, plain_lines
from knxgw.commands.terminal import Screen
from knxgw.config.load import parse_configuration
from knxgw.config.model import Configuration
from knxgw.ending import Stop, run_to_end
from knxgw.errors import ConfigError
from knxgw.gateway import Gateway
from knxgw.run import running
from knxgw.sim.demo import (
    FIRST_WEB_PORT,
    METER_S,
    USUAL_GROUP,
    break_down,
    come_and_go,
    demo_site,
    device_ports,
    groups,
    live_in,
    with_meter_on_modbus,
)
from knxgw.sim.knx_meter import knx_meter
from knxgw.sim.loopback import first_free_port, quiet_group
from knxgw.sim.site import SimulatedSite

PASSWORD = "knxgw-demo"  # noqa: S105 - the site is simulated, and reached from this computer only
TABLE_S = 0.5
LINES_S = 5.0


def run_demo(
    *,
    seconds: float | None,
    seed: int,
    show_log: bool,
    fault_at: int | None = None,
    is_empty: bool = False,
) -> None:
    """Run the demo site until Ctrl-C, for some seconds, or until nobody reads any more.

    `fault_at`: the charging point whose charger stops answering after a while; None: all stay well.
    `is_empty`: the device has no charging points, so that somebody may configure them.
    """
    with ExitStack() as claims:
        web = claims.enter_context(first_free_port(FIRST_WEB_PORT))
        group = claims.enter_context(quiet_group(groups()))
        ports = device_ports()
        text = demo_site(web, group, ports)
        if is_empty:
            text = with_meter_on_modbus(text, ports[-1])
        loaded = parse_configuration(text, catalogue(), name="demo_site.yaml")
        if loaded.configuration is None:
            raise ConfigError(loaded.findings)
        if is_empty:
            run_to_end(run_empty(loaded.configuration, seconds=seconds, seed=seed))
            return
        demo = _demo(
            loaded.configuration, seconds=seconds, seed=seed, show_log=show_log, fault_at=fault_at
        )
        run_to_end(demo)


async def _demo(
    configuration: Configuration,
    *,
    seconds: float | None,
    seed: int,
    show_log: bool,
    fault_at: int | None,
) -> None:
    stop = Stop()
    site = SimulatedSite(configuration, asyncio.get_running_loop().time)
    await site.start()
    with tempfile.TemporaryDirectory(prefix="knxgw-demo-") as state:
        try:
            async with asyncio.TaskGroup() as group:
                actors: list[asyncio.Task[None]] = [group.create_task(site.run_physics())]
                for number, charger in site.chargers.items():
                    actors.append(group.create_task(come_and_go(number, charger, seed)))
                if fault_at is not None:
                    endpoint = site.endpoint_of(PointNumber(fault_at))
                    actors.append(group.create_task(break_down(endpoint.misbehaviour)))
                meter = knx_meter(configuration, site.house, period_s=METER_S)
                if meter is not None:
                    actors.append(group.create_task(live_in(site.house, seed)))
                    actors.append(group.create_task(meter.run()))
                async with running(configuration, Path(state), password=PASSWORD) as gateway:
                    await _show(
                        gateway, _head(configuration), stop, seconds=seconds, show_log=show_log
                    )
                for actor in actors:
                    actor.cancel()
        finally:
            await site.stop()


async def _show(
    gateway: Gateway,
    head: tuple[str, str],
    stop: Stop,
    *,
    seconds: float | None,
    show_log: bool,
) -> None:
    """Show the site until somebody stops it or nobody looks any more."""
    screen, console = Screen(stop.asked.set), Console()
    is_table = console.is_terminal and not console.is_dumb_terminal and not show_log
    if show_log:
        screen.say(f"knxgw demo: {' · '.join(head)}")
    try:
        async with asyncio.timeout(seconds):
            if show_log:
                await _only_log(stop, screen)
            elif is_table:
                await _show_table(gateway, stop, head, screen, console)
            else:
                await _show_lines(gateway, stop, head, screen)
    except TimeoutError:
        return


def _head(configuration: Configuration) -> tuple[str, str]:
    """Return what a person must know to use the demo: where its page is, how it ends, its bus."""
    web = f"http://{configuration.website.host}:{configuration.website.port}/"
    group = configuration.knx.multicast_group
    why = "" if group == USUAL_GROUP else f" ({USUAL_GROUP} is in use on this computer)"
    return (
        f"website {web}, password {PASSWORD} · Ctrl-C ends",
        f"KNX on {group}, interface 127.0.0.1{why}",
    )


async def _show_table(
    gateway: Gateway, stop: Stop, head: tuple[str, str], screen: Screen, console: Console
) -> None:
    live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
    screen.do(live.start)
    while not stop.asked.is_set():
        view = live_view(gateway.view(), head)
        screen.do(partial(live.update, view, refresh=True))
        await _pause(stop, TABLE_S)
    screen.do(live.stop)


async def _show_lines(gateway: Gateway, stop: Stop, head: tuple[str, str], screen: Screen) -> None:
    while not stop.asked.is_set():
        screen.say(plain_lines(gateway.view(), head) + "\n")
        await _pause(stop, LINES_S)


async def _only_log(stop: Stop, screen: Screen) -> None:
    while not stop.asked.is_set():
        screen.look()
        await _pause(stop, TABLE_S)


async def _pause(stop: Stop, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.asked.wait()
    except TimeoutError:
        return
