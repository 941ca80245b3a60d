"""A part of the page on performance can be measured by itself."""

from bench.rows import Row, page, renewed

FIRST, SECOND, THIRD = (
    Row(what=f"{name} of the gateway", budget="≤ 5 ms", measured="4 ms", good=True)
    for name in ("Delay", "Memory", "Pages")
)
BETTER = Row(what=SECOND.what, budget="≤ 5 ms", measured="3 ms", good=True)


def test_a_row_that_is_measured_again_takes_its_place_and_a_new_one_comes_last() -> None:
    text = renewed(page([FIRST, SECOND], 5, 0.5), [BETTER, THIRD], 0.2)
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert rows[-3:] == [str(FIRST), str(BETTER), str(THIRD)]
    assert "2 rows were measured again, from “Memory of the gateway” on" in text
    assert "load average before that 0.2." in text


def test_what_is_measured_twice_is_said_once() -> None:
    text = page([FIRST, SECOND], 5, 0.5)
    once = renewed(text, [BETTER], 0.2)
    assert renewed(once, [BETTER], 0.2) == once
    assert once.count("measured again") == 1
    assert text.count("\n") + 2 == once.count("\n")
