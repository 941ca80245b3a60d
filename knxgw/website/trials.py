"""What pages may ask about a single read of a device that is not configured yet."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from knxgw.catalogue.messages import Message
from knxgw.charging.quantities import Quantity, Value
from knxgw.config.one_device import OneDevice
from knxgw.errors import Finding, RejectedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How far a read is, or what came of it."""

    is_running: bool
    words: Message | None = None  # what is done, or was
    values: Mapping[Quantity, Value] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()  # with the keys of the draft
    is_through_gateway: bool = False  # the running gateway asks, over the connection that it has

    @property
    def is_good(self) -> bool:
        """Tell whether it has ended with values, and without a finding."""
        return not self.is_running and bool(self.values) and not self.findings


def _refuse(_wanted: OneDevice) -> int:
    raise RejectedError("the device does not run")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """Plain callables, safe from any thread."""

    start: Callable[[OneDevice], int] = _refuse  # returns its number. Raises: RejectedError
    progress: Callable[[int], Trial | None] = lambda _number: None  # None: there is none of it
    cancel: Callable[[int], None] = lambda _number: None
    finished: Callable[[int], None] = lambda _number: (
        None
    )  # waits for its end. Raises: RejectedError
