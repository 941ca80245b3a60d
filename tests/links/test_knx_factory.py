"""The factory: keyrings and their passwords, and which link a configuration makes."""

import base64
import contextlib
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from xknx.exceptions import InvalidSecureConfiguration
from xknx.secure.keyring import sync_load_keyring
from xknx.telegram.address import GroupAddress, IndividualAddress

from knxgw.config.model import KnxLinkKind, KnxSettings
from knxgw.errors import ConfigError
from knxgw.links.knx import XknxLink
from knxgw.links.knx_factory import (
    PASSWORD_VARIABLE,
    load_keyring,
    make_link,
    tunnel_credentials,
)
from knxgw.links.knx_routing_link import RoutingLink
from knxgw.links.knx_tunnel_link import TunnelLink
from knxgw.monitoring.scrub import Scrubber
from tests.support.keyring import Backbone, Device, Interface, KeyringData, write_keyring
from tests.support.knxip_server import settings

PASSWORD = "Zebra-7 Öl"  # noqa: S105 - made up here
WRONG = "Giraffe-8"
SECOND, THIRD, MANAGEMENT = "tunnel-two", "tunnel-three", "manage"
BACKBONE_KEY = bytes(range(16))
GROUP_KEY = bytes(range(16, 32))
TOOL_KEY = bytes(range(32, 48))
SECRETS = (PASSWORD, WRONG, SECOND, THIRD, "is-device", BACKBONE_KEY.hex())
DATA = KeyringData(
    backbone=Backbone(key=BACKBONE_KEY, multicast_address="224.0.23.47", latency_ms=1500),
    interfaces=(
        Interface(individual_address="1.1.240", host="1.1.1"),  # not secured
        Interface(
            individual_address="1.1.241",
            host="1.1.1",
            user_id=2,
            password=SECOND,
            authentication="is-device",
            groups={"1/1/50": ["1.1.20", "1.1.9"]},
        ),
        Interface(individual_address="1.1.242", host="1.1.1", user_id=3, password=THIRD),
    ),
    group_keys={"1/1/50": GROUP_KEY},
    devices=(
        Device(
            individual_address="1.1.9",
            sequence_number=77,
            tool_key=TOOL_KEY,
            management_password=MANAGEMENT,
            authentication="dev-code",
        ),
    ),
)


@pytest.fixture
def keyring(tmp_path: Path) -> Path:
    """Return a keyring file."""
    return write_keyring(tmp_path / "house.knxkeys", DATA, PASSWORD)


@pytest.fixture
def secured(keyring: Path) -> KnxSettings:
    """Return settings with that keyring and its password in a file."""
    password = keyring.with_name("password")
    password.write_text(PASSWORD + "\n", encoding="utf-8")
    return settings(KnxLinkKind.ROUTING, keyring=str(keyring), keyring_password_file=str(password))


def problem(of: KnxSettings) -> str:
    """Return what the factory has against settings; it must name a remedy and no secret."""
    with pytest.raises(ConfigError) as caught:
        make_link(of)
    (finding,) = caught.value.findings
    assert finding.remedy
    chained = f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__context__!r}"
    for secret in SECRETS:
        assert secret not in f"{finding} {chained}"
    return str(finding)


def test_the_written_keyring_is_what_xknx_reads_and_its_signature_holds(keyring: Path) -> None:
    read = sync_load_keyring(keyring, PASSWORD)
    assert read.backbone is not None
    assert read.backbone.decrypted_key == BACKBONE_KEY
    assert (read.backbone.multicast_address, read.backbone.latency) == ("224.0.23.47", 1500)
    plain, second, third = read.interfaces
    assert (plain.user_id, plain.decrypted_password) == (None, None)
    assert (second.user_id, second.decrypted_password) == (2, SECOND)
    assert second.decrypted_authentication == "is-device"
    assert second.group_addresses == {
        GroupAddress("1/1/50"): [IndividualAddress("1.1.20"), IndividualAddress("1.1.9")]
    }
    assert (third.host, third.decrypted_password) == (IndividualAddress("1.1.1"), THIRD)
    assert read.get_data_secure_group_keys() == {GroupAddress("1/1/50"): GROUP_KEY}
    (device,) = read.devices
    assert (device.decrypted_tool_key, device.sequence_number) == (TOOL_KEY, 77)
    assert (device.decrypted_management_password, device.decrypted_authentication) == (
        MANAGEMENT,
        "dev-code",
    )


