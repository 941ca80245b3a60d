"""Six kills of the long run, which is `make torture`."""

import re
import sys

import pytest

from tests.support.netns import Namespace
from tests.support.peers import require_peers

KILLS, SEED = 6, 12  # one of them during the start, no long lives
TIMEOUT_S = 240.0  # 20 s on an idle machine


@pytest.mark.long
@pytest.mark.peers
@pytest.mark.real
def test_a_gateway_that_is_killed_again_and_again_leaves_the_old_or_the_new_state() -> None:
    require_peers()
    others = ("--applies", "0", "--updates", "0", "--downloads", "0")
    options = ("--seed", str(SEED), "--kills", str(KILLS), *others)
    argv = ("-m", "tests.torture", "--inside", *options)
    with Namespace() as host:
        done = host.run(sys.executable, *argv, timeout_s=TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("nothing was broken\n")
    reported = re.search(rf"{KILLS} kills .* (\d+) commands, .* (\d+) rows of faults", done.stdout)
    assert reported is not None, done.stdout
    assert all(int(number) > 0 for number in reported.groups()), done.stdout
