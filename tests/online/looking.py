"""What tests of the online check share: a site in a text, its simulated devices, one check."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from knxgw.catalogue.load import catalogue
from knxgw.catalogue.messages import Message
from knxgw.config.load import LoadedConfiguration, parse_configuration
from knxgw.monitoring.online_check import Seen, State
from knxgw.online.check import OnlineCheck
from knxgw.online.ports import Ports
from knxgw.online.progress import Board
from knxgw.sim.site import SimulatedSite

HEAD = "device: {name: Test}\nknx: {link: none}\ncharging_points:\n"


def read(text: str) -> LoadedConfiguration:
    """Return a site that can be looked at."""
    loaded = parse_configuration(text, catalogue(), name="site.yaml")
    assert loaded.configuration is not None, [str(one) for one in loaded.findings]
    return loaded


def point(number: int, model: str, host: str, port: int, unit: int) -> str:
    """Return the line of a charging point."""
    where = f"{{type: tcp, host: {host}, port: {port}, unit: {unit}}}"
    return f"  - {{number: {number}, model: {model}, connection: {where}}}\n"


@asynccontextmanager
async def simulated(text: str) -> AsyncIterator[SimulatedSite]:
    """Simulate the devices of a site; nothing may have been written to them at the end."""
    loop = asyncio.get_running_loop()
    configuration = read(text).configuration
    assert configuration is not None
    site = SimulatedSite(configuration, loop.time)
    await site.start()
    try:
        yield site
    finally:
        await site.stop()
    assert [server.writes for server in site.servers.values() if server.writes] == []


async def looked(
    text: str, *, ports: Ports | None = None, limit_s: float = 60.0, held_by: Message | None = None
) -> tuple[Board, list[Seen]]:
    """Check a site; return what is known, and every change that was told."""
    loaded = read(text)
    assert loaded.configuration is not None
    changes: list[Seen] = []
    online = OnlineCheck(
        loaded.configuration,
        tuple(catalogue().models),
        place=loaded.places.place,
        on_change=changes.append,
        ports=ports,
    )
    await online.run(limit_s, held_by=held_by)
    return online.board, changes


def ids(board: Board) -> dict[str, list[str]]:
    """Return the ids of what was found, by what it was found at."""
    return {
        id_: [str(one.words.id) for one in seen.findings if isinstance(one.words, Message)]
        for id_, seen in board.seen.items()
        if seen.findings
    }


def states(board: Board) -> dict[str, State]:
    """Return how far everything is."""
    return {id_: seen.state for id_, seen in board.seen.items()}
