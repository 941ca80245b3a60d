"""The audit says in the reader's language who did what."""

import ast
from pathlib import Path

import pytest

from knxgw.station.actions import Action as PointAction
from knxgw.store.accounts import AuditRow
from knxgw.website import audit_words
from knxgw.website.access.answers import Action
from knxgw.website.access.lost_password import BY_BUTTON
from knxgw.website.access.roles import Role
from knxgw.website.audit_words import ACTIONS, ROLES, action_words, address_words, change_words
from knxgw.website.language import Language

GERMAN = Language("de")


def row(action: str, before: str = "", after: str = "", address: str = "192.0.2.9") -> AuditRow:
    return AuditRow(
        at=None, account="owner", address=address, action=action, before=before, after=after
    )


def noted() -> set[object]:
    """Return the actions that pages note by a name of their own."""
    found: set[object] = set()
    for path in sorted(Path(audit_words.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("accounts.note"):
                found |= {one.value for one in node.args[1:2] if isinstance(one, ast.Constant)}
    return found


def test_whatever_is_noted_has_words() -> None:
    actions: set[object] = {*Action, *noted(), *(f"point_{one}" for one in PointAction)}
    assert actions >= {"restart", "logged_in", "point_setpoint"}
    assert actions - set(ACTIONS) == set()
    assert set(ROLES) == set(Role)


@pytest.mark.parametrize(
    ("stored", "action", "change"),
    [
        (row("logged_in"), "angemeldet", ""),
        (row("point_interrupt", after="cp2"), "Laden unterbrochen", "Ladepunkt 2"),
        (
            row("point_setpoint", after="cp2 10500 mA"),
            "Sollwert geändert",
            "Ladepunkt 2: 10,5\u202fA",
        ),
        (row("programming_mode", after="on"), "Programmiermodus", "ein"),
        (row("logging_mode", "extended", "simple"), "Logmodus", "Erweitert → Einfach"),
        (
            row("account_changed", "Eva: viewer", "Eva: user 1,3"),
            "Konto geändert",
            "Eva: Betrachter → Eva: Benutzer (1, 3)",
        ),
        (row("of_a_newer_version", after="what it says"), "of a newer version", "what it says"),
    ],
)
def test_a_row_is_in_the_readers_language(stored: AuditRow, action: str, change: str) -> None:
    assert action_words(stored, GERMAN) == action
    assert change_words(stored, GERMAN) == change


def test_the_button_is_no_address() -> None:
    assert address_words(row("", address=BY_BUTTON), GERMAN) == "Programmiertaste"
    assert address_words(row(""), GERMAN) == "192.0.2.9"
