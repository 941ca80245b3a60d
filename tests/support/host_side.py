"""The root side over folders of a test: a machine that takes what its files say, and time that tests move."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from knxgw.host.adapters import Adapter
from knxgw.host.answer import (
    NetworkSideAnswer,
    TimeSideAnswer,
    network_answer_bytes,
    read_network_answer,
    read_time_answer,
    time_answer_bytes,
)
from knxgw.host.manager import Manager
from knxgw.host.network_files import NetworkFiles
from knxgw.host.network_side import NetworkSide
from knxgw.host.networkd_file import read_text
from knxgw.host.root_folder import FOLDER, RootFolder, Side
from knxgw.host.root_side import Clock, HostError, Post
from knxgw.host.time_side import TimePlaces, TimeSide
from knxgw.host.wanted import (
    NetworkWanted,
    TimeWanted,
    read_network_wanted,
    read_time_wanted,
    wanted_bytes,
)

BOOT = "11111111-2222-3333-4444-555555555555"
BEGIN = datetime(2026, 12, 1, 12, tzinfo=UTC)
ETH0 = Adapter(name="eth0", index=2, is_wired=True, is_device=True)


class SimulatedMachine:
    """An operating system with one adapter; it notes what it has taken."""

    def __init__(self, network: NetworkFiles, time_file: Path) -> None:
        self._network = network
        self._time_file = time_file
        self.managed_by = Manager.NETWORKD
        self.others: set[IPv4Address] = set()  # addresses of other machines
        self.failures = 0  # how many of the next commands fail
        self.network = ""  # the text that holds
        self.takes: list[str] = []
        self.time_servers = ""
        self.has_service = True
        self.synchronised = False
        self.clock: datetime | None = None
        self.reboots = 0

    def adapter(self, _written: str) -> Adapter | None:
        """Return the only adapter."""
        return ETH0

    def manager(self, _adapter: Adapter | None) -> Manager:
        """Return who manages it."""
        return self.managed_by

    def has_other(self, _adapter: str, address: IPv4Address) -> bool:
        """Tell whether another machine has an address."""
        return address in self.others

    def take_network(self) -> None:
        """Take what the file says."""
        self._fail()
        self.network = self._network.text()
        written = read_text(self.network)
        self.takes.append("nothing" if written is None else str(written.settings.interface))

    def has_time_service(self) -> bool:
        """Tell whether there is one."""
        return self.has_service

    def take_time_servers(self) -> None:
        """Take what the file says."""
        self._fail()
        self.time_servers = self._time_file.read_text() if self._time_file.exists() else ""

    def is_synchronised(self) -> bool:
        """Tell whether a server sets the clock."""
        return self.synchronised

    def set_clock(self, at: datetime) -> None:
        """Set the clock."""
        self._fail()
        self.clock = at

    def reboot(self) -> None:
        """Restart, as soon as the run ends."""
        self._fail()
        self.reboots += 1

    def _fail(self) -> None:
        if self.failures:
            self.failures -= 1
            raise HostError("networkctl: it does not answer")


class HostRig:
    """A state directory, the folders of the machine, and runs of the root side between them."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "state"
        self.folder = self.state / FOLDER
        self.folder.mkdir(parents=True, exist_ok=True)
        self.network = NetworkFiles(folder / "etc/systemd/network")
        self.time_file = folder / "etc/systemd/timesyncd.conf.d/50-knxgw.conf"
        self.machine = SimulatedMachine(self.network, self.time_file)
        self.now_s = 1000.0
        self.plans: list[tuple[float, Callable[[], None]]] = []  # what happens at which moment
        self.answers: list[NetworkSideAnswer] = []
        self.time_answers: list[TimeSideAnswer] = []
        self.boot = BOOT

    def at(self, now_s: float, do: Callable[[], None]) -> None:
        """Have something happen while the root side sleeps."""
        self.plans.append((now_s, do))

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now_s += seconds
        due = [plan for plan in self.plans if plan[0] <= self.now_s]
        self.plans = [plan for plan in self.plans if plan[0] > self.now_s]
        for _, do in due:
            do()

    def utc_now(self) -> datetime:
        """Return the time of the clock."""
        return BEGIN + timedelta(seconds=self.now_s - 1000.0)

    def run(self, wanted: NetworkWanted | bytes | None = None) -> NetworkSideAnswer:
        """Run the half of the network to its end; return its last answer."""
        with RootFolder.opened(self.state, Side.NETWORK) as folder:
            if wanted is not None:
                self.want(Side.NETWORK, wanted)
            NetworkSide(
                self.machine, self._network_post(folder), self._clock(), self.network, self.boot
            ).run()
        return self.answers[-1]

    def run_time(self, wanted: TimeWanted | bytes | None = None) -> TimeSideAnswer:
        """Run the half of time and machine to its end; return its last answer."""
        with RootFolder.opened(self.state, Side.TIME) as folder:
            if wanted is not None:
                self.want(Side.TIME, wanted)
            places = TimePlaces(
                time_servers=self.time_file, change_waits=lambda: self.network.is_unconfirmed
            )
            TimeSide(self.machine, self._time_post(folder), self._clock(), places, self.boot).run()
        return self.time_answers[-1]

    def want(self, side: Side, wanted: NetworkWanted | TimeWanted | bytes) -> None:
        """Leave a wish, as the gateway does."""
        content = wanted if isinstance(wanted, bytes) else wanted_bytes(wanted)
        (self.folder / side.wanted).write_bytes(content)

    def _clock(self) -> Clock:
        return Clock(now_s=lambda: self.now_s, utc_now=self.utc_now, sleep=self.sleep)

    def _network_post(self, folder: RootFolder) -> Post[NetworkWanted, NetworkSideAnswer]:
        def take() -> NetworkWanted | None:
            content = folder.take()
            return None if content is None else read_network_wanted(content)

        def answer(found: NetworkSideAnswer) -> None:
            folder.answer(network_answer_bytes(found))
            self.answers.append(found)

        return Post(
            take=take, answer=answer, last=lambda: read_network_answer(folder.last_answer())
        )

    def _time_post(self, folder: RootFolder) -> Post[TimeWanted, TimeSideAnswer]:
        def take() -> TimeWanted | None:
            content = folder.take()
            return None if content is None else read_time_wanted(content)

        def answer(found: TimeSideAnswer) -> None:
            folder.answer(time_answer_bytes(found))
            self.time_answers.append(found)

        return Post(take=take, answer=answer, last=lambda: read_time_answer(folder.last_answer()))
