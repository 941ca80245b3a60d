"""How far a download is, and from when on the device runs with it. Pure; time is handed in.

ETS unloads objects, loads them, and has the device start anew; it disconnects and connects in between. While any
object is neither as it was nor loaded to the end, nothing may run. A device that ETS has unloaded goes back to its
own configuration only after a while: ETS does the same for a moment in each download.
"""

from enum import Enum

from knxgw.catalogue.interface_objects import LoadState
from knxgw.device.model import DeviceModel

UNLOADED_S = 30.0  # without a connection, until an unloaded device is no download any more


class Stage(Enum):
    """What ETS has made of the device."""

    UNTOUCHED = "not loaded by ETS"
    LOADING = "being loaded by ETS"
    LOADED = "loaded by ETS"


def stage_of(model: DeviceModel) -> Stage:
    """Return what the states of all objects come to."""
    if model.is_configured:
        return Stage.LOADED
    states = {one.state for one in model.loadables.values()}
    return Stage.UNTOUCHED if states == {LoadState.UNLOADED} else Stage.LOADING


class Download:
    """Watches one device: which stage holds for what runs."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage  # that holds
        self._unloaded_since: float | None = None
        self.is_changed = False  # since it was loaded, and it has not started anew
        self.is_full = False  # everything was unloaded before

    def seen(self, stage: Stage, now_s: float, *, is_connected: bool, has_restarted: bool) -> bool:
        """See the device after something has happened; tell whether another stage holds, or the same anew."""
        if stage is Stage.LOADING:
            self.is_full = self.stage is Stage.UNTOUCHED or (self.is_full and self.is_changed)
            self._unloaded_since, self.is_changed = None, True
            return self._take(Stage.LOADING)
        if stage is Stage.LOADED:
            self._unloaded_since = None
            is_new = self.is_changed and (has_restarted or not is_connected)
            if is_new:
                self.stage, self.is_changed = Stage.LOADED, False
            return is_new
        if self.stage is Stage.UNTOUCHED:
            return False
        self.is_full = self.is_changed = True
        if is_connected or self._unloaded_since is None:
            self._unloaded_since = now_s
            return self._take(Stage.LOADING)
        if now_s - self._unloaded_since < UNLOADED_S:
            return False
        self.is_changed = False
        return self._take(Stage.UNTOUCHED)

    def due_at(self) -> float:
        """Return when an unloaded device is to be looked at again [s]."""
        return float("inf") if self._unloaded_since is None else self._unloaded_since + UNLOADED_S

    def _take(self, stage: Stage) -> bool:
        is_other = self.stage is not stage
        self.stage = stage
        if stage is Stage.UNTOUCHED:
            self._unloaded_since = None
        return is_other
