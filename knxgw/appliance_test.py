"""Judges what makes a program an appliance, for the self-test: firmware, its keys, time servers, network."""

from collections.abc import Callable
from dataclasses import dataclass, field

from knxgw import __version__
from knxgw.firmware.boot_disk import BootDisk
from knxgw.firmware.boot_state import EventKind
from knxgw.firmware.keys import trusted_keys
from knxgw.host.network_change import Phase
from knxgw.monitoring.self_test import (
    Row,
    of_firmware,
    of_firmware_keys,
    of_network,
    of_time_source,
)
from knxgw.website.host_settings import HostSettings, NetworkState, TimeState


@dataclass(frozen=True, slots=True, kw_only=True)
class Appliance:
    """What is judged."""

    slot: str = ""  # of the running firmware; "": there is no launcher
    disk: BootDisk | None = None
    host: HostSettings = field(default_factory=HostSettings)
    count_keys: Callable[[], int] = lambda: len(trusted_keys())

    def rows(self) -> tuple[Row, ...]:
        """Look at all of it; may take a second."""
        return (*self._firmware(), _of_time(self.host.time()), _of_network(self.host.network()))

    def _firmware(self) -> tuple[Row, Row]:
        is_own = bool(self.slot) and self.disk is not None
        state = self.disk.load() if is_own and self.disk is not None else None
        events = () if state is None else state.events
        return (
            of_firmware(
                is_own=is_own,
                version=__version__,
                on_trial=state is not None and state.trial is not None,
                was_given_up=bool(events) and events[-1].kind is EventKind.GIVEN_UP,
            ),
            of_firmware_keys(is_own=is_own, count=self.count_keys() if is_own else 0),
        )


def no_appliance() -> tuple[Row, ...]:
    """Return the rows of a program that is none."""
    return Appliance().rows()


def _of_time(state: TimeState) -> Row:
    return of_time_source(
        is_used=state.has_service,
        server="" if state.service is None else state.service.answering,
        is_synchronised=state.is_synchronised,
        are_taken=state.are_taken,
    )


def _of_network(state: NetworkState) -> Row:
    addresses = [one.ip for one in state.addresses]
    return of_network(
        is_used=state.is_writable,
        adapter=state.adapter,
        is_waiting=state.change is not None and state.change.phase is Phase.WAITING,
        is_link_local=bool(addresses) and all(one.is_link_local for one in addresses),
    )
