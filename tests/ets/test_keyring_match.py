"""What a keyring holds for our device and its links, without a word of its keys."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from knxgw.cli import main
from knxgw.config.model import GroupAddress
from knxgw.errors import Severity
from knxgw.ets.keyring_match import KeyringContents, KeyringInterface, Said, keyring_report
from knxgw.links.knx_factory import PASSWORD_VARIABLE
from tests.config.sites import HOME
from tests.ets.hostile import BOMB
from tests.support.keyring import Backbone, Interface, KeyringData, write_keyring

PASSWORD = "planted-word"  # noqa: S105 - made up
KEY = bytes(range(16))
DATA = KeyringData(
    backbone=Backbone(key=KEY, multicast_address="224.0.23.12", latency_ms=1000),
    interfaces=(
        Interface(
            individual_address="1.0.20",
            host="1.0.1",
            user_id=3,
            password="planted-tunnel",  # noqa: S106 - made up
            groups={"1/0/1": ["1.0.9"]},
        ),
        Interface(individual_address="1.0.21", host="1.0.1"),
    ),
    group_keys={"1/0/1": KEY, "1/0/2": KEY},
)
TUNNEL = KeyringInterface(
    address="1.0.20",
    kind="tunneling",
    host="1.0.1",
    has_credentials=True,
    groups=frozenset({GroupAddress("1/0/1")}),
)


def ids(found: list[Said]) -> list[tuple[str, Severity]]:
    return [(words.id, severity) for severity, words in found]


def report(
    *keyed: str, linked: tuple[str, ...], secured: tuple[str, ...] = (), own: str = "1.0.20"
) -> list[tuple[str, Severity]]:
    contents = KeyringContents(
        interfaces=(TUNNEL,), keyed=frozenset(map(GroupAddress, keyed)), has_backbone=False
    )
    return ids(list(keyring_report(contents, own, linked, secured)))[1:]  # type: ignore[arg-type]


def test_a_secured_address_without_a_key_is_a_risk() -> None:
    assert report("1/0/1", linked=("1/0/1", "1/0/3"), secured=("1/0/1", "1/0/3")) == [
        ("ets_key_missing", Severity.WARNING),
        ("ets_keys_found", Severity.NOTE),
    ]


def test_a_key_that_our_interface_may_not_use_is_a_risk() -> None:
    assert report("1/0/1", "1/0/2", linked=("1/0/1", "1/0/2")) == [
        ("ets_keys_found", Severity.NOTE),
        ("ets_key_not_for_us", Severity.WARNING),
    ]


def test_plain_addresses_need_no_key() -> None:
    assert report("1/0/1", linked=("1/0/5",)) == [("ets_no_keys_needed", Severity.NOTE)]


def test_an_address_that_no_tunnel_has_is_a_risk() -> None:
    assert report("1/0/1", linked=("1/0/1",), own="1.0.5") == [
        ("keyring_without_tunnel", Severity.WARNING),
        ("ets_keys_found", Severity.NOTE),
    ]


# --- the command ------------------------------------------------------------------------------------


@pytest.fixture
def keyring(tmp_path: Path) -> Path:
    return write_keyring(tmp_path / "house.knxkeys", DATA, PASSWORD)


def knxgw(*arguments: object) -> Result:
    result = CliRunner().invoke(main, ["import-ets", *map(str, arguments)])
    assert "planted" not in result.output
    assert KEY.hex() not in result.output.lower()
    return result


def test_a_keyring_says_what_it_has_for_the_site(tmp_path: Path, keyring: Path) -> None:
    site, word = tmp_path / "site.yaml", tmp_path / "word"
    site.write_text(
        HOME.replace("{link", "{individual_address: 1.0.20, link")
        + "group_objects: {50: 1/0/1, 51: 1/0/9}\n"
    )
    word.write_text(PASSWORD)
    result = knxgw(keyring, "--config", site, "--password-file", word)
    assert result.exit_code == 0, result.output
    assert "note: the keyring has a secure tunnel 1.0.20 of device 1.0.1" in result.output
    assert (
        "note: the keyring has tunnel 1.0.21 of device 1.0.1, without a password" in result.output
    )
    assert "keys for 1 of the linked group addresses: 1/0/1" in result.output


def test_the_password_may_come_from_the_environment(
    keyring: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "its password is not known" in knxgw(keyring).output
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    assert knxgw(keyring).exit_code == 0
    monkeypatch.setenv(PASSWORD_VARIABLE, "planted-wrong")
    assert "its signature does not match" in knxgw(keyring).output


def test_a_hostile_keyring_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    path = tmp_path / "bomb.knxkeys"
    path.write_text(BOMB)
    result = knxgw(path)
    assert result.exit_code == 1
    assert "is not a keyring file" in result.output
