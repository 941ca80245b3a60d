"""The machine's wall clock, and whether a time server keeps it right."""

import ctypes
from datetime import UTC, datetime
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_BYTES = 512  # struct timex has 208 on 64 bit; nothing is read from it here


def system_clock() -> datetime:
    """Return the machine's wall-clock time [aware UTC]."""
    return datetime.now(UTC)  # noqa: TID251 - the one wall clock that everybody else is handed


def is_synchronised() -> bool:
    """Tell whether a time server sets the machine's clock, as the kernel knows; asking is free.

    Source: [linux-man] adjtimex(2).
    """
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        state = int(libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))  # modes = 0: only ask
    except (OSError, AttributeError):  # not Linux
        return False
    return 0 <= state < _TIME_ERROR


def boot_id() -> str:
    """Return how the kernel names this start of the machine; "" where it does not.

    Source: [linux-man] random(4), `/proc/sys/kernel/random/boot_id`.
    """
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
