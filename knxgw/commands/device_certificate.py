"""`knxgw device-certificate`: shows serial number and factory key, with which ETS takes the device into a project."""

import io
from pathlib import Path

import click
import segno

from knxgw.device.certificate import certificate_text
from knxgw.device.identity import serial_number_of, serial_text
from knxgw.errors import GatewayError
from knxgw.store import fdsk_file
from knxgw.store.device_id import device_id

_NOTE = """\
ETS asks for it when the device is added to a project with KNX Secure: type it, or scan the code. Keep it
like a key: with it anybody in the network can take over a device that no project has taken yet."""


def device_certificate(state: Path) -> str:
    """Return the certificate of the device that has a state directory. Raises: GatewayError."""
    if not (state / fdsk_file.FILE_NAME).is_file():
        raise GatewayError(
            f"there is no device certificate in {state} yet: the gateway makes it at its first start; "
            "give its state directory with --state"
        )
    fdsk = fdsk_file.fdsk(state)
    if not fdsk:
        raise GatewayError(
            f"the factory key in {state / fdsk_file.FILE_NAME} cannot be read; "
            "run this as root or as the gateway's user"
        )
    return certificate_text(serial_number_of(device_id(state).bytes), fdsk)


def show_device_certificate(state: Path) -> None:
    """Print serial number, certificate and QR code. Raises: GatewayError."""
    certificate = device_certificate(state)
    serial_number = serial_number_of(device_id(state).bytes)
    click.echo(f"serial number       {serial_text(serial_number)}")
    click.echo(f"device certificate  {certificate}")
    click.echo()
    click.echo(qr_code(certificate))
    click.echo(_NOTE)


def qr_code(certificate: str) -> str:
    """Return the certificate as a QR code of characters, without its dashes, as labels have it."""
    code, lines = segno.make_qr(certificate.replace("-", "")), io.StringIO()
    code.terminal(lines, compact=True)
    return lines.getvalue()
