"""Running a device to its end: one configuration after the other, and the order of exit."""

import asyncio
import logging
import math
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import click

from knxgw import __version__
from knxgw.changes import Changes, Pending, refused
from knxgw.config.model import Configuration
from knxgw.config.summary import summary
from knxgw.ending import AfterEnd, Stop, run_to_end
from knxgw.errors import ConfigError, Finding, GatewayError, Severity
from knxgw.factory_reset import FactoryReset, SetAside
from knxgw.first_start import show_device_certificate, show_initial_password, take_password
from knxgw.gateway import Gateway
from knxgw.host.network import is_of_people, own_addresses
from knxgw.host.service import RESTART_STATUS, is_supervised
from knxgw.judgement import (
    Judgement,
    Prepared,
    default_address,
    judge_reload,
    judge_start,
    judge_unconfigured,
)
from knxgw.links.knx_factory import make_link
from knxgw.living import Living, Store, living, open_store
from knxgw.machine import return_to_automatic
from knxgw.master_file import MasterFile
from knxgw.store.configurations import Origin
from knxgw.store.lock import StateLock
from knxgw.store.runs import RunEnding
from knxgw.store.trouble import StateError
from knxgw.website.bridge import DeviceControl
from knxgw.website.commissioning import UNCONFINED, Surroundings
from knxgw.website.configuring import Outcome
from knxgw.website.listener import EVERYWHERE, Address, Listener

log = logging.getLogger(__name__)
Result = TypeVar("Result")
JUDGING_S = 30.0  # for a file and the names in it; a name server that is silent takes 20 s
_NOT_JUDGED = (
    f"the configuration was not read within {JUDGING_S:.0f} s: a file, a disk of the network or a "
    "name server does not answer"
)
_NOT_CHECKED = "the configuration cannot be checked: please report this"
_ENDS = "the device ends"
_SET_ASIDE = (
    "%s is the configuration from before the factory reset and is set aside: write another one on the website or into "
    "the file, or send SIGHUP (systemctl reload knxgw) to take it as it is"
)
PROVED_S = 60.0  # a device that has run so long with a configuration can live with it
THREAD_SLICE_S = 0.0005  # a page that is being made may hold up the loop this long, not 5 ms
_LEVELS = {
    Severity.ERROR: logging.ERROR,
    Severity.WARNING: logging.WARNING,
    Severity.NOTE: logging.INFO,
}


_ENDINGS = {AfterEnd.RESTART: RunEnding.RESTARTED, AfterEnd.RESET: RunEnding.RESET}


def _port_after_reset() -> int | None:
    try:
        return default_address().port
    except GatewayError:  # of the environment; said where it matters
        return None


def _control(stop: Stop) -> DeviceControl:
    """Return how pages ask for a restart; safe from any thread."""
    return DeviceControl(
        can_restart=is_supervised(),
        restart=partial(stop.ask, AfterEnd.RESTART),
        reset=partial(stop.ask, AfterEnd.RESET),
        reset_port=_port_after_reset(),
    )


@asynccontextmanager
async def running(
    configuration: Configuration, state: Path, *, password: str | None = None
) -> AsyncIterator[Gateway]:
    """Run a gateway and its website for as long as the block lasts; a failure ends the block.

    `password` takes the place of the initial one of a new state directory: a demonstration shows it.

    Raises: ConfigError, GatewayError before anything is written to a charger.
    """
    listener = Listener(Address(configuration.website.host, configuration.website.port))
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
            async with living(prepared, store) as device:
                if password is not None:
                    await asyncio.to_thread(take_password, device.accounts, password)
                yield device.gateway
    finally:
        listener.close()


