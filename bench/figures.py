"""What a measurement says, and how it is printed."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Delays of the answered reads, and how many there were."""

    count: int  # reads sent
    lost: int  # reads nobody answered
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    rate_per_s: float  # answered reads per second, from the first read to the last response

    @classmethod
    def of(cls, delays_s: Sequence[float], *, count: int, duration_s: float) -> "Figures":
        """Return the figures of the delays; all zero when there are none."""
        ordered = sorted(delays_s)
        return cls(
            count=count,
            lost=count - len(ordered),
            p50_ms=_quantile_ms(ordered, 0.50),
            p95_ms=_quantile_ms(ordered, 0.95),
            p99_ms=_quantile_ms(ordered, 0.99),
            max_ms=_quantile_ms(ordered, 1.0),
            rate_per_s=round(len(ordered) / duration_s, 1) if duration_s > 0 else 0.0,
        )

    def as_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self))


def _quantile_ms(ordered_s: Sequence[float], share: float) -> float:
    """Return the smallest delay [ms] that `share` of all delays do not exceed."""
    if not ordered_s:
        return 0.0
    rank = max(1, math.ceil(share * len(ordered_s)))
    return round(ordered_s[rank - 1] * 1000, 3)
