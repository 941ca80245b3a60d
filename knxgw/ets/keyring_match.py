"""What a keyring holds for our device and its linked group addresses; no key is in here; pure."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from knxgw.catalogue.messages import Listed, Message, message
from knxgw.config.model import GroupAddress
from knxgw.errors import Severity

MOST_LISTED = 20  # addresses in one message


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyringInterface:
    """An interface of a keyring: what a client of the installation may be."""

    address: str  # individual address
    kind: str  # tunneling, usb, backbone
    host: str | None  # individual address of the device it belongs to
    has_credentials: bool  # user and password of a secure tunnel
    groups: frozenset[GroupAddress]  # it may use


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyringContents:
    """What a keyring is about, without any of its keys."""

    interfaces: tuple[KeyringInterface, ...]
    keyed: frozenset[GroupAddress]  # group addresses with a key
    has_backbone: bool


Said = tuple[Severity, Message]


def keyring_report(
    keyring: KeyringContents,
    individual_address: str | None,
    linked: Collection[GroupAddress],
    secured: Collection[GroupAddress],
) -> Iterator[Said]:
    """Yield what a keyring holds for us: interfaces, and keys of the linked group addresses.

    `secured`: the linked ones that are secured in ETS.
    """
    yield from _interfaces(keyring, individual_address)
    with_key = [one for one in linked if one in keyring.keyed]
    without = [one for one in secured if one not in keyring.keyed]
    if without:
        yield Severity.WARNING, message("ets_key_missing", addresses=_listed(without))
    if with_key:
        words = message("ets_keys_found", count=len(with_key), addresses=_listed(with_key))
        yield Severity.NOTE, words
    elif not without:
        yield Severity.NOTE, message("ets_no_keys_needed", count=len(keyring.keyed))
    own = [one for one in keyring.interfaces if one.address == individual_address]
    if own and own[0].groups and (foreign := [one for one in with_key if one not in own[0].groups]):
        words = message("ets_key_not_for_us", address=own[0].address, addresses=_listed(foreign))
        yield Severity.WARNING, words


def _interfaces(keyring: KeyringContents, individual_address: str | None) -> Iterator[Said]:
    tunnels = [one for one in keyring.interfaces if one.kind == "tunneling"]
    for one in tunnels:
        yield Severity.NOTE, _interface(one)
    if keyring.has_backbone:
        yield Severity.NOTE, message("ets_keyring_backbone")
    known = {one.address for one in keyring.interfaces}
    if individual_address is not None and tunnels and individual_address not in known:
        listed = Listed(tuple(one.address for one in tunnels))
        words_of = message("keyring_without_tunnel", address=individual_address, known=listed)
        yield Severity.WARNING, words_of


def _interface(one: KeyringInterface) -> Message:
    host = one.host or "?"
    if one.has_credentials:
        return message("ets_keyring_tunnel", address=one.address, host=host)
    return message("ets_keyring_plain_tunnel", address=one.address, host=host)


def _listed(addresses: Collection[GroupAddress]) -> Listed:
    """Return the first addresses of many."""
    items = list(addresses)
    rest = ("…",) if len(items) > MOST_LISTED else ()
    return Listed((*items[:MOST_LISTED], *rest))
