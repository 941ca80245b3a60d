"""The environments of client libraries of others: what is in each, and how it is made.

Apart from ours and from each other, because their pins collide. `python -m tests.peers.environments`
(`make peers`) makes those that are missing or out of date; no test fetches anything.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.netns import REPOSITORY

HOME = REPOSITORY / ".venv-peers"
REQUIREMENTS = Path(__file__).parent / "requirements"
NAMED_BY_HAND = "KNXGW_PEERS_PYTHON"  # a Python that is in no usual place


class NoPythonError(Exception):
    """This machine has no Python that is young enough."""


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment, named after its file of requirements."""

    name: str
    oldest: tuple[int, int]  # Python the libraries run on
    options: tuple[str, ...] = ()  # of `pip install`

    @property
    def python(self) -> Path:
        """Return the Python that has the libraries."""
        return HOME / self.name / "bin" / "python"

    @property
    def requirements(self) -> Path:
        """Return the file that says what is in it."""
        return REQUIREMENTS / f"{self.name}.txt"

    @property
    def missing(self) -> str | None:
        """Return why it cannot be used, None if it can."""
        if not self.python.exists():
            return f".venv-peers/{self.name} is not there: make peers"
        if not self.is_current:
            return f".venv-peers/{self.name} is out of date: make peers"
        return None

    @property
    def is_current(self) -> bool:
        """Tell whether what is installed is what the file of requirements says."""
        made, wanted = self._made_from, self.requirements
        return made.exists() and made.read_bytes() == wanted.read_bytes()

    @property
    def _made_from(self) -> Path:
        return HOME / self.name / "made-from.txt"

    def make(self) -> None:
        """Make it again. Raises: NoPythonError, subprocess.CalledProcessError."""
        interpreter = python_from(self.oldest)
        shutil.rmtree(HOME / self.name, ignore_errors=True)
        subprocess.run([interpreter, "-m", "venv", str(HOME / self.name)], check=True)
        pip = [str(self.python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        listed = ["--no-deps", "--requirement", str(self.requirements)]
        subprocess.run([*pip, *self.options, *listed], check=True)
        shutil.copyfile(self.requirements, self._made_from)


CURRENT = Environment("current", (3, 11))
PYMODBUS_3_6 = Environment("pymodbus-3.6", (3, 11))
# One of them asks for 3.13.2, and uses nothing that 3.13.0 does not have.
PYTHON_3_13 = Environment("python-3.13", (3, 13), options=("--ignore-requires-python",))
ETS = Environment("ets", (3, 11))
ENVIRONMENTS = (CURRENT, PYMODBUS_3_6, PYTHON_3_13, ETS)


def _candidates() -> Iterator[str]:
    if by_hand := os.environ.get(NAMED_BY_HAND):
        yield by_hand
    yield sys.executable
    for minor in range(11, 20):
        yield f"python3.{minor}"
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    yield from (str(path) for path in sorted(versions.glob("3.1?.*/bin/python3")))


def python_from(oldest: tuple[int, int]) -> str:
    """Return a Python of this version or a younger one. Raises: NoPythonError."""
    test = f"import sys, venv, ensurepip; sys.exit(sys.version_info < {oldest!r})"
    for candidate in _candidates():
        path = shutil.which(candidate)
        if path is not None:
            result = subprocess.run([path, "-c", test], capture_output=True, check=False)
            if result.returncode == 0:
                return path
    version = ".".join(map(str, oldest))
    raise NoPythonError(f"no Python {version} or newer here: name one in {NAMED_BY_HAND}")


def main() -> int:
    """Make every environment that cannot be used as it is; return the exit status."""
    status = 0
    for environment in ENVIRONMENTS:
        if environment.missing is None:
            continue
        sys.stdout.write(f"making .venv-peers/{environment.name}\n")
        sys.stdout.flush()
        try:
            environment.make()
        except NoPythonError as err:
            sys.stderr.write(f".venv-peers/{environment.name}: {err}\n")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
