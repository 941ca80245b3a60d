"""Twelve kills while somebody applies a configuration; `make torture` makes more."""

from pathlib import Path

import pytest

from tests.torture.applies import Applies

KILLS, SEED = 12, 46


@pytest.mark.proves("W46")
@pytest.mark.real
@pytest.mark.long
def test_a_device_that_is_killed_during_apply_has_the_old_or_the_new_configuration(
    tmp_path: Path,
) -> None:
    applies, said = Applies(tmp_path, SEED), list[str]()
    applies.run(KILLS, said.append)
    assert applies.tally.kills == KILLS == applies.tally.old + applies.tally.new
    assert applies.tally.old > 0, said
    assert applies.tally.new > 0, said
