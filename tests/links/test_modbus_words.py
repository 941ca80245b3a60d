"""What the log says of a Modbus link: which of five troubles it is, once; with -vv every request."""

import asyncio
import errno
import logging
import socket

import pytest

from knxgw.links.modbus_endpoint import TcpEndpoint
from tests.links import misdeeds as do
from tests.links.faulty_peer import Door
from tests.links.test_every_fault import Site, asked

WHY: dict[str, tuple[Exception, str]] = {
    "refused": (ConnectionRefusedError(errno.ECONNREFUSED, "no"), "refused; is Modbus switched on"),
    "all addresses refused": (
        OSError(
            "Multiple exceptions: [Errno 111] Connect call failed ('::1', 502, 0, 0), "
            "[Errno 111] Connect call failed ('127.0.0.1', 502)"
        ),
        "refused; is Modbus switched on",
    ),
    "no route": (OSError(errno.EHOSTUNREACH, "no"), "no route to it; network, address and mask?"),
    "no network": (OSError(errno.ENETUNREACH, "no"), "no route to it; network, address and mask?"),
    "name not known": (
        socket.gaierror(socket.EAI_NONAME, "no"),
        "name 'box.lan' not known; is it written right?",
    ),
    "no name server": (
        socket.gaierror(socket.EAI_AGAIN, "no"),
        "name 'box.lan' not known: no name server answers",
    ),
    "nobody there": (TimeoutError(), "no answer to the attempt to connect; power, cable"),
    "host says too late": (OSError(errno.ETIMEDOUT, "no"), "no answer to the attempt to connect"),
    "hung up": (
        ConnectionResetError(errno.ECONNRESET, "no"),
        "ended at once; does it take one more",
    ),
    "something else": (OSError(errno.EMFILE, "too many files"), "too many files"),
}


@pytest.mark.proves("4.19")
@pytest.mark.parametrize("what", WHY)
def test_why_there_is_no_connection_is_said_in_words(what: str) -> None:
    failure, words = WHY[what]
    assert words in TcpEndpoint(host="box.lan", port=502).trouble(failure)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the log has at the default level."""
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.INFO]


@pytest.mark.parametrize(
    ("door", "words"),
    [
        (do.refused(errno.ECONNREFUSED), "no link yet (refused; is Modbus switched on"),
        (do.refused(errno.EHOSTUNREACH), "no link yet (no route to it"),
        (do.name_error(socket.EAI_NONAME), "not known; is it written right?), trying again"),
        (do.unanswered, "no link yet (no answer to the attempt to connect"),
    ],
)
async def test_a_device_that_cannot_be_reached_from_the_start_has_its_reason_said_once(
    door: Door, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "knxgw")
    site = Site("tcp")
    site.peer.door = door
    async with asked(site):
        await asyncio.sleep(600.0)
    assert [words in line for line in lines(caplog)] == [True], lines(caplog)


@pytest.mark.proves("4.19")
async def test_a_device_that_never_answered_and_one_that_was_lost_are_logged_differently(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "knxgw")
    site = Site("rtu")
    site.peer.begin(do.silent, lambda _peer: None, frozenset({1}))
    async with asked(site):
        await asyncio.sleep(60.0)
        site.peer.begin(do.silent, lambda _peer: None, frozenset({2}))
        await asyncio.sleep(60.0)
    said = [line for line in lines(caplog) if "link is up" not in line]
    assert said == ["cp1: never answered since the start", "cp2: does not answer any more"]


async def test_a_connection_that_is_lost_and_comes_back_has_two_lines(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "knxgw")
    site = Site("tcp")
    async with asked(site):
        await asyncio.sleep(10.0)
        caplog.clear()
        site.peer.begin(site.peer.behave, do.refused_for(30.0), None)
        site.peer.hang_up()
        await asyncio.sleep(60.0)
    (lost, back) = lines(caplog)
    assert "link lost (refused; is Modbus switched on, is the port right?), trying again" in lost
    assert "link back after" in back


async def test_an_endpoint_without_any_answer_has_two_lines(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "knxgw")
    site = Site("rtu_over_tcp")
    async with asked(site):
        await asyncio.sleep(10.0)
        caplog.clear()
        site.peer.begin(do.silent, lambda _peer: None, None)
        await asyncio.sleep(120.0)
        site.peer.end()
        await asyncio.sleep(60.0)
    (lost, back) = lines(caplog)
    assert "link lost (none of 2 devices answers), trying again" in lost
    assert "link back after" in back


@pytest.mark.proves("4.20")
async def test_the_wire_log_names_register_and_function_of_what_is_refused_or_late(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "knxgw.wire.modbus")
    site = Site("tcp")
    async with asked(site):
        await asyncio.sleep(5.0)
        caplog.clear()
        site.peer.begin(do.first(1, do.exception(4)), lambda _peer: None, frozenset({1}))
        await asyncio.sleep(3.0)
        site.peer.begin(do.first(1, do.silent), lambda _peer: None, frozenset({2}))
        await asyncio.sleep(5.0)
    refused, late = [r.getMessage() for r in caplog.records]
    where = "read of holding registers 16384 to 16415 (serial, firmware, error_1 and 8 more)"
    assert f"{where}, function 3, unit 1: refused, exception 4, device failure" in refused
    assert f"{where}, function 3, unit 2: no answer within 2 s" in late
