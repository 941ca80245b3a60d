"""The last download: when, from where, how much, and how it ended. Pure; both times are handed in.

It begins with the first object whose state of loading changes, and is over when what was made of the device holds
(see `download`). What nobody goes on with is cut off; so is what a restart of the program finds under way.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from knxgw.catalogue.interface_objects import LoadState
from knxgw.device.download import UNLOADED_S, Stage, is_empty
from knxgw.device.model import DeviceModel


class Way(StrEnum):
    """How the tool reaches the device."""

    LINE = "line"  # over KNX: routing, or an interface
    TUNNEL = "tunnel"  # of our own server
    MANAGEMENT = "management"  # a device management connection of our own server


class Ending(StrEnum):
    """How a download has ended."""

    UNDER_WAY = "under_way"
    COMPLETED = "completed"
    UNLOADED = "unloaded"
    CUT_OFF = "cut_off"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """Who asks something of the device."""

    way: Way
    address: str = ""  # its individual address, "": it has none
    client: str = ""  # IP address and port, as far as they are known


@dataclass(frozen=True, slots=True, kw_only=True)
class LastDownload:
    """One download."""

    begun_at: datetime | None  # None: the time was not valid
    last_at: datetime | None  # when the tool asked something last
    duration_s: float  # from one to the other
    tool: Tool
    is_full: bool  # everything was unloaded; else it is a partial one
    objects: tuple[int, ...]  # indexes of those that were written or whose state has changed
    octets: int  # written into memory
    ending: Ending
    failed: tuple[int, int] | None = None  # index of an object, and its error (DPT 20.011)

    def as_json(self) -> Mapping[str, Any]:
        """Return it as it is stored."""
        return {
            "begun_at": _text(self.begun_at),
            "last_at": _text(self.last_at),
            "duration_s": round(self.duration_s, 1),
            "way": self.tool.way.value,
            "address": self.tool.address,
            "client": self.tool.client,
            "is_full": self.is_full,
            "objects": list(self.objects),
            "octets": self.octets,
            "ending": self.ending.value,
            "failed": None if self.failed is None else list(self.failed),
        }


def stored_download(found: Mapping[str, Any]) -> LastDownload:
    """Return what was stored. Raises: ValueError, KeyError, TypeError."""
    failed = found["failed"]
    return LastDownload(
        begun_at=_moment(found["begun_at"]),
        last_at=_moment(found["last_at"]),
        duration_s=float(found["duration_s"]),
        tool=Tool(
            way=Way(found["way"]), address=str(found["address"]), client=str(found["client"])
        ),
        is_full=bool(found["is_full"]),
        objects=tuple(int(one) for one in found["objects"]),
        octets=int(found["octets"]),
        ending=Ending(found["ending"]),
        failed=None if failed is None else (int(failed[0]), int(failed[1])),
    )


@dataclass(slots=True, kw_only=True)
class _Open:
    """A download that is not over."""

    begun: datetime | None
    begun_at: float  # [s]
    tool: Tool
    last: datetime | None
    last_at: float  # [s]
    is_full: bool = False
    objects: set[int] = field(default_factory=set)
    octets: int = 0
    failed: tuple[int, int] | None = None

    def as_last(self, ending: Ending) -> LastDownload:
        return LastDownload(
            begun_at=self.begun,
            last_at=self.last,
            duration_s=self.last_at - self.begun_at,
            tool=self.tool,
            is_full=self.is_full,
            objects=tuple(sorted(self.objects)),
            octets=self.octets,
            ending=ending,
            failed=self.failed,
        )


class DownloadLog:
    """Follows the downloads of one device."""

    def __init__(self, model: DeviceModel, last: LastDownload | None) -> None:
        """Go on after a restart; `last`: what was stored."""
        is_open = last is not None and last.ending is Ending.UNDER_WAY
        self._last = replace(last, ending=Ending.CUT_OFF) if last and is_open else last
        self._model = model
        self._open: _Open | None = None
        self._seen = self._look()

    def last(self, now_s: float) -> LastDownload | None:
        """Return the last download as it is now, None: there was none."""
        if self._open is None:
            return self._last
        if self._open.failed is not None:
            return self._open.as_last(Ending.FAILED)
        is_left = now_s - self._open.last_at > UNLOADED_S
        return self._open.as_last(Ending.CUT_OFF if is_left else Ending.UNDER_WAY)

    def asked(self, tool: Tool, now_s: float, now: datetime | None) -> None:
        """See the device after a tool has asked something of it."""
        before, self._seen = self._seen, self._look()
        changed = {index for index, seen in self._seen.items() if seen != before[index]}
        if changed and not self._goes_on(now_s):
            self._last = self.last(now_s)
            self._open = _Open(begun=now, begun_at=now_s, tool=tool, last=now, last_at=now_s)
            self._open.is_full = all(state is LoadState.UNLOADED for state, _ in before.values())
        if self._open is None or not (changed or self._is_of(tool, now_s)):
            return
        self._open.last, self._open.last_at = now, now_s
        self._open.is_full |= bool(changed) and is_empty(self._model)
        self._open.objects |= changed
        self._open.octets += sum(self._seen[one][1] - before[one][1] for one in changed)
        self._open.failed = next(
            (
                (index, one.error)
                for index, one in self._model.loadables.items()
                if one.state is LoadState.ERROR
            ),
            None,
        )

    def ended(self, stage: Stage) -> None:
        """Note that what was made of the device holds."""
        ending = {Stage.LOADED: Ending.COMPLETED, Stage.UNTOUCHED: Ending.UNLOADED}.get(stage)
        if self._open is not None and ending is not None:
            self._last, self._open = self._open.as_last(ending), None
            self._model.unsaved.is_state = True

    def _goes_on(self, now_s: float) -> bool:
        return self._open is not None and now_s - self._open.last_at <= UNLOADED_S

    def _is_of(self, tool: Tool, now_s: float) -> bool:
        """Tell whether the tool of the open download goes on: another may only look at the device."""
        return self._open is not None and self._open.tool == tool and self._goes_on(now_s)

    def _look(self) -> Mapping[int, tuple[LoadState, int]]:
        return {
            index: (one.state, one.segment.written) for index, one in self._model.loadables.items()
        }


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


def _moment(text: str | None) -> datetime | None:
    found = None if text is None else datetime.fromisoformat(text)
    if found is not None and found.tzinfo is None:
        raise ValueError("it says no time zone")
    return found
