"""The twin of a machine for the pages: it takes settings as they are and restarts, or says why not."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv4Interface

from knxgw.errors import RejectedError
from knxgw.host.answer import Failure, NetworkAnswer, PartAnswer
from knxgw.host.manager import Manager
from knxgw.host.network_change import Phase
from knxgw.host.network_plan import IPv4Settings
from knxgw.host.networkd_file import Source
from knxgw.website.host_settings import HostSettings, NetworkState, RebootState, TimeState

UNTIL = datetime(2026, 7, 1, 12, 2, tzinfo=UTC)
CHANGE = "c" * 32
OURS = NetworkState(
    manager=Manager.NETWORKD,
    is_writable=True,
    adapter="eth0",
    addresses=(IPv4Interface("192.0.2.124/24"),),
    gateway=IPv4Address("192.0.2.1"),
    name_servers=("192.0.2.53",),
    source=Source.WEBSITE,
)
OFFERED = RebootState(is_offered=True)
NO_SERVER = TimeState(can_set_clock=True, has_service=True)


@dataclass
class Host:
    """A machine whose network and time pages may change."""

    state: NetworkState = OURS
    times: TimeState = NO_SERVER
    reboot: RebootState = OFFERED
    failure: Failure | None = None  # of the next change
    answers: bool = True
    asked: list[tuple[IPv4Settings, bool]] = field(default_factory=list)
    clock: datetime | None = None
    reboots: int = 0

    def settings(self) -> HostSettings:
        """Return what pages may ask."""
        return HostSettings(
            network=lambda: self.state,
            time=lambda: self.times,
            change_network=self._change,
            keep=lambda change: self.end(change, Phase.KEPT),
            give_back=lambda change: self.end(change, Phase.RETURNED),
            set_clock=self._set_clock,
            reboot_state=lambda: self.reboot,
            reboot=self._reboot,
        )

    def is_at(self, phase: Phase) -> bool:
        """Tell whether the last change is as far as this."""
        return self.state.change is not None and self.state.change.phase is phase

    def end(self, change: str, phase: Phase) -> NetworkAnswer:
        """End the change, unless it has ended already."""
        self._react()
        found = self.state.change
        assert found is not None
        assert found.id == change
        if found.phase is Phase.WAITING:
            found = NetworkAnswer(id=change, phase=phase)
            self.state = replace(self.state, change=found)
        return found

    def _change(self, settings: IPv4Settings, must_be_confirmed: bool) -> NetworkAnswer:  # noqa: FBT001 - as pages call it
        self._react()
        self.asked.append((settings, must_be_confirmed))
        if self.failure is not None:
            found = NetworkAnswer(id=CHANGE, phase=Phase.FAILED, failure=self.failure)
        elif must_be_confirmed:
            found = NetworkAnswer(id=CHANGE, phase=Phase.WAITING, confirm_until=UNTIL)
        else:
            found = NetworkAnswer(id=CHANGE, phase=Phase.KEPT)
        self.state = replace(self.state, change=found)
        return found

    def _set_clock(self, at: datetime) -> PartAnswer:
        self._react()
        self.clock = at
        return PartAnswer(id=CHANGE, failure=self.failure)

    def _reboot(self) -> PartAnswer:
        self._react()
        self.reboots += self.failure is None
        return PartAnswer(id=CHANGE, failure=self.failure)

    def _react(self) -> None:
        if not self.answers:
            raise RejectedError("the host does not react")
