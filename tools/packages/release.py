"""What the machine says of itself that a package is bound to: release, architecture, Python."""

import platform
from dataclasses import dataclass
from pathlib import Path

from tools.packages.run import PackagingError, run

PYTHON = Path("/usr/bin/python3")  # Debian's own; the package depends on it
_SHORT = {"debian": "deb", "raspbian": "deb"}  # as Debian writes it in versions: 0.1-1~deb12


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release of a distribution on one architecture."""

    id: str  # "debian"
    version: str  # "12"
    name: str  # "Debian GNU/Linux 12 (bookworm)"
    architecture: str  # "arm64"
    python: tuple[int, int]  # of /usr/bin/python3

    @property
    def python_version(self) -> str:
        """Return the Python that a virtual environment is bound to: "3.11"."""
        return "{}.{}".format(*self.python)

    @property
    def python_after(self) -> str:
        """Return the first Python that it does not run with: "3.12"."""
        return f"{self.python[0]}.{self.python[1] + 1}"

    def package_version(self, version: str, revision: int) -> str:
        """Return a version of Debian's form; that of a newer release of the distribution is higher."""
        return f"{version}-{revision}~{_SHORT.get(self.id, self.id)}{self.version}"


def this_release() -> Release:
    """Return the release of this machine. Raises: PackagingError, it is not of Debian's family."""
    try:
        facts = platform.freedesktop_os_release()
        architecture = run("dpkg", "--print-architecture")
        asked = "import sys; print(*sys.version_info[:2])"
        major, minor = run(str(PYTHON), "-I", "-c", asked).split()
    except OSError as err:
        raise PackagingError(
            f"packages are made on Debian and its relatives, with their own Python: {err}"
        ) from err
    return Release(
        id=facts["ID"],
        version=facts.get("VERSION_ID", ""),
        name=facts["PRETTY_NAME"],
        architecture=architecture,
        python=(int(major), int(minor)),
    )
