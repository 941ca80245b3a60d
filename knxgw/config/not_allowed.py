"""A text that is no value of its parameter; pure."""

from knxgw.catalogue.messages import Argument, Message, message
from knxgw.catalogue.text import Text

SHOWN = 60  # characters of a wrong value that a message repeats


class NotAllowedError(ValueError):
    """The text is no value of this parameter; it says so as a message."""

    def __init__(
        self,
        id: str,  # noqa: A002 - of a message
        /,
        *,
        remedy: Message | Text | None = None,
        **arguments: Argument,
    ) -> None:
        self.words = message(id, remedy=remedy, **arguments)
        super().__init__(str(self.words))

    @property
    def problem(self) -> str:
        """Return what is wrong, in English."""
        return self.words.problem(in_file=True)

    @property
    def remedy(self) -> str:
        """Return what to do about it in a file, in English."""
        return self.words.remedy(in_file=True)


def shown(text: str) -> str:
    """Return a wrong value in quotes, as long as a message repeats it."""
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")
