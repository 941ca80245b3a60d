"""A device that must not write the file of its configuration: its website shows it, and gives edits as a download."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

from tests.support.editor import Editor
from tests.support.processes import GOOD, Running, free_port, health, process
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real
# root may write what nobody may, unless it gives that up
WITHOUT_OVERRIDE = ("setpriv", "--bounding-set", "-dac_override", "--")


class Device(NamedTuple):
    """A gateway that may only read its file."""

    file: Path
    text: str
    editor: Editor
    running: Running


@pytest.fixture
def device() -> Iterator[Device]:
    """Give a device whose file and folder are read only, also for root."""
    with TemporaryDirectory() as place:
        folder, state = Path(place) / "etc", Path(place) / "state"
        folder.mkdir()
        state.mkdir(mode=0o700)
        web = free_port()
        text = GOOD.format(web=web, port=free_port()) + "# of the installer\n"
        file = folder / "site.yaml"
        file.write_text(text, encoding="utf-8")
        file.chmod(0o444)
        folder.chmod(0o555)
        started_by = WITHOUT_OVERRIDE if os.geteuid() == 0 else ()
        arguments = ("run", "--config", str(file), "--state", str(state))
        try:
            with process(Path(place) / "log", *arguments, started_by=started_by) as running:
                wait_until(lambda: health(web) == 200, 30.0, lambda: running.said)
                editor = Editor(web)
                editor.first_log_in(state)
                yield Device(file, text, editor, running)
        finally:
            folder.chmod(0o755)


@pytest.mark.proves("W46")
def test_a_file_that_cannot_be_written_is_shown_and_its_edit_comes_as_a_download(
    device: Device,
) -> None:
    editor, edited = device.editor, device.text.replace("Test", "Garage")
    page = editor.page("/config")
    assert f"This is the file {device.file}." in page
    assert "The device must not write this file" in page
    form = editor.form()
    checked = editor.send("/config/check", **form | {"text": edited})
    assert re.findall(r"<ins>\+ (.*?)</ins>", checked) == ["device: {name: Garage}"]
    assert "/config/apply" not in checked
    assert "Download what is typed" in checked
    assert editor.send("/config/check", **form | {"text": edited}, wanted="file") == edited


@pytest.mark.proves("W46")
def test_whoever_applies_all_the_same_is_told_and_the_log_has_no_traceback(device: Device) -> None:
    page = device.editor.apply(device.text.replace("Test", "Garage"))
    assert "Not applied: the device must not write this file." in page
    assert "Download what is typed" in page
    assert device.file.read_text(encoding="utf-8") == device.text
    assert "Traceback" not in device.running.said
    assert "ERROR" not in device.running.said
