"""Each number about chargers and vehicles stands once: who needs it takes it from there."""

import ast
from pathlib import Path

import pytest

from knxgw.catalogue.codes import ChargingState, Reason
from knxgw.charging import compliance, limits
from knxgw.charging.limits import OBEY_S
from knxgw.charging.link import offer_acknowledged
from knxgw.charging.precedence import Decision
from knxgw.charging.quantities import Quantity
from knxgw.charging.shown_state import ECHO_PERIODS, POLL_S, shown_state
from knxgw.dlm.settings import Settings
from tests.charging.points import decided, make_point, seen
from tests.support.modules import modules

ZERO = Decision(offer_ma=0, reason=Reason.SETPOINT)
ROOMS = ("charging", "dlm", "modbus", "station")
SHARED = {name for name in vars(limits) if name.isupper()} - {"NOMINAL_V"}


def test_obedience_waits_t_ev() -> None:
    known = compliance.observe_draw(compliance.NEW, 16_000, 16_000, 0.0)
    known = compliance.observe_draw(known, 6000, 16_000, 100.0)
    over = compliance.observe_draw(known, 6000, 16_000, 100.0 + OBEY_S)
    assert compliance.observe_draw(known, 6000, 16_000, 99.9 + OBEY_S).over_since is None
    assert over.over_since == 100.0 + OBEY_S


def test_the_echo_of_our_own_pause_lasts_t_ev_and_two_polls() -> None:
    values = {Quantity.STATE: ChargingState.INTERRUPTION, Quantity.CONNECTED: 1}
    minimum = Decision(offer_ma=6000, reason=Reason.MINIMUM)
    point = decided(offer_acknowledged(decided(make_point(), ZERO), 0, 0), minimum)
    point = offer_acknowledged(point, 6000, 1)
    ends_at = 1 + OBEY_S + ECHO_PERIODS * POLL_S
    point = seen(point, values, round(ends_at))
    assert shown_state(point, ends_at) is ChargingState.CONNECTED
    assert shown_state(point, ends_at + 0.1) is ChargingState.INTERRUPTION


def test_load_management_waits_t_ev() -> None:
    assert Settings(fuse_ma=35_000).obey_s is OBEY_S


def constants(path: Path) -> list[tuple[str, ast.expr]]:
    """Return the module's constants and the default values of its classes, with their values."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            names = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += [(ast.unparse(name), node.value) for name in names]
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_no_other_room_has_the_number_of_its_own(room: str) -> None:
    for path in modules(room):
        if path.name == "limits.py":
            continue
        for name, value in constants(path):
            is_number = isinstance(value, ast.Constant) and isinstance(value.value, int | float)
            shared = name.upper() in SHARED or name.lower() == "obey_s"
            assert not (is_number and shared), f"{path}: {name}"


@pytest.mark.parametrize("formula", ["* 13 // 10", "max(1500", "SETTLE_S", "DRAWS_MA", "FLOWS_MA"])
def test_no_formula_stands_twice(formula: str) -> None:
    found = [path.name for path in modules(*ROOMS) if formula in path.read_text(encoding="utf-8")]
    assert found in ([], ["limits.py"])