def run_gateway(path: Path, state: Path, *, may_be_missing: bool = False) -> None:
    """Run the gateway of a file until SIGTERM or SIGINT, or until a page asks for a restart.

    Raises: ConfigError, GatewayError; SystemExit with `RESTART_STATUS`.

    `may_be_missing`: without the file the device has a configuration of its own, in its state directory. It
    runs unconfigured until there is one: a page writes it, or SIGHUP finds the file.
    """
    sys.setswitchinterval(THREAD_SLICE_S)
    master = MasterFile(path, state, may_be_missing=may_be_missing)
    reset = FactoryReset(state, partial(return_to_automatic, state))
    if reset.is_asked:
        _finish(reset, state)
    _return_to_confirmed(master)
    is_set_aside = SetAside(state).holds(master.path)
    is_unconfigured = is_set_aside or (may_be_missing and not master.path.exists())
    if is_set_aside:
        log.warning(_SET_ASIDE, master.path)
    judgement = judge_unconfigured(state) if is_unconfigured else judge_start(master.path, state)
    for finding in judgement.findings:
        click.echo(str(finding), err=True)
    if judgement.prepared is None:
        raise ConfigError(())  # they are said
    try:
        with open_store(state) as store:
            after = run_to_end(
                serve_configurations(judgement.prepared, store, judge_of(master, state), master)
            )
            if after is AfterEnd.RESET:
                _reset(reset, store, None if master.is_own else master.path)
    finally:
        judgement.prepared.release()
    if after is not AfterEnd.NOTHING:
        sys.exit(RESTART_STATUS)


def _return_to_confirmed(master: MasterFile) -> None:
    """Return to the configuration before a change that nobody has confirmed."""
    try:
        if master.take_back_unconfirmed():
            log.warning(
                "the last change of the configuration was not confirmed; the one before is used again"
            )
    except OSError as err:
        log.error("the last change of the configuration cannot be taken back: %s", err)  # noqa: TRY400


class Judge(Protocol):
    """Prepares the next configuration, beside the one that runs."""

    def __call__(self, running: Prepared, /, *, text: str | None = None) -> Judgement:
        """Judge what the file says, or `text`, which it is about to say."""


def judge_of(
    master: MasterFile,
    state: Path,
    surroundings: Surroundings = UNCONFINED,
) -> Judge:
    """Return how the configuration of a file is judged; where it stands may change while the device runs.

    `surroundings`: those of the device, in which it means something else.
    """

    def judge(running: Prepared, /, *, text: str | None = None) -> Judgement:
        return judge_reload(master.path, running, state=state, text=text, surroundings=surroundings)

    return judge


def _finish(reset: FactoryReset, state: Path) -> None:
    """End a reset that was asked for, or that a power cut has interrupted; the device starts in any case."""
    try:
        with StateLock(state):
            reset.finish()
    except (StateError, OSError) as err:
        log.error("the reset could not be ended, it is tried again at the next start: %s", err)  # noqa: TRY400


def _reset(reset: FactoryReset, store: Store, configuration: Path | None) -> None:
    """Reset the device to its factory settings, after what waits for the disk."""

    def carry_out() -> None:
        reset.ask(configuration)
        reset.carry_out(store.database)

    try:
        store.executor.submit(carry_out).result()
    except StateError as err:  # it starts again all the same: chargers wait for it
        log.error("the device was not reset, or not wholly: %s", err)  # noqa: TRY400 - it says it all


async def serve_configurations(
    first: Prepared,
    store: Store,
    judge: Judge,
    master: MasterFile,
    surroundings: Surroundings = UNCONFINED,
) -> AfterEnd:
    """Run a device, with one configuration after the other, until it is stopped.

    Returns what is to be done then.

    `judge` prepares the next one, beside the one that runs. One that ends the device soon after it
    was taken gives way to the one before. `master`: the file that says what the device does. `surroundings`: where
    the set-up looks, and what a configuration means there.
    """
    stop = Stop()
    changes = Changes(master, store, stop.asked.set, surroundings)
    life = _Life(first, judge, changes)
    try:
        while True:
            try:
                await life.run(
                    stop,
                    store,
                    replace(_control(stop), surroundings=surroundings),
                )
                break
            except Exception:
                before = life.before
                if before is None or life.is_proved or stop.is_ending():
                    raise
                log.exception(_TAKEN_BACK)
                life.prepared.release(before)
                if life.is_proposed:
                    await asyncio.to_thread(changes.write_back, before)
                life = _Life(before, judge, changes)
    finally:
        changes.end()
        life.prepared.listener.close()
    log.info("ended")
    return stop.after


