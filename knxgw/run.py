"""Running things to their end: the gateway, the demo, the simulator; signals and order of exit."""

import asyncio
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live

from knxgw.catalogue.load import catalogue
from knxgw.config.load import LoadedConfiguration, load_configuration, parse_configuration
from knxgw.config.model import Configuration
from knxgw.errors import ConfigError, GatewayError, RejectedError
from knxgw.gateway import Gateway, World
from knxgw.links.knx_factory import make_link
from knxgw.sim.console import HELP, obey
from knxgw.sim.demo import come_and_go, demo_site, live_table, plain_lines
from knxgw.sim.site import SimulatedSite

TABLE_S = 0.5
LINES_S = 5.0


class _Stop:
    """What ends a run: SIGTERM and SIGINT stop, SIGHUP asks for the configuration anew."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.reload = False
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.asked.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)

    def _reload(self) -> None:
        self.reload = True
        self.asked.set()

    def taken(self) -> None:
        """Forget a request to reload, after it was followed."""
        self.reload = False
        self.asked.clear()


@asynccontextmanager
async def _running(configuration: Configuration, state: Path) -> AsyncIterator[Gateway]:
    """Run a gateway and its website for as long as the block lasts; a failure ends the block."""
    from knxgw.website.app import Bridge  # noqa: PLC0415 - Flask is loaded after the buses run
    from knxgw.website.server import WebsiteServer  # noqa: PLC0415

    world = World(link=make_link(configuration.knx), state_directory=state)
    gateway = Gateway(configuration, catalogue(), world)
    bridge = Bridge(
        view=gateway.view,
        is_ready=lambda: gateway.is_ready,
        knx_is_up=lambda: gateway.knx_is_up,
    )
    website = WebsiteServer(
        bridge, host=configuration.website_host, port=configuration.website_port
    )
    website.start()
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(gateway.run(), name="gateway")
            yield gateway
            task.cancel()
    finally:
        website.stop()


def run_gateway(path: Path, state: Path) -> None:
    """Run the gateway of a file until told to stop. Raises: ConfigError, GatewayError."""
    loaded = load_configuration(path, catalogue())
    _report(loaded)
    if loaded.configuration is None:
        raise ConfigError(())
    _run(_serve(path, state, loaded.configuration))


async def _serve(path: Path, state: Path, configuration: Configuration) -> None:
    stop = _Stop()
    while True:
        async with _running(configuration, state):
            await stop.asked.wait()
        if not stop.reload:
            return
        stop.taken()
        loaded = load_configuration(path, catalogue())
        _report(loaded)
        configuration = loaded.configuration or configuration


def _report(loaded: LoadedConfiguration) -> None:
    for finding in loaded.findings:
        click.echo(str(finding), err=True)


def _run(main: object) -> None:
    """Run a coroutine; of a group of errors the first of our own is what the person sees."""
    try:
        asyncio.run(main)  # type: ignore[arg-type]  # a coroutine
    except* GatewayError as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None


def run_demo(*, seconds: float | None, seed: int, show_log: bool) -> None:
    """Run the demo site until Ctrl-C, or for some seconds."""
    _run(_demo(seconds=seconds, seed=seed, show_log=show_log))


async def _demo(*, seconds: float | None, seed: int, show_log: bool) -> None:
    loaded = parse_configuration(demo_site(), catalogue(), name="demo_site.yaml")
    if loaded.configuration is None:
        raise ConfigError(loaded.findings)
    configuration = loaded.configuration
    stop = _Stop()
    site = SimulatedSite(configuration, asyncio.get_running_loop().time)
    await site.start()
    with tempfile.TemporaryDirectory(prefix="knxgw-demo-") as state:
        try:
            async with asyncio.TaskGroup() as group:
                actors = [group.create_task(site.run_physics())]
                for number, charger in site.chargers.items():
                    actors.append(group.create_task(come_and_go(number, charger, seed)))
                async with _running(configuration, Path(state)) as gateway:
                    await _show(gateway, stop, seconds=seconds, show_log=show_log)
                for actor in actors:
                    actor.cancel()
        finally:
            await site.stop()


async def _show(gateway: Gateway, stop: _Stop, *, seconds: float | None, show_log: bool) -> None:
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


async def _show_table(gateway: Gateway, stop: _Stop, footer: str) -> None:
    with Live(console=Console(), auto_refresh=False, screen=False) as live:
        while not stop.asked.is_set():
            live.update(live_table(gateway.view(), footer), refresh=True)
            await _pause(stop, TABLE_S)


async def _show_lines(gateway: Gateway, stop: _Stop) -> None:
    while not stop.asked.is_set():
        click.echo(plain_lines(gateway.view()) + "\n")
        await _pause(stop, LINES_S)


async def _pause(stop: _Stop, seconds: float) -> None:
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
    _run(_simulate(loaded.configuration))


async def _simulate(configuration: Configuration) -> None:
    stop = _Stop()
    site = SimulatedSite(configuration, asyncio.get_running_loop().time)
    await site.start()
    for (host, port), _server in sorted(site.servers.items()):
        click.echo(f"listening on {host}:{port}")
    click.echo(HELP)
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin, _take_line, site, stop, loop)
    try:
        async with asyncio.TaskGroup() as group:
            physics = group.create_task(site.run_physics())
            await stop.asked.wait()
            physics.cancel()
    finally:
        loop.remove_reader(sys.stdin)
        await site.stop()


def _take_line(site: SimulatedSite, stop: _Stop, loop: asyncio.AbstractEventLoop) -> None:
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
