"""The self-test: looks at everything within a minute, and says what helps. Source: website 50."""

from collections.abc import Mapping

from flask import Blueprint, Response, redirect
from werkzeug.wrappers import Response as AnyResponse

from knxgw.monitoring.csv_table import plain_text
from knxgw.monitoring.self_test import Check, Problem, Progress, Row, Verdict
from knxgw.website.access.roles import Right
from knxgw.website.language import Language, marked
from knxgw.website.live_rows import Feed, News, Said
from knxgw.website.pages.common import language, rows_answer, site
from knxgw.website.pages.diagnostics import live_list_page
from knxgw.website.security import needs

pages = Blueprint("self_test", __name__)
MOST_ROWS = 1000  # of one self-test; it has a few for each charger
CHECKS = {
    Check.STORE: marked("Storage"),
    Check.SPACE: marked("Free space"),
    Check.CLOCK: marked("Clock"),
    Check.KNX: marked("KNX link"),
    Check.ADDRESSES: marked("Group addresses of load management"),
    Check.SMART_METER: marked("Smart meter"),
    Check.CHARGER: marked("Charger"),
    Check.METER: marked("Electricity meter"),
    Check.CERTIFICATE: marked("Certificate of the website"),
    Check.GPIO: marked("Button and LEDs (GPIO)"),
    Check.FIRMWARE: marked("Firmware and its slots"),
    Check.FIRMWARE_KEYS: marked("Keys of firmware"),
    Check.TIME_SOURCE: marked("Time servers"),
    Check.NETWORK: marked("Network settings"),
    Check.MEMORY: marked("Memory of the program"),
    Check.LOOP: marked("Reaction of the program"),
}
VERDICTS = {
    Verdict.GOOD: (marked("good"), "good"),
    Verdict.WARNING: (marked("Warning"), "warning"),
    Verdict.BAD: (marked("Fault"), "bad"),
    Verdict.NOT_USED: (marked("not used here"), "muted"),
}
PROBLEMS = {  # what is wrong, and what helps
    Problem.NOT_STORED: (
        marked("The state cannot be stored."),
        marked("Free space on the disk, or replace it; the log says why."),
    ),
    Problem.STORE_SLOW: (
        marked("Storing takes long."),
        marked("A worn-out card? Replace it soon."),
    ),
    Problem.SPACE_LOW: (marked("The disk is almost full."), marked("Free some space on it.")),
    Problem.CLOCK_NOT_SET: (
        marked("The time is not known."),
        marked("Set a time server on the device, or link the object Date and time."),
    ),
    Problem.CLOCK_NOT_SYNCHRONISED: (
        marked("No time server sets the clock."),
        marked("Set a time server on the device, or link the object Date and time."),
    ),
    Problem.KNX_NOT_CONNECTED: (
        marked("KNX is not connected."),
        marked("Check the KNX interface, its address and the network cable."),
    ),
    Problem.ADDRESSES_MISSING: (
        marked("Group objects of load management have no group address."),
        marked("Link them; the list of group objects shows which."),
    ),
    Problem.METER_SILENT: (
        marked("The smart meter is silent: the chargers get the minimum only."),
        marked("Check that it sends on the group addresses of this device, or its connection."),
    ),
    Problem.DEVICE_NOT_REACHABLE: (
        marked("It cannot be reached."),
        marked("Check power, network cable and address; Modbus must be switched on in the device."),
    ),
    Problem.DEVICE_WRONG_ANSWERS: (
        marked("It answers wrongly."),
        marked("Check the model in the configuration, and the firmware of the device."),
    ),
    Problem.DEVICE_WRONG_MODEL: (
        marked("Another model answers."),
        marked("Check the model and the address in the configuration."),
    ),
    Problem.DEVICE_NOT_READ: (
        marked("It did not answer this read."),
        marked("Look at its requests in the Modbus monitor."),
    ),
    Problem.DEVICE_SLOW: (
        marked("It answers slowly."),
        marked("Look for a bad network, or for another program that reads it."),
    ),
    Problem.CERTIFICATE_NOT_VALID: (
        marked("It is not valid now: browsers warn of the website."),
        marked("Renew it, or set the clock of the device; then restart, or send SIGHUP."),
    ),
    Problem.CERTIFICATE_ENDS: (
        marked("It ends within three weeks."),
        marked("Renew it; then restart, or send SIGHUP."),
    ),
    Problem.GPIO_NO_LIBRARY: (
        marked(
            "The Python package gpiod cannot be loaded: there are no real LEDs and no real button."
        ),
        marked("Install it (pip install gpiod) and restart; it needs Linux 5.10 or newer."),
    ),
    Problem.GPIO_CHIP_ABSENT: (
        marked("There is no such GPIO chip."),
        marked(
            "Check the chip of the front panel in the configuration; gpiodetect lists the chips."
        ),
    ),
    Problem.GPIO_NO_CHIP: (
        marked("This device file is no GPIO chip."),
        marked(
            "Check the chip of the front panel in the configuration; gpiodetect lists the chips."
        ),
    ),
    Problem.GPIO_NOT_ALLOWED: (
        marked("The program may not use the GPIO chip."),
        marked("Add its user to the group gpio, then restart."),
    ),
    Problem.GPIO_LINE_UNKNOWN: (
        marked("The chip has no such line."),
        marked(
            "Check the lines of the front panel in the configuration; gpioinfo lists the lines."
        ),
    ),
    Problem.GPIO_LINE_BUSY: (
        marked("Another program or driver uses this line; its name stands in brackets."),
        marked("End that program, or use another line."),
    ),
    Problem.GPIO_CHIP_LOST: (
        marked("The GPIO chip does not answer any more."),
        marked("Check how it is connected; the program asks it again every few seconds."),
    ),
    Problem.GPIO_REFUSED: (
        marked("The GPIO chip refuses this line; the log says why."),
        marked("Use another line: not every one can be an input or an output."),
    ),
    Problem.FIRMWARE_ON_TRIAL: (
        marked("The firmware is on trial: it has not proved itself yet."),
        marked("Wait for two minutes, and run the self-test again."),
    ),
    Problem.FIRMWARE_GIVEN_UP: (
        marked("The last update did not work; the previous firmware runs."),
        marked("The page Firmware says why; take another version, or ask the support."),
    ),
    Problem.NO_FIRMWARE_KEY: (
        marked("No key of a maker is known: no firmware file is taken."),
        marked("Put the public key of the maker into /etc/knxgw/firmware-keys."),
    ),
    Problem.TIME_SERVERS_SILENT: (
        marked("No time server answers."),
        marked("Check the time servers (Settings, Time), DNS and the connection to them."),
    ),
    Problem.TIME_SERVERS_NOT_TAKEN: (
        marked("The time service does not use the time servers of the configuration."),
        marked("Look at Settings, Time; the host may have settings of its own."),
    ),
    Problem.NETWORK_NOT_CONFIRMED: (
        marked("A change of the network waits for its confirmation."),
        marked("Keep it on Settings, Network; otherwise the previous settings return."),
    ),
    Problem.NETWORK_WITHOUT_DHCP: (
        marked("No DHCP server answers: the device has an address of its own choice (169.254)."),
        marked("Check cable and DHCP server, or give it a permanent address."),
    ),
    Problem.MEMORY_HIGH: (
        marked("The program holds much memory."),
        marked("Send the log file to the support."),
    ),
    Problem.LOOP_SLOW: (
        marked("The program reacts late."),
        marked("The machine is too busy: look what else runs on it."),
    ),
    Problem.NOT_FINISHED: (
        marked("There was no time left to look at this."),
        marked("Devices that do not answer take long: mend them first."),
    ),
}


