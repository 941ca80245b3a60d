"""The modules of the package as tests read them, wherever the tests are started."""

from pathlib import Path

import knxgw

PACKAGE = Path(knxgw.__file__).parent


def modules(*rooms: str) -> list[Path]:
    """Return every module of these rooms, of the whole package if none is named."""
    found: list[Path] = []
    for room in rooms or ("",):
        inside = sorted((PACKAGE / room).rglob("*.py"))
        assert inside, f"knxgw/{room} has no module"
        found += inside
    return found


def name(path: Path) -> str:
    """Return a module's path inside the repository, as messages and ids of tests show it."""
    return path.relative_to(PACKAGE.parent).as_posix()
