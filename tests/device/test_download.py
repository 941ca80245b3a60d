"""When a download takes effect: not before it is whole, and not for a moment in between."""

import pytest

from knxgw.device.download import QUIET_S, UNLOADED_S, Download, Stage, stage_of
from tests.device.test_management_services import START, UNLOAD, control, loaded
from tests.support.knx_device_rig import DeviceRig, Disk, Tool


def seen(
    download: Download,
    stage: Stage,
    now_s: float = 0.0,
    *,
    connected: bool = True,
    restart: bool = False,
) -> bool:
    return download.seen(stage, now_s, is_connected=connected, has_restarted=restart)


@pytest.mark.parametrize("before", [Stage.UNTOUCHED, Stage.LOADED])
def test_nothing_runs_from_the_first_object_on_until_the_device_has_started_again(
    before: Stage,
) -> None:
    download = Download(before)
    assert not seen(download, before)
    assert seen(download, Stage.LOADING)
    assert not seen(download, Stage.LOADING)
    assert not seen(download, Stage.LOADED), "it is still connected"
    assert str(download.stage) == str(Stage.LOADING)
    assert seen(download, Stage.LOADED, restart=True)
    assert str(download.stage) == str(Stage.LOADED)
    assert not seen(download, Stage.LOADED, restart=True), "nothing has changed since"


def test_a_tool_that_goes_without_a_restart_has_its_download_all_the_same() -> None:
    download = Download(Stage.UNTOUCHED)
    seen(download, Stage.LOADING)
    seen(download, Stage.LOADED)
    assert not seen(download, Stage.LOADED, 1.0, connected=False), "it may go on in a moment"
    assert download.due_at() == QUIET_S
    assert seen(download, Stage.LOADED, QUIET_S, connected=False)


def test_objects_that_are_loaded_one_by_one_without_a_connection_do_not_run_in_between() -> None:
    download = Download(Stage.LOADED)
    assert seen(download, Stage.LOADING, connected=False)
    assert not seen(download, Stage.LOADED, 1.0, connected=False)
    assert not seen(download, Stage.LOADING, 2.0, connected=False)
    assert not seen(download, Stage.LOADED, 3.0, connected=False)
    assert seen(download, Stage.LOADED, 3.0 + QUIET_S, connected=False)


def test_a_download_that_a_power_cut_has_interrupted_takes_effect_when_it_is_ended() -> None:
    download = Download(Stage.LOADING)
    assert seen(download, Stage.LOADED, restart=True)


def test_what_a_reset_has_erased_takes_effect_at_once() -> None:
    download = Download(Stage.LOADED)
    download.note_change()
    assert seen(download, Stage.LOADED, restart=True)


def test_a_partial_download_takes_effect_again_and_is_no_full_one() -> None:
    download = Download(Stage.LOADED)
    assert seen(download, Stage.LOADING)
    assert seen(download, Stage.LOADED, restart=True)
    assert not download.is_full


@pytest.mark.parametrize("stages", [(Stage.UNTOUCHED,), (Stage.LOADED, Stage.LOADING)])
def test_a_download_after_everything_was_unloaded_is_a_full_one(stages: tuple[Stage, ...]) -> None:
    download = Download(stages[0])
    for stage in (*stages[1:], Stage.UNTOUCHED, Stage.LOADING):
        if stage is Stage.UNTOUCHED:
            download.note_empty()
        seen(download, stage)
    seen(download, Stage.LOADED, restart=True)
    assert download.is_full


def test_an_unloaded_device_returns_to_its_own_configuration_after_a_while() -> None:
    download = Download(Stage.LOADED)
    assert seen(download, Stage.LOADING)
    assert not seen(download, Stage.UNTOUCHED)
    assert not seen(download, Stage.UNTOUCHED, 5.0, connected=False, restart=True)
    assert download.due_at() == UNLOADED_S
    assert not seen(download, Stage.UNTOUCHED, UNLOADED_S - 0.1, connected=False)
    assert seen(download, Stage.UNTOUCHED, UNLOADED_S, connected=False)
    assert download.stage is Stage.UNTOUCHED
    assert download.due_at() == float("inf")


def test_an_unload_in_the_middle_of_a_download_does_not_let_anything_run() -> None:
    download = Download(Stage.LOADED)
    seen(download, Stage.LOADING)
    seen(download, Stage.UNTOUCHED, 1.0)
    assert not seen(download, Stage.UNTOUCHED, 2.0, connected=False, restart=True)
    assert not seen(download, Stage.LOADING, 3.0)
    assert download.stage is Stage.LOADING
    assert download.due_at() == float("inf")


def loaded_rig() -> DeviceRig:
    rig = DeviceRig()
    loaded(rig)
    assert stage_of(rig.model) is Stage.LOADED
    return rig


def test_an_object_that_takes_nothing_holds_nothing_up() -> None:
    rig = DeviceRig()
    Tool(rig).connect().ask(control(5, START))
    assert stage_of(rig.model) is Stage.UNTOUCHED


@pytest.mark.parametrize("code", ["04", "05"])
def test_without_its_application_the_device_is_as_good_as_unloaded(code: str) -> None:
    rig = loaded_rig()
    Tool(rig).connect().ask(f"0381{code}00")
    assert stage_of(rig.model) is Stage.UNTOUCHED


def test_what_was_damaged_on_the_disk_does_not_let_the_own_configuration_run() -> None:
    rig = loaded_rig()
    for damage in (b"", b"{}", rig.disk.files["state"][:-9]):
        found = DeviceRig(Disk({**rig.disk.files, "state": damage}))
        assert stage_of(found.model) is Stage.LOADING, damage
    again = DeviceRig(Disk({**rig.disk.files, "state": b"?"}))
    assert stage_of(again.model) is Stage.LOADING
    tool = Tool(again).connect()
    for index in (1, 2, 3, 4):
        tool.ask(control(index, UNLOAD))
    tool.ask(control(4, START))
    tool.ask(control(4, UNLOAD))
    assert stage_of(again.model) is Stage.UNTOUCHED, "a tool has put it right"


def test_an_address_that_is_none_is_refused_and_damages_nothing() -> None:
    rig = loaded_rig()
    tool = Tool(rig).connect()
    tool.ask("03d100ffffffff")
    assert tool.ask("03d7063410010000") == "03d606340001"
    assert stage_of(DeviceRig(rig.disk).model) is Stage.LOADED


def test_a_factory_reset_leaves_nothing_of_the_project() -> None:
    rig = loaded_rig()
    Tool(rig).connect().ask("03810200")
    assert all(not any(content) for name, content in rig.disk.files.items() if name != "state")
    assert all(
        not any(one.segment.read(one.segment.arena.address, 64))
        for one in rig.model.loadables.values()
        if one.has_memory
    )
