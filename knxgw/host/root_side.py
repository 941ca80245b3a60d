"""The side with the rights: takes wishes of the gateway, carries them out, and owns the way back.

It runs as root from the installed program, for as long as there is something to do: a change of the network is
waited for here, so that it returns even if the gateway does not live any more. Source: website 40, 41, 67.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Protocol

from knxgw.host import files
from knxgw.host.adapters import Adapter
from knxgw.host.answer import Answer, Failure, NetworkAnswer, PartAnswer
from knxgw.host.manager import Manager
from knxgw.host.network_change import CONFIRM_S, Change, Event, Phase
from knxgw.host.network_files import NetworkFiles
from knxgw.host.networkd_file import Written, read_text, text_of
from knxgw.host.time_plan import is_plausible, servers_of, timesyncd_text
from knxgw.host.wanted import (
    ClockWish,
    NetworkWish,
    RebootWish,
    ServersWish,
    Wanted,
    WantedError,
)

log = logging.getLogger(__name__)
POLL_S = 0.5  # how often it is looked for wishes, while a change waits
TRY_AGAIN_S = 1.0
LEAST_UP_S = 120.0  # from a start of the machine to its next one by the website
ANSWER_FIRST_S = 2.0  # for the page that says where the device will be, or that it restarts


class HostError(Exception):
    """The operating system does not do what it is asked for; says why."""


class Machine(Protocol):
    """What the operating system is asked to do."""

    def adapter(self, written: str) -> Adapter | None:
        """Return the adapter that the settings are of; `written`: the one that our file names."""

    def manager(self, adapter: Adapter | None) -> Manager:
        """Return who manages its network."""

    def has_other(self, adapter: str, address: IPv4Address) -> bool:
        """Tell whether another machine of the network has an address. May take seconds."""

    def take_network(self) -> None:
        """Let the network be as the files say. Raises: HostError."""

    def has_time_service(self) -> bool:
        """Tell whether there is a time service whose servers can be set."""

    def take_time_servers(self) -> None:
        """Let the time service read its files. Raises: HostError."""

    def is_synchronised(self) -> bool:
        """Tell whether a time server sets the clock."""

    def set_clock(self, at: datetime) -> None:
        """Set the clock. Raises: HostError."""

    def reboot(self) -> None:
        """Have the machine restarted in order; returns while it ends. Raises: HostError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """How wishes come and answers leave."""

    take: Callable[[], Wanted | None]  # Raises: OSError, WantedError
    answer: Callable[[Answer], None]  # Raises: OSError
    last: Callable[[], Answer | None]  # the answer before, which may be of anybody


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The files of the machine that are written."""

    network: NetworkFiles
    time_servers: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time, handed in."""

    now_s: Callable[[], float]  # since the start of the machine
    utc_now: Callable[[], datetime]
    sleep: Callable[[float], None]


