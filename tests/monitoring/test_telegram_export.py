"""Exports of the group monitor: CSV for spreadsheets, XML for ETS."""

import xml.etree.ElementTree as ET
from zoneinfo import ZoneInfo

import pytest
from xknx.cemi import CEMIFlags, CEMIFrame, CEMILData, CEMIMessageCode, CEMIPriority
from xknx.dpt import DPTArray, DPTBinary
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.apci import GroupValueRead, GroupValueResponse, GroupValueWrite
from xknx.telegram.tpci import TDataGroup

from knxgw.catalogue.flags import Priority
from knxgw.monitoring.telegram_export import NAMESPACE, cemi, telegrams_csv, telegrams_xml
from knxgw.monitoring.telegrams import Payload, Service
from tests.monitoring.telegrams import NOON, line, telegram

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("priority", list(Priority))
@pytest.mark.parametrize(
    ("service", "payload"),
    [
        (Service.READ, None),
        (Service.WRITE, 1),
        (Service.RESPONSE, 0x3F),
        (Service.WRITE, (0x41, 0xF0, 0, 0)),
        (Service.WRITE, tuple(range(14))),
        (Service.WRITE, tuple(range(30))),
    ],
)
def test_a_frame_is_the_one_that_xknx_would_send(
    service: Service, payload: Payload, priority: Priority
) -> None:
    one = telegram("1/0/10", service=service, payload=payload, priority=priority)
    value = DPTArray(payload) if isinstance(payload, tuple) else DPTBinary(payload or 0)
    apci = {
        Service.READ: GroupValueRead(),
        Service.WRITE: GroupValueWrite(value),
        Service.RESPONSE: GroupValueResponse(value),
    }[service]
    frame = CEMIFrame(
        code=CEMIMessageCode.L_DATA_IND,
        data=CEMILData(
            flags=CEMIFlags(priority=CEMIPriority[priority.name]),
            src_addr=IndividualAddress("1.1.30"),
            dst_addr=GroupAddress("1/0/10"),
            tpci=TDataGroup(),
            payload=apci,
        ),
    )
    assert cemi(line(1, one)).hex() == frame.to_knx().hex()


def test_the_xml_is_a_communication_log_of_ets() -> None:
    lines = (
        line(1, telegram("1/0/10")),
        line(2, telegram("1/1/62", at_ms=7, is_sent=True, is_secure=True)),
        line(3, telegram("1/1/84", at_ms=8, payload=tuple(b"DEADBEEF"))),
    )
    text = "".join(telegrams_xml(lines, NOON, 'Garage <1> "\u202e'))
    root = ET.fromstring(text)  # noqa: S314 - it is our own
    assert [child.tag.removeprefix(f"{{{NAMESPACE}}}") for child in root] == [
        "RecordStart", "Telegram", "Telegram", "Telegram", "RecordStop",
    ]  # fmt: skip
    first, second, card = root[1].attrib, root[2].attrib, root[3].attrib
    assert first["Timestamp"] == "2026-11-29T12:00:00.0000000Z"
    assert first["ConnectionName"] == 'Garage <1> "'
    assert first["RawData"] == "2900BCE0111E080A05008041F00000"
    assert (first["Service"], first["FrameFormat"]) == ("L_Data.ind", "CommonEmi")
    assert "TransportSecurity" not in first
    assert (second["Service"], second["TransportSecurity"]) == ("L_Data.con", "true")
    assert second["Timestamp"].endswith("00.0070000Z")
    assert card["RawData"].endswith("0080" + "00" * 8)


def test_a_telegram_that_data_secure_refused_says_so_and_a_sealed_one_is_no_frame() -> None:
    lines = (
        line(1, telegram(is_refused=True)),
        line(2, telegram(service=Service.SEALED, is_secure=True, is_refused=True)),
    )
    rows = "".join(telegrams_csv(lines, "en", BERLIN)).split("\r\n")[1:3]
    assert all(row.endswith(",refused") for row in rows)
    assert "".join(telegrams_xml(lines, NOON, "knxgw")).count("RawData") == 1


def test_csv_has_the_separator_the_comma_and_the_time_of_the_language() -> None:
    one = line(1, telegram("1/1/62", at_ms=114))
    rows = "".join(telegrams_csv([one], "de", BERLIN)).split("\r\n")
    assert rows[0].startswith("\ufeffTime;Direction;Source")
    assert rows[1].startswith("2026-11-29 13:00:00.114+01:00;in;1.1.30;1/1/62;Left: current;write;")
    assert "".join(telegrams_csv([one], "en", BERLIN)).split("\r\n")[1].count(",") == 10
