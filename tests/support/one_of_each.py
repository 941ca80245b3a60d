"""Sweeps over data: one case of each kind in every run of the tests, the rest in `make long`."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import product
from typing import TypeVar

import pytest
from _pytest.mark import ParameterSet

from knxgw.catalogue.device_model import DeviceModel
from knxgw.catalogue.parameters import ParameterDefinition

T = TypeVar("T")


def one_of_each(
    cases: Iterable[T],
    kind: Callable[[T], Hashable],
    name: Callable[[T], str] = str,
    *,
    unpacked: bool = False,
) -> list[ParameterSet]:
    """Return all cases for `parametrize`; those whose kind an earlier one has are marked `long`.

    `unpacked`: a case is a tuple with the value of each argument.
    """
    seen: set[Hashable] = set()
    found = []
    for case in cases:
        marks = pytest.mark.long if kind(case) in seen else ()
        seen.add(kind(case))
        values: tuple[object, ...] = case if unpacked and isinstance(case, tuple) else (case,)
        found.append(pytest.param(*values, marks=marks, id=name(case)))
    return found


def in_turn(
    *arguments: Sequence[object], name: Callable[..., str] | None = None
) -> list[ParameterSet]:
    """Return every combination of what arguments can be for `parametrize`; most are marked `long`.

    In every run there is each combination of all but the last argument, whose values take turns. So
    each value of each argument is there, if the last one has the fewest; of three arguments with as
    many values, any two values of two arguments meet.
    """
    found = []
    for places in product(*(range(len(values)) for values in arguments)):
        values = [one[place] for one, place in zip(arguments, places, strict=True)]
        *others, last = places
        marks = () if sum(others) % len(arguments[-1]) == last else pytest.mark.long
        found.append(pytest.param(*values, marks=marks, id=name(*values) if name else None))
    return found


def kind_of_parameter(parameter: ParameterDefinition) -> Hashable:
    """Return what tells apart parameters that go through the program in different ways.

    That are its type, with words in the place of a number, and whether it stands in a list.
    """
    return parameter.type, bool(parameter.choices), "[]" in parameter.key


def kind_of_charger(model: DeviceModel) -> Hashable:
    """Return what tells apart chargers that the driver leads in different ways."""
    control = model.control
    assert control is not None, f"{model.id} is no charger"
    return (
        control.zero,
        control.is_power,
        control.has_start_stop,
        bool(control.read_back),
        model.watchdog is None,
    )
