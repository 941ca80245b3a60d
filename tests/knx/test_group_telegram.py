"""What is read straight from the octets of a group telegram is what xknx reads, or nothing."""

from hypothesis import given
from hypothesis import strategies as st
from xknx.cemi import CEMIFlags, CEMIFrame, CEMILData, CEMIMessageCode, CEMIPriority
from xknx.dpt import DPTArray, DPTBinary
from xknx.exceptions import XKNXException
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import APCI, GroupValueRead, GroupValueResponse, GroupValueWrite
from xknx.telegram.tpci import TDataGroup

from knxgw.knx.group_telegram import group_telegram_bytes, read_group_telegram

VALUES = st.one_of(
    st.builds(DPTBinary, st.integers(0, 63)), st.binary(min_size=1, max_size=200).map(DPTArray)
)
SERVICES: st.SearchStrategy[APCI] = st.one_of(
    st.builds(GroupValueRead),
    st.builds(GroupValueResponse, VALUES),
    st.builds(GroupValueWrite, VALUES),
)


def by_xknx(cemi: bytes) -> CEMILData | None:
    try:
        data = CEMIFrame.from_knx(cemi).data
    except (XKNXException, IndexError, ValueError):
        return None
    return data if isinstance(data, CEMILData) else None


TELEGRAMS = st.builds(
    CEMILData,
    flags=st.builds(CEMIFlags, priority=st.sampled_from(CEMIPriority), hop_count=st.integers(0, 7)),
    src_addr=st.integers(0, 0xFFFF).map(IndividualAddress),
    dst_addr=st.integers(1, 0xFFFF).map(GroupAddress),
    tpci=st.builds(TDataGroup),
    payload=SERVICES,
)


@given(st.sampled_from([CEMIMessageCode.L_DATA_IND, CEMIMessageCode.L_DATA_REQ]), TELEGRAMS)
def test_every_group_telegram_is_read_as_xknx_reads_it(
    code: CEMIMessageCode, data: CEMILData
) -> None:
    cemi = CEMIFrame(code=code, data=data).to_knx()
    found = read_group_telegram(cemi)
    assert found is not None
    assert found == by_xknx(cemi)


@given(st.sampled_from([CEMIMessageCode.L_DATA_IND, CEMIMessageCode.L_DATA_REQ]), TELEGRAMS)
def test_what_is_written_has_the_octets_that_xknx_writes(
    code: CEMIMessageCode, data: CEMILData
) -> None:
    by_us = group_telegram_bytes(code, data)
    cemi = CEMIFrame(code=code, data=data).to_knx()
    assert by_us == cemi if len(cemi) <= 25 else by_us is None


def test_what_is_no_group_telegram_is_left_to_xknx_to_write() -> None:
    for octets in ("2900b060110111050143 00", "2900bce011050000010100"):
        data = CEMIFrame.from_knx(bytes.fromhex(octets)).data
        assert isinstance(data, CEMILData)
        assert group_telegram_bytes(CEMIMessageCode.L_DATA_IND, data) is None


@given(st.binary(max_size=30))
def test_of_any_octets_it_reads_what_xknx_reads_or_nothing(octets: bytes) -> None:
    found = read_group_telegram(octets)
    assert found is None or found == by_xknx(octets)


@given(
    st.sampled_from(["2900bce0110509380100", "2900bce01105093805008001020304"]),
    st.lists(st.tuples(st.integers(0, 14), st.integers(0, 255)), max_size=3),
)
def test_of_changed_octets_it_reads_what_xknx_reads_or_nothing(
    telegram: str, changes: list[tuple[int, int]]
) -> None:
    octets = bytearray.fromhex(telegram)
    for at, value in changes:
        octets[at % len(octets)] = value
    code = octets[0]
    octets[0] = CEMIMessageCode.L_DATA_IND.value  # its callers have looked at it
    found = read_group_telegram(bytes(octets))
    assert found is None or found == by_xknx(bytes(octets)), hex(code)


def test_frames_of_other_kinds_are_left_to_xknx() -> None:
    others = {
        "additional information": "2903010203bce011050938010000",
        "to a device": "2900b06011051106010080",
        "broadcast": "2900bce0110500000101 00",
        "tagged group": "2900bce01105093801 04 80",
        "a read with data": "2900bce01105093802 00 00 01",
        "length that is wrong": "2900bce01105093802 00 80",
    }
    found = {name: read_group_telegram(bytes.fromhex(octets)) for name, octets in others.items()}
    assert found == dict.fromkeys(others)


def test_with_all_control_fields_it_writes_what_xknx_writes_or_nothing() -> None:
    for control in range(1 << 16):
        octets = b"\x29\x00" + control.to_bytes(2, "big") + bytes.fromhex("110509380100 80")
        data = by_xknx(octets)
        found = None if data is None else group_telegram_bytes(CEMIMessageCode.L_DATA_IND, data)
        if data is not None and found is not None:
            assert found == CEMIFrame(code=CEMIMessageCode.L_DATA_IND, data=data).to_knx()
