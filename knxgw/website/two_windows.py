"""What one of several open windows has changed: only that is written, and never over what another one did. Pure.

A form carries what its fields showed when the device wrote them. A field that still says so was not changed in that
window, so the draft keeps what it says by now. Where both have changed the same field, somebody must choose.
Source: website 46.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from knxgw.website.config_form import POINTS, Field

ENTRY_AND_KEY = 3  # steps: charging_points, 0, number


class Typed(NamedTuple):
    """What somebody has changed in a window."""

    texts: Mapping[str, str]  # by the name of the field; only those that were changed here
    overlaps: Mapping[
        str, str
    ]  # those that another window has changed otherwise -> what it made of them


def shown_in(fields: Iterable[Field]) -> str:
    """Return what fields show, as their form carries it; those that show nothing are left out."""
    return json.dumps({one.name: one.shown for one in fields if one.shown}, ensure_ascii=False)


def shown_before(carried: str) -> Mapping[str, str] | None:
    """Return what the fields of a window showed, by their names; None: it does not say."""
    try:
        found = json.loads(carried)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        return None
    return found


def changed_here(
    fields: Sequence[Field], typed: Mapping[str, str], before: Mapping[str, str] | None
) -> Typed:
    """Return what was changed in a window.

    `fields`: of the draft as it is now. `before`: what the window showed; None: whatever was typed counts.
    """
    now = {one.name: one.shown.strip() for one in fields}
    texts = {name: typed[name] for name in now if name in typed}
    if before is None:
        return Typed(texts, {})
    was = {name: before.get(name, "").strip() for name in now}
    if any(
        _tells_apart(one) and was[one.name] != now[one.name] for one in fields if one.name in texts
    ):
        mine = {name: text for name, text in texts.items() if text.strip() != now[name]}
        return Typed(mine, {name: now[name] for name in mine})
    mine = {name: text for name, text in texts.items() if text.strip() != was[name]}
    others = {
        name: now[name]
        for name, text in mine.items()
        if now[name] != was[name] and now[name] != text.strip()
    }
    return Typed(mine, others)


def _tells_apart(field: Field) -> bool:
    """Tell whether another value means another entry, of which nothing may be overwritten unseen."""
    return len(field.path) == ENTRY_AND_KEY and field.path[::2] == (POINTS, "number")


def changed_elsewhere(fields: Iterable[Field], before: Mapping[str, str] | None) -> dict[str, str]:
    """Return the fields that show something else than a window did, and what they show now."""
    if before is None:
        return {}
    return {
        one.name: one.shown
        for one in fields
        if one.shown.strip() != before.get(one.name, "").strip()
    }
