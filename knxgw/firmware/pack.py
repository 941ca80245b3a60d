"""Makes a firmware file of wheels: for those who build the program, not for a device."""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from knxgw.errors import GatewayError
from knxgw.firmware.firmware_file import write
from knxgw.firmware.manifest import Manifest, Part, Platform, Version, decode, encode
from knxgw.firmware.trouble import FirmwareError
from knxgw.firmware.wheels import choose, project_of, tags_of

OWN = "knxgw"


def manifest_of(
    folder: Path,
    platforms: Sequence[Platform],
    *,
    lowest_previous: Version,
    changes: Mapping[str, tuple[str, ...]],
    made_at: str,
) -> Manifest:
    """Return the manifest of the wheels in a folder; those that no platform needs are left out.

    Raises: GatewayError, a wheel is missing or the manifest would not be accepted; OSError.
    """
    names = sorted(path.name for path in folder.glob("*.whl"))
    try:
        projects = sorted({project_of(name) for name in names})
    except ValueError as err:
        raise GatewayError(str(err)) from err
    if OWN not in projects:
        raise GatewayError(f"{folder} holds no wheel of knxgw; `pip wheel` makes them")
    needed: set[str] = set()
    for one in platforms:
        chosen = choose(names, projects, tags_of(one))
        missing = [project for project in projects if project not in chosen]
        if missing:
            raise GatewayError(f"no wheel for {one}: {', '.join(missing)}")
        needed.update(chosen.values())
    manifest = Manifest(
        version=_version_of_wheel(names),
        lowest_previous=lowest_previous,
        made_at=made_at,
        platforms=tuple(platforms),
        projects=tuple(projects),
        changes=changes,
        parts=tuple(_part(folder / name) for name in names if name in needed),
    )
    try:
        return decode(encode(manifest))
    except FirmwareError as err:
        raise GatewayError(str(err)) from err


def pack(manifest: Manifest, folder: Path, key: Ed25519PrivateKey, target: Path) -> None:
    """Write a firmware file. Raises: OSError."""
    with target.open("xb") as out:
        write(out, manifest, key, lambda part: (folder / part.name).read_bytes())


def _part(path: Path) -> Part:
    content = path.read_bytes()
    return Part(name=path.name, size=len(content), sha256=sha256(content).hexdigest())


def _version_of_wheel(names: Sequence[str]) -> Version:
    """Return the version of our own wheel. Raises: GatewayError."""
    (text,) = {name.split("-")[1] for name in names if project_of(name) == OWN} or {""}
    try:
        return Version.of(text)
    except ValueError as err:
        raise GatewayError(f"the version of knxgw is {err}") from err
