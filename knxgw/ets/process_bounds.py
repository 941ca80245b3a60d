"""What a process that reads a file of a stranger takes from itself, before it looks at it.

It goes last everywhere: charging, telegrams and the website go first, and where memory runs out, the
kernel ends this process. Nothing but the standard library: the child that reads projects uses it, too.
"""

import contextlib
import os
import resource
from pathlib import Path

LAST = 19  # the lowest of all priorities
FIRST_TO_GO = "1000"  # of what the kernel ends where memory runs out; a process may always raise it


def bound_this_process(memory: int, cpu_s: int, *, of_children: int = 0) -> None:
    """Bound memory and processor; from now on no file can be written, and no memory is dumped.

    `of_children`: memory that a process may take which this one starts, where that is more.
    """
    os.nice(LAST)
    with contextlib.suppress(OSError):  # a kernel without it, or a /proc that is not to be written
        Path("/proc/self/oom_score_adj").write_text(FIRST_TO_GO, encoding="ascii")
    resource.setrlimit(resource.RLIMIT_AS, (memory, max(memory, of_children)))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
