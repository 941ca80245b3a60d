"""Links that the names and datapoint types of group addresses suggest, each with a confidence; pure.

A proposal is a guess. Nobody applies one that a person has not seen or asked for.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import groupby, takewhile

from knxgw.catalogue.ets_words import EtsWords, Phrase, plain_words
from knxgw.catalogue.text import Text
from knxgw.config.group_objects import POINTS
from knxgw.config.model import GroupAddress
from knxgw.ets.match_objects import Expected, point_of
from knxgw.ets.project import EtsProject, GroupAddressEntry
from knxgw.objects.codec import size_bits

STATE_MARKS = (" – state", " – Status")  # in the functions of `objects.yaml`
PHASES = ("l1", "l2", "l3")
LONGEST_NUMBER = 5  # digits of the number of a group object

_Mark = tuple[str, str | None, int | None]  # a word, a phase, the number of a charging point


class Confidence(StrEnum):
    """How sure a proposal is."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


LEAST = {Confidence.HIGH: 0.8, Confidence.MEDIUM: 0.55, Confidence.LOW: 0.35}  # of a score, 0 to 1
# What each doubt leaves of a score.
POINT_ASSUMED = 0.65  # several charging points are possible, and the name has no number
NOTHING_ABOUT_CHARGING = 0.55  # neither the name nor its groups speak of charging
NO_TYPE = 0.75  # below `HIGH`: nothing that is taken unseen rests on a name alone
OTHER_UNIT = 0.5  # 13.010 and 13.013
SUBTYPE_UNKNOWN = 0.9
STATE_NOT_MARKED = 0.85  # there is a command of the same name
MARKED_AS_STATE = 0.45  # but the object commands
NAMED_OTHERWISE = (
    0.6  # the name fits another object better, which has another type, or is not there
)
ALSO_ELSEWHERE = 0.7  # another address fits as well
MOST_RIVALS = 5  # that are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A group address that may belong to a group object; several where their descriptions say so."""

    number: int
    function: Text
    addresses: tuple[GroupAddress, ...]  # the sending one first
    name: str  # of the first address in ETS
    dpt: str | None
    score: float  # 0 to 1
    rivals: tuple[GroupAddress, ...] = ()  # addresses that fit as well, the first of them

    @property
    def address(self) -> GroupAddress:
        """Return the address that is sent on."""
        return self.addresses[0]

    @property
    def confidence(self) -> Confidence:
        """Return how sure it is."""
        return next(one for one, least in LEAST.items() if self.score >= least)


@dataclass(frozen=True, slots=True)
class _Described:
    """What descriptions say that name group objects."""

    entries: frozenset[GroupAddress]  # nobody looks at their names
    proposals: Mapping[int, Proposal]  # by the number of the object


@dataclass(frozen=True, slots=True)
class _Groups:
    """The groups of a group address by their words; many addresses have the same."""

    point: int | None  # that they name, the nearest one first
    words: frozenset[str]
    is_about_charging: bool
    is_about_meter: bool


@dataclass(frozen=True, slots=True)
class _Named:
    """A group address by its words."""

    entry: GroupAddressEntry
    point: int | None  # that it names
    phase: str | None
    words: frozenset[str]  # that can say which object it is
    around: frozenset[str]  # words of its groups
    is_state: bool
    is_about_charging: bool
    is_about_meter: bool


def propose(
    project: EtsProject,
    expected: Mapping[int, Expected],
    words: EtsWords,
    names: Mapping[int, str] | None = None,
) -> tuple[Proposal, ...]:
    """Return the best proposals, at most one for each group object.

    Only addresses whose descriptions name several objects belong to several proposals.
    `names`: of the charging points, by their numbers.
    """
    here = {number: one for number, one in expected.items() if one.is_here}
    points = {point_of(number, one) for number, one in here.items()} - {None}
    phrases = {key: _phrases(one, words) for key, one in _by_key(expected).items()}
    stated = _keys_with_a_state(expected)
    numbers = _numbers_by_words(expected, phrases)
    known_words = {word for word, *_ in numbers}
    called = {point: plain_words(name) for point, name in (names or {}).items()}
    described = _by_description(project, here, words)
    found = []
    groups: dict[tuple[str, ...], _Groups] = {}
    for entry in project.addresses.values():
        if entry.address in described.entries:
            continue
        own = plain_words(entry.name)
        if known_words.isdisjoint(own):
            continue  # most of a house: lights, shutters
        around = groups.get(entry.ranges)
        if around is None:
            around = groups[entry.ranges] = _groups(entry.ranges, words, called)
        named = _named(entry, own, around, words, called)
        fitting = {
            number: _name_score(named, expected[number], phrases, stated)
            * _point_factor(named, point_of(number, expected[number]), len(points))
            for number in _fitting(named, numbers, len(points))
        }
        found += [
            _proposal(number, expected[number], [entry], score)
            for number, score in _with_types(entry, fitting, expected).items()
            if score >= LEAST[Confidence.LOW]
        ]
    free = (one for one in found if one.number not in described.proposals)
    every = (*described.proposals.values(), *_best(free))
    return tuple(sorted(every, key=lambda one: one.number))


