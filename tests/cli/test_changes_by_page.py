"""The configuration of a running device, changed on its website: judged, written, taken, or taken back."""

import asyncio
import os
import re
import signal
import stat
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from knxgw import changes
from knxgw.judgement import Judgement, Prepared, judge_reload, judge_start
from knxgw.living import open_store
from knxgw.master_file import BEFORE_NAME, MasterFile
from knxgw.run import serve_configurations
from knxgw.store.configurations import Configurations, Origin
from knxgw.website.configuring import sum_of
from knxgw.website.listener import Address, Listener
from tests.cli.test_run_to_end import BrokenLink
from tests.support.editor import Editor
from tests.support.processes import GOOD, free_port, health
from tests.support.waiting import until

pytestmark = pytest.mark.real
ROOT = Path(__file__).parents[2]


class Device:
    """A device whose configuration stands in a file, and somebody at its website."""

    def __init__(self, folder: Path, *, is_own: bool = False) -> None:
        self.state = folder / "state"
        self.web, self.charger = free_port(), free_port()
        self.text = GOOD.format(web=self.web, port=self.charger)
        self.file = self.state / "none.yaml" if is_own else folder / "site.yaml"
        self.master = MasterFile(self.file, self.state, may_be_missing=is_own)
        self.editor = Editor(self.web)

    async def run(self, drive: Callable[[], Awaitable[None]]) -> None:
        """Run until `drive` ends."""
        if self.master.path.exists():
            prepared = judge_start(self.master.path, self.state).prepared
        else:
            listener = Listener(Address("127.0.0.1", self.web))
            prepared = Prepared(configuration=None, link=None, listener=listener)
        assert prepared is not None
        try:
            with open_store(self.state) as store:
                async with asyncio.timeout(60), asyncio.TaskGroup() as group:
                    serving = serve_configurations(prepared, store, self.judge, self.master)
                    group.create_task(serving)
                    await asyncio.sleep(0.1)  # the signals are its business from now on
                    await until(lambda: health(self.web) == 200, 10, "the website")
                    await asyncio.to_thread(self.editor.first_log_in, self.state)
                    await drive()
                    os.kill(os.getpid(), signal.SIGTERM)
        finally:
            prepared.release()

    @property
    def judge(self) -> partial:  # type: ignore[type-arg]
        """Return how the file is judged."""
        return partial(judge_reload, self.master.path, state=self.state)

    def said(self) -> str:
        """Return what the file says."""
        return self.master.path.read_text(encoding="utf-8")


@pytest.fixture
def device(tmp_path: Path) -> Device:
    """Return a device with a file of its installer."""
    device = Device(tmp_path)
    device.file.write_text(device.text, encoding="utf-8")
    return device


@pytest.mark.proves("W45")
async def test_a_text_is_applied_while_the_device_runs_and_kept_as_a_version(
    device: Device,
) -> None:
    text = device.text.replace("Test", "Garage") + "# of the installer\n"
    device.file.chmod(0o640)

    async def drive() -> None:
        page = await asyncio.to_thread(device.editor.apply, text, note="a  name")
        assert "The new configuration is in force." in page
        assert "Garage" in await asyncio.to_thread(device.editor.page)
        history = await asyncio.to_thread(device.editor.page, "/history/starts")
        assert "configuration changed" in history
        assert "configuration read again" not in history

    await device.run(drive)
    assert device.said() == text, "comments and order are the installer's"
    assert stat.S_IMODE(device.file.stat().st_mode) == 0o640
    newest, first = Configurations(device.state).versions()
    assert (newest.text, newest.account, newest.note) == (text, "owner", "a name")
    assert (newest.origin, first.origin) == (Origin.WEBSITE, Origin.FILE)
    assert first.text == device.text


@pytest.mark.proves("W44", "W46")
async def test_what_would_not_run_changes_nothing_and_is_said_with_its_line(device: Device) -> None:
    text = device.text.replace("number: 1", "number: 9")

    async def drive() -> None:
        page = await asyncio.to_thread(device.editor.apply, text)
        assert "The device would not run like this" in page
        assert re.search(r'data-label="Line"[^>]*>7<', page), "the line of the number"

    await device.run(drive)
    assert device.said() == device.text
    assert len(Configurations(device.state).versions()) == 1


