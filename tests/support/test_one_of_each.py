"""A sweep keeps one case of each kind, and leaves none out."""

import pytest

from tests.support.one_of_each import one_of_each


def test_the_first_of_each_kind_is_quick_and_the_rest_is_long() -> None:
    cases = one_of_each(["a", "b", "cc", "dd", "e"], len)
    assert [case.id for case in cases] == ["a", "b", "cc", "dd", "e"]
    long = [case.id for case in cases if pytest.mark.long in case.marks]
    assert long == ["b", "dd", "e"]