def left_over(
    project: EtsProject,
    proposals: Iterable[Proposal],
    words: EtsWords,
    names: Mapping[int, str] | None = None,
) -> tuple[GroupAddress, ...]:
    """Return the addresses in groups about charging, or of a charging point, that no proposal has.

    `names`: of the charging points, by their numbers.
    """
    used = {address for one in proposals for address in one.addresses}
    called = {point: plain_words(name) for point, name in (names or {}).items()}
    groups: dict[tuple[str, ...], _Groups] = {}
    found = []
    for entry in project.addresses.values():
        if entry.ranges not in groups:
            groups[entry.ranges] = _groups(entry.ranges, words, called)
        around = groups[entry.ranges]
        if entry.address not in used and (around.is_about_charging or around.point is not None):
            found.append(entry.address)
    return tuple(found)


def _numbers_by_words(
    here: Mapping[int, Expected], phrases: Mapping[str, Iterable[frozenset[str]]]
) -> Mapping[_Mark, frozenset[int]]:
    """Return the numbers of the objects that have a word in one of their names, by their phase and point, too."""
    found: dict[_Mark, set[int]] = {}
    for number, one in here.items():
        for phrase in phrases[one.definition.key]:
            for word in phrase:
                mark = word, _phase_of(one), point_of(number, one)
                found.setdefault(mark, set()).add(number)
    return {mark: frozenset(numbers) for mark, numbers in found.items()}


def _fitting(named: _Named, numbers: Mapping[_Mark, frozenset[int]], points: int) -> set[int]:
    """Return the numbers of the objects that share a word with a name, and may be of its phase and point.

    They are a small part of those that share a word, and comparing the words takes longest.
    """
    possible: list[int | None] = [named.point]
    if named.point is None:
        possible += POINTS if points == 1 else POINTS[:1]
    return {
        number
        for word in named.words
        for point in possible
        for number in numbers.get((word, named.phase, point), ())
    }


def _phase_of(one: Expected) -> str | None:
    """Return the phase of the mains connection that an object is about, None: it is about none."""
    phase = one.definition.key[-2:]
    return phase if phase in PHASES else None


def _by_description(
    project: EtsProject, here: Mapping[int, Expected], words: EtsWords
) -> _Described:
    """Return what descriptions say that name group objects, as our export writes them."""
    entries: set[GroupAddress] = set()
    found: dict[int, list[tuple[bool, int, GroupAddressEntry]]] = {}
    for entry in project.addresses.values():
        named = _objects_described(entry.description, words)
        for number, is_sending in named.items():
            if number not in here:
                continue
            entries.add(entry.address)
            if _type_of_described(entry, here[number]):
                found.setdefault(number, []).append((not is_sending, len(named), entry))
    proposals = {}
    for number, ranked in found.items():  # an address that fewer objects share is rather its own
        ranked.sort(key=lambda one: (*one[:2], _raw(one[2].address)))
        listed = [entry for *_, entry in ranked]
        score = min(_type_of_described(entry, here[number]) for entry in listed)
        if score >= LEAST[Confidence.LOW]:
            proposals[number] = _proposal(number, here[number], listed, score)
    return _Described(frozenset(entries), proposals)


def _type_of_described(entry: GroupAddressEntry, one: Expected) -> float:
    """Return what the datapoint type leaves of a score; an object without one lacks none."""
    dpts = one.definition.dpts
    return 1.0 if entry.dpt is None and not dpts else _type_factor(entry.dpt, dpts)


def _proposal(
    number: int, one: Expected, entries: Sequence[GroupAddressEntry], score: float
) -> Proposal:
    first = entries[0]
    return Proposal(
        number=number,
        function=one.function,
        addresses=tuple(entry.address for entry in entries),
        name=first.name,
        dpt=first.dpt,
        score=round(score, 3),
    )


def _by_key(here: Mapping[int, Expected]) -> Mapping[str, Expected]:
    return {one.definition.key: one for one in here.values()}


def _best(found: Iterable[Proposal]) -> Iterator[Proposal]:
    """Yield the best ones; where several addresses fit an object as well, the first with doubt."""
    ranked = sorted(found, key=lambda one: (-one.score, one.number, _raw(one.address)))
    numbers: set[int] = set()
    addresses: set[GroupAddress] = set()
    for (_, number), group in groupby(ranked, key=lambda one: (one.score, one.number)):
        free = [one for one in group if one.address not in addresses]
        if number in numbers or not free:
            continue
        first, *others = free
        numbers.add(number)
        addresses.add(first.address)
        if others:
            score = first.score * ALSO_ELSEWHERE
            rivals = tuple(one.address for one in others[:MOST_RIVALS])
            first = replace(first, score=round(score, 3), rivals=rivals)
        if first.score >= LEAST[Confidence.LOW]:
            yield first


