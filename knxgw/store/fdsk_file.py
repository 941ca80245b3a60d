"""The factory key of the device (FDSK): a file of the state directory, made once, that outlives a factory reset.

It is half of the device certificate, with which ETS takes a device into a secured project.
"""

import logging
import secrets
from pathlib import Path

from knxgw.knx.fixed_values import KEY_OCTETS
from knxgw.store.private_files import write_private

FILE_NAME = "knxgw.fdsk"
LONGEST = 100
log = logging.getLogger(__name__)


def fdsk(directory: Path) -> bytes:
    """Return the factory key of the device that has this directory; the first call makes it.

    b"": the disk neither has nor keeps one. Without a key that lasts, tools cannot speak to the device in private; a
    file that cannot be read stays as it is, because the certificate that was printed belongs to it.
    """
    path = directory / FILE_NAME
    try:
        return _read(path)
    except FileNotFoundError:
        made = secrets.token_bytes(KEY_OCTETS)
    except (OSError, ValueError):  # its words may repeat what the file contains
        log.warning("%s has no factory key: KNX Secure cannot be commissioned", path)
        return b""
    try:
        write_private(path, f"{made.hex()}\n".encode("ascii"))
    except OSError as err:
        log.warning("the factory key cannot be stored (%s): KNX Secure cannot be commissioned", err)
        return b""
    return made


def _read(path: Path) -> bytes:
    """Return the key in a file. Raises: OSError, ValueError."""
    with path.open("rb") as file:
        found = bytes.fromhex(file.read(LONGEST).decode("ascii"))
    if len(found) != KEY_OCTETS:
        raise ValueError("it has another length")
    return found
