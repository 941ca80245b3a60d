"""The number by which others tell this device from every other one: a file of the state directory.

It is made by chance, so that it says nothing about the machine, and outlives a factory reset.
"""

import logging
import uuid
from pathlib import Path

from knxgw.store.private_files import write_private

FILE_NAME = "knxgw.device-id"
LONGEST = 100
log = logging.getLogger(__name__)


def device_id(directory: Path) -> uuid.UUID:
    """Return the number of the device that has this directory; the first call makes it.

    Where the disk keeps none, it holds until the end of the program.
    """
    path = directory / FILE_NAME
    try:
        with path.open("rb") as file:
            return uuid.UUID(file.read(LONGEST).decode("ascii", "replace").strip())
    except (OSError, ValueError):  # there is none yet, or no number any more
        made = uuid.uuid4()
    try:
        write_private(path, f"{made}\n".encode("ascii"))
    except OSError as err:
        log.warning(
            "the number of the device cannot be stored (%s): it changes with a restart", err
        )
    return made
