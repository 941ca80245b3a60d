"""What the self-test says of the firmware, its keys, time servers and network of a device."""

from ipaddress import IPv4Interface
from pathlib import Path

import pytest

from knxgw.appliance_test import Appliance, no_appliance
from knxgw.firmware.boot_disk import BootDisk
from knxgw.firmware.boot_state import BootState, Reason, begin_trial, given_up
from knxgw.host.answer import NetworkAnswer
from knxgw.host.network_change import Phase
from knxgw.host.time_plan import TimeService
from knxgw.monitoring.self_test import Check, Problem, Verdict
from knxgw.website.host_settings import HostSettings, NetworkState, TimeState

AT = "2026-11-29T12:00:00+00:00"
GOOD_TIME = TimeState(
    has_service=True, is_synchronised=True, service=TimeService(answering="pool.example.org")
)
GOOD_NETWORK = NetworkState(
    is_writable=True, adapter="eth0", addresses=(IPv4Interface("192.168.1.5/24"),)
)


def problems(
    disk: BootDisk,
    time: TimeState = GOOD_TIME,
    network: NetworkState = GOOD_NETWORK,
    keys: int = 1,
) -> dict[Check, Problem | None]:
    host = HostSettings(time=lambda: time, network=lambda: network)
    appliance = Appliance(slot="base", disk=disk, host=host, count_keys=lambda: keys)
    return {row.check: row.problem for row in appliance.rows()}


@pytest.fixture
def disk(tmp_path: Path) -> BootDisk:
    return BootDisk(tmp_path, None)


@pytest.mark.proves("W50")
def test_a_device_that_is_well_has_good_rows_and_a_program_on_a_host_has_none(
    disk: BootDisk,
) -> None:
    found = problems(disk)
    assert list(found) == [Check.FIRMWARE, Check.FIRMWARE_KEYS, Check.TIME_SOURCE, Check.NETWORK]
    assert set(found.values()) == {None}
    assert {row.verdict for row in no_appliance()} == {Verdict.NOT_USED}


@pytest.mark.proves("W50")
def test_each_defect_of_the_appliance_is_named(disk: BootDisk) -> None:
    assert problems(disk, keys=0)[Check.FIRMWARE_KEYS] is Problem.NO_FIRMWARE_KEY
    trial = begin_trial(BootState(), "a", "0.2", AT)
    disk.save(trial)
    assert problems(disk)[Check.FIRMWARE] is Problem.FIRMWARE_ON_TRIAL
    disk.save(given_up(trial, Reason.NOT_READY, "0.1", AT))
    assert problems(disk)[Check.FIRMWARE] is Problem.FIRMWARE_GIVEN_UP
    silent = TimeState(has_service=True, service=TimeService())
    assert problems(disk, time=silent)[Check.TIME_SOURCE] is Problem.TIME_SERVERS_SILENT
    other = TimeState(has_service=True, is_synchronised=True, are_taken=False)
    assert problems(disk, time=other)[Check.TIME_SOURCE] is Problem.TIME_SERVERS_NOT_TAKEN
    alone = NetworkState(is_writable=True, addresses=(IPv4Interface("169.254.7.7/16"),))
    assert problems(disk, network=alone)[Check.NETWORK] is Problem.NETWORK_WITHOUT_DHCP
    waits = NetworkState(is_writable=True, change=NetworkAnswer(id="1", phase=Phase.WAITING))
    assert problems(disk, network=waits)[Check.NETWORK] is Problem.NETWORK_NOT_CONFIRMED