@pages.get("/diagnostics/self-test")
@needs(Right.DIAGNOSTICS)
def self_test() -> str:
    """Show what the newest self-test has found."""
    words, progress = language(), site().bridge.diagnostics.self_test.progress()
    return live_list_page(
        "self_test.html",
        "/api/v1/monitor/self-test",
        _number(progress),
        rows=[cells(row, words) for row in reversed(progress.rows)],
        progress=progress,
        verdict=_verdict(progress, words),
    )


@pages.post("/diagnostics/self-test")
@needs(Right.DIAGNOSTICS)
def start() -> AnyResponse:
    """Begin a self-test; one that runs already goes on."""
    site().bridge.diagnostics.self_test.start()
    return redirect("/diagnostics/self-test", 303)


@pages.get("/api/v1/monitor/self-test")
@needs(Right.DIAGNOSTICS)
def stream() -> Response:
    """Stream the rows of the self-test as they come."""
    return rows_answer(_feed())


def _feed() -> Feed:
    """Return the rows of the self-test, as they come, and its verdict."""
    bridge, words = site().bridge, language()
    test = bridge.diagnostics.self_test
    verdict = Said(lambda: _verdict(test.progress(), words), bridge.now_s)

    def since(after: int) -> News:
        progress = test.progress()
        number, shown = divmod(after, MOST_ROWS)
        new = progress.rows[shown if number == progress.number else 0 :]
        return News(_number(progress), [cells(row, words) for row in new], rate=verdict())

    return Feed(_number(test.progress()), since)


def _number(progress: Progress) -> int:
    """Return a number that rises with each row of each self-test."""
    return progress.number * MOST_ROWS + len(progress.rows)


def _verdict(progress: Progress, words: Language) -> str:
    """Return how far the test is, or what it has found."""
    if progress.is_running:
        done, all_rows = len(progress.rows), progress.expected
        return words.text("{done} of {all} looked at", done=done, all=all_rows)
    if not progress.number:
        return ""
    wrong = sum(row.problem is not None for row in progress.rows)
    if wrong:
        return words.counted("{count} problem found", "{count} problems found", wrong)
    return words.text("Everything is good.")


def cells(row: Row, words: Language) -> dict[str, str]:
    """Return a row as the texts of its cells."""
    verdict, tone = VERDICTS[row.verdict]
    problem, remedy = ("", "") if row.problem is None else PROBLEMS[row.problem]
    name = words.text(CHECKS[row.check])
    shown = {
        "check": f"{name}: {row.subject}" if row.subject else name,
        "verdict": words.text(verdict),
        "figures": _figures(row.figures, words),
        "problem": words.text(problem) if problem else "",
        "remedy": words.text(remedy) if remedy else "",
        "tone": tone,
    }
    return {key: plain_text(value) for key, value in shown.items()}


def _figures(figures: Mapping[str, float], words: Language) -> str:
    parts = []
    if "s" in figures:
        seconds = figures["s"]
        parts.append(
            f"{words.number(seconds * 1000)} ms" if seconds < 1 else f"{words.number(seconds, 1)} s"
        )
    if "B" in figures:
        parts.append(f"{words.number(figures['B'] / 2**20)} MiB")
    return ", ".join(parts)
