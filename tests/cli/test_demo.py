"""The demo in terminals of all kinds: what must be known is in sight, and it says the truth."""

import re
import subprocess
from pathlib import Path

import pytest
from rich.console import Console

from knxgw.commands.demo_view import live_view
from knxgw.sim.loopback import free_port
from knxgw.sim.vehicle import Vehicle
from tests.support.terminal import KNXGW, Session, at_terminal, screen_of, typed
from tests.support.waiting import wait_until
from tests.support.world import World

HEAD = ("status page http://127.0.0.1:65535/ · Ctrl-C ends", "KNX on 239.255.24.50, interface lo")
SITE = """
device: {name: "A name of thirty characters .."}
knx: {link: none}
load_management: {mode: static, static_limit_a: 120}
charging_points:
  - {number: 1, name: "Left, in front of the garage", model: keba_p30, connection: {host: 127.0.0.1, port: 5021}}
  - {number: 2, model: alfen_eve, connection: {host: 127.0.0.1, port: 5022}}
  - {number: 3, model: goe_charger, connection: {host: 127.0.0.1, port: 5023}}
  - {number: 4, model: bender_cc612_mennekes_professional, connection: {host: 127.0.0.1, port: 5024}}
  - {number: 5, model: abb_terra_ac, connection: {host: 127.0.0.1, port: 5025}}
group_objects: {50: [1/1/50]}
"""
HERE = """
knx: {{link: none}}
website: {{listen: "127.0.0.1:8080"}}
charging_points:
  - {{number: 1, model: goe_charger, connection: {{host: 127.0.0.1, port: {port}}}}}
group_objects: {{50: [1/1/50]}}
"""


# --- what is shown


@pytest.mark.long
@pytest.mark.parametrize(("columns", "lines"), [(80, 24), (120, 30), (60, 24)])
async def test_all_charging_points_and_what_must_be_known_fit_the_terminal(
    columns: int, lines: int, tmp_path: Path
) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        for number in range(1, 6):
            world.charger(number).plug(Vehicle(maximum_ma=32_000))
        await world.sleep(120.0)
        world.charger(5).has_error = True
        world.site.endpoint_of(1).misbehaviour.silent = True  # type: ignore[arg-type]  # a number
        await world.sleep(30.0)
        console = Console(width=columns, height=lines, force_terminal=True, color_system=None)
        with console.capture() as captured:
            console.print(live_view(world.gateway.view(), HEAD))
        shown = captured.get().splitlines()
    assert len(shown) < lines, "the cursor stands below"
    assert all(len(line) <= columns for line in shown)
    for text in (*HEAD, "NotReachable", " kWh" if columns >= 80 else "Charge"):
        assert any(text in line for line in shown), text
    assert sum(line[:1].isdigit() for line in shown) == 5


def page_of(said: str) -> str:
    found = re.search(r"http://127\.0\.0\.1:\d+/", said)
    assert found is not None, said
    return found.group()


@pytest.mark.long
@pytest.mark.real
@pytest.mark.proves("H.92")
def test_at_80_by_24_the_address_stays_in_sight_and_ctrl_c_ends_it() -> None:
    with at_terminal("demo") as demo:
        demo.wait_to_say("KEBA KeContact P30")
        wait_until(lambda: demo.said.count("website http") > 4, 20.0, "some pictures")
        assert demo.end() == 0
        screen = screen_of(demo.said)
        assert "Traceback" not in demo.said
    assert len(screen) <= 24
    assert sum("website http://127.0.0.1:" in line for line in screen) == 1
    assert any("Ctrl-C ends" in line for line in screen)
    assert any("KNX on 2" in line for line in screen)
    assert all(any(f"{n}  " in line[:4] for line in screen) for n in range(1, 6))


@pytest.mark.long
@pytest.mark.real
@pytest.mark.proves("H.92")
def test_a_dumb_terminal_gets_plain_lines() -> None:
    with at_terminal("demo", term="dumb") as demo:
        demo.wait_to_say("KEBA KeContact P30")
        assert demo.end() == 0
        assert "\x1b" not in demo.said
        assert "website http://127.0.0.1:" in demo.said
        assert "initial password" not in demo.said, "it has a password of its own"
        assert "Traceback" not in demo.said


# --- a reader that leaves


@pytest.mark.long
@pytest.mark.real
@pytest.mark.parametrize("command", [["demo"], ["demo", "-v"], ["sim"]], ids=" ".join)
@pytest.mark.proves("H.93")
def test_what_goes_on_ends_when_nobody_reads_any_more(command: list[str], tmp_path: Path) -> None:
    errors = tmp_path / "errors"
    site = tmp_path / "site.yaml"  # of its own: a demo on this computer may have the demo's group
    site.write_text(HERE.format(port=free_port(0)), encoding="utf-8")
    arguments = ["--site", str(site)] if command == ["sim"] else []
    with errors.open("w") as file:
        running = subprocess.Popen(
            [*KNXGW, *command, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if "-v" in command else file,
        )
    assert running.stdout is not None
    assert running.stdin is not None
    assert running.stdout.readline()
    running.stdout.close()
    if command == ["sim"]:
        running.stdin.write(b"state\n" * 3)
    running.stdin.close()
    try:
        assert running.wait(15.0) == 0
    finally:
        running.kill()
        running.wait()
    assert errors.read_text() == ""


@pytest.mark.real
@pytest.mark.parametrize(
    "command", [["objects"], ["models"], ["models", "--json"], ["check", "nowhere.yaml"]]
)
@pytest.mark.proves("H.93")
def test_a_list_that_is_read_in_part_is_no_error(command: list[str], tmp_path: Path) -> None:
    errors = tmp_path / "errors"
    with errors.open("w") as file:
        listing = subprocess.Popen([*KNXGW, *command], stdout=subprocess.PIPE, stderr=file)
    assert listing.stdout is not None
    listing.stdout.close()  # before a word was said
    assert listing.wait(20.0) in (0, 141)
    assert errors.read_text() == ""


@pytest.mark.real
@pytest.mark.proves("H.93")
def test_a_full_disk_is_said_and_no_output_at_all_is_fine() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*KNXGW, "objects"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr == "error: the output cannot be written: No space left on device\n"
    shell = f"{' '.join(KNXGW)} objects >&-"
    closed = subprocess.run(shell, shell=True, capture_output=True, text=True, check=False)  # noqa: S602
    assert (closed.returncode, closed.stderr) == (0, "")


# --- two at once


def building_a(demo: Session) -> list[float]:
    """Return the building's loads that a demo has shown."""
    return [float(one) for one in re.findall(r"building (-?[\d.]+) A", demo.said)]


@pytest.mark.long
@pytest.mark.real
@pytest.mark.proves("H.92")
def test_two_demos_at_once_have_a_page_and_a_bus_each_and_say_so() -> None:
    with typed("demo", "--seed", "1") as first:
        first.wait_to_say("KNX on")
        with typed("demo", "--seed", "7") as second:
            second.wait_to_say("KNX on")
            assert page_of(first.said) != page_of(second.said)
            groups = [
                re.search(r"KNX on (\S+),", demo.said).group(1)  # type: ignore[union-attr]
                for demo in (first, second)
            ]
            assert groups[0] != groups[1]
            assert "is in use on this computer" in second.said
            wait_until(
                lambda: all(len(building_a(one)) >= 3 for one in (first, second)),
                40.0,
                "some pictures of both",
            )
            assert second.end() == 0
        assert first.end() == 0
        assert building_a(first) != building_a(second)
        for demo in (first, second):
            assert min(building_a(demo)) >= 0, "the building would export"
            assert "Traceback" not in demo.said
