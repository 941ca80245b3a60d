"""A file from ETS that is larger than a form may be: sent in parts, over a connection that breaks."""

import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, FilePayload, Page, Request, expect

from knxgw.website import assets
from tests.browser.site import COOKIE, DemoSite, Visit, keep_screenshot, visit
from tests.browser.test_everybody import LANGUAGES, Look, cut_off, findings
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.website import PASSWORD, served
from tests.website.test_configuration_forms import EXAMPLES
from tests.website.test_pages import POINT
from tests.website.test_upload_interface import UPLOADS, large_list

HOME = next(path for path in EXAMPLES if path.stem == "one-charger-at-home")
BLOCK = 65_536
NOWHERE = 1 << 40  # bytes: never
DESK = Look(1280, "light", "en")
LOST = "The connection is lost"
FILE = FilePayload(name="house.xml", mimeType="text/xml", buffer=large_list())


class Cable:
    """A way to a port of this machine that breaks when it is told to, until it is mended."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: set[socket.socket] = set()
        self._left = self._answers_left = NOWHERE
        self._is_broken = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @classmethod
    @contextmanager
    def to(cls, port: int) -> Iterator[Self]:
        """Give a way for the length of a block."""
        found = cls(port)
        try:
            yield found
        finally:
            found._server.close()
            found.break_after(0)

    @property
    def base(self) -> str:
        """Return the address at this end."""
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def break_after(self, sent: int) -> None:
        """Break after so many bytes more to the device; 0: now."""
        self._left = sent
        if not sent:
            self._break()

    def break_before_answer(self, number: int) -> None:
        """Break when the device gives one more answer after so many: what was asked has been done."""
        self._answers_left = number

    def mend(self) -> None:
        """Let everything pass again."""
        self._left = self._answers_left = NOWHERE
        self._is_broken.clear()

    def wait_until_broken(self) -> None:
        """Wait until it has broken."""
        assert self._is_broken.wait(10), "nothing was sent"

    def _break(self) -> None:
        self._is_broken.set()
        for one in list(self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                browser, _ = self._server.accept()
                if self._is_broken.is_set():
                    browser.close()
                    continue
                device = socket.create_connection(("127.0.0.1", self._port))
                self._open |= {browser, device}
                for run in (self._ask, self._answer):
                    threading.Thread(target=run, args=(browser, device), daemon=True).start()

    def _ask(self, browser: socket.socket, device: socket.socket) -> None:
        with suppress(OSError):
            while block := browser.recv(BLOCK):
                device.sendall(block[: self._left])
                self._left -= len(block)
                if self._left <= 0:
                    self._break()
        self._end(browser, device)

    def _answer(self, browser: socket.socket, device: socket.socket) -> None:
        with suppress(OSError):
            while block := device.recv(BLOCK):
                self._answers_left -= block.startswith(b"HTTP/1.1 ")
                if self._answers_left < 0:
                    self._break()
                browser.sendall(block)  # fails where it has broken
        self._end(browser, device)

    def _end(self, *both: socket.socket) -> None:
        for one in both:
            self._open.discard(one)
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def opened(browser: Browser, folder: Path, look: Look = DESK) -> Iterator[tuple[Visit, Cable]]:
    """Give the page of the group addresses, over a cable."""
    own = Own(HOME.read_text(encoding="utf-8"))
    given = {"device": own.control()}
    with (
        served(folder, lambda _language: site(POINT), **given) as (website, port),
        Cable.to(port) as cable,
    ):
        cookie = website.browser.get_cookie(COOKIE)
        assert cookie is not None
        at = DemoSite(cable.base, PASSWORD, None)
        with visit(
            browser, at, cookie.value, width=look.width, theme=look.theme,
            language=LANGUAGES[look.language],
        ) as seen:  # fmt: skip
            seen.expected = ["Failed to load resource"]  # while the cable is broken
            seen.open("/config/objects")
            yield seen, cable


def chosen(page: Page) -> None:
    """Choose the large file, and let it be shown."""
    page.locator("input[type=file]").set_input_files(FILE)
    page.locator("form[action='/config/objects/import'] button.sends").click()


def offset_of(request: Request) -> int | None:
    """Return where a part begins; None: it is none."""
    if request.method != "PUT" or UPLOADS not in request.url:
        return None
    return int(parse_qs(urlsplit(request.url).query)["offset"][0])


@pytest.mark.proves("W49", "W65")
@pytest.mark.parametrize("lost", ["a part", "an answer"])
def test_a_large_file_goes_on_where_it_was_when_the_connection_broke(
    browser: Browser, tmp_path: Path, lost: str
) -> None:
    with opened(browser, tmp_path) as (seen, cable):
        page = seen.page
        offsets: list[int] = []
        page.on(
            "request",
            lambda asked: None if (at := offset_of(asked)) is None else offsets.append(at),
        )
        if lost == "a part":
            cable.break_after(600_000)
        else:
            cable.break_before_answer(10)
        chosen(page)
        cable.wait_until_broken()
        expect(page.locator(".upload-says")).to_contain_text(LOST)
        bar = page.get_by_role("progressbar", name="Upload")
        value = bar.evaluate("(bar) => bar.value")
        assert 0.2 < value < 0.8
        expect(page.locator(".extent")).to_have_text(
            f"{value * len(FILE['buffer']) / 2**20:.1f} of 1.5 MiB"
        )
        sent = len(offsets)
        cable.mend()
        expect(page.get_by_role("heading", name="Found in house.xml")).to_be_visible()
        expect(page.locator("input[name=take][value='55=31/0/5']")).to_be_visible()
        assert offsets == sorted(offsets), "it never began again"
        assert offsets[sent] > 0
        assert len(offsets) - len(set(offsets)) == (lost == "a part"), (
            "what had come is not sent again"
        )


@pytest.mark.proves("W52", "W53", "W65")
@pytest.mark.parametrize("look", [Look(360, "dark", "de"), DESK], ids=lambda one: str(one.width))
def test_an_upload_that_waits_can_be_cancelled_by_the_keyboard(
    browser: Browser, tmp_path: Path, look: Look
) -> None:
    with opened(browser, tmp_path, look) as (seen, cable):
        page = seen.page
        cable.break_after(600_000)
        chosen(page)
        cable.wait_until_broken()
        cancel = page.locator(".upload button")
        expect(cancel).to_be_focused()
        expect(page.locator(".upload-says")).not_to_be_empty()
        keep_screenshot(page, f"upload-{look.width}-{look.language}")
        wrong = [*findings(page), *cut_off(page)]
        page.keyboard.press("Enter")
        said = page.locator(".upload-says")
        expect(said).to_have_text(
            "The upload was cancelled."
            if look.language == "en"
            else "Das Hochladen wurde abgebrochen."
        )
        button = page.locator("button.sends")
        expect(button).to_be_focused()
        expect(cancel).to_be_hidden()
        cable.mend()
        page.keyboard.press("Enter")  # the file is still chosen
        expect(page.locator("input[name=take][value='55=31/0/5']")).to_be_visible()
    assert wrong == []


def test_a_file_that_the_device_never_takes_is_refused_before_a_byte_is_sent(
    browser: Browser, tmp_path: Path
) -> None:
    with opened(browser, tmp_path) as (seen, _):
        page = seen.page
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.evaluate("document.querySelector('form[data-upload]').dataset.mostBytes = 1000000")
        chosen(page)
        expect(page.locator(".upload-says")).to_contain_text("too large")
        assert not any(UPLOADS in one for one in asked)


@pytest.mark.proves("W65")
def test_the_sum_of_the_script_is_the_sum_of_everybody(browser: Browser, tmp_path: Path) -> None:
    made = random.Random(62)  # noqa: S311 - any content will do
    contents = [made.randbytes(size) for size in (*range(130), 1000, 131_072, 300_001)]
    with opened(browser, tmp_path) as (seen, _):
        sums = seen.page.evaluate(
            """async ([address, contents]) => {
                const { Sha256 } = await import(address);
                return contents.map(([first, second]) => {
                    const sum = new Sha256();
                    sum.update(Uint8Array.from(first));
                    sum.update(Uint8Array.from(second));
                    return sum.hex();
                });
            }""",
            [
                assets.address_of("js/sha256.js"),
                [[list(one[: len(one) // 3]), list(one[len(one) // 3 :])] for one in contents],
            ],
        )
    assert sums == [sha256(one).hexdigest() for one in contents]