@pytest.mark.proves("W46")
async def test_two_editors_at_once_lose_nothing(device: Device) -> None:
    first, second = (device.text.replace("Test", name) for name in ("First", "Second"))

    async def drive() -> None:
        form = await asyncio.to_thread(device.editor.form)
        await asyncio.to_thread(device.editor.apply, first)
        late = partial(device.editor.answered, "/config/apply", **{**form, "text": second})
        page = await asyncio.to_thread(late)
        assert "Somebody else has changed the configuration meanwhile" in page
        assert device.said() == first
        assert unescape(page).count("name: First") >= 1, "what it would change"
        again = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
        await asyncio.to_thread(partial(device.editor.send, "/config/apply", **again, text=second))

    await device.run(drive)
    assert device.said() == second


async def test_a_file_that_was_edited_on_the_host_meanwhile_is_not_overwritten(
    device: Device,
) -> None:
    async def drive() -> None:
        form = await asyncio.to_thread(device.editor.form)
        device.file.write_text(device.text + "# by hand\n", encoding="utf-8")
        late = partial(device.editor.answered, "/config/apply", **{**form, "text": device.text})
        assert "Somebody else" in await asyncio.to_thread(late)

    await device.run(drive)
    assert device.said().endswith("# by hand\n")


async def test_a_device_without_a_file_is_configured_by_its_first_text(tmp_path: Path) -> None:
    device = Device(tmp_path, is_own=True)

    async def drive() -> None:
        assert "not configured yet" in await asyncio.to_thread(device.editor.page, "/config")
        page = await asyncio.to_thread(device.editor.apply, device.text)
        assert "The new configuration is in force." in page
        assert "Not configured" not in await asyncio.to_thread(device.editor.page)

    await device.run(drive)
    assert device.master.is_own
    assert device.master.kept.own.read_text(encoding="utf-8") == device.text
    assert stat.S_IMODE(device.master.kept.own.stat().st_mode) == 0o600
    again = judge_start(device.master.path, device.state).prepared
    assert again is not None, "and so it starts the next time"
    again.release()


@pytest.mark.proves("W46")
async def test_an_earlier_version_is_restored(device: Device) -> None:
    async def drive() -> None:
        await asyncio.to_thread(device.editor.apply, device.text.replace("Test", "Second"))
        token = (await asyncio.to_thread(device.editor.form))["csrf"]
        ask = partial(device.editor.send, "/config/versions/1/restore", csrf=token)
        page = await asyncio.to_thread(ask)
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
        apply = partial(device.editor.send, "/config/apply", **hidden, text=device.text)
        assert "is in force" in await asyncio.to_thread(apply)

    await device.run(drive)
    assert device.said() == device.text
    assert [one.origin for one in Configurations(device.state).versions()] == [
        Origin.RESTORED,
        Origin.WEBSITE,
        Origin.FILE,
    ]


