"""How far a download is, and from when on the device runs with it. Pure; time is handed in.

ETS unloads objects, loads them, and restarts the device; it disconnects and connects in between. While any
object is neither as it was nor loaded to the end, nothing may run. A device that ETS has unloaded goes back to its
own configuration only after a while: ETS does the same for a moment in each download.
"""

from enum import Enum

from knxgw.catalogue.interface_objects import LoadState
from knxgw.device.model import DeviceModel

UNLOADED_S = 30.0  # without a connection, until an unloaded device is no download any more
QUIET_S = 6.0  # without one, until a tool that does not restart the device has finished: as long as connections last
APPLICATION = 4  # index of the object


class Stage(Enum):
    """What ETS has made of the device."""

    UNTOUCHED = "not loaded by ETS"
    LOADING = "being loaded by ETS"
    LOADED = "loaded by ETS"


def stage_of(model: DeviceModel) -> Stage:
    """Return what the states of all objects that ETS loads come to.

    Without an application there is nothing that could run, unless something is just being loaded. What was damaged on
    the disk counts as being loaded.
    """
    if model.is_configured and model.keys.state not in {LoadState.LOADING, LoadState.ERROR}:
        return Stage.LOADED
    states = {index: one.state for index, one in model.loadables.items() if one.has_memory}
    is_loading = {LoadState.LOADING, LoadState.ERROR} & set(states.values())
    if model.is_damaged or is_loading or states[APPLICATION] is not LoadState.UNLOADED:
        return Stage.LOADING
    return Stage.UNTOUCHED


def is_empty(model: DeviceModel) -> bool:
    """Tell whether nothing is loaded at all."""
    return all(one.state is LoadState.UNLOADED for one in model.loadables.values())


class Download:
    """Watches one device: which stage holds for what runs."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage  # that holds
        self.is_full = False  # everything was unloaded before
        self._is_changed = stage is Stage.LOADING  # since it was loaded, and it has not restarted
        self._holds_at: float | None = None  # [s], what was made of it, unless a tool goes on

    def note_change(self) -> None:
        """Note that something loaded is another one, although no object was loaded: a reset has erased it."""
        self._is_changed = True

    def note_empty(self) -> None:
        """Note that everything is unloaded."""
        self.is_full = True

    def seen(self, stage: Stage, now_s: float, *, is_connected: bool, has_restarted: bool) -> bool:
        """See the device after something has happened; tell whether another stage holds, or the same again."""
        if stage is Stage.LOADING:
            self._is_changed, self._holds_at = True, None
            return self._take(Stage.LOADING)
        if not (self._is_changed or stage is not self.stage):
            return False
        self._is_changed = True
        is_held_back = False
        if stage is Stage.UNTOUCHED:
            is_held_back = self._take(Stage.LOADING)
        is_loaded = stage is Stage.LOADED
        if is_connected or self._holds_at is None:
            self._holds_at = now_s + (QUIET_S if is_loaded else UNLOADED_S)
        if now_s < self._holds_at and not (is_loaded and has_restarted):
            return is_held_back
        self.stage, self._is_changed, self._holds_at = stage, False, None
        return True

    def due_at(self) -> float:
        """Return when the device is to be looked at again [s]."""
        return float("inf") if self._holds_at is None else self._holds_at

    def _take(self, stage: Stage) -> bool:
        is_other = self.stage is not stage
        self.stage = stage
        return is_other
