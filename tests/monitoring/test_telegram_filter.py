"""Filters of the group monitor: each word on its own, and all of them against a plain model."""

from collections.abc import Iterator
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.monitoring.telegram_filter import chosen, chosen_since, parse
from knxgw.monitoring.telegrams import Service, TelegramLine
from tests.monitoring.telegrams import line, telegram

LINES = tuple(
    line(n, one)
    for n, one in enumerate(
        (
            telegram("1/0/10", at_ms=0),
            telegram("1/1/62", at_ms=300, is_sent=True, source="1.1.20", is_secure=True),
            telegram("1/1/6", at_ms=900, service=Service.READ),
            telegram("1/2/62", at_ms=1500, source="1.2.30", payload=1, is_refused=True),
            telegram("11/1/62", at_ms=2100, service=Service.RESPONSE),
            telegram("1/1/84", at_ms=2101, payload=tuple(b"DEADBEEF")),
        )
    )
)


def found(text: str, context_ms: int = 0) -> list[int]:
    return [one.number for one in chosen(LINES, parse(text), context_ms=context_ms)]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", [0, 1, 2, 3, 4, 5]),
        ("1/1/62", [1]),
        ("1/1/*", [1, 2, 5]),
        ("1/*", [0, 1, 2, 3, 5]),
        ("1/*/62", [1, 3]),
        ("!1/1/*", [0, 3, 4]),
        ("1/1/* !1/1/62", [2, 5]),
        ("1/1/62,1/2/62", [1, 3]),
        ("!1/1/62,1/2/62", [0, 2, 4, 5]),
        ("1.1.20", [1]),
        ("1.1.*", [0, 1, 2, 4, 5]),
        ("from:1.2.30", [3]),
        ("!from:1.1.*", [3]),
        ("service:read", [2]),
        ("service:read,service:response", [2, 4]),
        ("direction:out", [1]),
        ("security:refused", [3]),
        ("security:secure", [1]),
        ("!security:plain", [1, 3]),
        ("security:nonsense", []),
        ("direction:in 1/1/*", [2, 5]),
        ("smart", [0]),
        ('"smart meter"', [0]),
        ('"left: current"', [1]),
        ("left !rfid", [1]),
        ("LEFT", [1, 5]),
        ("beef", [5]),
        ("DEAD", []),
        ("14.019", [0, 1]),
        ("service:nonsense", []),
        ("!", [0, 1, 2, 3, 4, 5]),
        (",", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_a_filter_chooses(text: str, numbers: list[int]) -> None:
    assert found(text) == numbers


def test_context_brings_what_stood_near_and_marks_it() -> None:
    lines = chosen(LINES, parse("1/1/62"), context_ms=500)
    assert [(one.number, one.is_context, one.delta_ms) for one in lines] == [
        (0, True, None),
        (1, False, 300),
    ]
    assert found("1/1/62", context_ms=600) == [0, 1, 2]


@given(st.text(max_size=60))
def test_whatever_stands_in_the_address_bar_is_a_filter(text: str) -> None:
    numbers = found(text)
    assert numbers == sorted(set(numbers))


WORDS = st.sampled_from(
    ["1/1/*", "1/1/62", "1.1.30", "service:write", "direction:in", "smart", "left", "4 a", "beef"]
)


@given(st.lists(st.tuples(st.booleans(), st.lists(WORDS, min_size=1, max_size=3)), max_size=4))
def test_words_are_and_commas_are_or_and_an_exclamation_mark_shuts_out(
    words: list[tuple[bool, list[str]]],
) -> None:
    text = " ".join(
        ("!" if is_out else "") + ",".join(f'"{one}"' if " " in one else one for one in parts)
        for is_out, parts in words
    )
    expected = set(range(len(LINES)))
    for is_out, parts in words:
        fitting = {n for one in parts for n in found(f'"{one}"' if " " in one else one)}
        expected &= set(range(len(LINES))) - fitting if is_out else fitting
    assert found(text) == sorted(expected)


comings = st.tuples(  # time since the one before, whether it fits, and whether a batch ends with it
    st.sampled_from([0, 150, 260, 500, 501]), st.booleans(), st.booleans()
)


@given(st.lists(comings, min_size=3, max_size=12), st.sampled_from([0, 500]))
def test_what_comes_bit_by_bit_is_what_stands_there_at_once(
    came: list[tuple[int, bool, bool]], context_ms: int
) -> None:
    times_ms = accumulate(spacing_ms for spacing_ms, _, _ in came)
    lines = tuple(
        line(n, telegram("1/0/10" if fits else "1/1/62", at_ms=at_ms))
        for n, (at_ms, (_, fits, _)) in enumerate(zip(times_ms, came, strict=True), 1)
    )
    ends = [n for n, (_, _, is_end) in enumerate(came, 1) if is_end]
    test = parse("1/0/10")
    found: list[TelegramLine] = []
    for first, last in pairwise([0, *ends, len(lines)]):
        earlier = reversed(lines[:first])
        found += chosen_since(earlier, lines[first:last], test, context_ms=context_ms)
    assert tuple(found) == chosen(lines, test, context_ms=context_ms)


def test_no_more_of_the_past_is_looked_at_than_is_needed() -> None:
    def earlier() -> Iterator[TelegramLine]:
        yield line(2, telegram("1/0/10", at_ms=0))
        pytest.fail("the line before was found")

    new = line(3, telegram("1/0/10", at_ms=70))
    (found,) = chosen_since(earlier(), [new], parse("1/0/10"))
    assert found.delta_ms == 70
