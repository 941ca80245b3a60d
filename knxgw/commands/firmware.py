"""`knxgw firmware`: makes and verifies firmware files."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import click

from knxgw.errors import GatewayError
from knxgw.firmware.firmware_file import SUFFIX, verify
from knxgw.firmware.keys import trusted_keys
from knxgw.firmware.manifest import LANGUAGES, Manifest, Platform, Version
from knxgw.firmware.pack import manifest_of, pack
from knxgw.firmware.signature import TrustedKeys, new_key, private_key, public_key
from knxgw.firmware.wheels import this_platform

PRIVATE = 0o600


def make_key(target: Path) -> None:
    """Write a new private key to `target`, and its public key beside it. Raises: GatewayError."""
    private, public = new_key()
    beside = target.with_suffix(".public.pem")
    for path, content, mode in ((target, private, PRIVATE), (beside, public, 0o644)):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except OSError as err:
            raise GatewayError(f"{path} cannot be written: {err.strerror or err}") from err
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    click.echo(
        f"{target} signs firmware: keep it where no device and no repository is.\n"
        f"{beside} goes to the devices that are to take it: /etc/knxgw/firmware-keys/"
    )


def pack_firmware(  # noqa: PLR0913, PLR0917 - one for each option
    wheels: Path,
    key: Path,
    output: Path | None,
    platforms: tuple[str, ...],
    lowest: str,
    changes: Mapping[str, Path | None],
    now: Callable[[], datetime] = lambda: datetime.now(UTC),  # noqa: TID251 - of the command
) -> None:
    """Write a firmware file of the wheels in a folder. Raises: GatewayError."""
    wanted = tuple(_platform(one) for one in platforms) or (this_platform(),)
    signing = private_key(key)
    manifest = manifest_of(
        wheels,
        wanted,
        lowest_previous=version_of(lowest),
        changes={language: _lines(changes.get(language)) for language in LANGUAGES},
        made_at=now().strftime("%Y-%m-%dT%H:%M:%SZ"),
    )
    target = output or Path(f"knxgw-{manifest.version}{SUFFIX}")
    try:
        pack(manifest, wheels, signing, target)
    except OSError as err:
        if not isinstance(err, FileExistsError):
            with suppress(OSError):
                target.unlink()
        raise GatewayError(f"{target} cannot be written: {err.strerror or err}") from err
    click.echo(f"{target}: {summary(manifest)}")


def verify_firmware(path: Path, key: Path | None) -> None:
    """Check a firmware file, and print what it says of itself. Raises: GatewayError."""
    try:
        keys = trusted_keys() if key is None else TrustedKeys([public_key(key.read_bytes())])
        with path.open("rb") as file:
            manifest = verify(file, keys)
    except OSError as err:
        raise GatewayError(f"{err.filename} cannot be read: {err.strerror or err}") from err
    except ValueError as err:
        raise GatewayError(f"{key}: {err}") from err
    click.echo(f"{path}: {summary(manifest)}")
    for language, texts in manifest.changes.items():
        for text in texts:
            click.echo(f"  {language}: {text}")


def summary(manifest: Manifest) -> str:
    """Return a firmware in one line."""
    platforms = "; ".join(str(one) for one in manifest.platforms)
    return (
        f"version {manifest.version}, from {manifest.lowest_previous} on, for {platforms}, "
        f"{len(manifest.parts)} wheels, {manifest.total / (1 << 20):.1f} MiB"
    )


def version_of(text: str) -> Version:
    """Return a version that was given. Raises: GatewayError."""
    try:
        return Version.of(text)
    except ValueError as err:
        raise GatewayError(str(err)) from err


def _platform(text: str) -> Platform:
    """Return a platform such as `x86_64/3.11`. Raises: GatewayError."""
    machine, _, python = text.partition("/")
    if not machine or not python:
        raise GatewayError(f"{text!r} is no platform: write machine/Python, such as x86_64/3.11")
    return Platform(python, machine)


def _lines(path: Path | None) -> tuple[str, ...]:
    """Return the lines of a text file, without those that are empty. Raises: GatewayError."""
    if path is None:
        return ()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as err:
        raise GatewayError(f"{path} cannot be read: {err}") from err
    return tuple(line.strip() for line in text.splitlines() if line.strip())
