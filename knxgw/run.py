"""Running the gateway to its end: signals, configuration read anew, order of exit."""

import asyncio
import logging
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from knxgw import __version__
from knxgw.catalogue.load import catalogue
from knxgw.config.model import Configuration
from knxgw.config.summary import summary
from knxgw.errors import ConfigError, Finding, GatewayError, Severity
from knxgw.gateway import Gateway, World
from knxgw.host.threads import LooseThreads
from knxgw.judgement import Judgement, Prepared, identity, judge_reload, judge_start
from knxgw.links.knx_factory import make_link
from knxgw.store.database import Database
from knxgw.website.bridge import Bridge
from knxgw.website.listener import Address, Listener
from knxgw.website.serving import serve

log = logging.getLogger(__name__)
JUDGING_S = 30.0  # for a file and the names in it; a name server that is silent takes 20 s
_NOT_JUDGED = (
    f"the configuration was not read within {JUDGING_S:.0f} s: a file, a disk of the network or a "
    "name server does not answer"
)
THREAD_SLICE_S = 0.0005  # a page that is being made may hold up the loop this long, not 5 ms
_LEVELS = {
    Severity.ERROR: logging.ERROR,
    Severity.WARNING: logging.WARNING,
    Severity.NOTE: logging.INFO,
}


class Stop:
    """What ends a run: SIGTERM and SIGINT stop, SIGHUP asks for the configuration anew."""

    def __init__(self) -> None:
        self.asked, self.ending = asyncio.Event(), asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, number)
        loop.add_signal_handler(signal.SIGHUP, self.asked.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})

    def _end(self, number: signal.Signals) -> None:
        if not self.ending.is_set():
            log.info(
                "%s: the gateway ends, the chargers are told what holds without it", number.name
            )
        self.ending.set()
        self.asked.set()

    def is_ending(self) -> bool:
        """Tell whether the run shall end, whatever else was asked for."""
        return self.ending.is_set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """What is stored, and the one thread that writes it; it outlives a configuration."""

    database: Database
    executor: Executor


@contextmanager
def open_store(directory: Path) -> Iterator[Store]:
    """Open the state of a directory for the length of a block. Raises: GatewayError."""
    database = Database(directory)
    executor = ThreadPoolExecutor(1, "store")
    try:
        yield Store(database=database, executor=executor)
    finally:
        executor.shutdown(wait=False)
        database.close()


@asynccontextmanager
async def running(configuration: Configuration, state: Path) -> AsyncIterator[Gateway]:
    """Run a gateway and its website for as long as the block lasts; a failure ends the block.

    Raises: ConfigError, GatewayError before anything is written to a charger.
    """
    listener = Listener(Address(configuration.website_host, configuration.website_port))
    try:
        listener.open()
    except OSError as err:
        raise GatewayError(
            f"the website cannot listen on {listener.address}: {err.strerror or err}; "
            "choose another address with website.listen"
        ) from err
    try:
        link = make_link(configuration.knx)
        prepared = Prepared(configuration=configuration, link=link, listener=listener)
        with open_store(state) as store:
            async with _living(prepared, store) as gateway:
                yield gateway
    finally:
        listener.close()


@asynccontextmanager
async def _living(prepared: Prepared, store: Store) -> AsyncIterator[Gateway]:
    """Run what was prepared for as long as the block lasts."""
    world = World(link=prepared.link, database=store.database, executor=store.executor)
    gateway = Gateway(prepared.configuration, catalogue(), world)
    bridge = Bridge(
        view=gateway.view,
        is_ready=lambda: gateway.is_ready,
        knx_is_up=lambda: gateway.knx_is_up,
        identity=identity(prepared.file),
    )
    async with asyncio.TaskGroup() as group:
        tasks = (
            group.create_task(gateway.run(), name="gateway"),
            group.create_task(serve(bridge, prepared.listener), name="website"),
        )
        try:
            yield gateway
        finally:
            for task in tasks:
                task.cancel()


