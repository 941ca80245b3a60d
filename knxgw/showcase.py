"""Showing things: the demo in the terminal, the simulator alone, and the scenario bench."""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from knxgw.catalogue.load import catalogue
from knxgw.config.load import load_configuration, parse_configuration
from knxgw.config.model import Configuration
from knxgw.errors import ConfigError, GatewayError, RejectedError
from knxgw.gateway import Gateway
from knxgw.links.knx_factory import make_link
from knxgw.run import Stop, run_to_end, running
from knxgw.sim.bench.read_scenario import load_scenario
from knxgw.sim.bench.report import as_json as results_as_json
from knxgw.sim.bench.report import as_text, run_scenario
from knxgw.sim.bench.scenario import Scenario
from knxgw.sim.console import HELP, obey
from knxgw.sim.demo import (
    METER_ADDRESS,
    come_and_go,
    demo_site,
    live_in,
    live_table,
    measure,
    plain_lines,
)
from knxgw.sim.site import SimulatedSite

TABLE_S = 0.5
LINES_S = 5.0


def run_demo(*, seconds: float | None, seed: int, show_log: bool) -> None:
    """Run the demo site until Ctrl-C, or for some seconds."""
    run_to_end(_demo(seconds=seconds, seed=seed, show_log=show_log))


async def _demo(*, seconds: float | None, seed: int, show_log: bool) -> None:
    loaded = parse_configuration(demo_site(), catalogue(), name="demo_site.yaml")
    if loaded.configuration is None:
        raise ConfigError(loaded.findings)
    configuration = loaded.configuration
    stop = Stop()
    site = SimulatedSite(configuration, asyncio.get_running_loop().time)
    await site.start()
    with tempfile.TemporaryDirectory(prefix="knxgw-demo-") as state:
        try:
            async with asyncio.TaskGroup() as group:
                actors = [group.create_task(site.run_physics())]
                for number, charger in site.chargers.items():
                    actors.append(group.create_task(come_and_go(number, charger, seed)))
                meter = replace(configuration.knx, individual_address=METER_ADDRESS)
                link = make_link(meter)
                if link is not None:
                    actors.append(group.create_task(live_in(site.house, seed)))
                    actors.append(group.create_task(measure(site.house, link)))
                async with running(configuration, Path(state)) as gateway:
                    await _show(gateway, stop, seconds=seconds, show_log=show_log)
                for actor in actors:
                    actor.cancel()
                if link is not None:
                    await link.close()
        finally:
            await site.stop()


async def _show(gateway: Gateway, stop: Stop, *, seconds: float | None, show_log: bool) -> None:
    """Show the site until somebody stops it."""
    configuration = gateway.configuration
    web = f"http://{configuration.website_host}:{configuration.website_port}/"
    footer = f"status page {web} · KNX on 224.0.23.12, interface 127.0.0.1 · Ctrl-C ends"
    click.echo(f"knxgw demo: {footer}")
    try:
        async with asyncio.timeout(seconds):
            if show_log:
                await stop.asked.wait()
            elif sys.stdout.isatty():
                await _show_table(gateway, stop, footer)
            else:
                await _show_lines(gateway, stop)
    except TimeoutError:
        return


async def _show_table(gateway: Gateway, stop: Stop, footer: str) -> None:
    with Live(console=Console(), auto_refresh=False, screen=False) as live:
        while not stop.asked.is_set():
            live.update(live_table(gateway.view(), footer), refresh=True)
            await _pause(stop, TABLE_S)


async def _show_lines(gateway: Gateway, stop: Stop) -> None:
    while not stop.asked.is_set():
        click.echo(plain_lines(gateway.view()) + "\n")
        await _pause(stop, LINES_S)


async def _pause(stop: Stop, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await stop.asked.wait()
    except TimeoutError:
        return


def run_simulator(path: Path | None) -> None:
    """Simulate the devices of a site until `quit` or a signal."""
    if path is None:
        loaded = parse_configuration(demo_site(), catalogue(), name="demo_site.yaml")
    else:
        loaded = load_configuration(path, catalogue())
    if loaded.configuration is None:
        raise ConfigError(loaded.findings)
    foreign = [
        point.connection.host
        for point in loaded.configuration.points
        if not (point.connection.host or "").startswith("127.")
    ]
    if foreign:
        raise GatewayError(
            f"the simulator listens on 127.x.x.x only, the file names {foreign[0]}; "
            "give it a copy of the file with loopback addresses"
        )
    run_to_end(_simulate(loaded.configuration))


async def _simulate(configuration: Configuration) -> None:
    stop = Stop()
    site = SimulatedSite(configuration, asyncio.get_running_loop().time)
    await site.start()
    for (host, port), _server in sorted(site.servers.items()):
        click.echo(f"listening on {host}:{port}")
    click.echo(HELP)
    loop = asyncio.get_running_loop()
    listens = _listen_to_stdin(loop, site, stop)
    try:
        async with asyncio.TaskGroup() as group:
            physics = group.create_task(site.run_physics())
            await stop.asked.wait()
            physics.cancel()
    finally:
        if listens:
            loop.remove_reader(sys.stdin)
        await site.stop()


def _listen_to_stdin(loop: asyncio.AbstractEventLoop, site: SimulatedSite, stop: Stop) -> bool:
    """Take typed lines; False where the standard input is a file or /dev/null."""
    try:
        loop.add_reader(sys.stdin, _take_line, site, stop, loop)
    except (OSError, ValueError, AttributeError):
        return False
    return True


def _take_line(site: SimulatedSite, stop: Stop, loop: asyncio.AbstractEventLoop) -> None:
    line = sys.stdin.readline()
    if not line:  # nobody types any more: go on simulating
        loop.remove_reader(sys.stdin)
        return
    try:
        click.echo(obey(site, line))
    except (RejectedError, ValueError) as err:
        click.echo(f"{err}")
    except EOFError:
        stop.asked.set()
    sys.stdout.flush()


# --- scenarios -----------------------------------------------------------------------------------


def run_bench(paths: Sequence[Path], *, as_json: bool) -> int:
    """Run scenario files and print what came of them; return the exit status.

    All files are read before the first one runs: 2 if one of them is faulty.
    """
    scenarios = _scenarios(paths)
    if scenarios is None:
        return 2
    results = []
    for scenario in scenarios:
        results.append(run_scenario(scenario))
        if not as_json:
            click.echo(as_text(results[-1]) + "\n")
    if as_json:
        click.echo(results_as_json(results))
    return 0 if all(result.passed for result in results) else 1


def _scenarios(paths: Sequence[Path]) -> list[Scenario] | None:
    """Return the scenarios of some files; None, and every mistake is printed, if one is faulty."""
    scenarios, faulty = [], False
    for path in paths:
        try:
            scenarios.append(load_scenario(path))
        except ConfigError as err:
            faulty = True
            for finding in err.findings:
                click.echo(str(finding), err=True)
    return None if faulty else scenarios
