"""The package, built once, and a clean Debian of the same release that it is installed on."""

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools.packages.deb import Staged

# What the package depends on; systemd and what it needs to start; `ip` is no part of it.
PACKAGES = "python3,adduser,init-system-helpers,debconf,systemd,systemd-sysv,dbus,udev"
MAKING_S = 400.0  # where the mirror is slow


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """Two packages of one program; the second one is newer."""

    staged: Staged
    first: Path
    second: Path

    @property
    def folder(self) -> Path:
        """Return the folder of both, /packages on a machine."""
        return self.first.parent


class Making:
    """A root file system that mmdebstrap makes while the package is built."""

    def __init__(self, at: Path) -> None:
        self.at = at
        suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
        options = ["--quiet", "--variant=apt", f"--include={PACKAGES}"]
        options += [
            '--aptopt=APT::Install-Recommends "false"',
            '--aptopt=Acquire::Languages "none"',
        ]
        options += ["--dpkgopt=force-unsafe-io", "--dpkgopt=path-exclude=/usr/share/man/*"]
        self.process = subprocess.Popen(
            ["mmdebstrap", *options, suite, str(at)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def made(self) -> Path:
        """Wait for the end and return the root."""
        said, _ = self.process.communicate(timeout=MAKING_S)
        if self.process.returncode:
            reason = f"mmdebstrap makes no Debian: {said.decode(errors='replace')[-2000:]}"
            if os.environ.get("KNXGW_REQUIRE_PEERS") == "1":
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
        return self.at

    def end(self) -> None:
        """End it, if it is not at its end."""
        if self.process.poll() is None:
            self.process.terminate()
            self.process.communicate()
