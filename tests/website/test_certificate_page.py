"""Settings, Certificate: what the owner sees of the certificate, has made, uploads and removes."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from werkzeug.test import TestResponse

from knxgw.store.certificate_files import CertificateFiles
from knxgw.website.access.roles import Role
from knxgw.website.access.sessions import PROVED_S
from knxgw.website.certificate import load_certificate
from knxgw.website.encryption import Encryption
from knxgw.website.pages.certificate import LARGEST_UPLOAD
from tests.support.certificates import key_bytes, write_certificate
from tests.support.visitor import Visitor
from tests.support.website import NOON, PASSWORD, Website, served
from tests.website.test_https import plain, trusting
from tests.website.test_pages import SITE, text_of

NAMES = ("localhost", "127.0.0.1")
HTTPS = "https://localhost"


class Secure(Website):
    """A website whose certificates stand in its state directory, and a browser that speaks https."""

    def __init__(self, directory: Path, **given: Any) -> None:
        self.files = CertificateFiles(directory)
        self.encryption = Encryption(self.files, names=lambda: NAMES, now=lambda: NOON)
        super().__init__(
            directory,
            view=lambda _language: SITE,
            encryption=self.encryption,
            certificate=lambda: self.encryption.current,
            redirects=lambda: self.encryption.redirects,
            **given,
        )

    def page(self) -> str:
        return self.get("/settings/certificate")

    def upload(self, certificate: bytes, key: bytes = b"") -> TestResponse:
        """Upload both as files, by https."""
        given = {
            "csrf": self.csrf,
            "certificate": (BytesIO(certificate), "site.pem"),
            "key": (BytesIO(key), "site.key"),
        }
        return self.browser.post("/settings/certificate/upload", data=given, base_url=HTTPS)

    def by_https(self) -> None:
        """Log in by https."""
        answer = self.browser.post("/login", data={"password": PASSWORD}, base_url=HTTPS)
        assert answer.status_code == 303

    @property
    def csrf(self) -> str:
        for name in (f"__Host-{self.bridge.reach.cookie}", self.bridge.reach.cookie):
            cookie = self.browser.get_cookie(name)
            session = None if cookie is None else self.accounts.session_of(cookie.value)
            if session is not None:
                return session.csrf
        return ""


@contextmanager
def website() -> Iterator[Secure]:
    with TemporaryDirectory() as directory:
        found = Secure(Path(directory))
        try:
            found.become_owner()
            yield found
        finally:
            found.close()


@pytest.fixture
def site() -> Iterator[Secure]:
    with website() as found:
        yield found


@pytest.fixture
def pair(tmp_path: Path) -> tuple[bytes, bytes]:
    """Return a certificate and its key, as one uploads them."""
    certificate, key = write_certificate(tmp_path, 2)
    return certificate.read_bytes(), key.read_bytes()


@pytest.mark.proves("W15")
def test_the_device_makes_one_and_the_page_shows_it(site: Secure) -> None:
    assert "does not encrypt" in text_of(site.page())
    answer = site.post("/settings/certificate/make")
    assert answer.headers["Location"] == "/settings/certificate?said=certificate"
    made = site.encryption.current
    assert made is not None
    for page in (site.page(), site.get("/settings")):
        shown = text_of(page)
        assert made.fingerprint in shown
        assert "made by this device" in shown
        assert ", ".join(NAMES) in shown
        assert "1 Jul 2026 to 28 Sep 2028" in shown
        assert 'href="https://localhost/login"' in page
    row = next(iter(site.accounts.audit_rows() or ()))
    assert (row.action, row.before, row.after) == ("certificate_made", "", made.fingerprint[:23])


@pytest.mark.proves("W15", "W14")
def test_an_uploaded_one_is_used_and_its_key_is_told_nowhere(
    site: Secure, pair: tuple[bytes, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    site.post("/settings/certificate/make")
    site.by_https()
    answer = site.upload(*pair)
    assert answer.status_code == 303
    assert site.encryption.is_uploaded
    answers = [
        site.browser.get(path, base_url=HTTPS).get_data(as_text=True)
        for path in ("/settings/certificate", "/settings", "/history/starts", "/diagnostics/logs")
    ]
    assert "uploaded" in text_of(answers[0])
    assert "Remove the uploaded certificate" in answers[0]
    secret = [line for line in pair[1].decode().splitlines() if not line.startswith("-----")]
    for text in (*answers, caplog.text):
        assert all(line not in text for line in secret)
    row = next(iter(site.accounts.audit_rows() or ()))
    assert row.action == "certificate_uploaded"


@pytest.mark.proves("W15")
def test_the_removal_goes_back_to_the_own_one(site: Secure, pair: tuple[bytes, bytes]) -> None:
    site.post("/settings/certificate/make")
    own = site.encryption.current
    site.by_https()
    site.upload(*pair)
    done = site.browser.post(
        "/settings/certificate/remove", data={"csrf": site.csrf}, base_url=HTTPS
    )
    assert done.status_code == 303
    assert own is not None
    assert site.encryption.current is not None
    assert site.encryption.current.fingerprint == own.fingerprint
    row = next(iter(site.accounts.audit_rows() or ()))
    assert row.action == "certificate_removed"


REFUSED = {
    "no certificate": (b"nothing", b"", "no certificate in PEM format", "kein Zertifikat im PEM"),
    "no key": (None, b"", "no private key in PEM format", "keinen privaten Schlüssel"),
    "another key": (None, key_bytes(3), "does not belong to the", "gehört nicht zu dem"),
    "a password": (None, key_bytes(2, b"word"), "protected by a password", "mit einem Passwort"),
}


@pytest.mark.proves("W15")
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_answered_with_cause_and_remedy(
    name: str, site: Secure, pair: tuple[bytes, bytes]
) -> None:
    certificate, key, said, said_in_german = REFUSED[name]
    given = pair[0] if certificate is None else certificate
    site.post("/settings/certificate/make")
    before = site.encryption.current
    site.by_https()
    answer = site.upload(given, key)
    assert answer.status_code == 400
    page = answer.get_data(as_text=True)
    assert 'role="alert"' in page
    assert said in text_of(page)
    site.browser.post("/language", data={"language": "de"}, base_url=HTTPS)
    assert said_in_german in text_of(site.upload(given, key).get_data(as_text=True))
    assert site.encryption.current is before
    assert not site.files.uploaded.exists()


def test_one_file_with_both_is_enough_and_too_much_is_refused(
    site: Secure, pair: tuple[bytes, bytes]
) -> None:
    site.post("/settings/certificate/make")
    site.by_https()
    large = site.upload(pair[0] + b"#" * (LARGEST_UPLOAD - len(pair[0]) + 1))
    assert large.status_code == 413
    assert "more than 64 KiB" in text_of(large.get_data(as_text=True))
    assert site.upload(pair[0] + pair[1]).status_code == 303
    assert site.encryption.is_uploaded


def test_a_certificate_that_browsers_warn_of_is_taken_and_said(
    site: Secure, tmp_path: Path
) -> None:
    files = write_certificate(tmp_path, 2, names=())
    site.post("/settings/certificate/make")
    site.by_https()
    assert site.upload(*(one.read_bytes() for one in files)).status_code == 303
    page = site.browser.get("/settings/certificate", base_url=HTTPS).get_data(as_text=True)
    assert "The certificate names neither a host nor an address" in text_of(page)


@pytest.mark.proves("W14")
def test_a_key_is_not_taken_by_plain_http(site: Secure, pair: tuple[bytes, bytes]) -> None:
    assert 'type="file"' not in site.page()
    given = {"csrf": site.csrf, "certificate": (BytesIO(pair[0] + pair[1]), "site.pem")}
    assert site.browser.post("/settings/certificate/upload", data=given).status_code == 409
    assert not site.files.kept()


@pytest.mark.proves("W12")
@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.USER, Role.VIEWER])
def test_only_the_owner_may(role: Role, site: Secure) -> None:
    guest = site.guest(role)
    assert "/settings/certificate" not in guest.get("/settings")
    assert guest.browser.get("/settings/certificate").status_code == 403
    for what in ("make", "upload", "remove"):
        assert guest.post(f"/settings/certificate/{what}").status_code == 403
    assert not site.files.kept()


@pytest.mark.proves("W15")
def test_it_asks_for_the_password_again(site: Secure) -> None:
    site.clock.now_s += PROVED_S + 1
    answer = site.browser.get("/settings/certificate")
    assert answer.headers["Location"] == "/password/again?next=/settings/certificate"
    assert site.post("/settings/certificate/make").headers["Location"].startswith("/password/again")
    assert not site.files.kept()
    site.post("/password/again", password=PASSWORD, next="/settings/certificate")
    assert site.post("/settings/certificate/make").status_code == 303


def test_one_that_the_file_names_is_managed_by_the_host(site: Secure, tmp_path: Path) -> None:
    site.encryption.take(load_certificate(*write_certificate(tmp_path)))
    page = site.page()
    assert "Managed by the host" in text_of(page)
    assert "named by the configuration file" in text_of(page)
    for what in ("make", "upload", "remove"):
        assert f"/settings/certificate/{what}" not in page
    assert site.post("/settings/certificate/make").status_code == 409


# --- plain http beside it, by a real server ------------------------------------------------------


def encrypted(files: CertificateFiles) -> tuple[Encryption, dict[str, Any]]:
    """Return the encryption by the device's own certificate, and what a website takes of it."""
    encryption = Encryption(files, names=lambda: NAMES, now=lambda: NOON)
    encryption.make()
    return encryption, {
        "encryption": encryption,
        "certificate": lambda: encryption.current,
        "redirects": lambda: encryption.redirects,
    }


