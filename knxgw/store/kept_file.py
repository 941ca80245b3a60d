"""What the set-up keeps beside the configuration, each kind in a JSON file of the state directory.

Drafts of the website, and first charges: they survive a restart, and nothing in force depends on them.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knxgw.store.private_files import remove, write_private

log = logging.getLogger(__name__)
UNAPPLIED = "knxgw.unapplied.json"
FIRST_CHARGES = "knxgw.first-charges.json"
LARGEST = 8 * 2**20  # bytes


class KeptFile:
    """One of these files; to be used by one thread at a time."""

    def __init__(self, directory: Path, name: str) -> None:
        """`name`: `UNAPPLIED` or `FIRST_CHARGES`."""
        self._path = directory / name

    def read(self) -> Mapping[str, Any]:
        """Return what was kept, {} if there is nothing or it cannot be read."""
        try:
            with self._path.open("rb") as file:  # cut short it is no JSON: somebody else wrote that
                found = json.loads(file.read(LARGEST))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as err:
            log.warning("%s cannot be read and is given up: %s", self._path.name, err)
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, content: Mapping[str, Any]) -> None:
        """Keep this from now on. A failure is logged: until the device ends it is in memory."""
        try:
            if content:
                write_private(self._path, json.dumps(content, ensure_ascii=False).encode())
            else:
                self.forget()
        except OSError as err:
            log.warning("%s is not written: %s", self._path.name, err)

    def forget(self) -> None:
        """Remove the file. Raises: OSError."""
        remove(self._path)
