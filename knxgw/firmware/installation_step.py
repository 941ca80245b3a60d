"""What an installation does, step by step, and the room it leaves: all that must be known while there is none."""

from collections.abc import Callable
from enum import StrEnum

SPARE = 64 << 20  # bytes that stay free on the disk


class Step(StrEnum):
    """What an installation is doing."""

    VERIFYING = "verifying"
    UNPACKING = "unpacking"
    INSTALLING = "installing"
    FINISHING = "finishing"


Tell = Callable[[Step, float], None]  # how much of a step is done, 0 to 1
