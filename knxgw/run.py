"""Running the gateway to its end: signals, configuration read anew, order of exit."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from knxgw.catalogue.load import catalogue
from knxgw.config.load import LoadedConfiguration, load_configuration
from knxgw.config.model import Configuration
from knxgw.errors import ConfigError, GatewayError
from knxgw.gateway import Gateway, World
from knxgw.links.knx_factory import make_link

if TYPE_CHECKING:
    from knxgw.website.server import WebsiteServer


THREAD_SLICE_S = 0.0005  # a page that is being made may hold up the loop this long, not 5 ms


class Stop:
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
async def running(configuration: Configuration, state: Path) -> AsyncIterator[Gateway]:
    """Run a gateway and its website for as long as the block lasts; a failure ends the block."""
    world = World(link=make_link(configuration.knx), state_directory=state)
    gateway = Gateway(configuration, catalogue(), world)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(gateway.run(), name="gateway")
        website = await asyncio.to_thread(_website, gateway)
        try:
            yield gateway
        finally:
            website.stop()
            task.cancel()


def _website(gateway: Gateway) -> "WebsiteServer":
    """Start the website. Flask is loaded here, in a thread, while the buses are already at work."""
    from knxgw.website.app import Bridge  # noqa: PLC0415
    from knxgw.website.server import WebsiteServer  # noqa: PLC0415

    bridge = Bridge(
        view=gateway.view,
        is_ready=lambda: gateway.is_ready,
        knx_is_up=lambda: gateway.knx_is_up,
    )
    settings = gateway.configuration
    website = WebsiteServer(bridge, host=settings.website_host, port=settings.website_port)
    website.start()
    return website


def run_gateway(path: Path, state: Path) -> None:
    """Run the gateway of a file until told to stop. Raises: ConfigError, GatewayError."""
    sys.setswitchinterval(THREAD_SLICE_S)
    loaded = load_configuration(path, catalogue())
    _report(loaded)
    if loaded.configuration is None:
        raise ConfigError(())
    run_to_end(_serve(path, state, loaded.configuration))


async def _serve(path: Path, state: Path, configuration: Configuration) -> None:
    stop = Stop()
    following: Configuration | None = configuration
    while following is not None:
        async with running(following, state):
            following = await _next_configuration(stop, path)


async def _next_configuration(stop: Stop, path: Path) -> Configuration | None:
    """Wait until another configuration shall run; None to end. A faulty file changes nothing."""
    while True:
        await stop.asked.wait()
        if not stop.reload:
            return None
        stop.taken()
        loaded = await asyncio.to_thread(load_configuration, path, catalogue())
        _report(loaded)
        if loaded.configuration is not None:
            return loaded.configuration


def _report(loaded: LoadedConfiguration) -> None:
    for finding in loaded.findings:
        click.echo(str(finding), err=True)


def run_to_end(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine; of a group of errors the first of our own is what the person sees."""
    try:
        asyncio.run(main)
    except* GatewayError as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        raise error from None
