"""The serial adapters of this machine."""

from pathlib import Path

DEVICES = Path("/dev")
BY_ID = "serial/by-id/*"  # names that stay the same, whichever adapter was plugged in first
OTHERS = ("ttyUSB*", "ttyACM*", "ttyAMA*")


def serial_lines(devices: Path = DEVICES) -> tuple[str, ...]:
    """Return the device files of serial adapters; by a name that stays the same, where there is one."""
    named = sorted(devices.glob(BY_ID))
    there = {one.resolve() for one in named}
    others = [one for pattern in OTHERS for one in sorted(devices.glob(pattern))]
    return tuple(
        str(one) for one in [*named, *(one for one in others if one.resolve() not in there)]
    )
