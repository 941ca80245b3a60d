"""The wizard in a browser: from the empty demo to a controlled charge, by keyboard alone on a phone."""

import logging
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from knxgw.catalogue.messages import message
from knxgw.monitoring.device_search import FoundDevice, SearchProgress
from knxgw.monitoring.device_watch import Watched, WatchProgress
from knxgw.monitoring.test_charge import Problem, Progress, Result, Row, Step
from knxgw.sim.knx_interface import NAME as INTERFACE
from knxgw.website.wizard import STEPS
from tests.browser.served_site import served_to
from tests.browser.site import DemoSite, keep_screenshot, visit
from tests.browser.test_configuration import EXAMPLE
from tests.browser.test_everybody import MATRIX, Look, cut_off, findings
from tests.config.sites import configuration
from tests.support.own_configuration import Own
from tests.support.plotted import site
from tests.support.processes import health, process
from tests.support.visitor import PASSWORD
from tests.support.waiting import wait_until
from tests.website.test_pages import POINT
from tests.website.test_wizard import CHARGER, SIMILAR, SMART_METER, Ask, tcp

log = logging.getLogger(__name__)
# The pauses of a person: reading a page before each tap, and typing into a field.
READS_S, TYPES_S = 8.0, 6.0
MOST_TAPS = 25  # fields that are typed into count, too
MOST_S = 600.0
MOST_STOPS = 300


