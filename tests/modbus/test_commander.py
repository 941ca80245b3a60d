"""What is written to a charger, when, and what is not."""

import itertools
import math

import pytest

from knxgw.catalogue.product import Catalogue
from knxgw.modbus.commander import Commander
from knxgw.modbus.writing import Write


def commander(catalogue: Catalogue, model_id: str, minimum_ma: int = 6000) -> Commander:
    model = catalogue.chargers[model_id]
    return Commander("cp1", model, unit_id=model.unit_id, address_offset=0, minimum_ma=minimum_ma)


def drain(one: Commander, now_s: float) -> list[tuple[int, tuple[int, ...], int]]:
    """Write everything that is due at one instant; return (address, registers, function)."""
    writes = []
    while (write := one.next_write(now_s)) is not None:
        one.note_acknowledged(write, now_s)
        writes.append((write.address, write.registers, write.function))
        assert len(writes) < 20
    return writes


def test_nothing_is_written_before_the_station_has_decided(catalogue: Catalogue) -> None:
    for model_id in catalogue.chargers:
        one = commander(catalogue, model_id)
        one.forget()
        assert one.next_write(1000.0) is None
        assert one.due_at(1000.0) == math.inf


def test_each_model_gets_its_offer_in_its_own_way(catalogue: Catalogue) -> None:
    one = commander(catalogue, "alfen_eve")
    one.want(13_700)
    assert drain(one, 0.0) == [(1210, (0x415B, 0x3333), 16)]
    one = commander(catalogue, "abb_terra_ac")
    one.want(13_700)
    assert drain(one, 0.0) == [(0x4100, (0, 13_700), 16)]
    one = commander(catalogue, "goe_charger")
    one.want(13_700)
    assert drain(one, 0.0) == [(299, (13,), 16), (337, (0,), 16)], "whole amperes, never up"


def test_each_model_pauses_in_its_own_way(catalogue: Catalogue) -> None:
    expected = {
        "alfen_eve": [(1210, (0, 0), 16)],
        "abb_terra_ac": [(0x4100, (0, 0), 16)],
        "goe_charger": [(337, (1,), 16)],
    }
    for model_id, writes in expected.items():
        one = commander(catalogue, model_id)
        one.want(16_000)
        drain(one, 0.0)
        one.want(0)
        assert drain(one, 1.0) == writes
    keba = commander(catalogue, "keba_p30")
    keba.want(0)
    assert drain(keba, 0.0)[0] == (5014, (0,), 6)


@pytest.mark.proves("H.14")
def test_the_same_offer_is_not_written_again(catalogue: Catalogue) -> None:
    one = commander(catalogue, "abb_terra_ac")
    one.want(10_000)
    assert len(drain(one, 0.0)) == 1
    one.want(10_000)
    assert drain(one, 100.0) == []


def keba_times(one: Commander, until_s: float) -> list[tuple[float, int]]:
    now_s, writes = 0.0, []
    while now_s <= until_s:
        write = one.next_write(now_s)
        if write is None:
            now_s = max(now_s + 0.01, min(one.due_at(now_s), until_s + 1))
            continue
        one.note_acknowledged(write, now_s)
        writes.append((now_s, write.address))
    return writes


def test_a_keba_gets_one_write_in_five_seconds_and_its_fail_safe_is_armed_and_fed(
    catalogue: Catalogue,
) -> None:
    one = commander(catalogue, "keba_p30")
    one.want(16_000)
    writes = keba_times(one, 120.0)
    assert [address for _, address in writes[:4]] == [5004, 5014, 5016, 5018]
    assert min(b[0] - a[0] for a, b in itertools.pairwise(writes)) >= 5.0
    fed = [at_s for at_s, address in writes if address == 5018]
    assert len(fed) >= 4
    assert max(b - a for a, b in itertools.pairwise(fed)) <= 30.0


def test_the_fail_safe_current_of_a_keba_is_the_minimum_of_the_charging_point(
    catalogue: Catalogue,
) -> None:
    one = commander(catalogue, "keba_p30", minimum_ma=8000)
    one.want(16_000)
    now_s = 0.0
    written: dict[int, tuple[int, ...]] = {}
    while now_s < 30.0:
        write = one.next_write(now_s)
        if write is not None:
            one.note_acknowledged(write, now_s)
            written[write.address] = write.registers
        now_s += 0.5
    assert written[5016] == (8000,)
    assert written[5018] == (60,)


@pytest.mark.proves("D9.3g", "H.15")
def test_a_pause_breaks_the_spacing_once_a_raise_does_not(catalogue: Catalogue) -> None:
    one = commander(catalogue, "keba_p30")
    one.want(16_000)
    first = one.next_write(0.0)
    assert isinstance(first, Write)
    one.note_acknowledged(first, 0.0)
    one.want(0)
    pause = one.next_write(0.5)
    assert pause is not None, "safety does not wait"
    assert pause.address == 5014
    one.note_acknowledged(pause, 0.5)
    one.want(16_000)
    assert one.next_write(1.0) is None, "a raise waits for its turn"
    one.want(6000)
    one.want(0)
    assert one.next_write(1.0) is None, "the charger knows the pause already"
    assert one.next_write(5.6) is not None or one.due_at(5.6) <= 11.0


def test_an_alfen_is_fed_by_rewriting_its_setpoint(catalogue: Catalogue) -> None:
    one = commander(catalogue, "alfen_eve")
    one.want(16_000)
    drain(one, 0.0)
    assert drain(one, 20.0) == []
    assert drain(one, 25.5) == [(1210, (0x4180, 0), 16)]
    one.want(0)
    drain(one, 26.0)
    assert drain(one, 52.0) == [(1210, (0, 0), 16)], "a pause is refreshed too"


