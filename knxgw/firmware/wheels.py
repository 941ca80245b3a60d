"""Which wheels a machine needs of those that a firmware holds. Pure, but for what the running Python says of itself."""

import platform
import sys
from collections.abc import Iterable, Mapping, Sequence

from packaging.tags import Tag, compatible_tags, cpython_tags, sys_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from knxgw.firmware.manifest import Manifest, Platform
from knxgw.firmware.trouble import not_taken

NEWEST_GLIBC, OLDEST_GLIBC = 36, 5  # minor versions of glibc 2; Debian 12 has 2.36


def this_platform() -> Platform:
    """Return what the running program runs on."""
    return Platform(f"{sys.version_info.major}.{sys.version_info.minor}", platform.machine())


def tags_of(wanted: Platform) -> list[Tag]:
    """Return the tags of wheels that a platform can use, the best first. Source: [pep-425]."""
    version = tuple(int(part) for part in wanted.python.split("."))
    glibc = range(NEWEST_GLIBC, OLDEST_GLIBC - 1, -1)
    systems = [f"manylinux_2_{minor}_{wanted.machine}" for minor in glibc]
    systems += [f"manylinux2014_{wanted.machine}", f"linux_{wanted.machine}"]
    return [
        *cpython_tags(version, platforms=systems),
        *compatible_tags(version, f"cp{version[0]}{version[1]}", systems),
    ]


def project_of(wheel: str) -> str:
    """Return which project a wheel is of. Raises: ValueError."""
    try:
        return str(canonicalize_name(parse_wheel_filename(wheel)[0]))
    except InvalidWheelFilename as err:
        raise ValueError(f"{wheel} is not named as a wheel") from err


def choose(names: Iterable[str], projects: Sequence[str], tags: Sequence[Tag]) -> Mapping[str, str]:
    """Return the best wheel of each project; one that has none for these tags is left out.

    Raises: ValueError, a name is none of a wheel.
    """
    ranks = {tag: rank for rank, tag in enumerate(tags)}
    best: dict[str, tuple[int, str]] = {}
    for name in names:
        project = project_of(name)
        _, _, _, found = parse_wheel_filename(name)
        ranked = [ranks[tag] for tag in found if tag in ranks]
        if ranked and (project not in best or min(ranked) < best[project][0]):
            best[project] = (min(ranked), name)
    return {project: best[project][1] for project in projects if project in best}


def wheels_for_this_machine(manifest: Manifest) -> list[str]:
    """Return the wheels that are to be installed here. Raises: FirmwareError."""
    names = [part.name for part in manifest.parts]
    try:
        chosen = choose(names, manifest.projects, list(sys_tags()))
    except ValueError as err:
        raise not_taken("firmware_manifest_invalid", problem=str(err)) from err
    if len(chosen) < len(manifest.projects):
        raise not_taken(
            "firmware_other_platform",
            here=str(this_platform()),
            platforms="; ".join(str(one) for one in manifest.platforms),
        )
    return list(chosen.values())
