"""What whoever starts the gateway is told once, in the terminal and in no log: password and device certificate."""

import logging
import sys

import click

from knxgw.programmed import Programmed
from knxgw.website.access.accounts import Accounts

log = logging.getLogger(__name__)


def take_password(accounts: Accounts, password: str) -> None:
    """Do what the owner does after the start: log in with the initial password, and change it."""
    initial, here = accounts.made_initial, "127.0.0.1"
    if initial is not None:
        token = accounts.log_in(initial, address=here).token
        accounts.change_password(token, "", password, address=here)
        accounts.log_off(token, address=here)


def show_device_certificate(programmed: Programmed) -> None:
    """Show a new device certificate once to whoever starts the gateway in a terminal, and in no log."""
    if programmed.made_certificate is None:
        return
    if sys.stderr.isatty():
        click.echo(f"device certificate for KNX Secure: {programmed.made_certificate}", err=True)
    log.info("this device has a certificate for KNX Secure: `knxgw device-certificate` shows it")


def show_initial_password(accounts: Accounts) -> None:
    """Show the initial password once to whoever starts the gateway in a terminal, and in no log."""
    if accounts.made_initial is not None and sys.stderr.isatty():
        click.echo(f"initial password of the website: {accounts.made_initial}", err=True)
    if accounts.notice().initial_holds:
        log.info(
            "nobody has logged in to the website yet: `knxgw password --initial` shows its password"
        )
