"""Restart and reset by the page, under something that starts the program again."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from knxgw.host.service import RESTART_STATUS
from knxgw.store import initial_password
from tests.support.processes import GOOD, free_port, health
from tests.support.waiting import wait_until

PASSWORD = "a sentence for restarts"  # noqa: S105 - of the tests


class Supervisor:
    """Starts a gateway again whenever it ends with the status that asks for it."""

    def __init__(self, folder: Path) -> None:
        self.port, self.starts = free_port(), 0
        self.state = folder / "state"
        file = folder / "site.yaml"
        file.write_text(GOOD.format(web=self.port, port=free_port()), encoding="utf-8")
        self._command = [
            sys.executable,
            "-m",
            "knxgw",
            "run",
            "--config",
            str(file),
            "--state",
            str(self.state),
        ]
        self._log = (folder / "log").open("w")
        self._process = self._started()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        wait_until(lambda: health(self.port) is not None, 30.0, "the website")

    def _started(self) -> "subprocess.Popen[bytes]":
        self.starts += 1
        listen = f"127.0.0.1:{self.port}"  # of the device without a configuration, after the reset
        environment = os.environ | {"KNXGW_SUPERVISED": "1", "KNXGW_LISTEN": listen}
        return subprocess.Popen(self._command, stderr=self._log, env=environment)

    def _watch(self) -> None:
        while self._process.wait() == RESTART_STATUS:
            self._process = self._started()

    def end(self) -> None:
        self._process.terminate()
        self._thread.join(20)
        self._log.close()


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervisor]:
    found = Supervisor(tmp_path)
    yield found
    found.end()


def log_in(page: Page, password: str) -> None:
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


@pytest.mark.proves("W38", "W39", "8.29")
def test_the_page_comes_back_after_a_restart_and_the_log_in_after_a_reset(
    supervised: Supervisor, context: BrowserContext
) -> None:
    base = f"http://127.0.0.1:{supervised.port}"
    initial = initial_password.read(supervised.state)
    assert initial is not None
    page = context.new_page()
    page.goto(f"{base}/login")
    log_in(page, initial)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password again").fill(PASSWORD)
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"{base}/?said=password")
    page.goto(f"{base}/settings")
    page.get_by_role("button", name="Restart device").click()
    page.get_by_role("dialog").get_by_role("button", name="Restart device").click()
    expect(page.get_by_role("heading", name="The device restarts")).to_be_visible()
    page.wait_for_url(f"{base}/settings", timeout=30_000)
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    assert supervised.starts == 2
    page.goto(f"{base}/settings/reset")
    if "/password/again" in page.url:
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Reset device").click()
    page.wait_for_url(f"{base}/login", timeout=30_000)
    assert supervised.starts == 3
    log_in(page, initial)
    page.wait_for_url(f"{base}/password")
