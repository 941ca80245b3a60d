"""Rings keep the newest rows, tell slow readers what they missed, and agree with a plain list."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from knxgw.monitoring.ring import Ring


@given(st.integers(1, 12), st.integers(0, 40), st.integers(0, 45), st.integers(0, 50))
def test_a_ring_agrees_with_a_list(size: int, count: int, after: int, most: int) -> None:
    ring = Ring[str](size)
    for n in range(1, count + 1):
        ring.append(f"row {n}")
    kept = [(n, f"row {n}") for n in range(1, count + 1)][-size:]
    assert [tuple(one) for one in ring.rows()] == kept
    assert [tuple(one) for one in ring.rows(before=after)] == [
        one for one in kept if one[0] < after
    ]
    batch = ring.since(after, most)
    known = after if after <= count else 0
    newer = [one for one in kept if one[0] > known]
    assert [tuple(one) for one in batch.rows] == newer[max(0, len(newer) - most) :]
    assert batch.last == ring.last == count
    assert batch.dropped + len(batch.rows) == count - known


def test_a_reader_that_keeps_up_misses_nothing() -> None:
    ring, seen, after = Ring[int](8), [], 0
    for n in range(100):
        ring.append(n)
        if n % 5 == 0:
            batch = ring.since(after, 8)
            assert batch.dropped == 0
            seen += [one.row for one in batch.rows]
            after = batch.last
    assert seen == list(range(96))


def test_a_reader_that_is_slow_learns_how_many_it_has_missed() -> None:
    ring = Ring[int](5000)
    for n in range(1000):
        ring.append(n)
    batch = ring.since(0, 200)
    assert [one.row for one in batch.rows] == list(range(800, 1000))
    assert batch.dropped == 800


def test_readers_in_other_threads_see_whole_rows_in_order_while_one_writes() -> None:
    ring, wrong, stop = Ring[tuple[int, int]](64), [], threading.Event()

    def read() -> None:
        while not stop.is_set():
            rows = ring.rows()
            numbers = [one.number for one in rows]
            if numbers != sorted(set(numbers)) or any(one.row != (one.number,) * 2 for one in rows):
                wrong.append(rows)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for n in range(1, 20_000):
        ring.append((n, n))
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong
