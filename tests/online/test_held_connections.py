"""What the running gateway has is recognised, however a draft spells it; no name server is asked here."""

import asyncio
from pathlib import Path

import pytest

from knxgw.catalogue.messages import message
from knxgw.config.model import Configuration
from knxgw.held_devices import used_places
from knxgw.links.modbus_buses import devices_by_endpoint
from knxgw.online import held_connections
from knxgw.online.held_connections import (
    NOT_ASKED,
    Addresses,
    HeldConnections,
    Use,
    addresses_in,
    addresses_of,
)
from tests.online.looking import HEAD, point, read

LINE = "device: {{name: Test}}\nknx: {{link: none}}\nserial: {{port: {port}, baud: {baud}, parity: E}}\n"
ON_LINE = (
    "charging_points:\n"
    "  - {number: 1, model: heidelberg_energy_control, connection: {type: serial, unit: 1}}\n"
)
NAMED = "wallbox.example"
HERE = "192.0.2.31"


def on_line(port: Path | str, baud: int) -> Configuration:
    return configured(LINE.format(port=port, baud=baud) + ON_LINE)


def at(host: str, kind: str = "tcp") -> Configuration:
    model = "goe_charger" if kind == "tcp" else "heidelberg_energy_control"
    return configured(HEAD + point(1, model, host, 502, 1).replace("type: tcp", f"type: {kind}"))


def configured(text: str) -> Configuration:
    configuration = read(text).configuration
    assert configuration is not None
    return configuration


def use(
    running: Configuration | None, draft: Configuration, addresses: Addresses = NOT_ASKED
) -> Use | None:
    """Return how the running configuration has the only connection of a draft."""
    (endpoint,) = devices_by_endpoint(draft)
    used = () if running is None else devices_by_endpoint(running)
    return HeldConnections(used, addresses).use_of(endpoint)


@pytest.mark.proves("W48")
def test_a_serial_line_is_the_same_at_another_speed_and_by_another_device_file(
    tmp_path: Path,
) -> None:
    device, by_id = tmp_path / "ttyUSB0", tmp_path / "by-id-adapter"
    device.touch()
    by_id.symlink_to(device)
    running = on_line(device, 19_200)
    assert use(running, on_line(device, 19_200)) is Use.SAME
    assert use(running, on_line(by_id, 19_200)) is Use.SAME
    assert use(running, on_line(device, 9600)) is Use.OTHERWISE
    assert use(running, on_line(by_id, 9600)) is Use.OTHERWISE
    assert use(running, on_line(tmp_path / "ttyUSB1", 19_200)) is None


@pytest.mark.proves("W48")
def test_a_host_is_the_same_by_its_name_and_by_its_address() -> None:
    known = {NAMED: (HERE,)}
    assert use(at(NAMED), at(HERE), known) is Use.SAME
    assert use(at(HERE), at(NAMED), known) is Use.SAME
    assert use(at(HERE), at(NAMED, "rtu_over_tcp"), known) is Use.OTHERWISE
    assert use(at(HERE), at(NAMED)) is None, "no name server has told"
    assert use(at(HERE), at("192.0.2.32"), known) is None
    assert use(None, at(HERE), known) is None


async def test_name_servers_are_asked_only_where_a_draft_names_another_host() -> None:
    asked: list[str] = []

    async def resolve(host: str) -> tuple[str, ...]:
        asked.append(host)
        return (HERE,)

    named, here = devices_by_endpoint(at(NAMED)), devices_by_endpoint(at(HERE))
    assert await addresses_in(named, named, resolve) == {}
    assert await addresses_in((), named, resolve) == {}
    assert asked == []
    assert await addresses_in(named, here, resolve) == {NAMED: (HERE,)}
    assert asked == [NAMED], "an address is known"


async def test_a_name_that_is_not_known_or_whose_server_is_silent_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(held_connections, "RESOLVED_S", 0.01)

    async def resolve(host: str) -> tuple[str, ...]:
        if host == "silent.example":
            await asyncio.Event().wait()
        if host == "unknown.example":
            raise OSError(host)
        return (HERE,)

    hosts = ("silent.example", "unknown.example", NAMED)
    assert await addresses_of(hosts, resolve) == {NAMED: (HERE,)}


@pytest.mark.real
async def test_this_computer_has_its_usual_address() -> None:
    assert (await addresses_of(("localhost",)))["localhost"][0] == "127.0.0.1"


@pytest.mark.real
@pytest.mark.proves("W48")
async def test_who_asks_at_an_address_by_another_name_is_told_that_the_gateway_has_it() -> None:
    names = (message("online_charging_point", number=1),)
    used = await used_places(at("127.0.0.1"), "localhost")
    assert used == {("127.0.0.1", 502): names, ("localhost", 502): names}
    assert ("localhost", 502) not in await used_places(at("192.0.2.31"), "localhost")
    assert await used_places(None, "localhost") == {}
