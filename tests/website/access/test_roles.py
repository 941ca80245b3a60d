"""The table of rights: each role and each right."""

import itertools

import pytest

from knxgw.website.access.account import Account
from knxgw.website.access.roles import ASK_PASSWORD_AGAIN, RIGHTS, Right, Role, may, right_over

# owner, administrator, user, viewer: as the table of the design says
TABLE = {
    Right.SEE: "OAUV",
    Right.OWN_PASSWORD: "OAUV",
    Right.SUPPORT: "OAU",
    Right.CHARGE: "OAU",
    Right.STRATEGY: "OA",
    Right.LIMITS: "OA",
    Right.DEVICES: "OA",
    Right.CONTACTS: "OA",
    Right.CONFIGURATION: "OA",
    Right.DIAGNOSTICS: "OA",
    Right.FIRMWARE: "OA",
    Right.NETWORK: "OA",
    Right.RESTART: "OA",
    Right.USERS: "OA",
    Right.ADMINISTRATORS: "O",
    Right.TOKENS: "O",
    Right.HTTPS: "O",
    Right.FACTORY_RESET: "O",
}


@pytest.mark.proves("W12")
@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("right", Right)
def test_each_role_has_the_rights_of_the_table(role: Role, right: Right) -> None:
    assert may(role, right) == (role.value[0].upper() in TABLE[right])


def test_a_role_may_all_that_the_one_below_may() -> None:
    order = [Role.VIEWER, Role.USER, Role.ADMINISTRATOR, Role.OWNER]
    for lower, higher in itertools.pairwise(order):
        assert RIGHTS[lower] < RIGHTS[higher]


@pytest.mark.parametrize(
    ("role", "points", "may_first", "may_second"),
    [
        (Role.OWNER, None, True, True),
        (Role.ADMINISTRATOR, None, True, True),
        (Role.USER, None, True, True),
        (Role.USER, frozenset({2}), False, True),
        (Role.VIEWER, None, False, False),
    ],
)
def test_a_user_may_be_limited_to_charging_points(
    role: Role,
    points: frozenset[int] | None,
    may_first: bool,  # noqa: FBT001 - a parameter
    may_second: bool,  # noqa: FBT001 - a parameter
) -> None:
    account = Account(name="a", role=role, points=points)
    assert (account.may_charge(1), account.may_charge(2)) == (may_first, may_second)


def test_only_the_owner_manages_administrators_and_nobody_makes_an_owner() -> None:
    assert right_over(Role.VIEWER) is right_over(Role.USER) is Right.USERS
    assert right_over(Role.ADMINISTRATOR) is right_over(Role.OWNER) is Right.ADMINISTRATORS


def test_what_cannot_be_undone_asks_the_password_again() -> None:
    assert Right.FACTORY_RESET in ASK_PASSWORD_AGAIN
    assert {Right.SEE, Right.CHARGE, Right.OWN_PASSWORD}.isdisjoint(ASK_PASSWORD_AGAIN)
