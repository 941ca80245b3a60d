"""The package, built once while mmdebstrap makes the Debian that it is installed on."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.built_package import Built, Making
from tests.support.peers import require_peers
from tools.packages.deb import stage

ROOM = 2 << 30  # bytes


@pytest.fixture(scope="session")
def making() -> Iterator[Making]:
    require_peers("mmdebstrap", "systemd-nspawn")
    with tempfile.TemporaryDirectory(prefix="knxgw-debian-", dir=memory()) as folder:
        one = Making(Path(folder) / "root")
        try:
            yield one
        finally:
            one.end()


def memory() -> Path | None:
    """Return a folder in memory, if there is one with room: four times as fast as a disk."""
    folder = Path("/dev/shm")  # noqa: S108 - what is made in it has a name of its own
    has_room = folder.is_dir() and shutil.disk_usage(folder).free > ROOM
    return folder if has_room else None


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    require_peers("dpkg-deb")
    work = tmp_path_factory.mktemp("package")
    staged = stage(work)
    into = work / "packages"
    first, second = (staged.build(one, into, compressor="none") for one in (1, 2))
    return Built(staged=staged, first=first, second=second)


@pytest.fixture(scope="session")
def root(making: Making) -> Path:
    return making.made()
