"""The Modbus monitor's ring: counts, cycle times, filters, CSV."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.monitoring.requests import (
    MOST_BUSES,
    Exchange,
    PointValue,
    RequestFilter,
    RequestRing,
    RequestWords,
    cycle_times_s,
    request_lines,
    requests_csv,
)
from tests.monitoring.telegrams import NOON


def words(address: int, *, is_write: bool = False) -> RequestWords:
    return RequestWords(
        is_write=is_write,
        function=6 if is_write else 3,
        unit_id=1,
        table="holding",
        address=address,
        count=1,
        values=(
            PointValue(name=f"p{address}", address=address, raw="00FA", number=25.0, unit="A"),
        ),
    )


def exchange(
    at_s: float = 0.0,
    *,
    bus: str = "127.0.0.1:502",
    device: str = "cp1/charger",
    request: RequestWords | None = None,
    took_s: float = 0.01,
    error: str = "",
) -> Exchange:
    registers = () if error else (250,)
    at = NOON + timedelta(seconds=at_s)
    return Exchange(at, bus, device, request or words(1), registers, took_s, error)


def explain(one: Exchange) -> RequestWords:
    assert isinstance(one.request, RequestWords)
    return one.request


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b"]), st.floats(0, 3), st.sampled_from(["", "silent"])),
        max_size=30,
    )
)
def test_counts_agree_with_all_requests(made: list[tuple[str, float, str]]) -> None:
    ring = RequestRing()
    for n, (bus, took_s, error) in enumerate(made):
        ring.note(exchange(n, bus=bus, took_s=took_s, error=error))
    assert set(ring.counts) == {bus for bus, _, _ in made}
    for bus, count in ring.counts.items():
        mine = [one for one in made if one[0] == bus]
        assert count.requests == len(mine)
        assert count.failed == sum(bool(error) for _, _, error in mine)
        assert count.longest_s == max(took_s for _, took_s, _ in mine)
        assert count.mean_s is not None
        assert abs(count.mean_s * len(mine) - sum(took_s for _, took_s, _ in mine)) < 1e-6
        assert bool(count.last_error) == bool(count.failed)


def test_the_last_answered_request_of_a_device_says_how_long_it_took() -> None:
    ring = RequestRing()
    ring.note(exchange(took_s=0.3))
    ring.note(exchange(took_s=0.2))
    ring.note(exchange(took_s=2.0, error="silent"))
    ring.note(exchange(took_s=0.9, device="cp2/charger"))
    assert ring.took_s("cp1/charger") == 0.2
    assert ring.took_s("cp3/charger") is None


def test_buses_that_come_and_go_do_not_fill_the_memory() -> None:
    ring = RequestRing()
    for n in range(MOST_BUSES + 20):
        ring.note(exchange(bus=f"bus {n}"))
    assert len(ring.counts) == MOST_BUSES
    assert f"bus {MOST_BUSES + 19}" in ring.counts


def test_the_cycle_of_a_device_is_that_of_its_most_frequent_read() -> None:
    ring = RequestRing()
    for n in range(20):
        ring.note(exchange(n * 1.0, request=words(1)))
        ring.note(exchange(n * 1.0 + 0.1, request=words(5, is_write=True)))
        if n % 5 == 0:
            ring.note(exchange(n * 1.0 + 0.2, request=words(2)))
            ring.note(exchange(n * 1.0 + 0.3, device="cp2/charger", request=words(1)))
    assert cycle_times_s(ring.ring.rows(), explain) == {"cp1/charger": 1.0, "cp2/charger": 5.0}
    assert cycle_times_s((), explain) == {}


def test_a_filter_shows_a_bus_a_device_errors_writes_or_a_text() -> None:
    ring = RequestRing()
    ring.note(exchange(request=words(100)))
    ring.note(exchange(device="cp2/charger", error="no answer within 1 s"))
    ring.note(exchange(bus="serial line", request=words(7, is_write=True)))

    def found(**wanted: object) -> list[int]:
        chosen = RequestFilter(**wanted)  # type: ignore[arg-type]  # what the page passes
        return [one.number for one in request_lines(ring.ring.rows(), explain, chosen)]

    assert found() == [1, 2, 3]
    assert found(device="cp2/charger") == found(only_errors=True) == [2]
    assert found(bus="serial line") == found(only_writes=True) == found(text="WRITE") == [3]
    assert found(text="p100") == found(text=" 100 ") == [1]
    assert found(text="within") == [2]
    assert found(only_errors=True, only_writes=True) == []


def test_csv_has_a_line_for_each_value() -> None:
    ring = RequestRing()
    ring.note(exchange(took_s=0.01234))
    ring.note(exchange(error="=1+1", request=RequestWords(
        is_write=False, function=4, unit_id=2, table="input", address=9, count=2)))  # fmt: skip
    lines = request_lines(ring.ring.rows(), explain)
    rows = "".join(requests_csv(lines, "de", ZoneInfo("Europe/Berlin"))).split("\r\n")
    assert rows[1].endswith("read;3;1;holding;1;p1;00FA;25 A;12,3;")
    assert rows[2].endswith("read;4;2;input;9;;;;10,0;'=1+1")
