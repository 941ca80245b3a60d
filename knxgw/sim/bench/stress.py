"""How much of the patience of an overcurrent device a load has used up.

The curves are conservative envelopes for comparing, not normative tripping curves.
Source: load-management 22 (breaker stress).
"""

import math
from bisect import bisect_right

from knxgw.sim.bench.curve import Curve

DECAY_S = 300.0
FINEST_S = 0.02  # a slope is followed in parts of this length
SafeTimes = tuple[tuple[float, float], ...]  # multiple of the rated current, safe time [s]
B_TYPE: SafeTimes = (
    (1.13, 3600.0),
    (1.20, 300.0),
    (1.45, 40.0),
    (2.0, 6.0),
    (2.55, 1.0),
    (3.0, 0.05),
)
GG_TYPE: SafeTimes = ((1.25, 3600.0), (1.6, 300.0), (2.5, 10.0), (5.0, 0.1))


def safe_s(multiple: float, curve: SafeTimes) -> float:
    """Return how long a multiple of the rated current is safe [s]; infinite below the curve."""
    if multiple < curve[0][0]:
        return math.inf
    if multiple >= curve[-1][0]:
        return curve[-1][1]
    index = bisect_right([one for one, _ in curve], multiple) - 1
    (low, low_s), (high, high_s) = curve[index], curve[index + 1]
    exponent = math.log(high_s / low_s) / math.log(high / low)
    return low_s * float((multiple / low) ** exponent)


def stress(load: Curve, fuse_ma: float, safe: SafeTimes, from_s: float, to_s: float) -> float:
    """Return the highest stress of a load [mA]; 1 is a trip, and it decays with 300 s."""
    value = highest = 0.0
    last_s = from_s
    for start_s, end_s in load.above(safe[0][0] * fuse_ma, from_s, to_s):
        value *= math.exp((last_s - start_s) / DECAY_S)
        for piece in load.pieces(start_s, end_s):
            value = _after(value, piece, fuse_ma, safe)
        highest = max(highest, value)
        last_s = end_s
    return highest


def _after(
    value: float, piece: tuple[float, float, float, float], fuse_ma: float, safe: SafeTimes
) -> float:
    """Return the stress after a straight line."""
    start_s, end_s, first, last = piece
    parts = 1 if first == last else max(1, math.ceil((end_s - start_s) / FINEST_S))
    part_s = (end_s - start_s) / parts
    kept = math.exp(-part_s / DECAY_S)
    for number in range(parts):
        middle = first + (last - first) * (number + 0.5) / parts
        rate = 1.0 / safe_s(middle / fuse_ma, safe)
        value = value * kept + rate * DECAY_S * (1.0 - kept)
    return value
