"""Watches the LEDs of the front panel and says what a person sees."""

import itertools
from operator import attrgetter

from knxgw.device.panel import Leds, PanelState, leds

LOOK_S = 0.02  # how often the panel is looked at
WATCH_S = 30.0
PAUSE_S = 1.8  # longer than this between two flashes is a pause


def watched(state: PanelState, start_s: float = 1000.0, seconds: float = WATCH_S) -> list[Leds]:
    """Return what is lit while someone looks at a panel that stays as it is."""
    return [leds(state, start_s + n * LOOK_S) for n in range(round(seconds / LOOK_S))]


def in_words(seen: list[Leds], led: str) -> str:
    """Say what one LED did: "on", "off", "slow flash", "rapid flash", "3 slow flashes, pause"."""
    lit = [bool(attrgetter(led)(one)) for one in seen]
    if all(lit) or not any(lit):
        return "on" if lit[0] else "off"
    ups = [n * LOOK_S for n, (old, new) in enumerate(itertools.pairwise(lit)) if new and not old]
    gaps = [later - sooner for sooner, later in itertools.pairwise(ups)]
    if max(gaps) - min(gaps) <= 3 * LOOK_S:
        return f"{_rhythm(gaps)} flash"
    pauses = [n for n, gap in enumerate(gaps) if gap >= PAUSE_S]
    counts = {later - sooner for sooner, later in itertools.pairwise(pauses)}
    assert len(counts) == 1, f"groups of {counts} flashes"
    rhythm = _rhythm([gap for gap in gaps if gap < PAUSE_S])
    return f"{counts.pop()} {rhythm} flashes, pause"


def _rhythm(gaps: list[float]) -> str:
    if all(0.8 <= gap <= 1.25 for gap in gaps):
        return "slow"
    assert all(gap <= 0.34 for gap in gaps), gaps
    return "rapid"