def test_a_changed_keyring_fails_its_signature(keyring: Path) -> None:
    text = keyring.read_text(encoding="utf-8").replace('Latency="1500"', 'Latency="1501"')
    keyring.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidSecureConfiguration):
        sync_load_keyring(keyring, PASSWORD)


def test_the_password_comes_from_a_file(secured: KnxSettings) -> None:
    read = load_keyring(secured)
    assert read is not None
    assert read.backbone is not None
    assert read.backbone.decrypted_key == BACKBONE_KEY


def test_a_windows_password_file_is_read_too(secured: KnxSettings) -> None:
    assert secured.keyring_password_file is not None
    Path(secured.keyring_password_file).write_bytes(f"{PASSWORD}\r\n".encode("utf-8-sig"))
    assert load_keyring(secured) is not None


def test_the_password_comes_from_the_environment(
    secured: KnxSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    assert load_keyring(replace(secured, keyring_password_file=None)) is not None


def test_a_missing_password_is_said(secured: KnxSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    said = problem(replace(secured, keyring_password_file=None))
    assert f"knx.keyring: {secured.keyring}: its password is not known" in said
    assert f"give knx.keyring_password_file, or set {PASSWORD_VARIABLE}" in said


@pytest.mark.parametrize("password", [WRONG, ""])
def test_a_wrong_password_is_said(
    secured: KnxSettings, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, password)
    said = problem(replace(secured, keyring_password_file=None))
    assert "wrong password" in said
    assert "correct the password" in said


@pytest.mark.parametrize("content", [None, PASSWORD.encode("latin-1")])
def test_an_unreadable_password_file_is_named(secured: KnxSettings, content: bytes | None) -> None:
    assert secured.keyring_password_file is not None
    path = Path(secured.keyring_password_file)
    path.unlink() if content is None else path.write_bytes(content)
    said = problem(secured)
    assert str(path) in said
    assert "knx.keyring_password_file: " in said


@pytest.mark.parametrize("content", [None, b"", b"<Keyring", b"<a/>", b"\xff\xfe", b"PK\x03\x04"])
def test_a_file_that_is_no_keyring_is_said(secured: KnxSettings, content: bytes | None) -> None:
    assert secured.keyring is not None
    path = Path(secured.keyring)
    path.unlink() if content is None else path.write_bytes(content)
    assert str(path) in problem(secured)


@hypothesis_settings(max_examples=20, deadline=None)
@given(st.data())
def test_no_damaged_keyring_raises_anything_but_a_config_error(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = write_keyring(tmp_path_factory.getbasetemp() / "damaged.knxkeys", DATA, PASSWORD)
    raw = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at : at + data.draw(st.integers(0, 40))] = data.draw(st.binary(max_size=4))
    path.write_bytes(raw)
    password = path.with_name("damaged.password")
    password.write_text(PASSWORD, encoding="utf-8")
    of = settings(KnxLinkKind.ROUTING, keyring=str(path), keyring_password_file=str(password))
    with contextlib.suppress(ConfigError):
        make_link(of)


def test_no_link_makes_nothing_and_opens_no_keyring() -> None:
    assert make_link(settings(KnxLinkKind.NONE, keyring="/nowhere")) is None


def test_tpuart_says_what_to_use_instead() -> None:
    said = problem(settings(KnxLinkKind.TPUART))
    assert "knx.link: tpuart is not available" in said
    assert "use tunnelling or routing" in said


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        (KnxLinkKind.ROUTING, RoutingLink),
        (KnxLinkKind.TUNNELLING, TunnelLink),
        (KnxLinkKind.TUNNELLING_TCP, TunnelLink),
    ],
)
def test_each_kind_makes_its_link(
    kind: KnxLinkKind, link: type[XknxLink], secured: KnxSettings
) -> None:
    made = make_link(settings(kind))
    assert made is not None
    assert isinstance(made.link, link)
    assert not made.data_secure.has_groups
    made = make_link(replace(secured, link=kind))
    assert made is not None
    assert isinstance(made.link, link)
    assert made.data_secure.has_groups


def test_our_last_number_in_the_keyring_counts(secured: KnxSettings) -> None:
    for address, number in (("1.1.9", 77), (None, 0)):
        made = make_link(replace(secured, individual_address=address))
        assert made is not None
        assert made.data_secure.groups.own_number == number


