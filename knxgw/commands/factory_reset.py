"""`knxgw factory-reset`: resets the device, beside a running gateway or without one."""

import os
from functools import partial
from pathlib import Path

import click

from knxgw.errors import GatewayError
from knxgw.factory_reset import FactoryReset
from knxgw.machine import return_to_automatic
from knxgw.store.lock import StateInUseError, StateLock


def reset_device(state: Path, configuration: Path, *, is_sure: bool) -> None:
    """Reset the device of a state directory. Raises: GatewayError.

    `configuration`: the file of the host, which is set aside where it is there.
    """
    if not state.is_dir():
        raise GatewayError(f"there is no state in {state}; give its directory with --state")
    if not is_sure:
        click.confirm(
            "This erases configuration, accounts, sessions and energy history. Reset the device?",
            abort=True,
        )
    reset = FactoryReset(state, partial(return_to_automatic, state))
    file = configuration if configuration.exists() else None
    _become_owner(state)
    try:
        with StateLock(state):
            reset.ask(file)
            reset.finish()
    except StateInUseError:
        reset.ask(file)
        click.echo("The gateway that runs resets itself and starts again.")
    except OSError as err:
        raise GatewayError(f"{state} cannot be used: {err.strerror or err}") from err
    else:
        click.echo("The device is reset.")


def _become_owner(state: Path) -> None:
    """Let what root makes here belong to the user of the gateway, who must be able to write it."""
    if os.geteuid() == 0:
        owner = state.stat()
        os.setegid(owner.st_gid)
        os.seteuid(owner.st_uid)
