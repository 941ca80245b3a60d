"""What ETS has written to the KNX device: files of the state directory.

The memory of each object is a file of its own; the file that says what the device is comes last, so that a power
cut in between leaves what was said before. A factory reset removes them all.
"""

from collections.abc import Mapping
from pathlib import Path

from knxgw.store.private_files import write_private

STATE_NAME = "knxgw.knx-device"
LARGEST_STATE = 1 << 18  # bytes
UNREADABLE = (
    b"?"  # in the place of a file that is there and cannot be read: whoever reads it refuses it
)


def segment_name(index: int) -> str:
    """Return the name of the file with the memory of an object."""
    return f"knxgw.knx-memory-{index}"


class KnxDeviceFiles:
    """The files of one state directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def state(self) -> bytes:
        """Return what the device is, b"" if nobody has said so yet."""
        return self._read(STATE_NAME)

    def segment(self, index: int) -> bytes:
        """Return the memory of an object, b"" if there is none."""
        return self._read(segment_name(index))

    def write(self, state: bytes, segments: Mapping[int, bytes]) -> None:
        """Store what has changed, for good. Raises: OSError; what was stored before holds then."""
        for index, content in sorted(segments.items()):
            write_private(self._directory / segment_name(index), content)
        write_private(self._directory / STATE_NAME, state)

    def _read(self, name: str) -> bytes:
        try:
            with (self._directory / name).open("rb") as file:
                return file.read(LARGEST_STATE)
        except FileNotFoundError:
            return b""
        except OSError:
            return UNREADABLE