class Person:
    """Somebody who uses the keyboard alone, and how long that takes a person."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.taps = 0
        self.typed = 0
        self._began_at_ms = page.evaluate("Date.now()")

    @property
    def took_s(self) -> float:
        """Return how long a person would have taken: what it took, and the pauses."""
        took_s = (self.page.evaluate("Date.now()") - self._began_at_ms) / 1000
        return float(took_s + self.taps * READS_S + self.typed * TYPES_S)

    def reach(self, name: str, *, role: str = "") -> None:
        """Press the tabulator until something of a name has the focus."""
        for _ in range(MOST_STOPS):
            if self.page.evaluate(NAMED, [name, role]):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"the tabulator never reaches {name}")

    def tap(self, name: str) -> None:
        """Use a link or button, and wait for the page that it leads to."""
        self.reach(name)
        with self.page.expect_navigation():
            self.page.keyboard.press("Enter")
        self.taps += 1

    def type(self, label: str, text: str) -> None:
        """Fill a field in."""
        self.reach(label, role="INPUT")
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)
        self.typed += 1

    def choose(self, label: str, steps: int) -> None:
        """Choose an option of a list or of radio buttons, so many steps below."""
        self.reach(label)
        for _ in range(steps):
            self.page.keyboard.press("ArrowDown")
        self.taps += 1

    def pick(self, label: str, option: str) -> None:
        """Choose the option of a list that begins with a text, by typing it."""
        self.reach(label, role="SELECT")
        self.page.keyboard.type(option)
        shown = self.page.evaluate("document.activeElement.selectedOptions[0].textContent")
        assert str(shown).startswith(option), f"{label} shows {shown}"
        self.taps += 1


NAMED = """([name, role]) => {
    const one = document.activeElement;
    if (!one || one === document.body || (role && one.tagName !== role)) return false;
    const legend = one.type === "radio" ? one.closest("fieldset")?.querySelector("legend") : null;
    const own = one.tagName === "SELECT" ? "" : one.textContent;
    const words = [own, ...[...(one.labels ?? [])].map((label) => label.textContent),
        legend?.textContent ?? ""].map((text) => text.trim());
    return words.some((text) => text === name || (name.endsWith("…") && text.startsWith(name.slice(0, -1))));
}"""


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoSite]:
    """Give a device without charging points, and simulated devices around it."""
    folder = tmp_path_factory.mktemp("empty")
    with process(folder / "demo.log", "demo", "--empty") as running:
        running.wait_to_say("goe_charger at", 40.0)
        web = re.search(r"http://127\.0\.0\.1:(\d+)/, first password (\S+)", running.said)
        assert web is not None
        wait_until(lambda: health(int(web[1])) == 200, 20.0, "the device")
        yield DemoSite(f"http://127.0.0.1:{web[1]}", web[2], running)
        running.end(signal.SIGINT, 5.0)


def log_in_first(person: Person, password: str) -> None:
    """Log in with the first password, and change it."""
    person.type("Password", password)
    person.tap("Log in")
    person.type("New password", PASSWORD)
    person.type("New password again", PASSWORD)
    person.tap("Save")


def picture(page: Page, name: str) -> list[str]:
    """Keep a picture of a step, and return what keeps somebody out of it."""
    keep_screenshot(page, f"wizard-{name}")
    return [f"{name}: {one}" for one in (*findings(page), *cut_off(page))]


@pytest.mark.proves("W47", "W48", "W52", "W53")
def test_from_an_empty_device_to_a_controlled_charge_by_keyboard_alone_on_a_phone(
    browser: Browser, empty: DemoSite
) -> None:
    with visit(browser, empty, None, width=360) as seen:
        page = seen.open("/")
        person, wrong = Person(page), []
        log_in_first(person, empty.password)
        person.tap("Set up the device")
        wrong += picture(page, "0-steps")
        person.tap("Begin")
        wrong += picture(page, "1-device")
        person.type("Name of the device", "Garage")
        person.tap("Go on")
        person.tap("Search the network …")
        expect(page.get_by_text("6 devices found", exact=True).first).to_be_visible(timeout=120_000)
        wrong += picture(page, "2-found")
        person.pick("Model at …", "Eastron SDM630")  # as the label says
        person.choose("Eastron …", 1)  # the smart meter
        person.tap("Take them into the draft")
        wrong += picture(page, "3-points")
        person.tap("Go on")
        person.choose("Load management", 2)  # dynamic
        # so large that no overcurrent of the simulated building decides how this ends
        person.type("Overcurrent protection device [A]", "250")
        person.tap("Read it now")
        expect(page.get_by_text("what is drawn from the grid is positive")).to_be_visible(
            timeout=60_000
        )
        wrong += picture(page, "4-mains")
        person.tap("Go on")
        person.tap("Search")
        use = f"Use a tunnel of {INTERFACE}"
        expect(page.get_by_role("button", name=use)).to_be_visible(timeout=30_000)
        wrong += picture(page, "5-knx")
        person.tap(use)
        person.tap("Go on")
        person.tap("Look into the network")
        expect(page.locator("[data-progress]:not([data-running]) tbody tr")).to_have_count(
            7, timeout=90_000
        )
        wrong += picture(page, "6-check")
        person.tap("Go on")
        wrong += picture(page, "7-apply")
        person.tap("Apply")
        person.tap("Test Charging point 1…")
        expect(page.get_by_text("Passed.", exact=True)).to_be_visible(timeout=200_000)
        wrong += picture(page, "8-charge")
        taken = f"{person.taps} taps, {person.typed} fields, {person.took_s:.0f} s"
        assert person.taps + person.typed <= MOST_TAPS, taken
        assert person.took_s <= MOST_S, taken
        log.info("from the first log-in to a controlled charge: %s", taken)
        person.tap("Protocol to print")
        expect(page.get_by_text("The first charge: passed")).to_be_visible()
        wrong += picture(page, "9-protocol")
        assert wrong == []


@pytest.mark.proves("W47", "W52", "W54")
@pytest.mark.parametrize(
    "look", [*MATRIX[0:2], *MATRIX[-2:]], ids=lambda one: "-".join(map(str, one))
)
def test_no_step_keeps_anybody_out(browser: Browser, tmp_path: Path, look: Look) -> None:
    own, ask = Own(EXAMPLE.read_text(encoding="utf-8")), Ask()
    used = FoundDevice(
        connection=tcp("192.0.2.50", 0), used_as=(message("online_charging_point", number=4),)
    )
    similar = replace(SMART_METER, others=(SIMILAR,))
    ask.search = SearchProgress(number=1, found=(CHARGER, similar, used))
    first, second = (one.connection for one in configuration(own.text).points[:2])
    watched = Watched(
        id="cp1/charger", connection=first, is_heard=True, is_plugged=True, changed_at=1.0
    )
    quiet = Watched(id="cp2/charger", connection=second, is_heard=True, is_plugged=False)
    ask.watch = WatchProgress(number=1, watched=(watched, quiet), is_running=True)
    rows = (
        Row(step=Step.VEHICLE, result=Result.GOOD),
        Row(step=Step.CHARGE, result=Result.BAD, problem=Problem.NOT_CHARGING, reason="x" * 40),
    )
    ask.charge = Progress(number=1, point=1, rows=rows, steps=(Step.VEHICLE, Step.CHARGE))
    wrong: list[str] = []
    given: dict[str, Any] = {"device": own.control(), "commissioning": ask.pages()}
    with served_to(browser, tmp_path, site(POINT), look, **given) as seen:
        for step in ("", *(f"/{one}" for one in STEPS), "/protocol"):
            page = seen.open(f"/wizard{step}")
            name = f"{step.strip('/') or 'steps'}-{look.width}-{look.theme}-{look.language}"
            wrong += picture(page, name)
    assert wrong == []
