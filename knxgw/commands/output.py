"""What a command says: to the terminal, or to a new file."""

from pathlib import Path

import click

from knxgw.errors import GatewayError


def put(content: str | bytes, file: Path | None) -> None:
    """Print something, or write it to a file that does not exist yet. Raises: GatewayError."""
    if file is None:
        click.echo(content, nl=False)
        return
    data = content.encode() if isinstance(content, str) else content
    try:
        new = file.open("xb")
    except FileExistsError as err:
        raise GatewayError(f"{file} exists: name another file, or remove it first") from err
    except OSError as err:
        raise GatewayError(f"{file} cannot be written: {err.strerror}") from err
    try:
        with new:
            new.write(data)
    except OSError as err:
        file.unlink(missing_ok=True)  # a part of it would be taken for the whole
        raise GatewayError(f"{file} cannot be written: {err.strerror}") from err