def _raw(address: GroupAddress) -> tuple[int, ...]:
    return tuple(int(part) for part in address.split("/"))


def _phrases(one: Expected, words: EtsWords) -> tuple[frozenset[str], ...]:
    """Return the names of an object, each as the words that count."""
    definition = one.definition
    names = [plain_words(_without_mark(name)) for name in (one.function.en, one.function.de)]
    phrases = [_without(name, words.charging_point) or name for name in names]
    phrases += words.objects.get(definition.key, ())
    counted = (_counted(phrase, words) for phrase in phrases)
    return tuple(dict.fromkeys(phrase for phrase in counted if phrase))


def _without_mark(function: str) -> str:
    for mark in STATE_MARKS:
        function = function.removesuffix(mark)
    return function


def _is_state(one: Expected) -> bool:
    return one.function.en.endswith(STATE_MARKS[0])


def _keys_with_a_state(here: Mapping[int, Expected]) -> frozenset[str]:
    """Return the keys of states that a command of the same name has, and of such commands."""
    keys = {one.definition.key for one in here.values()}
    pairs = {(key, f"{key}_state") for key in keys if f"{key}_state" in keys}
    return frozenset(key for pair in pairs for key in pair)


def _counted(phrase: Phrase, words: EtsWords) -> frozenset[str]:
    """Return the words of a phrase that can say which object is meant."""
    empty = {word for one in words.empty for word in one}
    left = [word for word in phrase if word not in empty]
    marks = {word for one in words.state for word in one}
    counted = [word for word in left if word not in marks]
    return frozenset(counted or left)


def _objects_described(description: str, words: EtsWords) -> Mapping[int, bool]:
    """Return the group objects that a description names, as our export does; True: it sends here."""
    found: dict[int, bool] = {}
    left = plain_words(description)
    while left:
        listens, left = _without_start(left, words.object_listening)
        is_named, left = _without_start(left, words.object_number)
        numbers = tuple(takewhile(_is_number, left))
        if not (is_named and numbers):
            return {}
        found |= {int(number): not listens for number in numbers}
        left = left[len(numbers) :]
    return found


def _without_start(phrase: Phrase, starts: Iterable[Phrase]) -> tuple[bool, Phrase]:
    """Return whether a phrase begins with one of others, and the rest of it."""
    for start in starts:
        if start and phrase[: len(start)] == start:
            return True, phrase[len(start) :]
    return False, phrase


def _is_number(word: str) -> bool:
    return word.isdigit() and len(word) <= LONGEST_NUMBER


def _groups(ranges: Sequence[str], words: EtsWords, called: Mapping[int, Phrase]) -> _Groups:
    """Return what the words of groups say, from the outer to the inner one."""
    phrases = [plain_words(name) for name in reversed(ranges)]  # what stands nearer comes first
    found = (_point_named(phrase, words, called) for phrase in phrases)
    about_charging = words.charging_point | words.charging
    return _Groups(
        point=next((one for one in found if one is not None), None),
        words=frozenset(word for phrase in phrases for word in phrase),
        is_about_charging=any(_has_any(phrase, about_charging) for phrase in phrases),
        is_about_meter=any(_has_any(phrase, words.smart_meter) for phrase in phrases),
    )


def _named(
    entry: GroupAddressEntry,
    own: Phrase,
    around: _Groups,
    words: EtsWords,
    called: Mapping[int, Phrase],
) -> _Named:
    """Return what a name says: by its `own` words, and by its groups; `called`: the names of the points."""
    point = _point_named(own, words, called)
    point = around.point if point is None else point
    is_about_charging = _has_any(own, words.charging_point | words.charging)
    is_about_meter = _has_any(own, words.smart_meter)
    name = called.get(point or 0, ())
    own = _without(own, (name,)) if name else own
    phases = [word for word in own if word in PHASES]
    named = _has_any(own, words.charging_point)
    rest = _without(own, words.charging_point) if named else own
    return _Named(
        entry=entry,
        point=point,
        phase=phases[0] if len(phases) == 1 else None,
        words=_counted(rest or own, words),
        around=around.words,
        is_state=_has_any(own, words.state),
        is_about_charging=bool(name) or is_about_charging or around.is_about_charging,
        is_about_meter=is_about_meter or around.is_about_meter,
    )


