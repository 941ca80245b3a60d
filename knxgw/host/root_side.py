"""The side with the rights: what takes wishes of the gateway and carries them out. What its two halves share.

One half owns the network (`network_side.py`), the other one the time and the restart of the machine
(`time_side.py`): so neither has the rights of the other. Both run as root from the installed program, for as long
as there is something to do. Source: website 40, 41, 67.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from knxgw.host.wanted import WantedError

log = logging.getLogger(__name__)
ANSWER_FIRST_S = 2.0  # for the page that says where the device will be, or that it restarts
Wanted = TypeVar("Wanted")
Answer = TypeVar("Answer")


class HostError(Exception):
    """The operating system does not do what it is asked for; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post(Generic[Wanted, Answer]):
    """How wishes come and answers leave."""

    take: Callable[[], Wanted | None]  # Raises: OSError, WantedError
    answer: Callable[[Answer], None]  # Raises: OSError
    last: Callable[[], Answer | None]  # the answer before, which may be of anybody

    def taken(self, on_refused: Callable[[str], None]) -> Wanted | None:
        """Return what is wanted, None: nothing. What cannot be read is told to `on_refused`."""
        try:
            return self.take()
        except (OSError, WantedError) as err:
            log.warning("what is wanted is refused: %s", err)
            on_refused(str(err))
            return None

    def leave(self, answer: Answer) -> None:
        """Leave an answer. A disk that is full must not hold up the way back."""
        try:
            self.answer(answer)
        except OSError as err:
            log.warning("the gateway cannot be answered: %s", err)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Time, handed in."""

    now_s: Callable[[], float]  # since the start of the machine
    utc_now: Callable[[], datetime]
    sleep: Callable[[float], None]
