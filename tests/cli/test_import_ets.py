"""`knxgw import-ets` with lists of group addresses; projects are in tests/ets/test_projects.py."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from knxgw.cli import main
from tests.config.sites import HOME
from tests.support.keyring import KeyringData, write_keyring

LIST = (
    '"Group name";"Address";"Central";"Unfiltered";"Description";"DatapointType";"Security"\r\n'
    '"Wallbox 1 Leistung";"1/0/1";"";"";"";"DPST-9-24";"Auto"\r\n'
    '"Wallbox 1 Sperre";"1/0/2";"";"";"";"DPST-1-2";"On"\r\n'
    '"Licht";"1/0/3";"";"";"";"DPST-1-1";"Auto"\r\n'
    '"Unsinn";"1/0";"";"";"";"";"Auto"\r\n'
    '"Unsinn";"1//3";"";"";"";"";"Auto"\r\n'
)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    path = tmp_path / "addresses.csv"
    path.write_text(LIST, encoding="utf-8-sig")
    return path


def knxgw(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["import-ets", *map(str, arguments)])


def test_proposals_are_printed_as_comments(exported: Path) -> None:
    result = knxgw(exported)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[2:] == [
        "# group_objects:",
        "#   55: [1/0/2]  # Interruption (high: Wallbox 1 Sperre, 1.002)",
        "#   66: [1/0/1]  # Actual power (sum) – state (high: Wallbox 1 Leistung, 9.024)",
    ]
    assert (
        "links proposed by names and datapoint types: 2, accepted: 0; look at each line"
        in result.stderr
    )
    assert "removing a # takes a single one" in result.stderr
    assert "1 lines could not be read, the first ones are: 6" in result.stderr


def test_what_is_accepted_is_written_to_a_new_file_only(exported: Path, tmp_path: Path) -> None:
    output = tmp_path / "links.yaml"
    result = knxgw(exported, "--accept-proposals", "high", "--output", output)
    assert result.exit_code == 0
    assert "\ngroup_objects:\n  55: [1/0/2]" in output.read_text(encoding="utf-8")
    assert "knx.keyring: secured in ETS: 1/0/2" in result.stdout
    before = output.read_bytes()
    again = knxgw(exported, "--output", output)
    assert again.exit_code == 1
    assert f"{output}: error: already exists" in again.output
    assert output.read_bytes() == before


def test_a_keyring_without_the_key_is_told(exported: Path, tmp_path: Path) -> None:
    keyring = write_keyring(
        tmp_path / "k.knxkeys", KeyringData(group_keys={"1/1/1": bytes(16)}), "w"
    )
    word = tmp_path / "word"
    word.write_text("w")
    result = knxgw(
        *(exported, "--accept-proposals", "high"),
        *("--keyring", keyring, "--keyring-password-file", word),
    )
    assert result.exit_code == 0
    assert "secured in ETS, but the keyring has no key: 1/0/2" in result.stderr


def test_names_are_in_the_language_of_the_site(exported: Path, tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text("device: {language: de}\n" + HOME, encoding="utf-8")
    result = knxgw(exported, "--config", site)
    assert "# Unterbrechung (high: Wallbox 1 Sperre" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["nowhere.knxproj"], 1, "cannot be read"),
        ([".", "--device", "1.0"], 2, "--device"),
        (["nowhere.knxproj", "--password-file"], 2, "requires an argument"),
        (["nowhere.knxproj", "--config", "nowhere.yaml"], 1, "cannot be read"),
    ],
)
def test_wrong_use_and_missing_files_are_told(arguments: list[str], status: int, said: str) -> None:
    result = knxgw(*arguments)
    assert result.exit_code == status
    assert said in result.output


def test_no_option_takes_a_password_itself() -> None:
    options = {name for one in main.commands["import-ets"].params for name in one.opts}
    assert {one for one in options if "password" in one} == {
        "--password-file",
        "--keyring-password-file",
    }
