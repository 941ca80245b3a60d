"""The half of the root side that owns the network: other settings, and the way back from them.

A change is waited for here, so that it returns even if the gateway does not live any more. Source: website 40.
"""

import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from typing import Protocol

from knxgw.host.adapters import Adapter
from knxgw.host.answer import Failure, NetworkAnswer, NetworkSideAnswer, PartAnswer
from knxgw.host.manager import Manager
from knxgw.host.network_change import CONFIRM_S, Change, Event, Phase
from knxgw.host.network_files import NetworkFiles
from knxgw.host.networkd_file import Source, Written, read_text, text_of
from knxgw.host.root_side import ANSWER_FIRST_S, Clock, HostError, Post
from knxgw.host.wanted import NetworkServersWish, NetworkWanted, NetworkWish

log = logging.getLogger(__name__)
POLL_S = 0.5  # how often it is looked for wishes, while a change waits
TRY_AGAIN_S = 1.0


class NetworkMachine(Protocol):
    """What the operating system is asked to do."""

    def adapter(self, written: str) -> Adapter | None:
        """Return the adapter that the settings are of; `written`: the one that our file names."""

    def manager(self, adapter: Adapter | None) -> Manager:
        """Return who manages its network."""

    def has_other(self, adapter: str, address: IPv4Address) -> bool:
        """Tell whether another machine of the network has an address. May take seconds."""

    def take_network(self) -> None:
        """Let the network be as the files say. Raises: HostError."""


