"""What was commanded, and what of it a power cut may have left in the store.

Commands are taken in the order in which they were sent, and what is stored is stored together:
after a kill the store holds what held after some of the commands since the last look, in order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

GENERAL = 0


class What(StrEnum):
    """What can be commanded and must survive."""

    GRID_CONTROL = "grid-supporting control"
    INTERRUPTION = "interruption"
    SETPOINT = "setpoint [mA]"


Key = tuple[What, int]  # of which charging point; `GENERAL`: of the site
Wishes = Mapping[Key, int | None]  # None: never given


class BrokenStateError(Exception):
    """The state that was found cannot have been left by a power cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A telegram that was sent: from then on `value` may be stored."""

    key: Key
    value: int

    def __str__(self) -> str:
        what, point = self.key
        return f"{what}{f' of {point}' if point else ''} = {self.value}"


def nothing_commanded(points: Iterable[int]) -> dict[Key, int | None]:
    """Return what an empty state means."""
    wishes: dict[Key, int | None] = {(What.GRID_CONTROL, GENERAL): 0}
    for point in points:
        wishes |= {(What.INTERRUPTION, point): 0, (What.SETPOINT, point): None}
    return wishes


class Journal:
    """Every command since the last look, and what that look found."""

    def __init__(self, points: Iterable[int]) -> None:
        self.stored: Wishes = nothing_commanded(points)
        self.sent = 0
        self._since: list[Command] = []
        self._perhaps_unheard = 0

    def note(self, command: Command, *, heard: bool) -> None:
        """Note a command that is about to be sent; not heard: nobody may listen yet."""
        self._since.append(command)
        self.sent += 1
        if not heard:
            self._perhaps_unheard = len(self._since)

    @property
    def commanded(self) -> Wishes:
        """Return what holds when every command was taken."""
        return self._after(0, len(self._since))

    def found(self, stored: Wishes) -> bool:
        """Take what a look found; return whether every command was stored.

        Raises: BrokenStateError when it is neither the old nor a newer state.
        """
        latest = stored == self.commanded
        if not latest and not any(stored == wishes for wishes in self._possible()):
            raise BrokenStateError(self._blame(stored))
        self.stored = dict(stored)
        self._since.clear()
        self._perhaps_unheard = 0
        return latest

    def _possible(self) -> Iterable[Wishes]:
        for first in range(self._perhaps_unheard + 1):
            for end in range(first, len(self._since) + 1):
                yield self._after(first, end)

    def _after(self, first: int, end: int) -> Wishes:
        taken = {command.key: command.value for command in self._since[first:end]}
        return {**self.stored, **taken}

    def _blame(self, stored: Wishes) -> str:
        """Say which value cannot be, or that they cannot be together."""
        for key, value in stored.items():
            allowed = [self.stored.get(key)]
            allowed += [command.value for command in self._since if command.key == key]
            if value not in allowed:
                what, point = key
                where = f" of charging point {point}" if point else ""
                since = ", ".join(map(str, allowed[1:])) or "nothing"
                return f"{what}{where} is {value}; it was {allowed[0]}, then {since} was commanded"
        old = {key: value for key, value in self.stored.items() if stored.get(key) == value}
        return (
            f"each value was commanded, but they never held together: {_listed(stored)}; "
            f"unchanged since the last look: {_listed(old)}; "
            f"commanded since: {', '.join(map(str, self._since))}"
        )


def _listed(wishes: Wishes) -> str:
    return ", ".join(f"{what} {point} = {value}" for (what, point), value in wishes.items())
