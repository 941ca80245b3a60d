"""Broken and hostile files are refused with a message, within 2 s and 200 MiB."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ets.hostile import ARCHIVES, LISTS
from tests.support.netns import REPOSITORY

pytestmark = pytest.mark.real
MOST_S = 2.0  # of the processor: others use it as well
MOST_MEMORY = 200 * 2**20
# A process of its own: a child of the tests would begin with their memory.
MEASURED = """
import json, os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
_, status, used = os.wait4(process.pid, 0)
print(json.dumps({
    "status": os.waitstatus_to_exitcode(status),
    "seconds": used.ru_utime + used.ru_stime,
    "memory": used.ru_maxrss * 1024,
}), flush=True)
os._exit(0)
"""
FILES = {**ARCHIVES, **{f"list: {name}": make for name, make in LISTS.items()}}


@pytest.mark.long
@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_a_hostile_file_is_refused_at_little_cost(
    tmp_path: Path, make: Callable[[], bytes]
) -> None:
    path = tmp_path / "file.knxproj"
    path.write_bytes(make())
    command = [sys.executable, "-m", "knxgw", "import-ets", str(path)]
    run = subprocess.run(
        [sys.executable, "-c", MEASURED, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    )
    said, used = run.stderr, json.loads(run.stdout)
    assert used["status"] == 1, said
    assert said.startswith(f"{path}: error: "), said
    assert "Traceback" not in said
    assert "xknxproject" not in said, "refused before the library is needed"
    assert used["seconds"] < MOST_S
    assert used["memory"] < MOST_MEMORY
