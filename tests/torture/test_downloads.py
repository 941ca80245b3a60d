"""Six kills while a tool downloads a gateway; `make torture` makes more."""

from pathlib import Path

import pytest

from tests.torture.downloads import Downloads

KILLS, SEED = 6, 19


@pytest.mark.real
@pytest.mark.long
def test_a_device_that_is_killed_in_a_download_is_loaded_as_a_whole_or_not(tmp_path: Path) -> None:
    downloads, said = Downloads(tmp_path, SEED), list[str]()
    downloads.run(KILLS, said.append)
    assert downloads.tally.kills == KILLS
    assert downloads.tally.loading > 0, said
