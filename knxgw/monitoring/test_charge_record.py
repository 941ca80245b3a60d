"""First charges as they are kept in a file: the protocol of the set-up survives a restart. Pure."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from knxgw.monitoring.test_charge import Problem, Progress, Result, Row, Step


def record(charges: Mapping[int, Progress]) -> dict[str, Any]:
    """Return the tests that have ended, as JSON can hold them."""
    return {
        str(point): asdict(one)
        | {"began_at": None if one.began_at is None else one.began_at.isoformat()}
        for point, one in charges.items()
        if not one.is_running
    }


def recalled(kept: Mapping[str, Any]) -> dict[int, Progress]:
    """Return the tests that a file holds; one that cannot be understood is left out."""
    found = {}
    for point, one in kept.items():
        try:
            found[int(point)] = _progress(one)
        except (KeyError, TypeError, ValueError, AttributeError):
            continue  # of another version: the charge is tried once more
    return found


def _progress(kept: Mapping[str, Any]) -> Progress:
    began_at = kept["began_at"]
    return Progress(
        number=int(kept["number"]),
        point=int(kept["point"]),
        rows=tuple(map(_row, kept["rows"])),
        steps=tuple(Step(one) for one in kept["steps"]),
        began_at=None if began_at is None else datetime.fromisoformat(began_at),
        text_sum=str(kept["text_sum"]),
    )


def _row(kept: Mapping[str, Any]) -> Row:
    problem = kept["problem"]
    return Row(
        step=Step(kept["step"]),
        result=Result(kept["result"]),
        problem=None if problem is None else Problem(problem),
        took_s=float(kept["took_s"]),
        offer_ma=_whole(kept["offer_ma"]),
        phases_ma=tuple(map(_whole, kept["phases_ma"])),
        state_words=str(kept["state_words"]),
        state=_whole(kept["state"]),
        reason=str(kept["reason"]),
        reason_code=_whole(kept["reason_code"]),
        ends_in_s=None if kept["ends_in_s"] is None else float(kept["ends_in_s"]),
        held_s=float(kept["held_s"]),
    )


def _whole(kept: Any) -> int | None:  # noqa: ANN401 - of a file
    return None if kept is None else int(kept)
