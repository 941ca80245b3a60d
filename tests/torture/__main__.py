"""`python -m tests.torture [--kills N] [--applies N] [--seed N]`: kill a gateway, look what it left behind.

Everything runs in a network namespace of its own, which needs root and iproute2; its KNX
telegrams cannot leave the machine.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from tests.support.netns import REPOSITORY, Namespace
from tests.torture.applies import Applies
from tests.torture.drive import Torture
from tests.torture.journal import BrokenStateError


def main() -> int:
    """Do what the command line says; 0: nothing was broken."""
    parser = argparse.ArgumentParser(prog="torture", description="Kill a gateway, look at it.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--applies", type=int, default=90, help="kills while one is configured")
    parser.add_argument("--seed", type=int, help="else a new one each time")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return run(options.kills, options.applies, options.seed)
    if os.geteuid() != 0 or shutil.which("ip") is None:
        click.echo("network namespaces need root and iproute2 (apt install iproute2)", err=True)
        return 1
    seed = random.randrange(1_000_000) if options.seed is None else options.seed  # noqa: S311
    with Namespace() as host:
        argv = ["--inside", "--kills", str(options.kills), "--applies", str(options.applies)]
        argv += ["--seed", str(seed)]
        inside = ["ip", "netns", "exec", host.name, sys.executable, "-m", "tests.torture", *argv]
        return subprocess.run(inside, cwd=REPOSITORY, check=False).returncode


def run(kills: int, applies: int, seed: int) -> int:
    """Run here, in a namespace; what was broken is kept to be looked at."""
    directory = Path(tempfile.mkdtemp(prefix="knxgw-torture-"))
    torture = Torture(directory, seed)
    try:
        torture.run(kills, click.echo)
        if applies:
            (directory / "applies").mkdir()
            Applies(directory / "applies", seed).run(applies, click.echo)
    except BrokenStateError as err:
        click.echo(f"seed {seed}, kill {torture.tally.kills}: {err}")
        click.echo(f"state, its copy and the log are kept in {directory}")
        return 1
    finally:
        torture.close()
    shutil.rmtree(directory)
    click.echo("nothing was broken")
    return 0


if __name__ == "__main__":
    sys.exit(main())
