"""How a refusal comes back as a value."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from knxgw.store.accounts import NotStoredError
from knxgw.website.access.answers import Change, Outcome

P = ParamSpec("P")
Of = TypeVar("Of")
BUSY_S = 1.0  # after that it is worth another try


class RefusedError(Exception):
    """Ends what was asked for; turned into a value before a page sees it."""

    def __init__(self, outcome: Outcome, retry_after_s: float = 0.0) -> None:
        super().__init__(str(outcome))
        self.change = Change(outcome=outcome, retry_after_s=retry_after_s)


class BusyError(RefusedError):
    """Too many want something at this moment."""

    def __init__(self) -> None:
        super().__init__(Outcome.BUSY, BUSY_S)


def answered(
    do: Callable[Concatenate[Of, P], Change],
) -> Callable[Concatenate[Of, P], Change]:
    """Let a method return its refusals."""

    @wraps(do)
    def answering(self: Of, /, *args: P.args, **kwargs: P.kwargs) -> Change:
        try:
            return do(self, *args, **kwargs)
        except RefusedError as refused:
            return refused.change
        except NotStoredError as err:
            return Change(outcome=Outcome.NOT_STORED, not_stored=err.words)

    return answering
