"""`python -m tests.torture [--kills N] [--applies N] [--updates N] [--downloads N] [--seed N]`: kill a gateway, look at it.

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

from tests.cli.test_factory_reset import assert_reset
from tests.support.netns import REPOSITORY, Namespace
from tests.torture.applies import Applies
from tests.torture.downloads import Downloads
from tests.torture.drive import Torture
from tests.torture.journal import BrokenStateError
from tests.torture.test_updates import prepared
from tests.torture.updates import Resets, Updates

DISK = "200m"  # of the device that is updated


def main() -> int:
    """Do what the command line says; 0: nothing was broken."""
    parser = argparse.ArgumentParser(prog="torture", description="Kill a gateway, look at it.")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--applies", type=int, default=90, help="kills while one is configured")
    parser.add_argument(
        "--updates", type=int, default=200, help="kills while one is updated or reset"
    )
    parser.add_argument("--downloads", type=int, default=200, help="kills while a tool loads one")
    parser.add_argument("--seed", type=int, help="else a new one each time")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        code = run(options.kills, options.applies, options.seed)
        if not code and options.updates:
            code = update(options.updates, options.seed)
        if not code and options.downloads:
            code = download(options.downloads, options.seed)
        if not code:
            click.echo("nothing was broken")
        return code
    if os.geteuid() != 0 or shutil.which("ip") is None:
        click.echo("network namespaces need root and iproute2 (apt install iproute2)", err=True)
        return 1
    seed = random.randrange(1_000_000) if options.seed is None else options.seed  # noqa: S311
    with Namespace() as host:
        argv = ["--inside", "--kills", str(options.kills), "--applies", str(options.applies)]
        argv += ["--updates", str(options.updates), "--seed", str(seed)]
        argv += ["--downloads", str(options.downloads)]
        inside = ["ip", "netns", "exec", host.name, sys.executable, "-m", "tests.torture", *argv]
        return subprocess.run(inside, cwd=REPOSITORY, check=False).returncode


def update(kills: int, seed: int) -> int:
    """Update and reset a device here, on a disk of its own, which fills up now and then."""
    resets = kills // 4
    directory = Path(tempfile.mkdtemp(prefix="knxgw-updates-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(directory)]
    has_disk = subprocess.run(mount, check=False).returncode == 0
    try:
        Updates(directory, seed).run(kills - resets, click.echo)
        Resets(directory, seed).run(resets, click.echo, prepared, assert_reset)
    except BrokenStateError as err:
        click.echo(f"seed {seed}: {err}")
        click.echo(f"what it left is kept in {directory}")
        return 1
    if has_disk:
        subprocess.run(["umount", directory], check=True)
    shutil.rmtree(directory)
    return 0


def download(kills: int, seed: int) -> int:
    """Have a tool load a device here, and kill it meanwhile."""
    directory = Path(tempfile.mkdtemp(prefix="knxgw-downloads-"))
    try:
        Downloads(directory, seed).run(kills, click.echo)
    except BrokenStateError as err:
        click.echo(f"seed {seed}: {err}")
        click.echo(f"what it left is kept in {directory}")
        return 1
    shutil.rmtree(directory)
    return 0


def run(kills: int, applies: int, seed: int) -> int:
    """Run here, in a namespace; what was broken is kept to be looked at."""
    directory = Path(tempfile.mkdtemp(prefix="knxgw-torture-"))
    torture = Torture(directory, seed)
    try:
        if kills:
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
    return 0


if __name__ == "__main__":
    sys.exit(main())
