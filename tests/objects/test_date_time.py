"""GO 506: date and time from the bus."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xknx.dpt import DPTArray, DPTBinary
from xknx.dpt.dpt_19 import DPTDateTime, KNXDateTime

from knxgw.errors import DecodeError
from knxgw.objects.codec import decode_date_time
from knxgw.objects.commands import to_command
from knxgw.station.model import ClockSet, ClockSource
from tests.objects.objects import group_object

BERLIN = ZoneInfo("Europe/Berlin")


def payload(local: datetime, *, dst: bool | None = None) -> DPTArray | DPTBinary:
    """Return what a KNX clock sends at a local time."""
    return DPTDateTime.to_knx(
        KNXDateTime(
            year=local.year,
            month=local.month,
            day=local.day,
            hour=local.hour,
            minutes=local.minute,
            seconds=local.second,
            dst=bool(local.dst()) if dst is None else dst,
        )
    )


@settings(max_examples=200)
@given(st.datetimes(datetime(2026, 1, 1), datetime(2099, 1, 1)))  # noqa: DTZ001 - made aware below
def test_every_moment_comes_through_also_the_hour_that_comes_twice(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, tzinfo=UTC)
    assert decode_date_time(payload(moment.astimezone(BERLIN)), BERLIN) == moment


def test_the_hour_that_comes_twice_is_told_apart_by_the_summer_time_bit() -> None:
    twice = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
    assert decode_date_time(payload(twice, dst=True), BERLIN).hour == 0
    assert decode_date_time(payload(twice, dst=False), BERLIN).hour == 1
    summer = datetime(2026, 7, 1, 12, 0, tzinfo=BERLIN)
    assert decode_date_time(payload(summer, dst=False), BERLIN).hour == 10, "the zone knows better"


@pytest.mark.parametrize(
    "octets",
    [
        (126, 7, 1, 12, 0, 0, 0x80, 0),  # fault
        (126, 7, 1, 12, 0, 0, 0x10, 0),  # year not valid
        (126, 7, 1, 12, 0, 0, 0x08, 0),  # date not valid
        (126, 7, 1, 12, 0, 0, 0x02, 0),  # time not valid
        (126, 2, 30, 12, 0, 0, 0, 0),  # 30 February
        (126, 13, 1, 12, 0, 0, 0, 0),
        (126, 7, 1, 12, 0),
        (100, 7, 1, 12, 0, 0, 0, 0),  # a clock that starts in 2000
    ],
)
def test_a_date_that_is_none_is_refused(octets: tuple[int, ...]) -> None:
    one = group_object(506, "date_time", "2/0/6", dpt="19.001", flags="C-WTUI")
    with pytest.raises(DecodeError):
        to_command(one, DPTArray(octets), BERLIN)


def test_a_telegram_sets_the_clock() -> None:
    one = group_object(506, "date_time", "2/0/6", dpt="19.001", flags="C-WTUI")
    sent = payload(datetime(2026, 7, 1, 14, 0, tzinfo=BERLIN))
    expected = ClockSet(now=datetime(2026, 7, 1, 12, 0, tzinfo=UTC), source=ClockSource.KNX)
    assert to_command(one, sent, BERLIN) == expected
