"""What a project says beside links: datapoint types and names that the site can take over; pure.

They are offered to a person, never taken by themselves.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from knxgw.catalogue.ets_words import EtsWords, plain_words
from knxgw.config.model import GroupAddress
from knxgw.ets.match_objects import Expected, point_of
from knxgw.ets.project import EtsProject

QUANTITIES = ("current", "power")  # what a smart meter measures, each with the types of that choice
LEAST_ADDRESSES = 2  # in a middle group, before its name is that of a charging point


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeChoice:
    """A datapoint type that ETS has, and a parameter that would choose it here."""

    choice: str  # as `dpt_choice` of the objects
    point: int | None  # None: of the whole device
    dpt: str
    before: str
    numbers: tuple[int, ...]  # of the group objects of the site that it holds for


@dataclass(frozen=True, slots=True, kw_only=True)
class PointName:
    """A name that the addresses of a charging point have in common in ETS."""

    point: int
    name: str


def type_choices(
    in_ets: Mapping[int, str | None], expected: Mapping[int, Expected]
) -> tuple[TypeChoice, ...]:
    """Return the datapoint types that ETS has and the site could choose.

    `in_ets`: by the numbers of the objects. Where objects of one parameter differ, nothing is offered.
    """
    types: dict[tuple[str, int | None], set[str]] = defaultdict(set)
    for number, dpt in in_ets.items():
        one = expected.get(number)
        if dpt is not None and one is not None and one.is_here and one.definition.dpt_choice:
            types[one.definition.dpt_choice, point_of(number, one)].add(dpt)
    found = []
    for (choice, point), dpts in types.items():
        numbers = _chosen_together(choice, point, expected)
        first = expected[numbers[0]]
        (dpt, *others) = dpts
        if not others and first.dpt not in (None, dpt) and dpt in _fitting(first, expected):
            found.append(
                TypeChoice(
                    choice=choice, point=point, dpt=dpt, before=first.dpt or "", numbers=numbers
                )
            )
    return tuple(sorted(found, key=lambda one: one.numbers))


def point_names(
    links: Mapping[int, Sequence[GroupAddress]],
    project: EtsProject,
    expected: Mapping[int, Expected],
    words: EtsWords,
    names: Mapping[int, str],
) -> tuple[PointName, ...]:
    """Return what charging points are called in ETS, by the middle group that all their objects send in.

    `names`: what they are called here. "Charging point 1" is no name, nor is one that others share.
    """
    groups: dict[int, set[str]] = defaultdict(set)
    counts: dict[int, int] = defaultdict(int)
    for number, addresses in links.items():
        point = point_of(number, expected[number])
        entry = project.addresses.get(addresses[0]) if addresses else None
        if point is None or point not in names or entry is None:
            continue
        groups[point].add(entry.ranges[-1] if len(entry.ranges) > 1 else "")
        counts[point] += 1
    found = []
    for point, called in sorted(groups.items()):
        (name, *others) = called
        is_shared = any(name in theirs for other, theirs in groups.items() if other != point)
        is_new = bool(name) and name != names[point] and not _is_number_only(name, words)
        if is_new and not others and not is_shared and counts[point] >= LEAST_ADDRESSES:
            found.append(PointName(point=point, name=name))
    return tuple(found)


def _chosen_together(
    choice: str, point: int | None, expected: Mapping[int, Expected]
) -> tuple[int, ...]:
    """Return the objects of the site whose type one parameter chooses."""
    return tuple(
        sorted(
            number
            for number, one in expected.items()
            if one.is_here
            and one.definition.dpt_choice == choice
            and point_of(number, one) == point
        )
    )


def _fitting(one: Expected, expected: Mapping[int, Expected]) -> Collection[str]:
    """Return the types that the parameter of an object can have as the site is."""
    if one.definition.dpt_choice != "smart_meter":
        return one.definition.dpts
    every = (_types_of(quantity, expected.values()) for quantity in QUANTITIES)
    return next((types for types in every if one.dpt in types), ())


def _types_of(quantity: str, objects: Iterable[Expected]) -> Collection[str]:
    return {
        dpt
        for one in objects
        if one.definition.dpt_choice == quantity
        for dpt in one.definition.dpts
    }


def _is_number_only(name: str, words: EtsWords) -> bool:
    """Tell whether a name says no more than "charging point 1"."""
    left = plain_words(name)
    for phrase in sorted(words.charging_point | words.charging, key=len, reverse=True):
        for start in range(len(left) - len(phrase), -1, -1):
            if left[start : start + len(phrase)] == phrase:
                left = left[:start] + left[start + len(phrase) :]
    return all(word.isdigit() for word in left)
