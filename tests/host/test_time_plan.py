"""Names of time servers, the file of timesyncd, and what timedatectl prints (of systemd 252)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knxgw.catalogue.load import catalogue
from knxgw.config.convert import convert
from knxgw.config.not_allowed import NotAllowedError
from knxgw.host.time_plan import (
    EARLIEST,
    TimeService,
    is_plausible,
    is_time_server,
    read_time_service,
    servers_of,
    timesyncd_text,
)

PROPERTIES = """\
SystemNTPServers=ptbtime1.ptb.de ptbtime2.ptb.de
FallbackNTPServers=0.debian.pool.ntp.org 1.debian.pool.ntp.org
ServerName=ptbtime1.ptb.de
ServerAddress=192.0.2.123
RootDistanceMaxUSec=5s
PollIntervalMinUSec=32s
PollIntervalMaxUSec=34min 8s
PollIntervalUSec=1min 4s
NTPMessage={ Leap=0, Version=4, Mode=4, Stratum=1, Precision=-18, RootDelay=0, RootDispersion=30us, Reference=PTB, OriginateTimestamp=Tue 2026-12-01 12:00:00 UTC, ReceiveTimestamp=Tue 2026-12-01 12:00:00 UTC, TransmitTimestamp=Tue 2026-12-01 12:00:00 UTC, DestinationTimestamp=Tue 2026-12-01 12:00:01 UTC, Ignored=no PacketCount=2, Jitter=1.2ms }
Frequency=0
"""
STATUS = "       Server: 192.0.2.123 (ptbtime1.ptb.de)\nPoll interval: 1min 4s\n       Offset: {}\n        Delay: 22ms\n"


@pytest.mark.proves("W41")
def test_what_the_time_service_prints_is_read() -> None:
    assert read_time_service(PROPERTIES, STATUS.format("-12.3ms")) == TimeService(
        servers=("ptbtime1.ptb.de", "ptbtime2.ptb.de"),
        answering="ptbtime1.ptb.de",
        answered_at=datetime(2026, 12, 1, 12, 0, 1, tzinfo=UTC),
        offset_s=-0.0123,
    )


@pytest.mark.parametrize(
    ("text", "offset_s"),
    [
        ("+204us", 0.000204),
        ("-1.5s", -1.5),
        ("+2min", 120.0),
        ("-1min 2.345678s", -62.345678),
        ("+1d 2h 3min", 93_780.0),
        ("+0", 0.0),
        ("+3w 2d", None),
        ("n/a", None),
    ],
)
def test_an_offset_is_read_in_its_unit(text: str, offset_s: float | None) -> None:
    assert read_time_service(PROPERTIES, STATUS.format(text)).offset_s == pytest.approx(offset_s)


def test_a_service_that_nobody_has_answered_yet_says_so() -> None:
    waiting = "FallbackNTPServers=0.debian.pool.ntp.org\nServerName=0.debian.pool.ntp.org\nPollIntervalUSec=0\n"
    assert read_time_service(waiting, "") == TimeService(servers=("0.debian.pool.ntp.org",))
    assert read_time_service("", "") == TimeService()


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_text_of_the_service_brings_it_down(properties: str, status: str) -> None:
    assert read_time_service(properties, status).servers is not None


@pytest.mark.parametrize("servers", [("192.0.2.1",), ("a.example.org", "b.example.org."), ()])
def test_the_file_says_the_servers_and_is_read_again(servers: tuple[str, ...]) -> None:
    assert servers_of(timesyncd_text(servers)) == servers


def test_a_file_without_servers_is_none_and_what_is_no_server_is_refused() -> None:
    assert timesyncd_text(()) == ""
    with pytest.raises(ValueError, match="not a time server"):
        timesyncd_text(("a.example.org\n[Manager]",))


@given(st.text(alphabet="aZ0-_. \n[]=#%", min_size=1, max_size=30))
def test_the_root_side_takes_every_host_that_the_configuration_takes(text: str) -> None:
    (parameter,) = [one for one in catalogue().parameters if one.key == "device.ntp_servers"]
    try:
        taken = convert(parameter, text, catalogue())
    except NotAllowedError:
        return
    assert isinstance(taken, tuple)
    assert all(is_time_server(str(one)) for one in taken)


def test_nothing_but_a_name_or_an_address_is_a_server() -> None:
    wrong = ["", " ", "-x", "a b", "a\nb", "[Time]", "a=b", "#", "x" * 254, "a..b", "%i"]
    assert [one for one in wrong if is_time_server(one)] == []


def test_the_time_can_be_none_before_the_product() -> None:
    assert not is_plausible(datetime(1970, 1, 1, tzinfo=UTC))
    assert is_plausible(EARLIEST)
    assert not is_plausible(datetime(2100, 1, 1, tzinfo=UTC))
