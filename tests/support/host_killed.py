"""A run of the root side that is killed at one of its steps: `python -m tests.support.host_killed FOLDER STEP`.

A step is whatever Python says of it to an audit hook: a file that is opened, renamed, linked or removed, and
each command of the machine. The step 0 kills nothing.
"""

import os
import signal
import sys
from pathlib import Path

from tests.support.host_side import HostRig

STEPS = {"open", "os.rename", "os.remove", "os.link", "os.mkdir", "os.truncate", "knxgw.command"}


def main(folder: Path, step: int) -> None:
    """Carry out the wish that lies in the folder, and print how many steps that took."""
    rig = HostRig(folder)
    take = rig.machine.take_network

    def take_network() -> None:
        sys.audit("knxgw.command")
        take()
        (folder / "holds").write_text(rig.machine.network, encoding="utf-8")
        sys.audit("knxgw.command")

    rig.machine.take_network = take_network  # type: ignore[method-assign]
    steps = 0

    def count(event: str, _arguments: object) -> None:
        nonlocal steps
        if event in STEPS:
            steps += 1
            if steps == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    rig.run()
    print(steps)  # noqa: T201 - to the test


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
