"""The online check of chargers and meters, against simulated ones on real sockets; it only reads."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import message
from knxgw.errors import Severity
from knxgw.monitoring.online_check import State
from knxgw.online.modbus_devices import RESOLVE_S
from knxgw.online.ports import Ports
from knxgw.sim.loopback import free_port
from tests.online.looking import HEAD, ids, looked, point, simulated, states
from tests.support.another_master import others_want

pytestmark = pytest.mark.real
HERE = "127.0.0.1"
METER = (
    "load_management:\n  mode: dynamic\n  fuse_a: 50\n"
    "  smart_meter: {{source: modbus, model: eastron_sdm630, "
    "connection: {{type: tcp, host: 127.0.0.1, port: {port}, unit: 1}}}}\n"
)


@pytest.mark.long
async def test_what_is_as_configured_is_good_and_nothing_is_written() -> None:
    text = HEAD + point(1, "alfen_eve", HERE, free_port(0), 1)
    text += point(2, "goe_charger", HERE, free_port(0), 1) + METER.format(port=free_port(0))
    async with simulated(text) as site:
        board, changes = await looked(text)
        assert all(server.clients == [1] for server in site.servers.values()), "one connection each"
    assert ids(board) == {}
    assert set(states(board).values()) == {State.GOOD}
    assert list(board.seen) == ["cp1/charger", "cp2/charger", "grid/meter"]
    of_one = [one.state for one in changes if one.id == "cp1/charger"]
    assert of_one[0] is State.WAITING
    assert of_one[-1] is State.GOOD
    assert State.LOOKING in of_one


@pytest.mark.long
async def test_another_model_is_named() -> None:
    port = free_port(0)
    async with simulated(HEAD + point(1, "goe_charger", HERE, port, 1)):
        board, _ = await looked(HEAD + point(1, "alfen_eve", HERE, port, 1))
    (finding,) = board.findings
    assert ids(board) == {"cp1/charger": ["online_other_model"]}
    assert str(finding).startswith("site.yaml:4: warning: charging_points[0].model: ")
    assert "like goe_charger and not like alfen_eve" in str(finding)
    assert "Typenschild" in finding.said("de")[1]


async def test_a_register_of_the_smart_meter_that_does_not_answer_is_named() -> None:
    port = free_port(0)
    right = HEAD + point(1, "goe_charger", HERE, free_port(0), 1) + METER.format(port=port)
    manual = "manual: {function: 4, current: {type: f32, l1: 60000, l2: 8, l3: 10}}"
    async with simulated(right):
        board, _ = await looked(right.replace("model: eastron_sdm630", manual))
    assert ids(board)["grid/meter"] == ["online_current_silent"]
    assert states(board)["grid/meter"] is State.WARNING
    assert "L1: register 60000 of the current does not answer" in str(board.findings[0])


@pytest.mark.long
async def test_a_meter_that_is_another_one_is_named() -> None:
    port = free_port(0)
    right = HEAD + point(1, "goe_charger", HERE, free_port(0), 1) + METER.format(port=port)
    async with simulated(right.replace("eastron_sdm630", "janitza_umg604")):
        board, _ = await looked(right)
    assert ids(board)["grid/meter"] in (["online_other_model"], ["online_not_model"])


async def test_a_wrong_unit_is_told_from_a_closed_port() -> None:
    port, closed = free_port(0), free_port(0)
    async with simulated(HEAD + point(1, "goe_charger", HERE, port, 1)):
        text = HEAD + point(1, "goe_charger", HERE, port, 9)
        board, _ = await looked(text + point(2, "abb_terra_ac", HERE, closed, 1))
    assert ids(board) == {"cp1/charger": ["online_unit_silent"], "cp2/charger": ["online_refused"]}
    assert [one.place.key for one in board.findings] == [
        "charging_points[0].connection.unit",
        "charging_points[1].connection.port",
    ]
    assert {one.severity for one in board.findings} == {Severity.WARNING}


async def test_a_name_that_is_not_known_is_said_at_the_host() -> None:
    async def not_known(_host: str) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no")

    board, _ = await looked(
        HEAD + point(1, "goe_charger", "box.invalid", 502, 1), ports=Ports(resolve=not_known)
    )
    assert ids(board) == {"cp1/charger": ["online_name_not_known"]}
    assert board.findings[0].place.key == "charging_points[0].connection.host"


@pytest.fixture
def black_hole() -> Iterator[tuple[str, int]]:
    """Return an address where an attempt to connect gets no answer at all."""
    full = socket.socket()
    full.bind((HERE, 0))
    full.listen(0)
    waiting = [socket.socket() for _ in range(8)]
    for one in waiting:
        one.setblocking(False)
        one.connect_ex(full.getsockname())
    yield full.getsockname()
    for one in (*waiting, full):
        one.close()


@pytest.mark.long
async def test_who_never_answers_ends_within_its_time_and_holds_up_nobody(
    black_hole: tuple[str, int],
) -> None:
    good = HEAD + point(1, "goe_charger", HERE, free_port(0), 1)
    begun_s = asyncio.get_running_loop().time()
    async with simulated(good):
        board, changes = await looked(good + point(2, "abb_terra_ac", *black_hole, 1))
    ended = [one.id for one in changes if one.state in (State.GOOD, State.WARNING)]
    assert set(ended) == {"cp1/charger", "cp2/charger"}
    assert ids(board) == {"cp2/charger": ["online_no_answer"]}
    assert asyncio.get_running_loop().time() - begun_s < 15.0


async def test_the_time_limit_ends_it_with_what_is_known() -> None:
    async def never(_host: str) -> None:
        await asyncio.sleep(RESOLVE_S - 1)

    text = HEAD + point(1, "goe_charger", "box.invalid", 502, 1)
    board, _ = await looked(text, ports=Ports(resolve=never), limit_s=0.2)
    assert states(board) == {"cp1/charger": State.UNFINISHED}


@pytest.mark.long
async def test_somebody_else_who_changes_the_limit_is_noticed() -> None:
    text = HEAD + point(1, "abb_terra_ac", HERE, free_port(0), 1)
    async with simulated(text) as site:
        (charger,) = site.chargers.values()
        model = catalogue().chargers["abb_terra_ac"]
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(looked(text))
            while not looking.done():
                for offer_ma in (6000, 16_000):
                    others_want(charger, model, offer_ma)
                    await asyncio.sleep(0.9)
        board, _ = looking.result()
    assert ids(board) == {"cp1/charger": ["online_other_master"]}


@pytest.mark.long
@pytest.mark.parametrize(
    ("turned", "found"),
    [((1, 2, 3), "online_meter_feeds_in"), ((2,), "online_meter_phase_feeds_in")],
)
async def test_a_meter_that_is_turned_round_is_asked_about(
    turned: tuple[int, ...], found: str
) -> None:
    text = HEAD + point(1, "goe_charger", HERE, free_port(0), 1) + METER.format(port=free_port(0))
    async with simulated(text) as site:
        site.house.set_base([8000.0, 8000.0, 8000.0])
        site.house.reverse_meter(turned)
        board, _ = await looked(text)
    assert ids(board) == {"grid/meter": [found]}


async def test_what_a_running_gateway_holds_is_left_alone() -> None:
    text = HEAD + point(1, "goe_charger", HERE, free_port(0), 1)
    async with simulated(text) as site:
        board, _ = await looked(text, held_by=message("running_gateway"))
        assert all(server.clients == [] for server in site.servers.values())
    assert states(board) == {"cp1/charger": State.SKIPPED}


@pytest.mark.long
async def test_a_serial_line_is_opened_and_a_silent_unit_named(tmp_path: Path) -> None:
    line = tmp_path / "line"
    text = (
        f"serial: {{port: {line}, protocol: rtu, baud: 115200, parity: N}}\n{HEAD}"
        "  - {number: 1, model: heidelberg_energy_control, connection: {type: serial, unit: 3}}\n"
    )
    async with simulated(text):
        board, _ = await looked(text)
        assert ids(board) == {}
        board, _ = await looked(text.replace("unit: 3", "unit: 4"))
        assert ids(board) == {"cp1/charger": ["online_unit_silent"]}
    line.unlink(missing_ok=True)
    board, _ = await looked(text)
    assert ids(board) == {"cp1/charger": ["online_line_missing"]}
    assert board.findings[0].place.key == "serial.port"
