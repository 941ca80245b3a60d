"""What an installer believes to be secured and is not is a warning with a remedy."""

from pathlib import Path

import pytest

from knxgw.config.check_files import warn_about_readers
from knxgw.config.check_knx import check_knx
from knxgw.config.model import KnxLinkKind
from knxgw.config.report import Report
from knxgw.config.yaml_places import YamlPlaces
from tests.config.sites import HOME, warnings
from tests.support.knxip_server import settings


@pytest.fixture
def keyring(tmp_path: Path) -> Path:
    """Return a keyring that only its owner can read."""
    path = tmp_path / "house.knxkeys"
    path.touch(mode=0o600)
    return path


@pytest.fixture
def password(tmp_path: Path) -> Path:
    """Return a file with a password that only its owner can read."""
    path = tmp_path / "keyring.password"
    path.touch(mode=0o600)
    return path


def said(kind: KnxLinkKind, keyring: Path | None, password: Path | None) -> list[str]:
    """Return the warnings about a KNX connection."""
    report = Report(YamlPlaces(file="site.yaml").place)
    of = settings(
        kind,
        keyring=str(keyring) if keyring else None,
        keyring_password_file=str(password) if password else None,
    )
    check_knx(of, report)
    warn_about_readers(
        {
            key: str(file)
            for key, file in (
                ("knx.keyring", keyring),
                ("knx.keyring_password_file", password),
            )
            if file
        },
        report,
    )
    return [str(finding) for finding in report.findings]


def test_a_keyring_does_not_encrypt_a_tunnel_over_udp(keyring: Path, password: Path) -> None:
    assert said(KnxLinkKind.TUNNELLING, keyring, password) == [
        "site.yaml:1: warning: knx.link: a tunnel over UDP is not encrypted, even with a "
        "keyring: the keyring secures only the telegrams of Data Secure; write link: "
        "tunnelling_tcp, if the KNX IP interface has secure tunnels"
    ]


@pytest.mark.parametrize("kind", [KnxLinkKind.ROUTING, KnxLinkKind.TUNNELLING_TCP])
def test_what_a_keyring_can_encrypt_is_good(
    kind: KnxLinkKind, keyring: Path, password: Path
) -> None:
    assert said(kind, keyring, password) == []


@pytest.mark.parametrize(
    "kind", [KnxLinkKind.TUNNELLING, KnxLinkKind.TUNNELLING_TCP, KnxLinkKind.ROUTING]
)
def test_a_connection_without_a_keyring_is_plain_as_it_says(kind: KnxLinkKind) -> None:
    assert said(kind, None, None) == []


def test_secrets_that_nothing_uses_are_named(keyring: Path, password: Path) -> None:
    secrets = f"keyring: {keyring}, keyring_password_file: {password}"
    assert warnings(HOME.replace("tunnelling", f"none, {secrets}")) == [
        "site.yaml:1: warning: knx.keyring: has no effect: there is no KNX connection"
    ]
    secrets = f"keyring_password_file: {password}"
    assert warnings(HOME.replace("tunnelling", f"tunnelling, {secrets}")) == [
        "site.yaml:1: warning: knx.keyring_password_file: has no effect: no keyring is named"
    ]


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o660, 0o440])
def test_a_secret_of_the_owner_and_a_group_is_good(
    mode: int, keyring: Path, password: Path
) -> None:
    password.chmod(mode)
    keyring.chmod(mode)
    assert said(KnxLinkKind.ROUTING, keyring, password) == []


@pytest.mark.parametrize(
    ("mode", "may"), [(0o644, "read"), (0o604, "read"), (0o666, "read"), (0o602, "change")]
)
def test_a_secret_that_everybody_can_read_or_replace_is_named(
    mode: int, may: str, keyring: Path, password: Path
) -> None:
    password.chmod(mode)
    assert said(KnxLinkKind.ROUTING, keyring, password) == [
        f"site.yaml:1: warning: knx.keyring_password_file: every user of this computer can {may} "
        f"{password}; chmod o= {password}"
    ]
    password.chmod(0o600)
    keyring.chmod(mode)
    (only,) = said(KnxLinkKind.ROUTING, keyring, password)
    assert f"knx.keyring: every user of this computer can {may} {keyring}" in only


def test_a_file_that_is_away_is_left_to_who_opens_it() -> None:
    assert said(KnxLinkKind.ROUTING, Path("/none.knxkeys"), Path("/none.password")) == []


def test_a_whole_site_is_checked(keyring: Path, password: Path) -> None:
    secured = f"192.168.1.10, keyring: {keyring}, keyring_password_file: {password}"
    text = HOME.replace("192.168.1.10", secured)
    assert any("a tunnel over UDP is not encrypted" in warning for warning in warnings(text))