class RootSide:
    """One run: from a start until there is nothing left to do."""

    def __init__(
        self, machine: Machine, post: Post, clock: Clock, places: Places, boot: str
    ) -> None:
        """Carry wishes out at a machine. `boot`: how the kernel names this start of it."""
        self._machine = machine
        self._post = post
        self._clock = clock
        self._network = places.network
        self._time_file = places.time_servers
        self._change: Change | None = None
        self._confirm_until: datetime | None = None
        self._is_ending = False  # the machine restarts: what is wanted now is for nobody
        self._answer = Answer(boot=boot, manager=Manager.UNKNOWN, can_reboot=True)

    def run(self) -> None:
        """Return what nobody has confirmed, then do what is wanted. Raises: HostError, OSError."""
        self._go_on()
        self._say()
        while True:
            wanted = self._taken()
            if wanted is not None:
                self._carry_out(wanted)
            if self._is_ending:
                return
            if self._change is None or self._change.phase is not Phase.WAITING:
                if wanted is None:
                    return
                continue
            if self._change.is_over(self._clock.now_s()):
                self._end_waiting(Event.TIME_OVER)
                continue
            self._clock.sleep(POLL_S)

    # --- wishes

    def _taken(self) -> Wanted | None:
        try:
            return self._post.take()
        except (OSError, WantedError) as err:
            log.warning("what is wanted is refused: %s", err)
            self._answer = replace(self._answer, refusal=str(err))
            self._say()
            return None

    def _carry_out(self, wanted: Wanted) -> None:
        self._answer = replace(self._answer, refusal="")
        waiting = self._change
        if waiting is not None and wanted.keep == waiting.id:
            self._end_waiting(Event.CONFIRMED)
        elif waiting is not None and wanted.give_back == waiting.id:
            self._end_waiting(Event.GIVEN_BACK)
        if wanted.time_servers is not None:
            self._set_servers(wanted.time_servers)
        if wanted.clock is not None:
            self._set_clock(wanted.clock)
        if wanted.network is not None:
            self._begin(wanted.network)
        if wanted.reboot is not None:
            self._reboot(wanted.reboot)
        self._say()

    # --- the network

    def _go_on(self) -> None:
        """Go on after a start: whoever ran before was killed, or the machine was off."""
        last = self._post.last()
        if last is not None:
            before = replace(self._answer, network=last.network)
            self._answer = replace(before, servers=last.servers, clock=last.clock)
        if self._network.is_unconfirmed:
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
        is_waiting = self._network.is_unconfirmed
        try:
            self._network.begin(text)
        except OSError as err:
            log.warning("the settings of the network cannot be written: %s", err)
            if not is_waiting:
                self._network.keep()  # what holds is what was confirmed
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
            self._network.keep()
        else:
            self._network.give_back(lambda: self._take_back(must_be_taken=must_be_taken))
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
            return read_text(self._network.text())
        except OSError:
            return None

    # --- the time

    def _set_servers(self, wish: ServersWish) -> None:
        failure = self._servers_failure(wish)
        self._answer = replace(self._answer, servers=PartAnswer(id=wish.id, failure=failure))

    def _servers_failure(self, wish: ServersWish) -> Failure | None:
        if not self._machine.has_time_service():
            return Failure.MANAGED_BY_HOST
        text = timesyncd_text(wish.servers)
        try:
            is_other_network = self._network.use_time_servers_of_network(are_used=not text)
            if files.read_text(self._time_file) == text and not is_other_network:
                return None
            if text:
                self._time_file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                files.write_readable(self._time_file, text)
            else:
                files.remove(self._time_file)
        except OSError as err:
            log.warning("the time servers cannot be written: %s", err)
            return Failure.NOT_WRITTEN
        try:
            if is_other_network:
                self._machine.take_network()
            self._machine.take_time_servers()
        except HostError as err:
            log.warning("the time service does not take its servers: %s", err)
            return Failure.NOT_TAKEN
        log.info("the time servers are %s", ", ".join(wish.servers) or "those of the system")
        return None

    def _set_clock(self, wish: ClockWish) -> None:
        failure = self._clock_failure(wish)
        self._answer = replace(self._answer, clock=PartAnswer(id=wish.id, failure=failure))

    def _clock_failure(self, wish: ClockWish) -> Failure | None:
        if self._machine.is_synchronised():
            return Failure.SYNCHRONISED
        since_s = self._clock.now_s() - wish.known_at
        at = wish.at + timedelta(seconds=max(0.0, since_s))
        if not is_plausible(at):
            return Failure.NOT_PLAUSIBLE
        try:
            self._machine.set_clock(at)
        except HostError as err:
            log.warning("the clock cannot be set: %s", err)
            return Failure.NOT_TAKEN
        log.info("the clock was set to %s", at.isoformat(timespec="seconds"))
        return None

    # --- the machine

    def _reboot(self, wish: RebootWish) -> None:
        """Restart the machine. The wish is gone by now, so that a crash or a power cut cannot repeat it."""
        failure = self._reboot_failure(wish)
        self._answer = replace(self._answer, reboot=PartAnswer(id=wish.id, failure=failure))
        if failure is not None:
            return
        self._say()
        self._clock.sleep(ANSWER_FIRST_S)
        try:
            self._machine.reboot()
        except HostError as err:
            log.warning("the machine does not restart: %s", err)
            failed = PartAnswer(id=wish.id, failure=Failure.NOT_TAKEN)
            self._answer = replace(self._answer, reboot=failed)
            return
        log.info("the machine restarts, as the website asks for")
        self._is_ending = True

    def _reboot_failure(self, wish: RebootWish) -> Failure | None:
        if wish.boot != self._answer.boot:  # a disk may give a file back that was removed
            return Failure.OTHER_BOOT
        if self._clock.now_s() < LEAST_UP_S:
            return Failure.JUST_STARTED
        return None if self._change is None else Failure.CHANGE_WAITS

    # --- answers

    def _say(self) -> None:
        """Leave an answer. A disk that is full must not hold up the way back."""
        written = self._written()
        adapter = self._machine.adapter("" if written is None else written.adapter)
        try:
            servers = servers_of(files.read_text(self._time_file))
        except OSError:
            servers = ()
        self._answer = replace(
            self._answer,
            manager=self._machine.manager(adapter),
            adapter="" if adapter is None else adapter.name,
            written=written,
            time_servers=servers,
        )
        try:
            self._post.answer(self._answer)
        except OSError as err:
            log.warning("the gateway cannot be answered: %s", err)
