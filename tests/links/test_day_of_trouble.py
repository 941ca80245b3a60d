"""A device that misbehaves all day adds few lines to the log: it says when trouble begins and ends."""

import asyncio
import errno
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from knxgw.charging.events import LinkCondition
from knxgw.links.modbus import LOSSES_AT_ONCE, LOSSES_EVERY_S, quiet_pymodbus
from knxgw.modbus.health import NEWS_AT_ONCE, NEWS_EVERY_S
from knxgw.sim.vehicle import Vehicle
from knxgw.station.notes import MOST_LINES, TOO_OFTEN
from tests.links import misdeeds as do
from tests.links import test_every_fault as every
from tests.links.faulty_peer import (
    CLOSE,
    Asked,
    Behaviour,
    Door,
    FaultyPeer,
    Said,
    open_door,
    right,
)
from tests.support.world import World

DAY_S = 86_400.0
CALM = replace(every.MODEL, read=replace(every.MODEL.read, min_interval_s=30.0))  # a quicker day
HOUR_S = 3600.0
LASTS_S = 8 * HOUR_S  # one more line than at its begin shows that more would follow
SITE = """
knx: {link: none}
load_management: {mode: "off"}
charging_points:
  - {number: 1, model: abb_terra_ac, connection: {host: 127.0.0.1, port: 5021}}
group_objects: {50: [1/1/50], 62: [1/1/62], 94: [1/1/94], 95: [1/1/95]}
"""


def most_lines(seconds: float) -> float:
    """Return how many lines a device may have in that time, with what follows from it.

    A loss and its end have two, as have wrong answers.
    """
    news = 2 * (NEWS_AT_ONCE + seconds / NEWS_EVERY_S)
    losses = 2 * (LOSSES_AT_ONCE + seconds / LOSSES_EVERY_S)
    return news + losses + sum(most + seconds / every_s for most, every_s in MOST_LINES.values())


def two_of(count: int, behave: Behaviour) -> Behaviour:
    """Misbehave twice in a row, then be right again."""
    return lambda asked: behave(asked) if asked.count % count < 2 else right(asked)


def _is_away() -> bool:
    return asyncio.get_running_loop().time() % 180.0 < 60.0


def away_now_and_then(_asked: Asked) -> Said:
    """Be without power for a minute every three."""
    return [(0.0, CLOSE)] if _is_away() else right(_asked)


def shut_now_and_then(_peer: FaultyPeer) -> None:
    """Let nobody in meanwhile."""
    if _is_away():
        raise OSError(errno.ECONNREFUSED, "without power")


TROUBLE: dict[str, tuple[Behaviour, Door]] = {
    "falls silent after 20 requests": (do.tires(20), open_door),
    "two answers in 10 lost": (two_of(10, do.silent), open_door),
    "two answers in 10 are exceptions": (two_of(10, do.exception(4)), open_door),
    "two answers in 10 are nonsense": (two_of(10, do.content(do.fewer)), open_door),
    "every fifth answer is an exception": (do.every(5, do.exception(4)), open_door),
    "without power for a minute every three": (away_now_and_then, shut_now_and_then),
    "closes after each answer": (do.closes_at(0.0), open_door),
    "refuses everything": (do.exception(2), open_door),
}


@pytest.mark.long
@pytest.mark.proves("4.18")
@pytest.mark.parametrize("what", TROUBLE)
async def test_a_day_of_trouble_adds_few_lines(
    what: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(every, "MODEL", CALM)
    caplog.set_level(logging.INFO, "knxgw")
    site = every.Site("tcp")
    async with every.asked(site):
        await asyncio.sleep(60.0)
        caplog.clear()
        behave, door = TROUBLE[what]
        site.peer.begin(behave, door, frozenset({1}) if door is open_door else None)
        await asyncio.sleep(LASTS_S)
        site.peer.end()
        await asyncio.sleep(900.0)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) <= 5, lines
    assert site.noted.condition(every.HIT) is LinkCondition.GOOD
    assert site.noted.condition(every.OTHER) is LinkCondition.GOOD


@pytest.mark.long
@pytest.mark.proves("4.18")
@pytest.mark.parametrize(
    "what", ["falls silent after 20 requests", "without power for a minute every three"]
)
async def test_a_whole_gateway_says_no_more_than_is_allowed(
    what: str, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """An hour shows that every line is counted, so the day follows from the allowances."""
    assert most_lines(DAY_S) < 100
    quiet_pymodbus()
    caplog.set_level(logging.INFO, "knxgw")
    hours = 1
    async with World(SITE, tmp_path) as world:
        world.strict = False
        world.charger().plug(Vehicle())
        await next(iter(world.site.servers.values())).stop()
        peer = FaultyPeer(transport="tcp", port=5021, images={1: world.charger()})
        listener = peer.listen()
        assert await listener.listen()
        peer.begin(*TROUBLE[what], None)
        caplog.clear()
        await world.sleep(hours * HOUR_S)
        listener.close()
    cut = [line for line in caplog.messages if TOO_OFTEN in line]
    assert 0 < len(cut) <= 2
    assert len(caplog.messages) - len(cut) <= most_lines(hours * HOUR_S)