def _point_named(phrase: Phrase, words: EtsWords, called: Mapping[int, Phrase]) -> int | None:
    """Return the charging point of this name, or whose number stands behind a word for one."""
    for point, name in called.items():
        if name and _has_any(phrase, (name,)):
            return point
    for name in words.charging_point:
        for start in _places(phrase, name):
            after = phrase[start + len(name) : start + len(name) + 1]
            if after and after[0].isdigit() and int(after[0]) in POINTS:
                return int(after[0])
    return None


def _places(phrase: Phrase, part: Phrase) -> Iterator[int]:
    """Yield where a phrase contains the words of another one."""
    if part and part[0] not in phrase:
        return  # nearly always, and soon known
    for start in range(len(phrase) - len(part) + 1):
        if phrase[start : start + len(part)] == part:
            yield start


def _has_any(phrase: Phrase, parts: Iterable[Phrase]) -> bool:
    return any(True for part in parts for _ in _places(phrase, part))


def _without(phrase: Phrase, parts: Iterable[Phrase]) -> Phrase:
    """Return a phrase without the words of others, and without the numbers behind them."""
    gone = {
        start + i for part in parts for start in _places(phrase, part) for i in range(len(part))
    }
    numbers = {i for i, word in enumerate(phrase) if i - 1 in gone and word.isdigit()}
    return tuple(word for i, word in enumerate(phrase) if i not in gone | numbers)


def _with_types(
    entry: GroupAddressEntry, fitting: Mapping[int, float], expected: Mapping[int, Expected]
) -> Mapping[int, float]:
    """Return how well an address fits each object that is here, by name and datapoint type.

    `fitting`: by the number of an object how well the name alone fits it. If it fits another object better, or
    as well a command that the address cannot be for (by its type, or because there is none), it is rather that
    one: a setpoint of the visualisation must not become the address of a value that goes out.
    """
    types = {
        number: _type_factor(entry.dpt, expected[number].definition.dpts) for number in fitting
    }
    best = max(fitting.values(), default=0.0)
    best_command = max(
        (
            by_name
            for number, by_name in fitting.items()
            if _is_command(expected[number])
            and not (expected[number].is_here and types[number] > OTHER_UNIT)
        ),
        default=0.0,
    )
    scores = {}
    for number, by_name in fitting.items():
        one = expected[number]
        is_another = by_name < best or (not _is_command(one) and by_name <= best_command)
        if one.is_here:
            scores[number] = by_name * types[number] * (NAMED_OTHERWISE if is_another else 1.0)
    return scores


def _is_command(one: Expected) -> bool:
    """Tell whether an object only receives."""
    return "T" not in one.definition.flags.replace("WT", "")


def _name_score(
    named: _Named,
    one: Expected,
    phrases: Mapping[str, Sequence[frozenset[str]]],
    stated: frozenset[str],
) -> float:
    """Return how well a name fits an object of its phase, 0 to 1; datapoint types do not count here."""
    definition = one.definition
    score = max((_likeness(named, phrase) for phrase in phrases[definition.key]), default=0.0)
    is_meter = definition.dpt_choice == "smart_meter"
    if not (named.is_about_meter if is_meter else named.is_about_charging):
        score *= NOTHING_ABOUT_CHARGING
    if named.is_state and not _is_state(one) and _is_command(one):
        score *= MARKED_AS_STATE
    if definition.key in stated and _is_state(one) and not named.is_state:
        score *= STATE_NOT_MARKED
    return score


def _likeness(named: _Named, phrase: frozenset[str]) -> float:
    """Return how much of a phrase the name says, and how much of the name the phrase explains."""
    own = named.words & phrase
    if not own or any(word.isdigit() for word in phrase - own):
        return 0.0  # fault info 1 is not fault info 2
    said = len(phrase & (named.words | named.around)) / len(phrase)
    explained = len(own) / len(named.words)
    return said * 0.6 + explained * 0.4


def _type_factor(dpt: str | None, ours: Sequence[str]) -> float:
    """Return what the datapoint type of an address leaves of a score; 0: it is another one."""
    if dpt is None:
        return NO_TYPE
    if not ours:
        return 1.0 if size_bits(dpt) == size_bits(None) else 0.0
    if dpt in ours:
        return 1.0
    main = dpt.partition(".")[0]
    if all(main != one.partition(".")[0] for one in ours):
        return 0.0
    if "." not in dpt or main in ("1", "16"):
        return SUBTYPE_UNKNOWN
    return OTHER_UNIT


def _point_factor(named: _Named, point: int | None, points: int) -> float:
    """Return what the charging point that is named leaves of a score; 0: it is another one."""
    if point is None:
        return 1.0 if named.point is None else 0.0
    if named.point is None:
        return 1.0 if points == 1 else POINT_ASSUMED if point == POINTS[0] else 0.0
    return 1.0 if named.point == point else 0.0