def test_after_a_lost_connection_everything_is_written_again(catalogue: Catalogue) -> None:
    one = commander(catalogue, "goe_charger")
    one.want(10_000)
    drain(one, 0.0)
    one.forget()
    assert drain(one, 1.0) == [(299, (10,), 16), (337, (0,), 16)]


@pytest.mark.proves("D13.3c")
def test_the_limit_is_written_again_to_a_charger_that_lost_it(
    catalogue: Catalogue, caplog: pytest.LogCaptureFixture
) -> None:
    one = commander(catalogue, "alfen_eve")
    one.want(10_000)
    drain(one, 0.0)
    one.compare_read_back("setpoint_read", 16.0, 1.0)
    one.compare_read_back("setpoint_read", 16.0, 2.0)
    assert drain(one, 2.5) == [], "a read-back may lag behind the write"
    one.compare_read_back("setpoint_read", 16.0, 4.0)
    one.compare_read_back("setpoint_read", 16.0, 5.0)
    assert drain(one, 5.0) == [(1210, (0x4120, 0), 16)]
    assert "setpoint_read" in caplog.text


def test_a_charger_that_limits_itself_is_not_pestered(catalogue: Catalogue) -> None:
    one = commander(catalogue, "abb_terra_ac")
    one.want(20_000)
    drain(one, 0.0)
    for second in range(4, 30):
        one.compare_read_back("setpoint_read", 16_000, float(second))
        assert drain(one, float(second)) == []


def test_a_charger_that_resumes_by_itself_is_paused_again(catalogue: Catalogue) -> None:
    one = commander(catalogue, "goe_charger")
    one.want(0)
    drain(one, 0.0)
    one.compare_read_back("session_control", 0, 5.0)
    one.compare_read_back("session_control", 0, 6.0)
    assert drain(one, 6.0) == [(337, (1,), 16)]


@pytest.mark.proves("D9.3h")
def test_a_refused_write_is_repeated_but_not_at_once(catalogue: Catalogue) -> None:
    one = commander(catalogue, "abb_terra_ac")
    one.want(10_000)
    write = one.next_write(0.0)
    assert write is not None
    one.note_refused(write, 0.0)
    assert one.next_write(1.0) is None
    one.want(0)
    assert one.next_write(1.0) is not None, "a pause does not wait for what was refused before"
    one.note_refused(write, 1.0)
    assert one.next_write(6.1) is not None


def settled_keba(catalogue: Catalogue) -> Commander:
    """Return a KEBA that knows its offer and has its watchdog armed, after a minute."""
    one = commander(catalogue, "keba_p30")
    one.want(10_000)
    for now_s in range(0, 60, 5):
        drain(one, float(now_s))
    return one


def test_a_refused_unlock_is_not_tried_again(catalogue: Catalogue) -> None:
    one = settled_keba(catalogue)
    one.unlock()
    assert drain(one, 65.0) == [(5014, (0,), 6)]
    write = one.next_write(70.0)
    assert write is not None
    assert write.address == 5012
    one.note_refused(write, 70.0)
    later = [entry for now_s in range(75, 120, 5) for entry in drain(one, float(now_s))]
    assert (5012, (0,), 6) not in later, "the next car may be there"
    assert (5014, (1,), 6) in later


def first_of(one: Commander, now_s: float) -> tuple[int, tuple[int, ...]] | None:
    """Return where and what is to be written next; nobody acknowledges it."""
    write = one.next_write(now_s)
    return None if write is None else (write.address, write.registers)


def test_an_unlock_that_cannot_be_carried_out_in_time_is_given_up(catalogue: Catalogue) -> None:
    one = settled_keba(catalogue)
    one.unlock()
    assert first_of(one, 65.0) == (5014, (0,)), "not acknowledged, so it waits"
    assert first_of(one, 95.0) == (5014, (0,)), "after 30 s there is still time"
    assert first_of(one, 95.1) != (5014, (0,))
    later = [entry for now_s in range(100, 130, 5) for entry in drain(one, float(now_s))]
    assert not {(5014, (0,), 6), (5012, (0,), 6)} & set(later), "the next car may be there"


def test_the_steps_of_an_unlock_are_not_undone_in_between(catalogue: Catalogue) -> None:
    one = settled_keba(catalogue)
    one.unlock()
    written = [write for now_s in range(60, 90, 5) for write in drain(one, float(now_s))]
    registers = [(address, values) for address, values, _ in written if address in (5012, 5014)]
    assert registers[:3] == [(5014, (0,)), (5012, (0,)), (5014, (1,))]


def test_the_current_is_written_before_a_charger_is_enabled_again(catalogue: Catalogue) -> None:
    one = commander(catalogue, "abb_terra_ac")
    one.want(6000)
    drain(one, 0.0)
    one.want(0)
    drain(one, 10.0)
    one.want(6000)
    addresses = [address for address, _, _ in drain(one, 20.0)]
    offer = [step.point for step in catalogue.chargers["abb_terra_ac"].control.offer]  # type: ignore[union-attr]
    points = catalogue.chargers["abb_terra_ac"].points
    assert addresses == [points[name].address for name in offer], "it may have forgotten it"


def test_the_cable_of_a_keba_is_released_by_two_writes(catalogue: Catalogue) -> None:
    one = commander(catalogue, "keba_p30")
    one.want(0)
    drain(one, 0.0)
    for now_s in (5.0, 10.0, 15.0):
        drain(one, now_s)
    one.unlock()
    writes = keba_times(one, 60.0)
    assert 5012 in [address for _, address in writes]
