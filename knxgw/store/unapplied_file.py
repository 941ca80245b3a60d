"""What was begun on the website and not applied, in a file of the state directory: it survives a restart."""

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from knxgw.store.private_files import remove, write_private

log = logging.getLogger(__name__)
NAME = "knxgw.unapplied.json"
LARGEST = 8 * 2**20  # bytes


class UnappliedFile:
    """The file of one state directory; to be used by one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME

    def read(self) -> Mapping[str, Any]:
        """Return what was kept, {} if there is nothing or it cannot be read: nothing in force depends on it."""
        try:
            with self._path.open("rb") as file:  # cut short it is no JSON: somebody else wrote that
                found = json.loads(file.read(LARGEST))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as err:
            log.warning("drafts of the website cannot be read and are given up: %s", err)
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, content: Mapping[str, Any]) -> None:
        """Keep what was begun. A failure is logged: whoever types has it in memory."""
        try:
            if content:
                write_private(self._path, json.dumps(content, ensure_ascii=False).encode())
            else:
                self.forget()
        except OSError as err:
            log.warning("drafts of the website are not kept: %s", err)

    def forget(self) -> None:
        """Remove the file. Raises: OSError."""
        remove(self._path)
