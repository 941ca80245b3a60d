"""Frames that xknx reads and refuses to write go on as they came."""

import pytest
from xknx.cemi import CEMIFrame, CEMILData
from xknx.exceptions import ConversionError
from xknx.telegram.address import IndividualAddress

from knxgw.knx.raw_service import RawService, apdu_of, as_can_be_written
from knxgw.knxip.cemi import read_data_request

# MemoryExtended_Read of 254 octets: a count that xknx takes and does not give
TOO_MANY = bytes.fromhex("1100b060110111050501fdfe004000")
GOOD = bytes.fromhex("1100b060110111050501fd02004000")


def by_xknx(cemi: bytes) -> CEMILData:
    data = CEMIFrame.from_knx(cemi).data
    assert isinstance(data, CEMILData)
    return data


def test_xknx_reads_a_service_that_it_does_not_write() -> None:
    with pytest.raises(ConversionError):
        by_xknx(TOO_MANY).to_knx()


@pytest.mark.parametrize("cemi", [TOO_MANY, GOOD])
def test_every_frame_can_be_written_as_it_was_read(cemi: bytes) -> None:
    data = as_can_be_written(by_xknx(cemi), cemi[2:])
    assert data.to_knx() == cemi[2:]
    assert isinstance(data.payload, RawService) is (cemi == TOO_MANY)


def test_a_tunnel_sends_it_on_with_its_own_address() -> None:
    data = read_data_request(TOO_MANY, IndividualAddress("1.1.241"))
    assert data is not None
    assert apdu_of(data) == bytes.fromhex("01fdfe004000")
    assert data.to_knx()[2:4] == bytes.fromhex("11f1")