_HELD_BY_ETS = (
    "the configuration was read again; ETS has loaded the device, so that holds, and of the file only what belongs "
    "to the machine (KNX connection, website, firmware source, panel, time servers)"
)
_TAKEN_BACK = "the new configuration does not run; the previous one is used again"


class _Life:
    """A device from its start to its end, and which configuration it has."""

    def __init__(self, prepared: Prepared, judge: Judge, changes: Changes) -> None:
        self.prepared = prepared
        self._changes = changes
        self.before: Prepared | None = None  # what it was before the last change
        self.is_proposed = False  # by a page: the last change
        self._taken_at = -math.inf
        self._judge = judge

    @property
    def is_proved(self) -> bool:
        """Tell whether the device has run with this configuration for a while."""
        return asyncio.get_running_loop().time() - self._taken_at > PROVED_S

    async def run(self, stop: Stop, store: Store, control: DeviceControl) -> None:
        """Run until the end is asked for; each configuration in between is taken while it runs."""
        _announce(self.prepared)
        control = replace(control, configuring=self._changes.for_pages())
        async with living(self.prepared, store, control) as device:
            show_initial_password(device.accounts)
            show_device_certificate(device.gateway.programmed)
            self._changes.keep(self.prepared)
            self._changes.join(device)
            while (following := await self._next(stop)) is not None:
                await self._take(device, *following)
            if (ending := _ENDINGS.get(stop.after)) is not None:
                device.gateway.note_ending(ending)

    async def _take(self, device: Living, following: Prepared, pending: Pending | None) -> None:
        """Let the living device take what was prepared; if it cannot, nothing changes."""
        if pending is not None:
            if not self._changes.may_take(following, self.prepared, pending.proposal):
                following.release(self.prepared)
                pending.end(Outcome(is_taken=False, is_held_by_ets=True))
                return
            if not await self._write(following, pending):
                return
        try:
            await device.take(following, self.prepared)
        except Exception:
            log.exception(_TAKEN_BACK)
            following.release(self.prepared)
            if pending is not None:
                await asyncio.to_thread(self._changes.write_back, self.prepared)
                pending.end(Outcome(is_taken=False, failure=_TAKEN_BACK))
            return
        proposal = None if pending is None else pending.proposal
        self._changes.keep(following, proposal)
        if pending is None:
            device.accounts.note_of_host("configuration_taken")
        else:
            pending.end(self._changes.taken(following, self.prepared, pending.proposal))
        self.before, self.prepared = self.prepared, following
        self.is_proposed = pending is not None
        self._taken_at = asyncio.get_running_loop().time()
        if self._changes.is_held_by_ets():
            log.warning(_HELD_BY_ETS)
        else:
            log.info("the configuration was read again and is in use")
        _announce(following)

    async def _write(self, following: Prepared, pending: Pending) -> bool:
        """Replace the file by what a page proposes; tell whether that could be done."""
        write = partial(self._changes.write, following, self.prepared, pending.proposal)
        try:
            await asyncio.to_thread(write)
        except OSError as err:
            log.error("the file of the configuration cannot be written: %s", err)  # noqa: TRY400
            following.release(self.prepared)
            pending.end(Outcome(is_taken=False, failure=err.strerror or str(err)))
            return False
        return True

    async def _next(self, stop: Stop) -> tuple[Prepared, Pending | None] | None:
        """Wait for what is to run next, None: the end; what cannot run changes nothing."""
        while True:
            await stop.asked.wait()
            stop.asked.clear()
            if stop.is_ending():
                return None
            pending = self._changes.next()
            if pending is not None and self._changes.is_out_of_date(pending.proposal):
                pending.end(Outcome(is_taken=False, was_changed_meanwhile=True))
                continue
            following = await self._judged(stop, pending)
            if stop.is_ending():
                if following is not None:
                    following.release(self.prepared)
                self._refused(pending, Outcome(is_taken=False, failure=_ENDS))
                return None
            if following is not None:
                return following, pending
            if pending is not None:
                continue  # whoever proposed it has been answered
            log.error(
                "the configuration was read again and is not used; the previous one stays in force"
            )

    async def _judged(self, stop: Stop, pending: Pending | None) -> Prepared | None:
        """Return what the file or a page asks for, or None; the end waits for no file and no name server."""
        loop = asyncio.get_running_loop()
        judge = partial(self._judge, self.prepared)
        if pending is not None:
            judge = partial(judge, text=pending.proposal.text)
            if pending.proposal.origin is Origin.RETURNED and not pending.proposal.text:
                judge = partial(self._changes.without_configuration, self.prepared)
        judging = loop.run_in_executor(None, judge)
        await asyncio.wait(
            {judging, stop.ending}, timeout=JUDGING_S, return_when=asyncio.FIRST_COMPLETED
        )
        if not judging.done():
            judging.add_done_callback(self._give_back)
            if not stop.is_ending():
                log.error("%s", _NOT_JUDGED)
            self._refused(pending, Outcome(is_taken=False, failure=_NOT_JUDGED))
            return None
        try:
            judgement = judging.result()
        except Exception:
            log.exception("%s", _NOT_CHECKED)
            self._refused(pending, Outcome(is_taken=False, failure=_NOT_CHECKED))
            return None
        if pending is None:
            report(judgement.findings)
        elif judgement.prepared is None:
            self._refused(pending, refused(judgement.findings))
        return judgement.prepared

    def _refused(self, pending: Pending | None, outcome: Outcome) -> None:
        """Answer whoever proposed what the device does not take."""
        if pending is None:
            return
        if pending.proposal.origin is Origin.RETURNED:
            log.error(
                "the previous configuration cannot be used now: the last one stays for a while"
            )
            self._changes.go_back_again(pending.proposal)
        pending.end(outcome)

    def _give_back(self, judging: asyncio.Future[Judgement]) -> None:
        """Let go what a judgement has taken that came too late."""
        if judging.cancelled() or judging.exception() is not None:
            return
        late = judging.result().prepared
        if late is not None:
            late.release(self.prepared)


def _announce(prepared: Prepared) -> None:
    """Say in the log what runs."""
    configuration = prepared.configuration
    if configuration is None:
        log.warning(
            "knxgw %s is not configured: no charger is controlled; open the website, %s, log in and choose "
            "Set up the device (or write a configuration file and send SIGHUP)",
            __version__,
            _website_of(prepared),
        )
        return
    log.info("knxgw %s runs %s, %s", __version__, configuration.device.name, prepared.file)
    for line in summary(configuration, is_encrypted=prepared.certificate is not None):
        log.info("%s", line)


def _website_of(prepared: Prepared) -> str:
    """Return where people open the website: at each own address if it listens at all of them."""
    scheme = "http" if prepared.certificate is None else "https"
    where = prepared.listener.address
    hosts = [where.host]
    if where.host in EVERYWHERE:
        own = (one.address for one in own_addresses() if is_of_people(one.adapter))
        hosts = [one for one in own if ":" not in one] or hosts
    return " or ".join(f"{scheme}://{Address(host, where.port)}/" for host in hosts)


def report(findings: tuple[Finding, ...]) -> None:
    """Write findings to the log."""
    for finding in findings:
        log.log(_LEVELS[finding.severity], "%s", finding)
