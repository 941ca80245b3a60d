"""How the gateway asks the root side: it leaves a file with what it wants, and waits for the answer."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import TypeVar

from knxgw.errors import RejectedError
from knxgw.host.answer import (
    LARGEST,
    NetworkAnswer,
    NetworkSideAnswer,
    PartAnswer,
    TimeSideAnswer,
    read_network_answer,
    read_time_answer,
)
from knxgw.host.network_change import Phase
from knxgw.host.network_plan import AUTOMATIC, IPv4Settings
from knxgw.host.networkd_file import Source
from knxgw.host.root_folder import FOLDER, Side
from knxgw.host.wanted import (
    ClockWish,
    NetworkServersWish,
    NetworkWanted,
    NetworkWish,
    RebootWish,
    ServersWish,
    TimeWanted,
    new_id,
    wanted_bytes,
)

T = TypeVar("T")
A = TypeVar("A", NetworkSideAnswer, TimeSideAnswer)
ANSWERED_WITHIN_S = 20.0  # a small machine takes seconds to start the other side
POLL_S = 0.1
_NO_ANSWER = "the host does not react: knxgw-host-{}.path does not run, or failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What the world gives to whoever asks."""

    write: Callable[[Path, bytes], None]  # a private file, at once or not at all. Raises: OSError
    boot: Callable[[], str]  # how the kernel names this start of the machine
    now_s: Callable[[], float]  # since the start of the machine
    wait: Callable[[float], None]


def answer_in(state: Path, side: Side, read: Callable[[bytes], A | None], boot: str) -> A | None:
    """Return what a half of the root side says; None: nothing in this start of the machine."""
    try:
        with (state / FOLDER / side.answer).open("rb") as file:
            found = read(file.read(LARGEST))
    except OSError:
        return None
    return found if found is not None and found.boot == boot else None


class Asking:
    """The gateway's end, of one state directory; safe from any thread, and one wish at a time."""

    def __init__(self, state: Path, ports: Ports) -> None:
        self._state = state
        self._ports = ports
        self._one_at_a_time = Lock()

    def of_network(self) -> NetworkSideAnswer | None:
        """Return what the root side says of the network; None: there is none in this start of the machine."""
        return self._said(Side.NETWORK, read_network_answer)

    def of_time(self) -> TimeSideAnswer | None:
        """Return what the root side says of time and machine; None: there is none in this start of it."""
        return self._said(Side.TIME, read_time_answer)

    def _said(self, side: Side, read: Callable[[bytes], A | None]) -> A | None:
        return answer_in(self._state, side, read, self._ports.boot())

    def change_network(
        self, settings: IPv4Settings, source: Source, *, must_be_confirmed: bool
    ) -> NetworkAnswer:
        """Change the network; returns once it holds, or shortly before. Raises: RejectedError."""
        wish = NetworkWish(
            id=new_id(), settings=settings, source=source, must_be_confirmed=must_be_confirmed
        )
        return self._ask_network(
            NetworkWanted(network=wish), lambda found: _of_change(found, wish.id)
        )

    def return_to_automatic(self) -> NetworkAnswer:
        """Let the network be as when the device was new: nobody has to confirm that. Raises: RejectedError."""
        return self.change_network(AUTOMATIC, Source.RESET, must_be_confirmed=False)

    def keep(self, change: str) -> NetworkAnswer:
        """Keep a change of the network; returns what became of it. Raises: RejectedError."""
        return self._end(NetworkWanted(keep=change), change)

    def give_back(self, change: str) -> NetworkAnswer:
        """Let the settings before a change hold again. Raises: RejectedError."""
        return self._end(NetworkWanted(give_back=change), change)

    def set_time_servers(self, servers: tuple[str, ...]) -> PartAnswer:
        """Have the time taken from these servers; (): from those of the system. Raises: RejectedError.

        Servers that the network names are asked only without any of these: the time service would ask them first.
        """
        wish = ServersWish(id=new_id(), servers=servers)
        taken = self._ask_time(
            TimeWanted(servers=wish), lambda found: _of_part(found.servers, wish.id)
        )
        if taken.failure is not None or self.of_network() is None:
            return taken
        also = NetworkServersWish(id=new_id(), are_used=not servers)
        return self._ask_network(
            NetworkWanted(time_servers=also), lambda found: _of_part(found.time_servers, also.id)
        )

    def set_clock(self, at: datetime) -> PartAnswer:
        """Set the clock to the time that it is at this moment. Raises: RejectedError."""
        wish = ClockWish(id=new_id(), at=at, known_at=self._ports.now_s())
        return self._ask_time(TimeWanted(clock=wish), lambda found: _of_part(found.clock, wish.id))

    def reboot(self) -> PartAnswer:
        """Restart the machine; returns shortly before it ends, or with what keeps it. Raises: RejectedError."""
        wish = RebootWish(id=new_id(), boot=self._ports.boot())
        return self._ask_time(
            TimeWanted(reboot=wish), lambda found: _of_part(found.reboot, wish.id)
        )

    def _end(self, wanted: NetworkWanted, change: str) -> NetworkAnswer:
        def ended(found: NetworkSideAnswer) -> NetworkAnswer | None:
            network = _of_change(found, change)
            return None if network is None or network.phase is Phase.WAITING else network

        found = self.of_network()
        if found is not None and (before := ended(found)) is not None:
            return before  # it has ended already
        return self._ask_network(wanted, ended)

    def _ask_network(
        self, wanted: NetworkWanted, found_in: Callable[[NetworkSideAnswer], T | None]
    ) -> T:
        return self._ask(Side.NETWORK, wanted_bytes(wanted), self.of_network, found_in)

    def _ask_time(self, wanted: TimeWanted, found_in: Callable[[TimeSideAnswer], T | None]) -> T:
        return self._ask(Side.TIME, wanted_bytes(wanted), self.of_time, found_in)

    def _ask(
        self,
        side: Side,
        wanted: bytes,
        said: Callable[[], A | None],
        found_in: Callable[[A], T | None],
    ) -> T:
        """Leave a wish, and wait until the answer has what is asked for. Raises: RejectedError."""
        with self._one_at_a_time:
            wish = self._state / FOLDER / side.wanted
            if said() is None:
                raise RejectedError(_NO_ANSWER.format(side))
            try:
                self._ports.write(wish, wanted)
            except OSError as err:
                raise RejectedError(f"what is wanted cannot be written: {err.strerror}") from err
            until_s = self._ports.now_s() + ANSWERED_WITHIN_S
            while self._ports.now_s() < until_s:
                answer = said()
                if answer is not None and (found := found_in(answer)) is not None:
                    return found
                self._ports.wait(POLL_S)
            with suppress(OSError):  # it must not be carried out late
                wish.unlink()
            raise RejectedError(_NO_ANSWER.format(side))


def _of_change(found: NetworkSideAnswer, change: str) -> NetworkAnswer | None:
    return found.network if found.network is not None and found.network.id == change else None


def _of_part(found: PartAnswer | None, wish: str) -> PartAnswer | None:
    return found if found is not None and found.id == wish else None
