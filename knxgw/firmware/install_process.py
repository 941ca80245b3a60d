"""Installs a firmware in a process of its own: unpacking and compiling must not keep the gateway waiting.

The firmware file is the standard input. Each line of the standard output is a JSON object: the progress
(`step`, `share`), and at the end what became of it (`version`, or `refused` with the arguments of its text).
"""

import argparse
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from knxgw.firmware.boot_disk import BootDisk
from knxgw.firmware.install import Installation
from knxgw.firmware.installation_step import Step
from knxgw.firmware.keys import trusted_keys
from knxgw.firmware.manifest import Version
from knxgw.firmware.trouble import FirmwareError, not_taken

CHECK_S = 60.0
LONGEST_PROBLEM = 300
NICE = 10  # charging and telegrams go first


def _say(**fields: object) -> None:
    sys.stdout.write(f"{json.dumps(fields)}\n")
    sys.stdout.flush()


def _check_configuration(venv: Path, configuration: Path | None) -> None:
    """Refuse a firmware that does not take the configuration which the running one takes. Raises: FirmwareError."""
    if configuration is None or not configuration.exists():
        return
    if _problem(Path(sys.executable), configuration):
        return  # it says the same of both
    problem = _problem(venv / "bin" / "python", configuration)
    if problem:
        raise not_taken("firmware_refuses_configuration", problem=problem)


def _problem(python: Path, configuration: Path) -> str:
    """Return the first error that a firmware finds in a configuration, "": it takes it."""
    check = subprocess.run(  # noqa: S603 - our own program
        [python, "-I", "-m", "knxgw", "check", "--offline", configuration],
        capture_output=True,
        text=True,
        timeout=CHECK_S,
        check=False,
    )
    if check.returncode == 0:
        return ""
    lines = [line for line in (check.stdout + check.stderr).splitlines() if " error: " in line]
    return (lines or [f"its check ends with status {check.returncode}"])[0][:LONGEST_PROBLEM]


def main() -> None:
    """Read the command line, install, and say what became of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--running", type=Version.of, required=True)
    parser.add_argument("--configuration", type=Path)
    parser.add_argument("--slot", required=True)
    given = parser.parse_args()
    os.nice(NICE)
    installation = Installation(
        disk=BootDisk(given.state, None),
        keys=trusted_keys(),
        running=given.running,
        slot=given.slot,
        accepts=lambda venv: _check_configuration(venv, given.configuration),
        now=lambda: datetime.now(UTC),  # noqa: TID251 - the process has no other clock
        tell=lambda step, share: _say(step=Step(step).value, share=round(share, 3)),
    )
    try:
        manifest = installation.install(sys.stdin.buffer)
    except FirmwareError as err:
        _say(refused=err.words.id, arguments=dict(err.words.arguments))
    except subprocess.TimeoutExpired:
        _say(refused="firmware_process_failed", arguments={})
    except OSError as err:
        _say(refused="firmware_not_written", arguments={"problem": err.strerror or str(err)})
    else:
        _say(version=str(manifest.version))


if __name__ == "__main__":
    main()
