"""Who may do what on the website: roles, rights, and the table of both. Pure."""

from enum import StrEnum


class Role(StrEnum):
    """What an account is for."""

    OWNER = "owner"  # the one that was there first; it can hand over
    ADMINISTRATOR = "administrator"
    USER = "user"
    VIEWER = "viewer"


class Right(StrEnum):
    """What a page or an action asks for."""

    SEE = "see"  # status, history, help
    OWN_PASSWORD = "own_password"  # noqa: S105 - the name of a right
    SUPPORT = "support"  # support text and log file
    CHARGE = "charge"  # start, stop, unlock, interrupt, resume
    STRATEGY = "strategy"
    LIMITS = "limits"  # setpoints, contracted power
    DEVICES = "devices"
    CONTACTS = "contacts"
    CONFIGURATION = "configuration"
    DIAGNOSTICS = "diagnostics"
    FIRMWARE = "firmware"
    NETWORK = "network"  # addresses, time servers, host names
    RESTART = "restart"
    USERS = "users"  # accounts of users and viewers
    ADMINISTRATORS = "administrators"  # accounts of administrators, and handing over
    TOKENS = "tokens"
    HTTPS = "https"
    FACTORY_RESET = "factory_reset"


_VIEWER = {Right.SEE, Right.OWN_PASSWORD}
_USER = _VIEWER | {Right.SUPPORT, Right.CHARGE}
_OWNER_ONLY = {Right.ADMINISTRATORS, Right.TOKENS, Right.HTTPS, Right.FACTORY_RESET}
RIGHTS = {
    Role.OWNER: frozenset(Right),
    Role.ADMINISTRATOR: frozenset(Right) - _OWNER_ONLY,
    Role.USER: frozenset(_USER),
    Role.VIEWER: frozenset(_VIEWER),
}
ASK_PASSWORD_AGAIN = frozenset(
    {
        Right.FACTORY_RESET,
        Right.FIRMWARE,
        Right.NETWORK,
        Right.USERS,
        Right.ADMINISTRATORS,
        Right.TOKENS,
        Right.HTTPS,
    }
)
STAYING = frozenset({Role.USER, Role.VIEWER})  # those that may stay signed in


def may(role: Role, right: Right) -> bool:
    """Tell whether a role has a right."""
    return right in RIGHTS[role]


def right_over(role: Role) -> Right:
    """Return what one needs to make, change or remove an account of a role."""
    return Right.USERS if role in STAYING else Right.ADMINISTRATORS
