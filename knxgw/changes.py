"""Changes of the configuration that pages propose: judged, written, taken, confirmed or taken back.

The order is such that a process that is killed at any moment comes up again with the configuration of
before or the new one: the file is replaced once the text was judged, before the device takes it; what may cut
off the browser has the previous text beside it until somebody confirms it.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import Lock

from knxgw.config.effects import effects_of
from knxgw.config.from_ets import about_machine, is_same_but_for_machine
from knxgw.config.model import Configuration, KnxLinkKind
from knxgw.device.download import Stage
from knxgw.errors import Finding, RejectedError
from knxgw.factory_reset import SetAside
from knxgw.host.clock import system_clock
from knxgw.host.on_loop import begun_on
from knxgw.judgement import Judgement, Prepared, check_text, judge_unconfigured_again
from knxgw.kept_drafts import KeptDrafts
from knxgw.links.keyring_contents import read_keyring
from knxgw.living import Living, Store
from knxgw.master_file import MasterFile
from knxgw.programmed import Programmed
from knxgw.store.configurations import Origin
from knxgw.store.keyring_files import KeyringFiles
from knxgw.store.trouble import StateError
from knxgw.website.commissioning import UNCONFINED, Surroundings
from knxgw.website.configuring import (
    CONFIRM_S,
    NOT_CONFIRMED,
    Checked,
    Configuring,
    HeldByEts,
    KeptKeyring,
    Outcome,
    Proposal,
    sum_of,
)
from knxgw.website.drafts import Draft
from knxgw.website.listener import Address

log = logging.getLogger(__name__)
TRY_AGAIN_S = 2.0
REFUSED_AGAIN_S = 60.0  # until a way back that was refused is tried again
ANSWERED_WITHIN_S = 45.0  # a name server that is silent takes 20 s
CONFIRMED_WITHIN_S = 5.0  # that a page waits for its confirmation to count
_SAYS_NOTHING = "{}\n"  # a configuration file without a word
_BUSY = "another change of the configuration is being made: try again"
_NO_ANSWER = "the device does not react"


@dataclass(slots=True)
class Pending:
    """A proposal that waits for its outcome."""

    proposal: Proposal
    answer: "Future[Outcome]" = field(default_factory=Future)

    def end(self, outcome: Outcome) -> None:
        """Answer whoever waits; only the first answer counts."""
        if not self.answer.done():
            self.answer.set_result(outcome)


class Changes:
    """The way from a page's proposal to the file and back; of one run, on its loop."""

    def __init__(
        self,
        master: MasterFile,
        store: Store,
        ask: Callable[[], None],
        surroundings: Surroundings = UNCONFINED,
    ) -> None:
        """Change the file `master`. `ask`: has the device look for what waits here.

        `surroundings`: those in which the device takes it, so that a check means the same.
        """
        self.master = master
        self._surroundings = surroundings
        self._store = store
        self._ask = ask
        self._loop = asyncio.get_running_loop()
        self._in_force: Configuration | None = None  # of the device's own file
        self._answers_at: Address | None = None  # the website, with it
        self._set_aside_text = ""  # of the host's file, of a device that is not configured
        self._unconfigured_at: Address | None = None  # the website, before the first configuration
        self.programmed: Programmed | None = None  # what ETS has made of the living device
        self._drafts: KeptDrafts | None = None  # of the accounts of the living device
        self._waiting: Pending | None = None
        self._keyrings = Lock()
        self._set_aside = SetAside(store.database.directory)
        self._confirm_until: datetime | None = None
        self._unconfirmed: Proposal | None = None  # last; a confirmation may come too late for it
        self._return: asyncio.TimerHandle | None = None

    def join(self, device: Living) -> None:
        """Change a device that lives from now on; what its start has taken back is a draft again."""
        self.programmed, self._drafts = device.gateway.programmed, device.drafts
        given_up, self.master.given_up = self.master.given_up, None
        if given_up is not None:
            self._give_back(given_up.account, given_up.text)

    def for_pages(self) -> Configuring:
        """Return what pages may ask; safe from any thread."""
        return Configuring(
            has_file=True,
            text=self._read,
            place=lambda: "" if self.master.is_own else str(self.master.path),
            is_writable=lambda: self.master.is_writable,
            check=self._check,
            propose=self._propose_and_wait,
            versions=self.master.kept.versions,
            version=self.master.kept.version,
            keep_keyring=self._keep_keyring,
            confirm=self._confirm_from_page,
            confirm_until=lambda: self._confirm_until,
            ets=HeldByEts(is_held=self.is_held_by_ets, text=self._text_by_ets),
        )

    def is_held_by_ets(self) -> bool:
        """Tell whether ETS has loaded the device, or is loading it: its file is not in force then."""
        return self.programmed is not None and self.programmed.stage is not Stage.UNTOUCHED

    def _text_by_ets(self) -> str:
        return "" if self.programmed is None else self.programmed.loaded_text()

    def _keep_keyring(self, content: bytes, password: str) -> KeptKeyring:
        """Keep a keyring that its password opens; from any thread. Raises: ConfigError, StateError."""
        files = KeyringFiles(self._store.database.directory)
        in_force = None if self._in_force is None else self._in_force.knx.keyring
        with self._keyrings:
            paths, contents = files.keep(
                content,
                password,
                lambda one: read_keyring(one.keyring, one.password),
                in_force=in_force,
            )
        return KeptKeyring(keyring=paths.keyring, password=paths.password, contents=contents)

    def _check(self, text: str) -> Checked:
        """Return what a text would mean; from any thread, and nothing is taken."""
        loaded = check_text(self.master.path, text, self._surroundings)
        if loaded.configuration is None:
            return Checked(findings=loaded.findings)
        findings, before = loaded.findings, self._in_force
        if self.is_held_by_ets():
            findings, before = about_machine(findings), before or self._held_without_own()
        return Checked(
            findings=findings,
            can_run=True,
            effects=effects_of(before, loaded.configuration, self._answers_at),
        )

    def _held_without_own(self) -> Configuration:
        """Return what belongs to the machine of a device that ETS holds and that has no file of its own.

        It has a website and no link to KNX; nothing else of it holds.
        """
        nothing = check_text(self.master.path, _SAYS_NOTHING).configuration
        assert nothing is not None and self._answers_at is not None  # noqa: S101, PT018 - it lives
        host, port = self._answers_at
        return replace(
            nothing,
            knx=replace(nothing.knx, link=KnxLinkKind.NONE),
            website=replace(nothing.website, host=host, port=port),
        )

    def _read(self) -> str:
        """Return what the file says now, "" where there is none. Raises: OSError."""
        try:
            return self.master.path.read_bytes().decode("utf-8-sig", "replace")
        except FileNotFoundError:
            return ""

    def _propose_and_wait(self, proposal: Proposal) -> Outcome:
        """Propose a text and wait for what becomes of it; from any thread. Raises: RejectedError."""
        pending = Pending(proposal)
        self._loop.call_soon_threadsafe(self._propose, pending)
        try:
            return pending.answer.result(ANSWERED_WITHIN_S)
        except TimeoutError as err:
            raise RejectedError(_NO_ANSWER) from err

    def _propose(self, pending: Pending) -> None:
        if self._waiting is not None:
            pending.end(Outcome(is_taken=False, failure=_BUSY))
            return
        self._waiting = pending
        self._ask()

    def next(self) -> Pending | None:
        """Return what waits, once."""
        pending, self._waiting = self._waiting, None
        return pending

    def is_out_of_date(self, proposal: Proposal) -> bool:
        """Tell whether the file says something else now than what the proposal was made from."""
        if proposal.based_on is None:
            return False
        try:
            return sum_of(self._read()) != proposal.based_on
        except OSError:
            return True

    # --- on the way

    def may_take(self, following: Prepared, current: Prepared, proposal: Proposal) -> bool:
        """Tell whether the file may say what a page proposes.

        While ETS holds the device, what it has loaded is in force: a file that says anything else about
        chargers or group objects would be called in force and would not be. What belongs to the machine may
        change; a device without a file of its own gets one that says nothing else. Source: website 46.
        """
        if proposal.origin is Origin.RETURNED or not self.is_held_by_ets():
            return True
        before = current.configuration or self._held_without_own()
        after = following.configuration
        return after is not None and is_same_but_for_machine(before, after)

    def write(self, following: Prepared, current: Prepared, proposal: Proposal) -> None:
        """Replace the file by what is about to be taken. Raises: OSError.

        What may cut off the browser has the previous text beside it, until it is confirmed.
        """
        if current.configuration is None and not self.master.is_own:
            self._set_aside_text = self._read()  # a reset has set the file of the host aside
        if self._must_be_confirmed(following, current, proposal):
            self.master.begin_unconfirmed(self._text_of_file(current))
        if following.configuration is None:
            self.master.put_back(self._text_of_file(following))
        else:
            self.master.write(following.text)

    def _text_of_file(self, prepared: Prepared) -> str:
        """Return what the file says with a configuration, or beside none; "": there is no file then."""
        return self._set_aside_text if prepared.configuration is None else prepared.text

    def write_back(self, current: Prepared) -> None:
        """Let the file say again what runs: the device could not take what was proposed."""
        try:
            self.master.put_back(self._text_of_file(current))
            self.master.confirm()
        except OSError:
            log.exception("the file of the configuration could not be put back")

    def taken(self, following: Prepared, current: Prepared, proposal: Proposal) -> Outcome:
        """Note that a proposal is in force; return what whoever made it is answered."""
        self._stop_waiting()
        unconfirmed, self._unconfirmed = self._unconfirmed, None
        if unconfirmed is not None and proposal.origin is Origin.RETURNED:
            self._give_back(unconfirmed.account, unconfirmed.text)
        must_be_confirmed = self._must_be_confirmed(following, current, proposal)
        if must_be_confirmed:
            self._unconfirmed = proposal
            self._confirm_until = system_clock() + timedelta(seconds=CONFIRM_S)
            self._return = self._loop.call_later(CONFIRM_S, self._go_back, current.text)
        else:
            self._confirm()
        return Outcome(is_taken=True, must_be_confirmed=must_be_confirmed)

    def keep(self, prepared: Prepared, proposal: Proposal | None = None) -> None:
        """Note what came into force, and keep it as a version; nobody waits for the disk."""
        self._in_force, self._answers_at = prepared.configuration, prepared.listener.address
        if prepared.configuration is None:
            self._unconfigured_at = prepared.listener.address
            return
        of_file = Proposal(text=prepared.text, origin=Origin.FILE)
        made = proposal or of_file
        at = system_clock()

        def keep() -> None:
            try:
                if proposal is None:
                    self._set_aside.forget()
                self.master.kept.keep(
                    prepared.text, at=at, origin=made.origin, account=made.account, note=made.note
                )
            except (StateError, OSError) as err:
                log.warning("the configuration is in force, but not kept as a version: %s", err)

        self._store.executor.submit(keep)

    @staticmethod
    def _must_be_confirmed(following: Prepared, current: Prepared, proposal: Proposal) -> bool:
        """Tell whether somebody must confirm a change, because it may cut off the browser.

        The way back from such a change ends where the browser was before: nobody is asked again.
        """
        return proposal.origin is not Origin.RETURNED and may_cut_off(following, current)

    def without_configuration(self, running: Prepared) -> Judgement:
        """Judge the way back to a device that was not configured: its website is where it was then."""
        directory = self._store.database.directory
        return judge_unconfigured_again(running, directory, self._unconfigured_at)

    # --- confirmed or not

    def _confirm_from_page(self) -> None:
        """Confirm the last change, before the next page is shown; from any thread."""
        begun_on(self._loop, self._confirm, limit_s=CONFIRMED_WITHIN_S)

    def _confirm(self) -> None:
        self._stop_waiting()
        try:
            self.master.confirm()
            self._set_aside.forget()
        except OSError:
            log.exception("a confirmed change could not be noted")

    def _stop_waiting(self) -> None:
        if self._return is not None:
            self._return.cancel()
        self._return = self._confirm_until = None

    def _go_back(self, text: str) -> None:
        """Propose the previous text: nobody has confirmed the change."""
        log.warning("the change of the configuration was not confirmed in time; it is taken back")
        self._stop_waiting()
        if self._waiting is not None:  # another change is being judged: as soon as that is over
            self._return = self._loop.call_later(TRY_AGAIN_S, self._go_back, text)
            return
        self._propose(Pending(Proposal(text=text, origin=Origin.RETURNED, note=NOT_CONFIRMED)))

    def _give_back(self, account: str | None, text: str) -> None:
        """Let an account go on with what was taken back: else it would stand among the versions only."""
        if account is None or self._drafts is None:
            return
        try:
            based_on = sum_of(self._read())
        except OSError:
            log.exception("what was taken back stands among the versions only")
            return
        draft = Draft(text=text, based_on=based_on, was_taken_back=True)
        self._drafts.give_back(account, draft)

    def go_back_again(self, refused: Proposal) -> None:
        """Try the way back again in a while: it was refused, and whoever was cut off waits for it."""
        self._stop_waiting()
        self._return = self._loop.call_later(REFUSED_AGAIN_S, self._go_back, refused.text)

    def end(self) -> None:
        """Answer whoever still waits: the device ends."""
        if self._return is not None:
            self._return.cancel()  # the next start takes it back
        if (pending := self.next()) is not None:
            pending.end(Outcome(is_taken=False, failure=_NO_ANSWER))


def may_cut_off(following: Prepared, current: Prepared) -> bool:
    """Tell whether going on with another configuration may cut off a browser, or KNX.

    The website moves, begins or ceases to be encrypted, loses a name by which it is reached, or believes
    another proxy; or KNX is another line. The first configuration of a device begins KNX and cuts off nobody
    there.
    """
    if following.listener is not current.listener:
        return True
    if (following.certificate is None) != (current.certificate is None):
        return True
    if current.configuration is None or following.configuration is None:
        return False
    before, after = current.configuration.website, following.configuration.website
    has_lost_name = bool(set(before.host_names) - set(after.host_names))
    return (
        has_lost_name
        or before.trusted_proxy != after.trusted_proxy
        or following.link_origin != current.link_origin
    )


def refused(findings: tuple[Finding, ...]) -> Outcome:
    """Return the answer to a text with which the device would not run."""
    return Outcome(is_taken=False, findings=findings)
