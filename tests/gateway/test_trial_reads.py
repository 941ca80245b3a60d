"""A device of a draft is read once: alone, or through the running gateway; against simulators on real sockets."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import Message, message
from knxgw.charging.quantities import Quantity
from knxgw.config.edit_yaml import values_of
from knxgw.config.one_device import OneDevice, Part, one_device
from knxgw.links.modbus_buses import ModbusBuses
from knxgw.online.ports import Ports
from knxgw.sim.loopback import free_port
from knxgw.trial_reads import LIMIT_S, TrialReads
from knxgw.website.trials import Trial
from tests.online.looking import HEAD, point, read, simulated

pytestmark = pytest.mark.real
HERE = "127.0.0.1"
METER_SITE = """\
  - number: 1
    model: goe_charger
    connection: {{type: tcp, host: 127.0.0.1, port: {charger}, unit: 1}}
    meter: {{{meter}, connection: {{type: tcp, host: 127.0.0.1, port: {port}, unit: 1}}}}
"""
BY_HAND = (
    "manual: {function: 4, current: {type: f32, l1: 6, l2: 8, l3: 10},"
    " power: {type: f32, l1: 12, l2: 14, l3: 16}}"
)


def wanted(text: str, part: Part = Part.CHARGER, entry: int = 0) -> OneDevice:
    """Return a device of a draft."""
    found = one_device(values_of(text), part, entry, catalogue())
    assert isinstance(found, OneDevice), found
    return found


@asynccontextmanager
async def reads(
    buses: ModbusBuses | None = None,
    ports: Ports | None = None,
    refuses: Callable[[str | None], Message | None] = lambda _host: None,
) -> AsyncIterator[TrialReads]:
    """Give the reads of a device that has these buses."""
    async with asyncio.TaskGroup() as group:
        found = TrialReads(lambda: buses, group, ports, refuses)
        yield found
        found.end()


async def end_of(reading: TrialReads, number: int) -> Trial:
    """Return what came of a read."""
    async with asyncio.timeout(LIMIT_S + 5.0):
        while (trial := reading.progress(number)) is None or trial.is_running:  # noqa: ASYNC110 - as pages do
            await asyncio.sleep(0.05)
    return trial


@asynccontextmanager
async def polled(text: str) -> AsyncIterator[ModbusBuses]:
    """Let a gateway poll the devices of a site; it sets no current."""
    configuration = read(text).configuration
    assert configuration is not None
    buses = ModbusBuses(lambda _event: None)
    buses.configure(configuration)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(buses.run())
        async with asyncio.timeout(20.0):
            while not buses.is_polled:  # noqa: ASYNC110 - it happens at the other end of a wire
                await asyncio.sleep(0.05)
        yield buses
        task.cancel()


def ids(trial: Trial) -> Sequence[str]:
    return [str(one.words.id) for one in trial.findings if isinstance(one.words, Message)]


@pytest.mark.proves("W64")
async def test_a_charger_is_read_with_its_values_and_nothing_is_written() -> None:
    text = HEAD + point(1, "goe_charger", HERE, free_port(0), 1)
    async with simulated(text) as site, reads() as reading:
        number = reading.start(wanted(text))
        first = reading.progress(number)
        assert first is not None
        assert first.is_running
        trial = await end_of(reading, number)
        (server,) = site.servers.values()
        assert server.clients == [1], "one connection"
    assert trial.is_good
    assert trial.values[Quantity.CONNECTED] == 0
    assert trial.words is not None
    assert trial.words.id == "online_answers"


@pytest.mark.proves("W64")
async def test_a_meter_that_is_entered_by_hand_is_read() -> None:
    ports = {"charger": free_port(0), "port": free_port(0)}
    known = HEAD + METER_SITE.format(meter="model: eastron_sdm630", **ports)
    async with simulated(known), reads() as reading:
        by_hand = wanted(HEAD + METER_SITE.format(meter=BY_HAND, **ports), Part.METER)
        trial = await end_of(reading, reading.start(by_hand))
    assert trial.findings == ()
    assert {Quantity.CURRENT_L1, Quantity.POWER_L3} <= set(trial.values)
    assert not trial.is_running


SMART_METER = (
    "load_management:\n  mode: dynamic\n  fuse_a: 50\n  smart_meter: {{source: modbus, {meter}, "
    "connection: {{type: tcp, host: 127.0.0.1, port: {port}, unit: 1}}}}\n"
)


@pytest.mark.proves("W64")
@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("l1: 6", "l1: 60000", "L1: register 60000 of the current does not answer"),
        ("l3: 10", "l3: 60000", "L3: register 60000 of the current does not answer"),
        ("l2: 14", "l2: 60000", "L2: register 60000 of the power does not answer"),
    ],
)
async def test_a_register_that_does_not_answer_is_never_hidden_by_others(
    right: str, wrong: str, said: str
) -> None:
    port = free_port(0)
    head = HEAD + point(1, "goe_charger", HERE, free_port(0), 1)
    known = head + SMART_METER.format(meter="model: eastron_sdm630", port=port)
    draft = head + SMART_METER.format(meter=BY_HAND.replace(right, wrong), port=port)
    async with simulated(known), reads() as reading:
        smart_meter = wanted(draft, Part.SMART_METER)
        trial = await end_of(reading, reading.start(smart_meter))
    assert said in [one.problem for one in trial.findings]
    kind = "power" if "power" in said else "current"
    keys = {one.place.key for one in trial.findings if one.problem == said}
    assert keys == {f"load_management.smart_meter.manual.{kind}.{right[:2]}"}
    assert not trial.is_good
    assert trial.values, "the others are shown"
    assert "online_unit_silent" not in ids(trial)


@pytest.mark.proves("W64")
async def test_a_closed_port_and_another_model_are_said_with_a_remedy_at_the_field() -> None:
    port = free_port(0)
    text = HEAD + point(1, "goe_charger", HERE, port, 1)
    draft = (
        text
        + point(2, "abb_terra_ac", HERE, free_port(0), 1)
        + point(3, "alfen_eve", HERE, port, 1)
    )
    async with simulated(text), reads() as reading:
        closed = await end_of(reading, reading.start(wanted(draft, entry=1)))
        other = await end_of(reading, reading.start(wanted(draft, entry=2)))
    assert (ids(closed), ids(other)) == (["online_refused"], ["online_other_model"])
    assert closed.findings[0].place.key == "charging_points[1].connection.port"
    assert other.findings[0].place.key == "charging_points[2].model"
    assert all(one.said("de")[1] for one in (*closed.findings, *other.findings))
    assert not closed.is_good


@pytest.mark.long
@pytest.mark.proves("W64")
async def test_what_never_answers_ends_within_the_limit() -> None:
    async def for_ever(
        endpoint: object, askers: object, on_progress: object, limit_s: float
    ) -> bool:
        await asyncio.Event().wait()
        return True

    text = HEAD + point(1, "goe_charger", HERE, free_port(0), 1)
    loop = asyncio.get_running_loop()
    async with reads(ports=Ports(examine=for_ever)) as reading:
        began_at = loop.time()
        trial = await end_of(reading, reading.start(wanted(text)))
        assert loop.time() - began_at < LIMIT_S + 1.0
    assert ids(trial) == ["online_no_answer"]


@pytest.mark.proves("W64")
async def test_a_device_that_the_gateway_has_is_asked_through_the_gateway() -> None:
    text = HEAD + point(1, "vestel_evc04_webasto_unite", HERE, free_port(0), 255)
    async with simulated(text) as site, polled(text) as buses, reads(buses) as reading:
        trial = await end_of(reading, reading.start(wanted(text)))
        (server,) = site.servers.values()
        assert server.clients == [1], "the charger takes one program only"
        assert all(driver.condition == "good" for driver in buses.drivers)
    assert trial.is_through_gateway
    assert trial.values
    assert trial.findings == ()


@pytest.mark.proves("W64")
async def test_an_endpoint_that_takes_one_program_is_left_to_the_gateway() -> None:
    port = free_port(0)
    text = HEAD + point(1, "vestel_evc04_webasto_unite", HERE, port, 255)
    draft = HEAD + point(1, "goe_charger", HERE, port, 7)
    async with simulated(text) as site, polled(text) as buses, reads(buses) as reading:
        trial = await end_of(reading, reading.start(wanted(draft)))
        (server,) = site.servers.values()
        assert server.clients == [1]
    assert ids(trial) == ["trial_in_use"]
    assert str(port) in trial.findings[0].problem


@pytest.mark.long
@pytest.mark.proves("W64")
async def test_other_settings_of_a_connection_are_not_tried_through_the_old_ones() -> None:
    port = free_port(0)
    text = HEAD + point(1, "heidelberg_energy_control", HERE, port, 1).replace(
        "tcp", "rtu_over_tcp"
    )
    draft = HEAD + point(1, "goe_charger", HERE, port, 1)
    async with simulated(text), polled(text) as buses, reads(buses) as reading:
        same = await end_of(reading, reading.start(wanted(text)))
        other = await end_of(reading, reading.start(wanted(draft)))
    assert same.is_through_gateway
    assert ids(other) == ["trial_in_use"]


@pytest.mark.proves("W64")
async def test_a_host_that_is_spelled_otherwise_is_asked_through_the_gateway_as_well() -> None:
    text = HEAD + point(1, "vestel_evc04_webasto_unite", HERE, free_port(0), 255)
    async with simulated(text) as site, polled(text) as buses, reads(buses) as reading:
        pages, by_name = reading.for_pages(), wanted(text.replace(HERE, "localhost"))
        trial = await end_of(reading, await asyncio.to_thread(pages.start, by_name))
        (server,) = site.servers.values()
        assert server.clients == [1], "the charger takes one program only"
    assert trial.is_through_gateway
    assert trial.values


async def test_what_is_not_reached_from_here_is_not_read_and_it_is_said_why() -> None:
    async def examine(*_given: object) -> bool:
        raise AssertionError("nobody may connect")

    text = HEAD + point(1, "goe_charger", "192.0.2.31", 502, 1)
    ports = Ports(examine=examine, resolve=examine)  # type: ignore[arg-type]
    async with reads(ports=ports, refuses=lambda _host: message("demo_only_simulated")) as reading:
        trial = await end_of(reading, reading.start(wanted(text)))
    assert ids(trial) == ["demo_only_simulated"]


@pytest.mark.long
@pytest.mark.proves("W64")
async def test_one_read_at_a_time_and_a_cancelled_one_makes_room() -> None:
    text = HEAD + point(1, "goe_charger", HERE, free_port(0), 1)
    async with simulated(text), reads() as reading:
        first = reading.start(wanted(text))
        second = await end_of(reading, reading.start(wanted(text)))
        assert ids(second) == ["trial_runs"]
        await asyncio.sleep(0.2)
        reading.cancel(first)
        cancelled = await end_of(reading, first)
        assert cancelled.words is not None
        assert cancelled.words.id == "trial_cancelled"
        third = await end_of(reading, reading.start(wanted(text)))
    assert third.is_good


async def test_a_mistake_of_the_program_ends_the_read_and_not_the_device(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(endpoint: object, askers: object, on_progress: object, limit_s: float) -> bool:
        raise ValueError("a bug")

    text = HEAD + point(1, "goe_charger", HERE, free_port(0), 1)
    async with reads(ports=Ports(examine=broken)) as reading:
        trial = await end_of(reading, reading.start(wanted(text)))
    assert "trial_failed" in ids(trial)
    assert any(record.exc_info for record in caplog.records if record.levelno == logging.ERROR)
    caplog.clear()


async def test_only_the_last_outcomes_are_kept() -> None:
    text = HEAD + point(1, "goe_charger", HERE, free_port(0), 1)
    async with reads() as reading:
        numbers = []
        for _ in range(25):
            numbers.append(reading.start(wanted(text)))
            await end_of(reading, numbers[-1])
    assert reading.progress(numbers[0]) is None
    assert reading.progress(numbers[-1]) is not None


@pytest.mark.long
async def test_pages_ask_from_their_threads() -> None:
    text = HEAD + point(1, "goe_charger", HERE, free_port(0), 1)
    async with simulated(text), reads() as reading:
        pages = reading.for_pages()

        def as_a_page_does() -> Trial | None:
            number = pages.start(wanted(text))
            pages.finished(number)
            return pages.progress(number)

        trial = await asyncio.to_thread(as_a_page_does)
    assert trial is not None
    assert trial.is_good
