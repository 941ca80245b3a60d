"""Values that hold for a time each: until a moment, or until another one takes their place."""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Spell(Generic[T]):
    """One value, from its begin to its end; two are never the same."""

    value: T
    is_timed: bool  # it ends by itself


class Spells(Generic[T]):
    """What holds now; what began last comes last."""

    __slots__ = ("_spells", "values")

    def __init__(self) -> None:
        self._spells: tuple[Spell[T], ...] = ()
        self.values: tuple[T, ...] = ()  # that hold, in the order in which they began

    def begin(self, value: T, *, is_timed: bool) -> Spell[T]:
        """Let a value hold; one that does not end by itself takes the place of the last such one."""
        spell = Spell(value, is_timed)
        self._keep((*(one for one in self._spells if is_timed or one.is_timed), spell))
        return spell

    def end(self, spell: Spell[T]) -> None:
        """Let a value hold no longer."""
        self._keep(tuple(one for one in self._spells if one is not spell))

    def end_standing(self) -> None:
        """Let what does not end by itself hold no longer."""
        self._keep(tuple(one for one in self._spells if one.is_timed))

    def clear(self) -> None:
        """Let nothing hold any more."""
        self._keep(())

    def _keep(self, spells: tuple[Spell[T], ...]) -> None:
        self._spells = spells
        self.values = tuple(one.value for one in spells)
