"""`knxgw password`: shows the initial password of the website, or asks for it to hold again."""

from pathlib import Path

import click

from knxgw.errors import GatewayError
from knxgw.store import initial_password
from knxgw.store.initial_password import ResetRequest


def show_initial(state: Path) -> None:
    """Print the initial password of a state directory. Raises: GatewayError."""
    click.echo(_initial(state))


def ask_for_reset(state: Path) -> None:
    """Let the owner log in with the initial password again. Raises: GatewayError."""
    password = _initial(state)
    try:
        ResetRequest(state).make()
    except OSError as err:
        raise GatewayError(f"{state} cannot be written: {err.strerror or err}") from err
    click.echo(
        f"The owner of the website logs in with the initial password again, {password}, and has to "
        "change it.\nA gateway that runs takes that with the next page that it is asked for, another "
        "one at its start."
    )


def _initial(state: Path) -> str:
    try:
        password = initial_password.read(state)
    except OSError as err:
        raise GatewayError(
            f"the initial password in {state} cannot be read: {err.strerror or err}; "
            "run this as root or as the gateway's user"
        ) from err
    if password is None:
        raise GatewayError(
            f"there is no initial password in {state} yet: the gateway makes it at its first start; "
            "give its state directory with --state"
        )
    return password
