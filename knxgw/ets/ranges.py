"""Which main and middle groups a group address is in; pure."""

from collections.abc import Iterable, Mapping, Sequence

Range = tuple[int, int, str]  # first and last address, 16 bits, and its name
DEEPEST = 4  # levels that are named; ETS has two or three, but in the free style


def names_of_ranges(
    ranges: Sequence[Range], addresses: Iterable[int]
) -> Mapping[int, tuple[str, ...]]:
    """Return the names of the groups around each address, the outer one first.

    Ranges nest as ETS has them: an inner one does not leave its outer one.
    """
    starts = sorted(ranges, key=lambda one: (one[0], -one[1]))
    names: dict[int, tuple[str, ...]] = {}
    around: list[Range] = []
    upcoming = 0
    for address in sorted(set(addresses)):
        while upcoming < len(starts) and starts[upcoming][0] <= address:
            _leave(around, starts[upcoming][0])
            around.append(starts[upcoming])
            upcoming += 1
        _leave(around, address)
        names[address] = tuple(name for _, _, name in around[-DEEPEST:])
    return names


def _leave(around: list[Range], address: int) -> None:
    """Drop the inner ranges that end before an address."""
    while around and around[-1][1] < address:
        around.pop()
