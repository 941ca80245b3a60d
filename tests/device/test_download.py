"""When a download takes effect: not before it is whole, and not for a moment in between."""

import pytest

from knxgw.device.download import UNLOADED_S, Download, Stage


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
def test_nothing_runs_from_the_first_object_on_until_the_device_has_started_anew(
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
    assert seen(download, Stage.LOADED, connected=False)


def test_a_partial_download_takes_effect_again_and_is_no_full_one() -> None:
    download = Download(Stage.LOADED)
    assert seen(download, Stage.LOADING)
    assert seen(download, Stage.LOADED, restart=True)
    assert not download.is_full


@pytest.mark.parametrize("stages", [(Stage.UNTOUCHED,), (Stage.LOADED, Stage.LOADING)])
def test_a_download_after_everything_was_unloaded_is_a_full_one(stages: tuple[Stage, ...]) -> None:
    download = Download(stages[0])
    for stage in (*stages[1:], Stage.UNTOUCHED, Stage.LOADING):
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