@pytest.mark.real
@pytest.mark.proves("W15")
def test_http_is_served_until_somebody_has_logged_in_by_https(tmp_path: Path) -> None:
    _, given = encrypted(CertificateFiles(tmp_path))
    with served(tmp_path, lambda _language: SITE, **given) as (site, port):
        asked = f"GET /login HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n"
        first = plain(port, asked)
        assert b" 200 " in first.partition(b"\r\n")[0]
        assert f'href="https://127.0.0.1:{port}/login"'.encode() in first

        site.clock.now_s += 100
        by_http = Visitor(port)
        by_http.log_in(PASSWORD)
        assert "Charge (8)" in by_http.page("/")
        assert "127.0.0.1" in by_http.page("/settings"), "it knows who asks by http as well"
        assert b" 200 " in plain(port, asked).partition(b"\r\n")[0], "a log-in by http is none"

        by_https = Visitor(port, trusting(CertificateFiles(tmp_path).own))
        by_https.log_in(PASSWORD)
        assert "Charge (8)" in by_https.page("/")
        answer = plain(port, asked)
        assert answer.startswith(b"HTTP/1.1 307 ")
        assert f"Location: https://127.0.0.1:{port}/login\r\n".encode() in answer


@pytest.mark.real
def test_a_proxy_may_go_on_by_http_and_its_log_ins_prove_nothing(tmp_path: Path) -> None:
    encryption, given = encrypted(CertificateFiles(tmp_path))
    given["trusted_proxy"] = lambda: "127.0.0.1"
    with served(tmp_path, lambda _language: SITE, **given) as (site, port):
        site.clock.now_s += 100
        behind = Visitor(port)
        behind.say(**{"X-Forwarded-For": "192.168.1.7", "X-Forwarded-Proto": "https"})
        behind.log_in(PASSWORD)
        assert not encryption.redirects
        encryption.note_log_in()
        asked = f"GET /login HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n"
        assert b" 200 " in plain(port, asked).partition(b"\r\n")[0]
