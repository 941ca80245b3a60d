"""`knxgw firmware` and the commands below it: their words and options."""

from pathlib import Path

import click

_FILE = click.Path(path_type=Path, readable=False)  # whoever opens it says what is wrong with it
_DIRECTORY = click.Path(path_type=Path, file_okay=False)


@click.group(short_help="Make and verify firmware files.")
def firmware() -> None:
    """Make and verify firmware files, for those who build the program.

    \b
        knxgw firmware key --output signing.pem
        pip wheel --wheel-dir wheels -c constraints.txt .
        knxgw firmware pack wheels --key signing.pem --changes-en changes.txt
        knxgw firmware verify knxgw-1.4.knxfw

    A device takes a file on its website (Settings, Firmware) if it knows the public key: those that
    the program ships, and those in /etc/knxgw/firmware-keys/.
    """  # noqa: D301 - click wants the character itself


@firmware.command(name="key", short_help="Make a key that signs firmware.")
@click.option("--output", type=_FILE, required=True, help="Write the private key to this new file.")
def firmware_key(output: Path) -> None:
    """Make an Ed25519 key that signs firmware; the public key is written beside it."""
    from knxgw.commands.firmware import make_key  # noqa: PLC0415 - each command loads what it needs

    make_key(output)


@firmware.command(name="pack", short_help="Make a firmware file of wheels.")
@click.argument("wheels", type=_DIRECTORY)
@click.option("--key", type=_FILE, required=True, help="File with the private key.")
@click.option("--output", type=_FILE, help="New file; default: knxgw-VERSION.knxfw")
@click.option(
    "--platform",
    "platforms",
    multiple=True,
    metavar="MACHINE/PYTHON",
    help="Such as aarch64/3.11; several times. Default: this machine.",
)
@click.option(
    "--lowest-previous",
    "lowest",
    default="0.1",
    show_default=True,
    help="Oldest version to update.",
)
@click.option("--changes-en", type=_FILE, help="Text file: what is new, one change in a line.")
@click.option("--changes-de", type=_FILE, help="The same in German.")
def firmware_pack(  # noqa: PLR0913, PLR0917 - one per option
    wheels: Path,
    key: Path,
    output: Path | None,
    platforms: tuple[str, ...],
    lowest: str,
    changes_en: Path | None,
    changes_de: Path | None,
) -> None:
    """Make a signed firmware file of the folder WHEELS: knxgw and everything that it needs.

    Every platform that is named needs a wheel of each project; wheels that none of them needs are
    left out. The version is that of the wheel of knxgw, as main.sub.
    """
    from knxgw.commands.firmware import pack_firmware  # noqa: PLC0415 - each command loads what it needs

    changes = {"en": changes_en, "de": changes_de}
    pack_firmware(wheels, key, output, platforms, lowest, changes)


@firmware.command(name="verify", short_help="Check a firmware file.")
@click.argument("file", type=_FILE)
@click.option("--key", type=_FILE, help="File with a public key; default: those of this machine.")
def firmware_verify(file: Path, key: Path | None) -> None:
    """Check signature and content of a firmware FILE, and print what it says of itself.

    Exit status: 0 a device that knows the key takes it, if it is newer; 1 it is refused, with the reason.
    """
    from knxgw.commands.firmware import verify_firmware  # noqa: PLC0415 - each command loads what it needs

    verify_firmware(file, key)
