"""The half of the root side that owns the time of the machine and its restart. Source: website 41, 67."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from knxgw.host import files
from knxgw.host.answer import Failure, PartAnswer, TimeSideAnswer
from knxgw.host.root_side import ANSWER_FIRST_S, Clock, HostError, Post
from knxgw.host.time_plan import is_plausible, servers_of, timesyncd_text
from knxgw.host.wanted import ClockWish, RebootWish, ServersWish, TimeWanted

log = logging.getLogger(__name__)
LEAST_UP_S = 120.0  # from a start of the machine to its next one by the website


class TimeMachine(Protocol):
    """What the operating system is asked to do."""

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
class TimePlaces:
    """What there is on the disk."""

    time_servers: Path  # our file of the time service
    change_waits: Callable[[], bool]  # for a confirmation: a restart would return it


class TimeSide:
    """One run: from a start until there is nothing left to do."""

    def __init__(
        self,
        machine: TimeMachine,
        post: Post[TimeWanted, TimeSideAnswer],
        clock: Clock,
        places: TimePlaces,
        boot: str,
    ) -> None:
        """Carry wishes out at a machine. `boot`: how the kernel names this start of it."""
        self._machine = machine
        self._post = post
        self._clock = clock
        self._places = places
        self._is_ending = False  # the machine restarts: what is wanted now is for nobody
        self._answer = TimeSideAnswer(boot=boot)

    def run(self) -> None:
        """Do what is wanted. Raises: OSError."""
        last = self._post.last()
        if last is not None:
            self._answer = replace(self._answer, servers=last.servers, clock=last.clock)
        self._say()
        while not self._is_ending:
            wanted = self._post.taken(self._refuse)
            if wanted is None:
                return
            self._carry_out(wanted)

    def _refuse(self, words: str) -> None:
        self._answer = replace(self._answer, refusal=words)
        self._say()

    def _carry_out(self, wanted: TimeWanted) -> None:
        self._answer = replace(self._answer, refusal="")
        if wanted.servers is not None:
            self._set_servers(wanted.servers)
        if wanted.clock is not None:
            self._set_clock(wanted.clock)
        if wanted.reboot is not None:
            self._reboot(wanted.reboot)
        self._say()

    # --- the time

    def _set_servers(self, wish: ServersWish) -> None:
        failure = self._servers_failure(wish)
        self._answer = replace(self._answer, servers=PartAnswer(id=wish.id, failure=failure))

    def _servers_failure(self, wish: ServersWish) -> Failure | None:
        if not self._machine.has_time_service():
            return Failure.MANAGED_BY_HOST
        path, text = self._places.time_servers, timesyncd_text(wish.servers)
        try:
            if files.read_text(path) == text:
                return None
            if text:
                path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
                files.write_readable(path, text)
            else:
                files.remove(path)
        except OSError as err:
            log.warning("the time servers cannot be written: %s", err)
            return Failure.NOT_WRITTEN
        try:
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
        return Failure.CHANGE_WAITS if self._places.change_waits() else None

    # --- answers

    def _say(self) -> None:
        try:
            servers = servers_of(files.read_text(self._places.time_servers))
        except OSError:
            servers = ()
        self._answer = replace(self._answer, time_servers=servers)
        self._post.leave(self._answer)