@pytest.mark.long
@pytest.mark.parametrize("is_confirmed", [True, False])
async def test_a_website_that_moves_comes_back_unless_somebody_follows_it(
    device: Device,
    is_confirmed: bool,  # noqa: FBT001 - a case
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(changes, "CONFIRM_S", 60.0 if is_confirmed else 4.0)
    moved = free_port()
    text = device.text.replace(f":{device.web}", f":{moved}")
    there = Editor(moved)
    there.cookies = device.editor.cookies

    async def drive() -> None:
        form = await asyncio.to_thread(device.editor.form)
        post = partial(device.editor.send, "/config/apply", **{**form, "text": text})
        with suppress(OSError):  # the answer leads to the previous address
            await asyncio.to_thread(post)
        await until(lambda: health(moved) == 200, 10, "the other address")
        assert (device.state / BEFORE_NAME).exists()
        if is_confirmed:
            await asyncio.to_thread(there.log_in)
            token = (await asyncio.to_thread(there.form))["csrf"]
            page = await asyncio.to_thread(partial(there.send, "/config/confirm", csrf=token))
            assert "The change is kept." in page
            await until(lambda: not (device.state / BEFORE_NAME).exists(), 10, "the confirmation")
            assert "Keep the change" not in await asyncio.to_thread(there.page, "/config")
        else:
            await until(lambda: health(device.web) == 200, 20, "the way back")

    await device.run(drive)
    assert device.said() == (text if is_confirmed else device.text)
    assert not (device.state / BEFORE_NAME).exists()


async def goes_on_with_the_draft(device: Device, text: str) -> None:
    """See that what was taken back is the draft, and that the wizard goes on with its last step."""
    page = await asyncio.to_thread(device.editor.page, "/wizard/apply")
    assert "Your change was taken back" in page
    form = await asyncio.to_thread(device.editor.form, "/wizard/apply")
    assert form["text"] == text
    assert form["based_on"] == sum_of("")
    assert ">done<" not in await asyncio.to_thread(device.editor.page, "/wizard")


@pytest.mark.proves("W45", "W47")
async def test_a_first_configuration_that_a_power_cut_has_taken_back_is_the_draft_again(
    tmp_path: Path,
) -> None:
    device = Device(tmp_path, is_own=True)
    device.state.mkdir()
    device.master.begin_unconfirmed("")
    device.master.write(device.text)
    device.master.kept.keep(
        device.text, at=datetime(2026, 3, 1, tzinfo=UTC), origin=Origin.WEBSITE, account="owner"
    )
    assert device.master.take_back_unconfirmed()
    assert not device.master.path.exists()

    async def drive() -> None:
        await goes_on_with_the_draft(device, device.text)

    await device.run(drive)


@pytest.mark.long
@pytest.mark.proves("W45")
@pytest.mark.parametrize("is_confirmed", [True, False])
async def test_a_first_configuration_that_moves_the_website_is_taken_back_unless_somebody_follows_it(
    tmp_path: Path,
    is_confirmed: bool,  # noqa: FBT001 - a case
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(changes, "CONFIRM_S", 60.0 if is_confirmed else 4.0)
    device, moved = Device(tmp_path, is_own=True), free_port()
    text = device.text.replace(f":{device.web}", f":{moved}")
    there = Editor(moved)
    there.cookies = device.editor.cookies

    async def drive() -> None:
        form = await asyncio.to_thread(device.editor.form)
        checked = await asyncio.to_thread(
            partial(device.editor.send, "/config/check", **{**form, "text": text})
        )
        assert f"answers at another address: 127.0.0.1:{moved}" in checked
        post = partial(device.editor.send, "/wizard/apply", **{**form, "text": text})
        with suppress(OSError):  # the answer leads to the previous address
            await asyncio.to_thread(post)
        await until(lambda: health(moved) == 200, 10, "the other address")
        assert (device.state / BEFORE_NAME).exists()
        if is_confirmed:
            await asyncio.to_thread(there.log_in)
            token = (await asyncio.to_thread(there.form))["csrf"]
            await asyncio.to_thread(partial(there.send, "/config/confirm", csrf=token))
            await until(lambda: not (device.state / BEFORE_NAME).exists(), 10, "the confirmation")
        else:
            await until(lambda: health(device.web) == 200, 20, "the way back")
            await asyncio.to_thread(device.editor.log_in)
            assert "not configured yet" in await asyncio.to_thread(device.editor.page, "/config")
            await goes_on_with_the_draft(device, text)
            # and the way is open for the next one
            page = await asyncio.to_thread(device.editor.apply, device.text)
            assert "The new configuration is in force." in page

    await device.run(drive)
    assert device.said() == (text if is_confirmed else device.text)
    assert not (device.state / BEFORE_NAME).exists()


def reached_by_tools(text: str, server: int) -> str:
    """Return a configuration with which a tool reaches the device on this machine."""
    knx = f"{{link: none, individual_address: 1.1.20, server_port: {server}}}"
    return text.replace("{link: none}", knx)


async def load_by_ets(device: Device, server: int) -> None:
    """Load another name of the site, as ETS does, and wait until that holds."""
    by_ets = device.state.parent / "ets.yaml"
    by_ets.write_text(device.text.replace("Test", "Carport"), encoding="utf-8")
    way = ("--way", f"udp:127.0.0.1:{server}", "--device", "1.1.20")
    command = (sys.executable, "-m", "tools.knx_tool", *way, "load", str(by_ets))
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT)
    assert await process.wait() == 0
    for _ in range(100):
        if "Carport" in await asyncio.to_thread(device.editor.page, "/"):
            break
        await asyncio.sleep(0.2)


@pytest.mark.long
@pytest.mark.proves("W46")
async def test_a_device_that_ets_holds_takes_what_belongs_to_the_machine_without_a_file_of_its_own(
    tmp_path: Path,
) -> None:
    device, server = Device(tmp_path, is_own=True), free_port()
    device.text = reached_by_tools(device.text, server)
    device.state.mkdir()
    device.master.write(device.text)

    async def load() -> None:
        await load_by_ets(device, server)

    text = (
        f"knx: {{link: none, server_port: {server}}}\n"
        f'website: {{listen: "127.0.0.1:{device.web}", host_names: [garage.example]}}\n'
    )

    async def drive() -> None:
        form = await asyncio.to_thread(device.editor.form)
        assert 'href="/config/form/website"' in await asyncio.to_thread(
            device.editor.page, "/config"
        )
        checked = await asyncio.to_thread(
            partial(device.editor.send, "/config/check", **{**form, "text": text})
        )
        assert "no charging point is completely configured" not in checked
        assert "reached by other names" in checked
        assert "configured for the first time" not in checked
        more = text + "device: {name: Other}\n"
        answer = await asyncio.to_thread(
            partial(device.editor.answered, "/config/apply", **{**form, "text": more})
        )
        assert "Not applied. ETS has loaded this device" in answer
        assert not device.master.path.exists()
        answer = await asyncio.to_thread(
            partial(device.editor.answered, "/config/apply", **{**form, "text": text})
        )
        assert "The new configuration is in force." in answer
        assert device.said() == text
        assert "name: Carport" in await asyncio.to_thread(device.editor.page, "/config")
        # and the next one is made from it
        again = text.replace("garage.example", "garage.example, house.example")
        answer = await asyncio.to_thread(
            partial(device.editor.answered, "/config/apply", **{**form, "text": again})
        )
        assert device.said() == again, answer

    await device.run(load)
    device.master.path.unlink()
    device.editor.first_log_in = lambda _state: device.editor.log_in()  # type: ignore[method-assign,assignment]
    await device.run(drive)
    again = judge_start(device.master.path, device.state).prepared
    assert again is not None, "and so it starts the next time"
    again.release()


@pytest.mark.long
@pytest.mark.proves("W46")
async def test_what_ets_has_loaded_stays_in_force_whatever_is_applied(device: Device) -> None:
    server = free_port()
    device.text = reached_by_tools(device.text, server)
    device.file.write_text(device.text, encoding="utf-8")

    async def page(path: str = "/config") -> str:
        return await asyncio.to_thread(device.editor.page, path)

    async def drive() -> None:
        form = await asyncio.to_thread(device.editor.form)
        await load_by_ets(device, server)
        assert "name: Carport" in await page()
        other = device.text.replace("One", "Two")
        answer = await asyncio.to_thread(
            partial(device.editor.answered, "/config/apply", **{**form, "text": other})
        )
        assert "Not applied. ETS has loaded this device" in answer
        assert device.said() == device.text
        # what belongs to the machine is the file's, also now
        named = device.text.replace(
            f'"127.0.0.1:{device.web}"', f'"127.0.0.1:{device.web}", host_names: [garage.example]'
        )
        answer = await asyncio.to_thread(
            partial(device.editor.answered, "/config/apply", **{**form, "text": named})
        )
        assert device.said() == named, answer
        assert "name: Carport" in await page()

    await device.run(drive)


class Broken(Device):
    """A device that cannot live with what somebody proposes."""

    @property
    def judge(self) -> partial:  # type: ignore[type-arg]
        """Return how the file is judged: well, but the link is no use."""

        def judge(path: Path, running: Prepared, **given: Any) -> Judgement:
            found = judge_reload(path, running, **given)
            assert found.prepared is not None
            broken: Any = BrokenLink()
            return replace(found, prepared=replace(found.prepared, link=broken))

        return partial(judge, self.master.path, state=self.state)


async def test_a_configuration_that_does_not_live_is_not_in_the_file_either(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    device = Broken(tmp_path)
    device.file.write_text(device.text, encoding="utf-8")

    async def drive() -> None:
        page = await asyncio.to_thread(device.editor.apply, device.text + "# another\n")
        assert "Not applied: the new configuration does not run" in page
        await until(lambda: health(device.web) == 200, 10, "the one before")

    await device.run(drive)
    assert device.said() == device.text
    assert len(Configurations(device.state).versions()) == 1
    caplog.clear()  # the ERROR was meant


def test_a_device_that_is_started_again_before_anybody_confirmed_has_the_text_of_before(
    device: Device,
) -> None:
    device.state.mkdir()
    device.master.begin_unconfirmed(device.text)
    device.master.write("website: {listen: 192.0.2.1:80}\n")
    assert MasterFile(device.file, device.state).take_back_unconfirmed()
    assert device.said() == device.text
    assert not MasterFile(device.file, device.state).take_back_unconfirmed()


@pytest.mark.proves("W47")
async def test_a_draft_and_the_steps_of_the_wizard_survive_a_restart(tmp_path: Path) -> None:
    device = Device(tmp_path, is_own=True)

    async def begin() -> None:
        page = await asyncio.to_thread(device.editor.form, "/wizard/device")
        typed = {"csrf": page["csrf"], "device.name": "Begun"}
        await asyncio.to_thread(partial(device.editor.send, "/wizard/device", **typed))

    async def go_on() -> None:
        steps = await asyncio.to_thread(device.editor.page, "/wizard")
        assert 'href="/wizard/find">Go on' in steps
        assert 'value="Begun"' in await asyncio.to_thread(device.editor.page, "/wizard/device")

    await device.run(begin)
    device.editor.first_log_in = lambda _state: device.editor.log_in()  # type: ignore[method-assign,assignment]
    await device.run(go_on)