def run_gateway(path: Path, state: Path) -> None:
    """Run the gateway of a file until told to stop. Raises: ConfigError, GatewayError."""
    sys.setswitchinterval(THREAD_SLICE_S)
    judgement = judge_start(path, state)
    for finding in judgement.findings:
        click.echo(str(finding), err=True)
    if judgement.prepared is None:
        raise ConfigError(())  # they are said
    try:
        with open_store(state) as store:
            reload = partial(judge_reload, path)
            run_to_end(serve_configurations(judgement.prepared, store, reload))
    finally:
        judgement.prepared.release()


async def serve_configurations(
    first: Prepared, store: Store, judge: Callable[[Prepared], Judgement]
) -> None:
    """Run one configuration after the other; one that cannot live gives way to the one before.

    `judge` prepares the next one, beside the one that runs.
    """
    stop = Stop()
    current: Prepared | None = first
    before: Prepared | None = None
    while current is not None:
        life = _Life(current, judge)
        try:
            following = await life.run(stop, store)
        except Exception:
            if before is None or life.was_ready or stop.is_ending():
                raise
            log.exception("the new configuration does not run, the one before is taken again")
            following, before = before, None
        else:
            before = current
        if following is None or following.listener is not current.listener:
            current.listener.close()
        current = following
    log.info("ended")


class _Life:
    """One configuration, from its start until another one shall run."""

    def __init__(self, prepared: Prepared, judge: Callable[[Prepared], Judgement]) -> None:
        self.was_ready = False
        self._prepared = prepared
        self._judge = judge

    async def run(self, stop: Stop, store: Store) -> Prepared | None:
        """Run until told otherwise; return what shall run next, None to end."""
        configuration = self._prepared.configuration
        log.info(
            "knxgw %s runs %s, %s", __version__, configuration.device.name, self._prepared.file
        )
        for line in summary(configuration):
            log.info("%s", line)
        async with _living(self._prepared, store) as gateway:
            try:
                return await self._next(stop)
            finally:
                self.was_ready = gateway.was_ready

    async def _next(self, stop: Stop) -> Prepared | None:
        """Wait for what shall run next; what cannot run changes nothing."""
        while True:
            await stop.asked.wait()
            stop.asked.clear()
            if stop.is_ending():
                return None
            following = await self._judged(stop)
            if stop.is_ending():
                if following is not None:
                    following.release(self._prepared)
                return None
            if following is not None:
                log.info("the configuration was read again and is taken")
                return following
            log.error("the configuration was read again and is not taken; the one before runs on")

    async def _judged(self, stop: Stop) -> Prepared | None:
        """Return what the file asks for, or None; the end waits for no file and no name server."""
        judging = asyncio.ensure_future(asyncio.to_thread(self._judge, self._prepared))
        ending = asyncio.ensure_future(stop.ending.wait())
        await asyncio.wait(
            {judging, ending}, timeout=JUDGING_S, return_when=asyncio.FIRST_COMPLETED
        )
        ending.cancel()
        if not judging.done():
            judging.add_done_callback(self._give_back)
            if not stop.is_ending():
                log.error("%s", _NOT_JUDGED)
            return None
        try:
            judgement = judging.result()
        except Exception:
            log.exception("the configuration cannot be judged: please report this")
            return None
        report(judgement.findings)
        return judgement.prepared

    def _give_back(self, judging: asyncio.Future[Judgement]) -> None:
        """Let go what a judgement has taken that came too late."""
        if judging.cancelled() or judging.exception() is not None:
            return
        late = judging.result().prepared
        if late is not None:
            late.release(self._prepared)


def report(findings: tuple[Finding, ...]) -> None:
    """Write findings to the log."""
    for finding in findings:
        log.log(_LEVELS[finding.severity], "%s", finding)


async def _with_loose_threads(main: Coroutine[Any, Any, None]) -> None:
    asyncio.get_running_loop().set_default_executor(LooseThreads())
    await main


def run_to_end(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine; of a group of errors of our own the first is what the person sees.

    No `raise` in an `except*`: Python 3.11 before 3.11.4 makes another group of it.
    """
    ours: BaseException | None = None
    try:
        asyncio.run(_with_loose_threads(main))
    except BaseExceptionGroup as group:
        _, others = group.split(GatewayError)
        if others is not None:
            raise  # a bug: all of it is of interest
        ours = group
    while isinstance(ours, BaseExceptionGroup):
        ours = ours.exceptions[0]
    if ours is not None:
        raise ours