@pytest.mark.proves("H.8")
def test_the_first_secured_tunnel_is_taken(secured: KnxSettings) -> None:
    read = load_keyring(secured)
    assert read is not None
    credentials = tunnel_credentials(read, None)
    assert credentials is not None
    assert (credentials.user_id, credentials.user_password) == (2, SECOND)
    assert credentials.device_authentication == "is-device"


def test_the_wanted_tunnel_is_taken(secured: KnxSettings) -> None:
    read = load_keyring(secured)
    assert read is not None
    credentials = tunnel_credentials(read, IndividualAddress("1.1.242"))
    assert credentials is not None
    assert (credentials.user_id, credentials.user_password) == (3, THIRD)
    assert credentials.device_authentication is None


@pytest.mark.parametrize("wanted", ["1.1.240", "1.1.99"])
def test_a_tunnel_the_keyring_does_not_secure_is_said(secured: KnxSettings, wanted: str) -> None:
    of = replace(secured, link=KnxLinkKind.TUNNELLING_TCP, individual_address=wanted)
    said = problem(of)
    assert f"no tunnel with the individual address {wanted}" in said
    assert "use one of 1.1.241, 1.1.242" in said


def test_a_keyring_without_tunnels_gives_no_credentials(tmp_path: Path) -> None:
    data = replace(DATA, interfaces=(DATA.interfaces[0],))
    read = sync_load_keyring(write_keyring(tmp_path / "k.knxkeys", data, PASSWORD), PASSWORD)
    assert tunnel_credentials(read, None) is None
    assert tunnel_credentials(read, IndividualAddress("1.1.240")) is None


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (KnxLinkKind.ROUTING, "routing is not encrypted: the keyring has no backbone key"),
        (KnxLinkKind.TUNNELLING, None),  # said by the check of the file
        (KnxLinkKind.TUNNELLING_TCP, "the tunnel is not encrypted: the keyring has no secure"),
    ],
)
def test_a_keyring_that_does_not_encrypt_the_connection_is_a_risk(
    kind: KnxLinkKind, said: str | None, secured: KnxSettings
) -> None:
    assert secured.keyring is not None
    data = KeyringData(interfaces=(DATA.interfaces[0],), group_keys=DATA.group_keys)
    complete = make_link(replace(secured, link=kind))
    assert complete is not None
    assert complete.risks == ()
    write_keyring(Path(secured.keyring), data, PASSWORD)
    link = make_link(replace(secured, link=kind))
    assert link is not None
    texts = [str(risk) for risk in link.risks]
    assert len(texts) == (said is not None)
    for text in texts:
        assert text.startswith(f"configuration:1: warning: knx.keyring: {secured.keyring}: {said}")
        assert "in ETS and export the keyring again" in text


def test_a_tunnel_to_whoever_answers_is_a_risk(secured: KnxSettings) -> None:
    of = replace(secured, link=KnxLinkKind.TUNNELLING_TCP, individual_address="1.1.242")
    link = make_link(of)
    assert link is not None
    (risk,) = link.risks
    assert "any device can impersonate the KNX IP interface" in str(risk)


def test_nothing_shows_or_logs_a_secret(
    secured: KnxSettings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    read = load_keyring(secured)
    assert read is not None
    credentials = tunnel_credentials(read, None)
    link = make_link(secured)
    key = base64.b64encode(BACKBONE_KEY).decode()
    for text in (repr(credentials), repr(read), repr(link), repr(DATA), caplog.text):
        for secret in (*SECRETS, key, GROUP_KEY.hex(), repr(GROUP_KEY), repr(BACKBONE_KEY)):
            assert secret not in text


def test_every_password_and_key_of_a_keyring_is_hidden_from_the_log(secured: KnxSettings) -> None:
    attachment = make_link(secured)
    assert attachment is not None
    words = {PASSWORD, SECOND, THIRD, MANAGEMENT, "is-device", "dev-code"}
    keys = {BACKBONE_KEY, GROUP_KEY, TOOL_KEY}
    assert set(attachment.secrets) == words | keys
    assert PASSWORD not in repr(attachment)
    scrubber = Scrubber()
    for secret in attachment.secrets:
        scrubber.learn_secret(secret)
    for text in words:
        assert text not in scrubber.scrub(f"before {text} after")
    for key in keys:
        for written in (key.hex(), key.hex(" ").upper(), base64.b64encode(key).decode()):
            assert written not in scrubber.scrub(f"before {written} after")
