"""A root side that is killed anywhere leaves the old settings or the new ones, and a way back."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from knxgw.host.networkd_file import read_text
from knxgw.host.root_folder import Side
from knxgw.host.wanted import NetworkWanted
from tests.host.test_root_side import FIRST, SECOND, wish
from tests.support.host_side import HostRig

ROOT = Path(__file__).parents[2]
OLD, NEW = "192.0.2.10/24", "192.0.2.20/24"


def begun(folder: Path, *, is_confirmed: bool) -> HostRig:
    """Give a machine with a confirmed address, and a wish for another one."""
    folder.mkdir()
    rig = HostRig(folder)
    rig.run(wish(FIRST, OLD, must_be_confirmed=False))
    rig.want(Side.NETWORK, wish(SECOND, NEW, must_be_confirmed=is_confirmed))
    (folder / "holds").write_text(rig.machine.network, encoding="utf-8")
    rig.machine.network = ""  # from here on the other process says what the network has taken
    return rig


def killed_at(folder: Path, step: int) -> int:
    """Run the root side in a process that is killed at a step; return how many steps it took, 0 if killed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.host_killed", str(folder), str(step)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    if step:
        assert done.returncode == -9, done.stderr
        return 0
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def settled(rig: HostRig) -> set[str]:
    """Return the addresses of file and network, after the next start of the root side."""
    rig.run()
    assert not rig.network.is_unconfirmed
    found = set[str]()
    holds = (rig.network.folder.parents[2] / "holds").read_text("utf-8")
    texts = [rig.network.text(), rig.machine.network or holds]
    for text in texts:
        written = read_text(text)
        assert written is not None
        found.add(str(written.settings.interface))
    return found


@pytest.mark.proves("W40")
@pytest.mark.parametrize("is_confirmed", [True, False], ids=["confirmed", "at-once"])
@pytest.mark.parametrize("count", [4, pytest.param(50, marks=pytest.mark.long)])
def test_a_kill_anywhere_leaves_one_or_the_other(
    tmp_path: Path,
    count: int,
    is_confirmed: bool,  # noqa: FBT001 - of the table above
) -> None:
    whole = begun(tmp_path / "whole", is_confirmed=is_confirmed)
    steps = killed_at(tmp_path / "whole", 0)
    assert settled(whole) == ({OLD} if is_confirmed else {NEW})
    generator = random.Random(20261129)  # noqa: S311 - a seed, no secret
    points = [generator.randint(1, steps) for _ in range(count)]
    ends = set[str]()
    for number, step in enumerate(points):
        rig = begun(tmp_path / str(number), is_confirmed=is_confirmed)
        killed_at(tmp_path / str(number), step)
        found = settled(rig)
        assert len(found) == 1, f"file and network differ after a kill at step {step}: {found}"
        assert found <= {OLD, NEW}
        ends |= found
        rig.run(NetworkWanted())  # and it still does what it is asked for
    assert ends
