"""A device that misbehaves all day adds few lines to the log: it says when trouble begins and ends."""

import asyncio
import errno
import logging
from dataclasses import replace

import pytest

from knxgw.charging.words import LinkCondition
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

DAY_S = 86_400.0
CALM = replace(every.MODEL, read=replace(every.MODEL.read, min_interval_s=30.0))  # a quicker day
MOST_LINES = 30  # what follows for charging points and sessions has the rest of a hundred


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
        await asyncio.sleep(DAY_S)
        site.peer.end()
        await asyncio.sleep(900.0)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) <= MOST_LINES, lines[:MOST_LINES]
    assert site.noted.condition(every.HIT) is LinkCondition.GOOD
    assert site.noted.condition(every.OTHER) is LinkCondition.GOOD
