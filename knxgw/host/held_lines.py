"""Lines that are held, or why they are not: what is wrong is said once, and so is its end."""

import logging
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from knxgw.host.gpio import GpioError

log = logging.getLogger(__name__)


class Releasable(Protocol):
    """What can be let go of."""

    def release(self) -> None:
        """Let go."""


Held = TypeVar("Held", bound=Releasable)
T = TypeVar("T")


class HeldLines(Generic[Held]):
    """Lines of one purpose."""

    def __init__(self, name: str) -> None:
        self._name = name  # the LEDs
        self.held: Held | None = None
        self.problem: GpioError | None = None  # why they are not held

    def ask(self, request: Callable[[], Held]) -> bool:
        """Ask for the lines; tell whether they are held now."""
        try:
            self.held = request()
        except GpioError as err:
            self._fail(err)
            return False
        if self.problem is not None:
            log.info("front panel: %s can be used now", self._name)
            self.problem = None
        return True

    def use(self, call: Callable[[Held], T]) -> T | None:
        """Do something with the lines, None: they are not held, or are no more."""
        if self.held is None:
            return None
        try:
            return call(self.held)
        except GpioError as err:
            self.release()
            self._fail(err)
            return None

    def release(self) -> None:
        """Let go of the lines, if they are held."""
        held, self.held = self.held, None
        if held is not None:
            held.release()

    def _fail(self, err: GpioError) -> None:
        if str(err) != str(self.problem):
            log.warning(
                "front panel: %s cannot be used, the device runs without: %s", self._name, err
            )
        self.problem = err
