"""What the device says it is made of, in each stage of its life with a tool."""

import pytest

from knxgw.device.condition import Circumstances, Condition, condition_of
from knxgw.device.download import Stage
from knxgw.device.last_download import Ending
from knxgw.device.model import DeviceModel
from tests.device.test_management_services import COMPLETED, START, UNLOAD, allocation, control
from tests.support.knx_device_rig import DeviceRig, Tool


def condition(
    model: DeviceModel,
    stage: Stage,
    ending: Ending | None = None,
    *,
    connected: bool = False,
    has_own: bool = False,
    cannot_run: bool = False,
) -> Condition:
    return condition_of(
        model,
        Circumstances(
            stage=stage,
            ending=ending,
            is_connected=connected,
            has_own=has_own,
            cannot_run=cannot_run,
        ),
    )


@pytest.mark.parametrize(
    ("stage", "flags", "expected"),
    [
        (Stage.UNTOUCHED, {"has_own": True}, Condition.OWN),
        (Stage.UNTOUCHED, {}, Condition.NOTHING),
        (Stage.LOADED, {}, Condition.ETS),
        (Stage.LOADED, {"has_own": True, "cannot_run": True}, Condition.CANNOT_RUN),
    ],
)
def test_what_holds_is_named_by_its_source(
    stage: Stage, flags: dict[str, bool], expected: Condition
) -> None:
    assert condition(DeviceRig().model, stage, None, **flags) is expected


@pytest.mark.parametrize(
    ("ending", "connected", "expected"),
    [
        (Ending.UNDER_WAY, True, Condition.LOADING),
        (Ending.UNDER_WAY, False, Condition.LOADING),  # it connects again
        (Ending.CUT_OFF, True, Condition.LOADING),
        (Ending.CUT_OFF, False, Condition.CUT_OFF),
        (None, False, Condition.CUT_OFF),  # of an earlier version: it stored no download
    ],
)
def test_half_a_download_goes_on_while_its_tool_is_there(
    ending: Ending | None,
    connected: bool,  # noqa: FBT001 - a parameter
    expected: Condition,
) -> None:
    rig = DeviceRig()
    Tool(rig).connect().ask(control(4, START))
    assert condition(rig.model, Stage.LOADING, ending, connected=connected) is expected


def test_what_is_whole_and_does_not_hold_yet_waits() -> None:
    rig = DeviceRig()
    tool = Tool(rig).connect()
    for index in (4, 3, 2, 1):
        for value in (START, allocation(4, 0), COMPLETED):
            tool.ask(control(index, value))
    assert condition(rig.model, Stage.LOADING, Ending.UNDER_WAY) is Condition.WAITS
    for index in (4, 3, 2, 1):
        tool.ask(control(index, UNLOAD))
    assert condition(rig.model, Stage.LOADING, Ending.UNDER_WAY) is Condition.UNLOADED


def test_a_failure_and_damage_are_named_before_anything_else() -> None:
    rig = DeviceRig()
    tool = Tool(rig).connect()
    tool.ask(control(1, START))
    tool.ask(control(1, allocation(0x4000)))
    assert condition(rig.model, Stage.LOADING, Ending.UNDER_WAY) is Condition.FAILED
    rig.model.is_damaged = True
    assert condition(rig.model, Stage.LOADING, Ending.CUT_OFF) is Condition.DAMAGED
