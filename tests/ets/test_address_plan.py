"""Which group address each object gets: nothing clashes, what is linked stays, nothing moves later."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import event, given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from knxgw.catalogue.load import catalogue
from knxgw.config.addresses import group_address, raw_group_address
from knxgw.config.group_objects import default_link
from knxgw.config.model import GroupAddress
from knxgw.config.objects import ExistingObject, possible_objects
from knxgw.ets.address_plan import NoRoomError, WantedRange, plan_addresses

NAMES = catalogue().product.texts.names
POSSIBLE = possible_objects(catalogue())
Links = Mapping[int, tuple[GroupAddress, ...]]


def linked(objects: tuple[ExistingObject, ...], links: Links) -> tuple[ExistingObject, ...]:
    """Return the objects with some of them linked."""
    return tuple(
        replace(one, link=default_link(one.definition, links[one.number]))
        if links.get(one.number)
        else one
        for one in objects
    )


def of_points(*points: int) -> tuple[ExistingObject, ...]:
    """Return the general objects and those of some charging points."""
    return tuple(one for one in POSSIBLE if one.point is None or one.point in points)


def plan(
    objects: tuple[ExistingObject, ...],
    links: Links | None = None,
    *,
    main: int | None = None,
    middle: int = 0,
    others: tuple[GroupAddress, ...] = (),
) -> Links:
    """Return the plan of a site with these links."""
    wanted = WantedRange(main=main, middle=middle)
    return plan_addresses(linked(objects, links or {}), others, wanted, NAMES)


def ga(text: str) -> GroupAddress:
    return GroupAddress(text)


@st.composite
def _addresses(draw: DrawFn) -> GroupAddress:
    """Draw an address; most of them lie close together, so that they meet and fill middle groups."""
    main = draw(st.sampled_from([0, 4, 4, 10, 31]) | st.integers(0, 31))
    middle, sub = draw(st.integers(0, 7)), draw(st.integers(0, 255))
    return group_address(max(main << 11 | middle << 8 | sub, 1))


@st.composite
def _sites(draw: DrawFn) -> tuple[tuple[ExistingObject, ...], Links, tuple[GroupAddress, ...]]:
    """Draw the objects of a site, their links, and addresses of objects that it does not have."""
    numbers = draw(st.sets(st.integers(1, 5)))
    objects = of_points(*numbers)
    some = draw(st.lists(_addresses(), min_size=1, max_size=6))
    address = st.sampled_from(some) | _addresses()
    several = st.lists(address, min_size=1, max_size=3, unique=True).map(tuple)
    links = draw(st.dictionaries(st.sampled_from([one.number for one in objects]), several))
    full = draw(st.lists(st.tuples(st.sampled_from([0, 4, 10, 31]), st.integers(0, 7)), max_size=3))
    others = tuple(
        group_address(main << 11 | middle << 8 | sub)
        for main, middle in full
        for sub in range(1, draw(st.integers(2, 256)))
    )
    return objects, links, others


@given(_sites(), st.none() | st.integers(0, 31), st.integers(0, 7), st.data())
def test_nothing_clashes_what_is_linked_stays_and_a_second_export_moves_nothing(
    site: tuple[tuple[ExistingObject, ...], Links, tuple[GroupAddress, ...]],
    main: int | None,
    middle: int,
    data: st.DataObject,
) -> None:
    objects, links, others = site
    try:
        planned = plan(objects, links, main=main, middle=middle, others=others)
    except NoRoomError:
        event("no room")
        return
    assert planned.keys() == {one.number for one in objects}
    assert {number: planned[number] for number in links} == links, "what is linked is kept"
    new = [address for number in planned.keys() - links.keys() for address in planned[number]]
    assert len(new) == len(set(new)) == len(objects) - len(links), "one of its own for each other"
    assert not set(new) & {*others, *(one for each in links.values() for one in each)}
    assert all(0 < raw_group_address(one) <= 0xFFFF for one in new)
    if main is not None:
        assert all(raw_group_address(one) >> 11 == main for one in new)

    adopted = data.draw(st.sets(st.sampled_from(sorted(planned))))
    later = {**links, **{number: planned[number] for number in adopted}}
    again = plan(objects, later, main=main, middle=middle, others=others)
    assert again == planned, "the same object, the same address"


def test_without_links_each_owner_has_a_middle_group_and_each_object_the_sub_group_of_its_number() -> (
    None
):
    found = plan(POSSIBLE)
    assert {number: found[number] for number in (1, 20, 500, 507)} == {
        1: ("10/0/1",), 20: ("10/0/20",), 500: ("10/0/100",), 507: ("10/0/107",),
    }  # fmt: skip
    assert (found[55], found[105], found[255]) == (("10/1/55",), ("10/2/55",), ("10/5/55",))
    assert (found[510], found[520], found[552]) == (("10/1/110",), ("10/2/110",), ("10/5/112",))


def test_a_middle_group_that_has_addresses_is_extended() -> None:
    found = plan(of_points(1, 2), {1: (ga("4/3/1"),), 150 - 50: (ga("4/0/7"),)})
    assert found[2] == ("4/3/2",)
    assert found[105] == ("4/0/55",), "charging point 2 goes on where it has begun"
    assert found[55] == ("4/1/55",), "charging point 1 has none yet: one in the same main group"


def test_an_address_in_use_is_left_alone_and_the_next_one_taken() -> None:
    found = plan(of_points(1), {50: (ga("4/1/50"), ga("4/1/51"))}, others=(ga("4/1/52"),))
    assert found[50] == ("4/1/50", "4/1/51"), "all are kept, the first one sends"
    assert (found[51], found[52], found[53]) == (("4/1/53",), ("4/1/54",), ("4/1/55",))


def test_an_address_that_several_charging_points_share_is_home_to_none() -> None:
    central = ga("4/7/1")
    found = plan(of_points(1, 2), {55: (central,), 105: (central,)}, main=4)
    assert (found[50], found[100]) == (("4/1/50",), ("4/2/50",))


def test_an_address_that_an_object_only_listens_on_is_no_home() -> None:
    found = plan(of_points(1), {55: (ga("10/1/55"), ga("4/0/55"))})
    assert (found[50], found[1]) == (("10/1/50",), ("10/0/1",))


def test_the_wanted_range_leaves_addresses_elsewhere_where_they_are() -> None:
    found = plan(of_points(1), {50: (ga("1/1/50"),)}, main=4, middle=2)
    assert (found[1], found[50], found[51]) == (("4/2/1",), ("1/1/50",), ("4/3/51",))


def test_new_middle_groups_are_in_the_main_group_of_the_first_owner_that_has_one() -> None:
    found = plan(of_points(1, 2, 3), {100: (ga("4/2/50"),), 150: (ga("5/3/50"),)})
    assert (found[1], found[50]) == (("4/0/1",), ("4/1/50",))
    assert (found[101], found[151]) == (("4/2/51",), ("5/3/51",))


def test_the_very_first_address_is_not_given_away() -> None:
    three = tuple(one for one in POSSIBLE if one.number in (1, 2, 8))
    links = {1: (ga("0/0/1"),), 2: (ga("0/0/2"),)}
    all_but_one = tuple(group_address(sub) for sub in range(3, 255))
    assert plan(three, links, main=0, others=all_but_one)[8] == ("0/0/255",)
    with pytest.raises(NoRoomError, match=r"0/0 has no room.* needs 1 more .*, 0 are free"):
        plan(three, links, main=0, others=(*all_but_one, ga("0/0/255")))


def test_a_later_charging_point_moves_nobody() -> None:
    before, after = plan(of_points(1, 4)), plan(of_points(1, 2, 4))
    assert before.items() <= after.items()


@pytest.mark.parametrize(("middle", "points"), [(2, 5), (5, 2), (7, 0)])
def test_the_highest_middle_group_that_does(middle: int, points: int) -> None:
    objects = of_points(*range(1, points + 1))
    found = plan(objects, main=31, middle=middle)
    assert max(raw_group_address(each[0]) for each in found.values()) >> 8 == 31 << 3 | 7
    if middle < 7:
        with pytest.raises(NoRoomError) as refused:
            plan(objects, main=31, middle=middle + 1)
        words = refused.value.words
        assert words.problem("en") == (
            f"main group 31 has no middle group with room for Charging point {points} from 31/{middle + 1} on"
        )
        assert words.remedy("de") == (
            "mit einer niedrigeren Mittelgruppe beginnen oder eine andere Hauptgruppe wählen"
        )


def test_a_full_middle_group_is_said_with_what_it_lacks() -> None:
    rest = tuple(group_address(4 << 11 | 1 << 8 | sub) for sub in range(250))
    with pytest.raises(NoRoomError) as refused:
        plan(of_points(1), {50: (ga("4/1/250"),)}, others=rest)
    assert str(refused.value) == (
        "middle group 4/1 has no room for Charging point 1: it needs 41 more group addresses, 5 are free; "
        "choose another main group"
    )
    assert plan(of_points(1), {50: (ga("4/1/250"),)}, others=rest, main=5)[51] == ("5/1/51",)