class NetworkSide:
    """One run: from a start until there is nothing left to do."""

    def __init__(
        self,
        machine: NetworkMachine,
        post: Post[NetworkWanted, NetworkSideAnswer],
        clock: Clock,
        files: NetworkFiles,
        boot: str,
    ) -> None:
        """Carry wishes out at a machine. `boot`: how the kernel names this start of it."""
        self._machine = machine
        self._post = post
        self._clock = clock
        self._files = files
        self._change: Change | None = None
        self._confirm_until: datetime | None = None
        self._answer = NetworkSideAnswer(boot=boot, manager=Manager.UNKNOWN)

    def run(self) -> None:
        """Return what nobody has confirmed, then do what is wanted. Raises: HostError, OSError."""
        self._go_on()
        self._say()
        while True:
            wanted = self._post.taken(self._refuse)
            if wanted is not None:
                self._carry_out(wanted)
            if self._change is None or self._change.phase is not Phase.WAITING:
                if wanted is None:
                    return
                continue
            if self._change.is_over(self._clock.now_s()):
                self._end_waiting(Event.TIME_OVER)
                continue
            if self._gateway_answers():
                self._end_waiting(Event.CONFIRMED)
                continue
            self._clock.sleep(POLL_S)

    # --- wishes

    def _refuse(self, words: str) -> None:
        self._answer = replace(self._answer, refusal=words)
        self._say()

    def _carry_out(self, wanted: NetworkWanted) -> None:
        self._answer = replace(self._answer, refusal="")
        waiting = self._change
        if waiting is not None and wanted.keep == waiting.id:
            self._end_waiting(Event.CONFIRMED)
        elif waiting is not None and wanted.give_back == waiting.id:
            self._end_waiting(Event.GIVEN_BACK)
        if wanted.time_servers is not None:
            self._use_time_servers(wanted.time_servers)
        if wanted.network is not None:
            self._begin(wanted.network)
        self._say()

    # --- a change

    def _go_on(self) -> None:
        """Go on after a start: whoever ran before was killed, or the machine was off."""
        last = self._post.last()
        if last is not None:
            self._answer = replace(
                self._answer, network=last.network, time_servers=last.time_servers
            )
        if self._files.is_unconfirmed:
            found = self._written()
            self._change = Change(id="" if found is None else found.id)
            self._end_waiting(Event.FOUND)
        elif last is not None and last.network is not None and last.network.phase is Phase.WAITING:
            found = self._written()
            is_kept = found is not None and found.id == last.network.id
            self._note(last.network.id, Phase.KEPT if is_kept else Phase.RETURNED)

    def _begin(self, wish: NetworkWish) -> None:
        change = Change(id=wish.id)
        written = self._written()
        adapter = self._machine.adapter("" if written is None else written.adapter)
        if adapter is None or self._machine.manager(adapter) is not Manager.NETWORKD:
            self._note(wish.id, Phase.FAILED, Failure.MANAGED_BY_HOST)
            return
        if self._is_taken(adapter, wish):
            self._note(wish.id, Phase.FAILED, Failure.ADDRESS_TAKEN)
            return
        at = self._clock.utc_now().astimezone(UTC)
        text = text_of(
            Written(
                adapter=adapter.name, settings=wish.settings, source=wish.source, id=wish.id, at=at
            )
        )
        is_waiting = self._files.is_unconfirmed
        try:
            self._files.begin(text)
        except OSError as err:
            log.warning("the settings of the network cannot be written: %s", err)
            if not is_waiting:
                self._files.keep()  # what holds is what was confirmed
            self._note(wish.id, Phase.FAILED, Failure.NOT_WRITTEN)
            return
        self._change = change
        if wish.must_be_confirmed:
            self._change = change.after(Event.TRIED, self._clock.now_s())
            self._confirm_until = at + timedelta(seconds=CONFIRM_S)
            self._note(wish.id, Phase.WAITING)
            self._say()
            self._clock.sleep(ANSWER_FIRST_S)
        self._take(wish)

    def _gateway_answers(self) -> bool:
        """Tell whether the gateway that a KNX tool has written answers: nobody in ETS could press Keep.

        Whoever changes the network in a browser shows by the browser that it is right. May take a second.
        """
        written = self._written()
        if written is None or written.source is not Source.ETS or written.settings.gateway is None:
            return False
        return self._machine.has_other(written.adapter, written.settings.gateway)

    def _is_taken(self, adapter: Adapter, wish: NetworkWish) -> bool:
        interface = wish.settings.interface
        return interface is not None and self._machine.has_other(adapter.name, interface.ip)

    def _take(self, wish: NetworkWish) -> None:
        """Let what was written hold; what the system does not take is given back."""
        try:
            self._machine.take_network()
        except HostError as err:
            log.warning("the network does not take its settings: %s", err)
            self._end_waiting(Event.BROKEN, must_be_taken=False)
            self._note(wish.id, Phase.FAILED, Failure.NOT_TAKEN)
            return
        log.info("the network has the settings that %s asks for", wish.source)
        if not wish.must_be_confirmed:
            self._end_waiting(Event.TAKEN)

    def _end_waiting(self, event: Event, *, must_be_taken: bool = True) -> None:
        """End a change: it is kept, or what was before holds again. Raises: OSError, HostError.

        Whoever starts this program tries again what was raised. `must_be_taken`: by the operating system, and not
        by the files alone.
        """
        change = self._change
        assert change is not None  # noqa: S101 - whoever asks has one
        ended = change.after(event, self._clock.now_s())
        if ended is change:
            return
        if ended.phase is Phase.KEPT:
            self._files.keep()
        else:
            self._files.give_back(lambda: self._take_back(must_be_taken=must_be_taken))
        log.info("the change of the network is %s", ended.phase)
        self._change = None
        self._note(change.id, ended.phase)
        self._say()

    def _take_back(self, *, must_be_taken: bool) -> None:
        """Let what was before hold again, with some patience. Raises: HostError."""
        for is_last in (False, False, True):
            try:
                return self._machine.take_network()
            except HostError as err:
                log.warning("the network does not return yet: %s", err)
                if is_last and must_be_taken:
                    raise
            self._clock.sleep(TRY_AGAIN_S)
        return None

    def _note(self, change: str, phase: Phase, failure: Failure | None = None) -> None:
        until = self._confirm_until if phase is Phase.WAITING else None
        found = NetworkAnswer(id=change, phase=phase, confirm_until=until, failure=failure)
        self._answer = replace(self._answer, network=found)

    def _written(self) -> Written | None:
        """Return what our file says; None: there is none, or it cannot be read."""
        try:
            return read_text(self._files.text())
        except OSError:
            return None

    # --- time servers

    def _use_time_servers(self, wish: NetworkServersWish) -> None:
        failure = self._time_servers_failure(are_used=wish.are_used)
        self._answer = replace(self._answer, time_servers=PartAnswer(id=wish.id, failure=failure))

    def _time_servers_failure(self, *, are_used: bool) -> Failure | None:
        try:
            must_be_taken = self._files.use_time_servers(are_used=are_used)
        except OSError as err:
            log.warning("the time servers of the network cannot be chosen: %s", err)
            return Failure.NOT_WRITTEN
        if not must_be_taken:
            return None
        try:
            self._machine.take_network()
        except HostError as err:
            log.warning("the network does not take its settings: %s", err)
            return Failure.NOT_TAKEN
        return None

    # --- answers

    def _say(self) -> None:
        written = self._written()
        adapter = self._machine.adapter("" if written is None else written.adapter)
        self._answer = replace(
            self._answer,
            manager=self._machine.manager(adapter),
            adapter="" if adapter is None else adapter.name,
            written=written,
            uses_time_servers=self._files.uses_time_servers(),
        )
        self._post.leave(self._answer)
