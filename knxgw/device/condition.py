"""Where the configuration of the KNX device comes from just now, or why none holds: one word for people. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from knxgw.catalogue.interface_objects import LoadState
from knxgw.device.download import Stage, stage_of
from knxgw.device.last_download import Ending
from knxgw.device.model import DeviceModel


class Condition(StrEnum):
    """Where the configuration comes from, or why there is none."""

    OWN = "own"  # the device's own file
    NOTHING = "nothing"  # neither a file, nor anything from ETS
    ETS = "ets"
    CANNOT_RUN = "cannot_run"  # ETS has loaded what does not run
    LOADING = "loading"
    WAITS = "waits"  # all is loaded; the tool has not restarted it
    UNLOADED = "unloaded"  # a moment ago; it may be the begin of a download
    CUT_OFF = "cut_off"
    FAILED = "failed"
    DAMAGED = "damaged"  # what was stored cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the model alone does not say."""

    stage: Stage  # that holds
    ending: Ending | None  # of the last download; None: there was none
    is_connected: bool  # a tool has a connection
    has_own: bool  # a configuration of its own
    cannot_run: bool  # with what ETS has loaded


def condition_of(model: DeviceModel, now: Circumstances) -> Condition:
    """Return what the device is made of."""
    if now.stage is Stage.LOADED:
        return Condition.CANNOT_RUN if now.cannot_run else Condition.ETS
    if now.stage is Stage.UNTOUCHED:
        return Condition.OWN if now.has_own else Condition.NOTHING
    if model.is_damaged:
        return Condition.DAMAGED
    if any(one.state is LoadState.ERROR for one in model.loadables.values()):
        return Condition.FAILED
    made = stage_of(model)
    if made is not Stage.LOADING:
        return Condition.WAITS if made is Stage.LOADED else Condition.UNLOADED
    is_going_on = now.is_connected or now.ending is Ending.UNDER_WAY
    return Condition.LOADING if is_going_on else Condition.CUT_OFF
