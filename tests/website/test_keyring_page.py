"""The keyring on the website: by https only, checked, named by the draft, none of its secrets shown."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from knxgw.config.edit_yaml import values_of
from knxgw.links.keyring_contents import read_keyring
from knxgw.store.keyring_files import KeyringFiles
from knxgw.website.access.roles import Role
from knxgw.website.configuring import KeptKeyring
from tests.config.sites import HOME
from tests.ets.test_keyring_match import DATA, KEY
from tests.ets.test_keyring_match import PASSWORD as KEYRING_PASSWORD
from tests.support.keyring import write_keyring
from tests.support.own_configuration import Own
from tests.website.test_certificate_page import HTTPS, Secure


class Device(Own):
    """A configuration of a device that keeps keyrings."""

    def __init__(self, directory: Path) -> None:
        super().__init__(HOME)
        self.files = KeyringFiles(directory)

    def keep(self, content: bytes, password: str) -> KeptKeyring:
        paths, contents = self.files.keep(
            content, password, lambda one: read_keyring(one.keyring, one.password)
        )
        return KeptKeyring(keyring=paths.keyring, password=paths.password, contents=contents)


@pytest.fixture
def visited(tmp_path: Path) -> Iterator[Secure]:
    device = Device(tmp_path)
    found = Secure(tmp_path, device=device.control(keep_keyring=device.keep))
    try:
        found.become_owner()
        found.encryption.make()
        found.by_https()
        yield found
    finally:
        found.close()


def sent(visited: Secure, content: bytes, password: str = KEYRING_PASSWORD) -> TestResponse:
    form = {
        "csrf": visited.csrf,
        "keyring": (BytesIO(content), "house.knxkeys"),
        "password": password,
    }
    return visited.browser.post("/config/keyring", data=form, base_url=HTTPS)


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return write_keyring(tmp_path / "house.knxkeys", DATA, KEYRING_PASSWORD).read_bytes()


@pytest.mark.proves("W66", "W49")
def test_a_keyring_is_checked_and_named_by_the_draft_without_its_secrets(
    visited: Secure, content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answer = sent(visited, content)
    page = answer.get_data(as_text=True)
    assert answer.status_code == 200, page
    assert "1.0.20" in page
    draft = visited.browser.get("/config", base_url=HTTPS).get_data(as_text=True)
    assert "knxgw.keyrings" in draft
    for secret in (KEYRING_PASSWORD, "planted-tunnel", KEY.hex()):
        assert secret not in page + draft + caplog.text
    assert len(list((tmp_path / "knxgw.keyrings").glob("*.knxkeys"))) == 1


@pytest.mark.proves("W66")
@pytest.mark.parametrize("password", ["wrong", ""])
def test_a_keyring_that_its_password_does_not_open_changes_nothing(
    visited: Secure, content: bytes, tmp_path: Path, password: str
) -> None:
    answer = sent(visited, content, password)
    assert answer.status_code == 400
    assert "not its password" in answer.get_data(as_text=True)
    assert list((tmp_path / "knxgw.keyrings").iterdir()) == []
    assert "keyring" not in values_of(HOME).get("knx", {})


@pytest.mark.proves("W66")
@pytest.mark.parametrize("damaged", [b"", b"PK", b"<a/>", b'<!DOCTYPE a [<!ENTITY b "c">]><a/>'])
def test_what_is_no_keyring_is_refused(visited: Secure, damaged: bytes) -> None:
    assert sent(visited, damaged).status_code == 400


@pytest.mark.proves("W66")
def test_over_plain_http_there_is_no_form_and_nothing_is_taken(
    visited: Secure, content: bytes
) -> None:
    page = visited.browser.get("/config/keyring").get_data(as_text=True)
    assert 'type="file"' not in page
    form = {"csrf": visited.csrf, "keyring": (BytesIO(content), "x"), "password": KEYRING_PASSWORD}
    assert visited.browser.post("/config/keyring", data=form).status_code in {302, 303, 403, 409}


@pytest.mark.proves("W12")
def test_who_may_not_configure_has_no_keyring_page(visited: Secure) -> None:
    guest = visited.guest(Role.USER)
    assert guest.browser.get("/config/keyring", base_url=HTTPS).status_code in {303, 403}
