"""The commands: what they print, and their exit status (0 good, 1 not good, 2 wrong use)."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from knxgw import __version__
from knxgw.catalogue.load import catalogue
from knxgw.cli import main
from knxgw.commands.listing import model_lines, model_rows, object_lines, object_rows
from tests.support.processes import GOOD, free_port, health, process
from tests.support.visitor import Visitor
from tests.support.waiting import wait_until


def knxgw(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def site(directory: Path, text: str = GOOD) -> Path:
    path = directory / "site.yaml"
    path.write_text(text.format(web=free_port(), port=free_port()), encoding="utf-8")
    return path


@pytest.mark.parametrize("command", sorted(main.commands))
def test_examples_in_the_help_keep_their_lines(command: str) -> None:
    assert "\\b" not in knxgw(command, "--help").output


def test_objects_prints_the_whole_map_as_json() -> None:
    result = knxgw("objects", "--format", "json")
    assert result.exit_code == 0
    rows = json.loads(result.output)
    assert len(rows) == (9 + 8) + 5 * (39 + 3)
    assert rows[0] == {
        "number": 1,
        "charging_point": 0,
        "function": "Grid-supporting control",
        "dpts": ["1.001"],
        "flags": "C-WTUI",
        "model_dependent": False,
        "addresses": [],
    }


def test_objects_of_a_site_are_those_it_has(tmp_path: Path) -> None:
    result = knxgw("objects", "--config", str(site(tmp_path)), "--format", "json")
    rows = {row["number"]: row for row in json.loads(result.output)}
    assert rows[50]["addresses"] == ["1/1/50"]
    assert rows[62]["dpts"] == ["7.012"]
    assert 10 not in rows, "no smart meter"
    assert 59 not in rows, "a go-e cannot unlock"
    assert 100 not in rows, "there is one charging point"


def test_the_table_is_one_line_per_object() -> None:
    lines = knxgw("objects").output.splitlines()
    assert len(lines) == (9 + 8) + 5 * (39 + 3)
    assert "Interruption" in next(line for line in lines if line.startswith(" 55 "))


def test_models_names_kind_transports_and_confirmation() -> None:
    rows = json.loads(knxgw("models", "--json").output)
    assert {row["id"] for row in rows} >= {"keba_p30", "abb_terra_ac", "alfen_eve", "goe_charger"}
    assert set(rows[0]) == {"id", "kind", "manufacturer", "model", "transports", "confirmed"}
    assert all(
        row["kind"] == "meter" for row in json.loads(knxgw("models", "meters", "--json").output)
    )
    assert "KEBA" in knxgw("models", "chargers").output


def test_models_shows_chargers_and_meters_apart_and_finds_them_by_a_word() -> None:
    everything = knxgw("models").output
    assert everything.index("Chargers (") < everything.index("Electricity meters (")
    assert [row["id"] for row in json.loads(knxgw("models", "keba", "--json").output)] == [
        "keba_p30",
        "keba_p40",
    ]
    found = json.loads(knxgw("models", "chargers", "BMW", "i", "wallbox", "--json").output)
    assert [row["id"] for row in found] == ["keba_p30"], "variants count, in any spelling"
    assert json.loads(knxgw("models", "go-e", "--json").output)[0]["id"] == "goe_charger"


def test_a_word_that_fits_nothing_is_status_1() -> None:
    for command in ("models", "objects"):
        result = knxgw(command, "nonsense")
        assert result.exit_code == 1
        assert "nonsense" in result.output


def test_objects_are_found_by_number_words_and_type() -> None:
    def numbers(*words: str) -> list[int]:
        return [
            row["number"] for row in json.loads(knxgw("objects", *words, "--format", "json").output)
        ]

    assert numbers("55") == [55]
    assert 74 in numbers("energy", "13.010")
    assert 62 not in numbers("energy", "13.010")


@pytest.mark.parametrize("width", [80, 100, 160])
def test_tables_fit_the_terminal_and_keep_the_ids_whole(width: int) -> None:
    models = model_lines(model_rows(catalogue(), None), width)
    objects = object_lines(object_rows(catalogue(), None), width)
    assert max(map(len, [*models.splitlines(), *objects.splitlines()])) <= width
    for model in catalogue().models:
        assert f"\n{model.id} " in f"\n{models}"


@pytest.mark.parametrize("command", ["", *sorted(main.commands)])
def test_help_fits_a_terminal_of_80_characters(command: str) -> None:
    lines = knxgw(*filter(None, [command]), "--help").output.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    cut_off = [line for line in lines[1:] if line.endswith("...")]
    assert cut_off == []


def test_a_terminal_in_iso_8859_1_sees_a_question_mark_where_it_has_no_character() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "knxgw", "objects", "2"],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "latin-1"},
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert b"Grid-supporting control ? state" in run.stdout


@pytest.mark.parametrize("command", ["check", "run", "objects", "bench"])
def test_a_missing_an_unreadable_file_and_a_directory_have_the_same_status(
    command: str, tmp_path: Path
) -> None:
    results = []
    for name in (
        tmp_path / "nowhere.yaml",
        tmp_path,
    ):  # root may read everything: no such case here
        option = {"run": ("--config",), "objects": ("--config",)}.get(command, ())
        results.append(knxgw(command, *option, str(name)))
    assert [result.exit_code for result in results] == [2 if command == "bench" else 1] * 2
    assert all("cannot be read" in result.output for result in results)


def test_check_says_good_for_a_good_file(tmp_path: Path) -> None:
    result = knxgw("check", str(site(tmp_path)))
    assert result.exit_code == 0
    assert result.output.endswith("good\n")


@pytest.mark.proves("H.23")
def test_check_lists_every_mistake_at_once_with_line_key_and_remedy(tmp_path: Path) -> None:
    text = GOOD.replace("goe_charger", "goe_chargr").replace(
        "55: [1/1/55]", "55: [1/9/55], 56: [a]"
    )
    path = site(tmp_path, text.replace("link: none", "lnk: none"))
    result = knxgw("check", str(path))
    assert result.exit_code == 1
    output = result.output
    assert f"{path}:3: error: knx.lnk: unknown key; did you mean 'link'?" in output
    assert f"{path}:7: error:" in output
    assert "goe_charger" in output
    assert output.count(f"{path}:8: error:") == 2
    assert "errors, the file must be corrected" in output


def test_check_of_a_missing_file_is_status_1_and_of_no_file_2(tmp_path: Path) -> None:
    result = knxgw("check", str(tmp_path / "nowhere.yaml"))
    assert result.exit_code == 1
    assert "cannot be read" in result.output
    assert knxgw("check").exit_code == 2


@pytest.mark.proves("H.24")
def test_run_refuses_a_wrong_file_and_names_the_place(tmp_path: Path) -> None:
    path = site(tmp_path, GOOD.replace("link: none", "link: nonne"))
    result = knxgw("run", "--config", str(path), "--state", str(tmp_path / "state"))
    assert result.exit_code == 1
    assert f"{path}:3: error: knx.link" in result.output
    assert not (tmp_path / "state").exists(), "nothing was started"


def test_help_teaches() -> None:
    output = knxgw("--help").output
    for word in ("run", "demo", "sim", "check", "objects", "models", "knxgw demo"):
        assert word in output


# --- real processes ------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.proves("H.26")
@pytest.mark.real
def test_the_demo_runs_is_healthy_and_ends_within_two_seconds(tmp_path: Path) -> None:
    with process(tmp_path / "demo.log", "demo") as demo:
        demo.wait_to_say("http://127.0.0.1:")
        port = int(demo.said.split("http://127.0.0.1:")[1].split("/")[0])
        wait_until(lambda: health(port) == 200, 20.0, "the demo to be healthy")
        assert "password knxgw-demo" in demo.said
        page = Visitor(port).log_in("knxgw-demo")
        assert "Demo garage" in page
        assert page.count('class="card point"') == 5
        demo.end(signal.SIGINT, 2.0)
        assert demo.process.returncode == 0
        assert "Traceback" not in demo.said


@pytest.mark.real
def test_a_gateway_ends_in_order_on_sigterm_and_reads_its_file_again_on_sighup(
    tmp_path: Path,
) -> None:
    path = site(tmp_path)
    port = int(path.read_text().split('listen: "127.0.0.1:')[1].split('"')[0])
    arguments = ("run", "--config", str(path), "--state", str(tmp_path / "state"))
    with process(tmp_path / "gateway.log", *arguments) as gateway:
        # the charger is not there: that must not keep the gateway from being ready
        wait_until(lambda: health(port) == 200, 20.0, "the gateway to be ready")
        path.write_text(path.read_text().replace("link: none", "link: nonsense"))
        gateway.process.send_signal(signal.SIGHUP)
        gateway.wait_to_say("nonsense")
        assert health(port) == 200, "a faulty file changes nothing"
        other = free_port()
        good = path.read_text().replace("nonsense", "none").replace(str(port), str(other))
        path.write_text(good)
        gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: health(other) == 200, 20.0, "the new configuration to run")
        assert health(port) is None
        gateway.end(signal.SIGTERM, 2.0)
        assert gateway.process.returncode == 0
        assert "Traceback" not in gateway.said
        said = gateway.said
    assert f"knxgw {__version__} runs Test, {path}" in said
    assert f"website: http://127.0.0.1:{port}/" in said
    assert "cp1 One: go-e Charger" in said
    assert "SIGTERM: the gateway ends" in said
    assert said.rstrip().endswith("ended")


@pytest.mark.real
@pytest.mark.proves("6.15")
def test_the_start_warns_of_minimum_currents_that_reach_the_limit(tmp_path: Path) -> None:
    path = site(tmp_path, GOOD.replace('"off"}}', '"off", fuse_a: 9}}'))
    with process(
        tmp_path / "gateway.log", "run", "--config", str(path), "--state", str(tmp_path / "state")
    ) as gateway:
        gateway.wait_to_say("minimum currents")
        gateway.wait_to_say("warning: load_management.fuse_a")
        gateway.end(signal.SIGTERM, 5.0)


@pytest.mark.long
@pytest.mark.real
def test_a_port_in_use_is_said_with_its_remedy(tmp_path: Path) -> None:
    path = site(tmp_path)
    port = int(path.read_text().split('listen: "127.0.0.1:')[1].split('"')[0])
    with process(
        tmp_path / "a.log", "run", "--config", str(path), "--state", str(tmp_path / "a")
    ) as first:
        wait_until(lambda: health(port) is not None, 20.0, "the first gateway to listen")
        with process(
            tmp_path / "b.log", "run", "--config", str(path), "--state", str(tmp_path / "b")
        ) as second:
            second.process.wait(20.0)
        assert second.process.returncode == 1
        assert "website.listen" in second.said
        assert "Traceback" not in second.said
        assert first.process.poll() is None


@pytest.mark.real
def test_the_simulator_runs_without_a_terminal(tmp_path: Path) -> None:
    path = site(tmp_path)
    with process(tmp_path / "sim.log", "sim", "--site", str(path)) as simulator:
        simulator.wait_to_say("help, quit")
        simulator.end(signal.SIGTERM, 5.0)
        assert simulator.process.returncode == 0
