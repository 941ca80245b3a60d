"""`knxgw objects` as the file that ETS imports, and as the section of the configuration."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from knxgw.cli import main
from tests.ets.group_address_files import read_csv, read_xml
from tests.support.pages import ROOT

SITE = ROOT / "examples" / "mixed-operation.yaml"
FORMATS = ["ets-csv", "ets-xml", "config"]


def objects(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["objects", *arguments])


def test_a_site_becomes_a_file_for_ets_that_holds_its_object_table(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    site = ("--config", str(SITE))
    result = objects(*site, "--format", "ets-csv", "--output", str(file))
    assert (result.exit_code, result.output) == (0, "")
    assert file.read_bytes() == objects(*site, "--format", "ets-csv").stdout_bytes
    found = read_csv(file.read_bytes())
    assert found == read_xml(objects(*site, "--format", "ets-xml").stdout_bytes)
    table = json.loads(objects(*site, "--format", "json").output)
    assert {one for row in table for one in row["addresses"]} <= {one.address for one in found}
    numbers = {number for one in found for number in re.findall(r"\d+", one.description)}
    assert numbers == {str(row["number"]) for row in table}


@pytest.mark.parametrize("shape", FORMATS)
def test_part_of_the_objects_has_the_addresses_they_have_among_all(shape: str) -> None:
    every, some = (
        set(objects("--config", str(SITE), *words, "--format", shape).output.splitlines())
        for words in ((), ("rfid",))
    )
    assert some < every
    found = len(json.loads(objects("--config", str(SITE), "rfid", "--format", "json").output))
    assert sum("RFID-Tag" in line for line in some) == found > 1


def test_range_and_language_can_be_chosen() -> None:
    result = objects("--format", "ets-csv", "--main", "31", "--middle", "2", "--language", "de")
    found = read_csv(result.stdout_bytes)
    assert (found[0].address, found[-1].address) == ("31/2/1", "31/7/112")
    assert found[0].name == "Netzdienliche Steuerung"


def test_a_range_that_is_too_small_is_said_with_cause_and_remedy() -> None:
    result = objects("--format", "ets-xml", "--main", "31", "--middle", "3")
    assert result.exit_code == 1
    assert result.output == (
        "error: main group 31 has no middle group with room for Charging point 5 from 31/3 on; "
        "begin with a lower middle group, or choose another main group (--main, --middle)\n"
    )


@pytest.mark.parametrize("option", [("--main", "32"), ("--middle", "8"), ("--language", "fr")])
def test_a_group_or_a_language_that_does_not_exist_is_wrong_use(option: tuple[str, str]) -> None:
    assert objects("--format", "ets-csv", *option).exit_code == 2


@pytest.mark.parametrize("shape", ["table", "json"])
def test_a_list_has_no_range(shape: str) -> None:
    result = objects("--format", shape, "--main", "4")
    assert result.exit_code == 2
    assert "add --format ets-csv, ets-xml or config" in result.output


@pytest.mark.parametrize("shape", ["table", "json", *FORMATS])
def test_an_existing_file_is_not_overwritten(shape: str, tmp_path: Path) -> None:
    file = tmp_path / "site.yaml"
    file.write_text("mine")
    result = objects("--format", shape, "--output", str(file))
    assert result.exit_code == 1
    assert "exists: name another file, or remove it first" in result.output
    assert file.read_text() == "mine"
    nowhere = objects("--format", shape, "--output", str(tmp_path / "none" / "file"))
    assert nowhere.exit_code == 1
    assert "cannot be written" in nowhere.output


@pytest.mark.parametrize("shape", ["table", "json", *FORMATS])
def test_without_a_match_no_file_is_written(shape: str, tmp_path: Path) -> None:
    result = objects("nonsense", "--format", shape, "--output", str(tmp_path / "new"))
    assert result.exit_code == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shape", ["table", "json"])
def test_a_list_in_a_file_is_what_the_terminal_shows(shape: str, tmp_path: Path) -> None:
    file = tmp_path / "list"
    objects("--format", shape, "--output", str(file))
    assert file.read_text(encoding="utf-8") == objects("--format", shape).output


def test_a_site_whose_objects_are_not_linked_yet_gets_all_its_addresses(tmp_path: Path) -> None:
    site = tmp_path / "new.yaml"
    text = SITE.read_text(encoding="utf-8").partition("group_objects:")[0]
    site.write_text(text.replace('mode: "off"', "mode: dynamic"), encoding="utf-8")
    lines = objects("--config", str(site), "--format", "config").output
    assert "10: [10/0/10]" in lines, (
        "load management would not start without, but here it is asked for"
    )
    site.write_text(site.read_text(encoding="utf-8") + lines, encoding="utf-8")
    checked = CliRunner().invoke(main, ["check", "--offline", str(site)])
    assert "group_objects" not in checked.output
    assert checked.exit_code == 0, checked.output
