"""Each defect has its own problem, and what is well says so with its figures."""

import pytest

from knxgw.charging.events import LinkCondition
from knxgw.monitoring import self_test as judge
from knxgw.monitoring.self_test import Check, Problem, Progress, Row, SelfTestRun, Verdict

GOOD, WARNING, BAD, NOT_USED = Verdict.GOOD, Verdict.WARNING, Verdict.BAD, Verdict.NOT_USED


@pytest.mark.parametrize(
    ("row", "verdict", "problem"),
    [
        (judge.of_store(0.02), GOOD, None),
        (judge.of_store(3.0), WARNING, Problem.STORE_SLOW),
        (judge.of_store(None), BAD, Problem.NOT_STORED),
        (judge.of_space(10**9), GOOD, None),
        (judge.of_space(10**6), BAD, Problem.SPACE_LOW),
        (judge.of_space(None), BAD, Problem.SPACE_LOW),
        (judge.of_clock(is_valid=True, is_synchronised=True), GOOD, None),
        (judge.of_clock(is_valid=True, is_synchronised=False), WARNING, Problem.CLOCK_NOT_SYNCHRONISED),
        (judge.of_clock(is_valid=False, is_synchronised=True), BAD, Problem.CLOCK_NOT_SET),
        (judge.of_knx(is_used=True, is_up=True), GOOD, None),
        (judge.of_knx(is_used=True, is_up=False), BAD, Problem.KNX_NOT_CONNECTED),
        (judge.of_knx(is_used=False, is_up=False), NOT_USED, None),
        (judge.of_addresses(is_used=True, are_missing=True), BAD, Problem.ADDRESSES_MISSING),
        (judge.of_addresses(is_used=True, are_missing=False), GOOD, None),
        (judge.of_addresses(is_used=False, are_missing=True), NOT_USED, None),
        (judge.of_smart_meter(is_used=True, age_s=3.0, timeout_s=12.0), GOOD, None),
        (judge.of_smart_meter(is_used=True, age_s=13.0, timeout_s=12.0), BAD, Problem.METER_SILENT),
        (judge.of_smart_meter(is_used=True, age_s=None, timeout_s=12.0), BAD, Problem.METER_SILENT),
        (judge.of_smart_meter(is_used=False, age_s=None, timeout_s=0.0), NOT_USED, None),
        (judge.of_memory(80 * 2**20), GOOD, None),
        (judge.of_memory(2**30), WARNING, Problem.MEMORY_HIGH),
        (judge.of_memory(None), NOT_USED, None),
        (judge.of_loop(0.01), GOOD, None),
        (judge.of_loop(0.9), WARNING, Problem.LOOP_SLOW),
        (judge.of_certificate(is_used=False, is_valid=False, ends_soon=False), NOT_USED, None),
        (judge.of_certificate(is_used=True, is_valid=True, ends_soon=False), GOOD, None),
        (judge.of_certificate(is_used=True, is_valid=True, ends_soon=True), WARNING, Problem.CERTIFICATE_ENDS),
        (judge.of_certificate(is_used=True, is_valid=False, ends_soon=True), BAD, Problem.CERTIFICATE_NOT_VALID),
        (judge.of_gpio(is_used=False), NOT_USED, None),
        (judge.of_firmware(is_own=False, version="", on_trial=False, was_given_up=False), NOT_USED, None),
        (judge.of_firmware(is_own=True, version="1.0", on_trial=False, was_given_up=False), GOOD, None),
        (judge.of_firmware(is_own=True, version="1.0", on_trial=True, was_given_up=True), WARNING, Problem.FIRMWARE_ON_TRIAL),
        (judge.of_firmware(is_own=True, version="1.0", on_trial=False, was_given_up=True), WARNING, Problem.FIRMWARE_GIVEN_UP),
        (judge.of_firmware_keys(is_own=False, count=0), NOT_USED, None),
        (judge.of_firmware_keys(is_own=True, count=1), GOOD, None),
        (judge.of_firmware_keys(is_own=True, count=0), WARNING, Problem.NO_FIRMWARE_KEY),
        (judge.of_time_source(is_used=False, server="", is_synchronised=False, are_taken=False), NOT_USED, None),
        (judge.of_time_source(is_used=True, server="pool", is_synchronised=True, are_taken=True), GOOD, None),
        (judge.of_time_source(is_used=True, server="", is_synchronised=False, are_taken=True), WARNING, Problem.TIME_SERVERS_SILENT),
        (judge.of_time_source(is_used=True, server="pool", is_synchronised=True, are_taken=False), WARNING, Problem.TIME_SERVERS_NOT_TAKEN),
        (judge.of_network(is_used=False, adapter="", is_waiting=True, is_link_local=True), NOT_USED, None),
        (judge.of_network(is_used=True, adapter="eth0", is_waiting=False, is_link_local=False), GOOD, None),
        (judge.of_network(is_used=True, adapter="eth0", is_waiting=True, is_link_local=True), WARNING, Problem.NETWORK_NOT_CONFIRMED),
        (judge.of_network(is_used=True, adapter="eth0", is_waiting=False, is_link_local=True), WARNING, Problem.NETWORK_WITHOUT_DHCP),
        (judge.of_gpio(is_used=True), GOOD, None),
        (judge.of_gpio(is_used=True, problem=Problem.GPIO_LINE_BUSY, subject="17 (lirc)"), WARNING, Problem.GPIO_LINE_BUSY),
        (judge.not_finished(())[-1], BAD, Problem.NOT_FINISHED),
        (judge.device_not_finished(Check.METER, "cp1"), BAD, Problem.NOT_FINISHED),
        (judge.of_device(Check.CHARGER, "cp1", "good", 0.1), GOOD, None),
        (judge.of_device(Check.CHARGER, "cp1", "good", 5.0), WARNING, Problem.DEVICE_SLOW),
        (judge.of_device(Check.CHARGER, "cp1", "good", None), BAD, Problem.DEVICE_NOT_READ),
        (judge.of_device(Check.CHARGER, "cp1", "comm", None), BAD, Problem.DEVICE_WRONG_ANSWERS),
        (judge.of_device(Check.METER, "cp1", "wrong_model", None), BAD, Problem.DEVICE_WRONG_MODEL),
        (judge.of_device(Check.METER, "cp1", "not_reachable", None), BAD, Problem.DEVICE_NOT_REACHABLE),
    ],
)  # fmt: skip
def test_a_check_finds(row: Row, verdict: Verdict, problem: Problem | None) -> None:
    assert (row.verdict, row.problem) == (verdict, problem)
    assert (row.verdict in (BAD, WARNING)) == (row.problem is not None)


def test_each_check_that_was_not_reached_in_time_has_its_row() -> None:
    rows = [judge.of_store(0.1), judge.of_loop(0.1)]
    missing = {row.check for row in judge.not_finished(rows)}
    assert missing == set(Check) - judge.OF_DEVICES - {Check.STORE, Check.LOOP}


def test_every_condition_of_a_link_but_good_is_a_problem() -> None:
    assert {one.value for one in LinkCondition} - set(judge.CONDITIONS) == {"good"}


def test_the_job_shows_rows_as_they_come() -> None:
    seen: list[Progress] = []
    running = SelfTestRun(lambda: seen.append(running.progress))
    running.begin(2)
    running.add(judge.of_store(0.1))
    running.add(judge.of_space(10**9))
    running.add(judge.of_loop(0.0))
    running.end()
    assert [len(one.rows) for one in seen] == [0, 1, 2, 3, 3]
    assert [one.is_running for one in seen] == [True, True, True, True, False]
    assert seen[3].expected == 3
    running.begin(1)
    assert (running.progress.number, running.progress.rows) == (2, ())
