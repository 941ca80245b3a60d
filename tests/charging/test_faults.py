"""The fault register: the last or current fault of one scope."""

from hypothesis import given, settings
from hypothesis import strategies as st

from knxgw.catalogue.codes import FaultCode
from knxgw.catalogue.load import catalogue
from knxgw.charging.faults import FaultRegister

SEVERITIES = catalogue().product.faults.charging_point
EMPTY = FaultRegister(severities=SEVERITIES)
codes = st.sampled_from(sorted(SEVERITIES))


def test_before_the_first_fault_the_text_is_no_error() -> None:
    assert EMPTY.text == "No error"
    assert not EMPTY.is_present


def test_the_most_severe_present_fault_is_shown() -> None:
    faults = EMPTY.set(FaultCode.NOT_REACHABLE, is_present=True).set(
        FaultCode.COMM, is_present=True
    )
    assert faults.text == "NotReachable"
    assert faults.set(FaultCode.NOT_REACHABLE, is_present=False).text == "Comm"


def test_the_newest_among_equals_is_shown() -> None:
    faults = EMPTY.set(FaultCode.NOT_FOLLOWING, is_present=True).set(
        FaultCode.COMM, is_present=True
    )
    assert faults.text == "Comm"


def test_the_last_fault_stays_readable_when_none_is_left() -> None:
    faults = EMPTY.set(FaultCode.COMM, is_present=True).set(FaultCode.COMM, is_present=False)
    assert faults.text == "Comm"
    assert not faults.is_present


def test_a_fault_for_information_is_shown_but_not_present() -> None:
    faults = EMPTY.raise_transient(FaultCode.OPERATION_NOT_POSSIBLE)
    assert faults.text == "OpNotPossible"
    assert not faults.is_present


def test_a_fault_for_information_does_not_hide_a_more_severe_one() -> None:
    faults = EMPTY.set(FaultCode.COMM, is_present=True).raise_transient(
        FaultCode.VALUE_OUT_OF_RANGE
    )
    assert faults.text == "Comm"
    assert faults.set(FaultCode.COMM, is_present=False).text == "Comm"


@settings(max_examples=100)
@given(st.lists(st.tuples(codes, st.booleans())))
def test_the_register_knows_exactly_what_is_present(changes: list[tuple[FaultCode, bool]]) -> None:
    faults, model = EMPTY, set[FaultCode]()
    for code, present in changes:
        faults = faults.set(code, is_present=present)
        model = model | {code} if present else model - {code}
    assert set(faults.present) == model
    assert faults.is_present == bool(model)
    if model:
        worst = max(SEVERITIES[code] for code in model)
        assert SEVERITIES[FaultCode(faults.text)] == worst
