"""Power cuts in updates and resets; `make torture` makes 200 of them on a disk that fills up."""

from pathlib import Path

import pytest

from knxgw.factory_reset import FactoryReset
from tests.cli.test_factory_reset import assert_reset, used_device
from tests.torture.updates import Resets, Updates

KILLS, RESETS, SEED = 12, 15, 18
pytestmark = [pytest.mark.real, pytest.mark.long]


@pytest.mark.proves("11.8")
def test_a_device_that_is_killed_during_updates_is_back_with_the_next_start(tmp_path: Path) -> None:
    updates, said = Updates(tmp_path, SEED), list[str]()
    updates.run(KILLS, said.append)
    assert sum(updates.tally[what] for what in ("install", "start", "package")) == KILLS


def prepared(folder: Path) -> Path:
    """Return the state directory of a device whose reset was asked for."""
    state = used_device(folder)
    FactoryReset(state).ask()
    return state


@pytest.mark.proves("W39")
def test_a_reset_that_is_killed_is_ended_by_the_next_start(tmp_path: Path) -> None:
    resets = Resets(tmp_path, SEED)
    resets.run(RESETS, lambda _text: None, prepared, assert_reset)
    assert resets.tally["cut off"] > 0
