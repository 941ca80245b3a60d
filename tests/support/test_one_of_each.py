"""A sweep keeps one case of each kind, and leaves none out."""

from itertools import combinations

import pytest

from tests.support.one_of_each import in_turn, one_of_each


def test_the_first_of_each_kind_is_quick_and_the_rest_is_long() -> None:
    cases = one_of_each(["a", "b", "cc", "dd", "e"], len)
    assert [case.id for case in cases] == ["a", "b", "cc", "dd", "e"]
    long = [case.id for case in cases if pytest.mark.long in case.marks]
    assert long == ["b", "dd", "e"]


def test_the_values_of_the_last_argument_take_turns() -> None:
    cases = in_turn([1, 2, 3], ["a", "b"])
    assert len(cases) == 6
    quick = [case.values for case in cases if pytest.mark.long not in case.marks]
    assert quick == [(1, "a"), (2, "b"), (3, "a")]


def test_of_three_arguments_each_two_values_meet() -> None:
    cases = in_turn("abc", "def", "ghi", name=lambda *values: "".join(values))
    quick = [case.id for case in cases if pytest.mark.long not in case.marks]
    pairs = {pair for id_ in quick for pair in combinations(str(id_), 2)}
    assert (len(quick), len(pairs)) == (9, 27)
