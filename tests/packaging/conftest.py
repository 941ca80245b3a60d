"""The package, built once while mmdebstrap makes the Debian that it is installed on."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.built_package import Built, Making
from tests.support.peers import require_peers
from tools.packages.deb import stage
from tools.packages.run import memory


@pytest.fixture(scope="session")
def making() -> Iterator[Making]:
    require_peers("mmdebstrap", "systemd-nspawn")
    with tempfile.TemporaryDirectory(prefix="knxgw-debian-", dir=memory()) as folder:
        one = Making(Path(folder) / "root")
        try:
            yield one
        finally:
            one.end()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    require_peers("dpkg-deb")
    work = tmp_path_factory.mktemp("package")
    staged = stage(work)
    into = work / "packages"
    first = staged.build(1, into, compressor="gzip")  # quicker than what `make deb` takes
    second = staged.build(2, into, compressor="none")
    return Built(staged=staged, first=first, second=second)


@pytest.fixture(scope="session")
def root(making: Making) -> Path:
    return making.made()
