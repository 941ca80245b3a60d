"""The group monitor's ring: what it keeps, what it says of an address, how busy the bus is."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.monitoring.telegrams import (
    HIDDEN,
    KEPT,
    MOST_ADDRESSES,
    Service,
    TelegramRing,
    rate,
    raw_text,
)
from tests.monitoring.telegrams import NOON, line, raw_address, telegram


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["1/0/10", "1/1/62", "7/7/255"]),
            st.sampled_from(list(Service)),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_the_news_of_an_address_agree_with_all_its_telegrams(
    heard: list[tuple[str, Service, bool]],
) -> None:
    ring = TelegramRing()
    all_of_them = [
        telegram(address, at_ms=n, service=service, is_sent=is_sent)
        for n, (address, service, is_sent) in enumerate(heard)
    ]
    for one in all_of_them:
        ring.note(one)
    for address in {address for address, _, _ in heard} | {"5/5/5"}:
        of_it = [one for one in all_of_them if one.address == raw_address(address)]
        news = ring.news(raw_address(address))
        assert news.sent == sum(one.is_sent for one in of_it)
        assert news.received == len(of_it) - news.sent
        with_value = [one for one in of_it if one.payload is not None]
        assert news.value == (with_value[-1] if with_value else None)
    last = [numbered.row for numbered in ring.last_values()]
    assert last == sorted(last, key=lambda one: one.address)
    assert len(last) == len({one.address for one in all_of_them if one.payload is not None})


def test_the_newest_five_thousand_stay() -> None:
    ring = TelegramRing()
    for n in range(KEPT + 100):
        ring.note(telegram(at_ms=n))
    rows = ring.ring.rows()
    assert len(rows) == KEPT
    assert rows[0].number == 101


def test_of_many_addresses_the_longest_silent_ones_give_way() -> None:
    ring = TelegramRing()
    ring.note(telegram("31/7/255"))
    for n in range(MOST_ADDRESSES + 50):
        ring.note(telegram(f"{n // 2048}/{n // 256 % 8}/{n % 256}" if n else "0/0/1"))
        if n % 1000 == 0:
            ring.note(telegram("31/7/255"))
    assert len(ring.last_values()) == MOST_ADDRESSES
    assert ring.news(raw_address("31/7/255")).received == 6
    assert ring.news(raw_address("0/0/2")).received == 0


def test_rate_and_peak_are_those_of_the_telegrams() -> None:
    times_ms = [0, 100, 200, 900, 1050, 8000, 9000, 9500]
    telegrams = [telegram(at_ms=at_ms) for at_ms in times_ms]
    found = rate(telegrams, NOON + timedelta(seconds=10.5))
    assert found.per_s == 5 / 10
    assert found.peak_per_s == 4
    assert rate([], NOON).peak_per_s == 0


@given(st.lists(st.integers(0, 5000), max_size=60))
def test_the_peak_is_the_most_within_any_second(times_ms: list[int]) -> None:
    telegrams = [telegram(at_ms=at_ms) for at_ms in sorted(times_ms)]
    most = max((sum(0 <= other - one < 1000 for other in times_ms) for one in times_ms), default=0)
    assert rate(telegrams, NOON).peak_per_s == most


def test_values_stand_in_the_language_and_raw_in_hexadecimal() -> None:
    assert raw_text((0x42, 0x02, 0)) == "42 02 00"
    assert raw_text(1) == "01"
    assert raw_text(None) == ""
    shown = line(7, telegram())
    assert (shown.address, shown.source, shown.value, shown.raw) == (
        "1/1/62",
        "1.1.30",
        "4 A",
        "41 F0 00 00",
    )


def test_the_value_of_a_card_is_hidden_but_for_its_end() -> None:
    shown = line(1, telegram("1/1/84", payload=tuple(b"DEADBEEF")))
    assert shown.value == "…BEEF"
    assert shown.raw == HIDDEN
