"""The certificate that the device makes for itself, and the one that was uploaded: kept, renewed, replaced."""

import logging
import os
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from knxgw.errors import ConfigError, RejectedError, Severity
from knxgw.store.certificate_files import CertificateFiles, Source, forget_certificates
from knxgw.store.trouble import StateError
from knxgw.website.certificate import load_certificate
from knxgw.website.encryption import Encryption
from knxgw.website.kept_certificate import kept_certificate, make_own
from knxgw.website.own_certificate import LASTS, RENEWED
from tests.support.certificates import certificate_of, key_bytes, key_number, write_certificate

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = ("localhost", "garage", "garage.local", "127.0.0.1", "192.168.1.20", "fd00::20")


class Device:
    """The certificates of one state directory, on a day that a test chooses."""

    def __init__(self, directory: Path) -> None:
        self.files = CertificateFiles(directory)
        self.now = NOW
        self.names: tuple[str, ...] = NAMES
        self.changes = 0
        self.start()

    def start(self) -> None:
        """Start the gateway, as it were."""
        found, self.said = kept_certificate(self.files, self.now, lambda: self.names)
        self.encryption = Encryption(
            self.files, names=lambda: self.names, now=lambda: self.now, on_change=self._note
        )
        self.encryption.take(found)

    def _note(self) -> None:
        self.changes += 1

    def warnings(self) -> list[str]:
        return [str(one) for one in self.said if one.severity is Severity.WARNING]

    def leaf(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.files.own.read_bytes())

    @property
    def fingerprint(self) -> str:
        assert self.encryption.current is not None
        return self.encryption.current.fingerprint


@pytest.fixture
def device(tmp_path: Path) -> Device:
    return Device(tmp_path)


def pem(number: int = 1, names: Sequence[str] = NAMES) -> bytes:
    """Return a certificate of somebody else with its key, as one uploads them."""
    found = certificate_of(key_number(number), names)
    return found.public_bytes(Encoding.PEM) + key_bytes(number)


# --- made by the device


@pytest.mark.proves("W15")
def test_it_names_all_that_may_be_typed_and_is_for_this_website_only(device: Device) -> None:
    assert device.encryption.current is None
    made = device.encryption.make()
    assert made.names == NAMES
    assert made.valid_until - made.valid_from == LASTS == timedelta(days=820)
    assert made.valid_from < NOW
    leaf = device.leaf()
    assert leaf.public_key().curve.name == "secp256r1"  # type: ignore[union-attr]
    constraints = leaf.extensions.get_extension_for_class(x509.BasicConstraints)
    assert not constraints.value.ca, "nothing that this key signs is trusted"
    assert device.files.own.stat().st_mode & 0o777 == 0o600
    assert device.changes == 1, "the website has to be served again"


@pytest.mark.proves("W15")
def test_it_is_renewed_with_the_same_key_before_it_ends(device: Device) -> None:
    device.encryption.make()
    before, key = device.fingerprint, device.leaf().public_key()
    device.now = NOW + LASTS - RENEWED - DAY
    device.start()
    assert device.fingerprint == before
    device.now += DAY
    device.start()
    assert device.fingerprint != before
    assert device.leaf().public_key() == key
    assert device.leaf().not_valid_after_utc > device.now + LASTS - DAY


@pytest.mark.proves("W15")
@pytest.mark.parametrize(
    ("names", "is_renewed"),
    [
        ((*NAMES, "192.168.7.9"), True),
        ((*NAMES, "new.example.org"), True),
        ((*NAMES, "2001:db8::77"), False),
        (NAMES[:3], False),
        (("localhost", "größe.example.org"), True),
    ],
    ids=["address", "name", "IPv6 address of today", "no network yet", "name with an umlaut"],
)
def test_it_is_renewed_when_a_name_is_missing(
    names: tuple[str, ...], device: Device, *, is_renewed: bool
) -> None:
    device.encryption.make()
    before = device.fingerprint
    device.names = names
    device.start()
    assert (device.fingerprint != before) is is_renewed
    after = device.fingerprint
    device.start()
    assert device.fingerprint == after, "once is enough"


def test_a_device_that_runs_for_years_renews_it_too(device: Device) -> None:
    device.encryption.make()
    before = device.fingerprint
    device.encryption.renew_if_due()
    assert device.fingerprint == before
    device.now += LASTS
    device.encryption.renew_if_due()
    assert device.fingerprint != before
    assert device.changes == 1


@pytest.mark.parametrize(
    "now", [datetime(1970, 1, 2, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)]
)
def test_a_clock_that_was_never_set_renews_nothing_and_makes_nothing(
    now: datetime, device: Device
) -> None:
    device.encryption.make()
    before = device.files.own.read_bytes()
    device.now = now
    device.start()
    assert device.files.own.read_bytes() == before
    with pytest.raises(RejectedError, match="the clock of this computer is wrong"):
        device.encryption.make()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_root_makes_belongs_to_whoever_owns_the_state(device: Device) -> None:
    os.chown(device.files.directory, 4711, 4712)
    device.encryption.make()
    found = device.files.own.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (4711, 4712, 0o600)


@pytest.mark.proves("W15")
@pytest.mark.parametrize("content", [b"", b"nothing", key_bytes(1), pem(1)[:-200]])
def test_a_damaged_one_is_said_with_a_remedy_and_does_not_stop_the_start(
    content: bytes, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    device.files.own.write_bytes(content)
    device.start()
    assert device.encryption.current is None
    (said,) = device.warnings()
    assert str(device.files.own) in said
    assert "knxgw certificate --make" in said
    assert device.encryption.make().source is Source.OWN
    assert "PRIVATE KEY-----" not in caplog.text + said


def test_a_disk_that_refuses_is_said_and_the_old_one_stays(device: Device) -> None:
    device.encryption.make()
    before = device.files.own.read_bytes()
    blocker = device.files.own.with_name(f"{device.files.own.name}.new")
    blocker.mkdir()
    with pytest.raises(StateError):
        device.encryption.make()
    device.now += LASTS
    device.start()
    assert device.files.own.read_bytes() == before
    assert any("expired" in one for one in device.warnings())


# --- uploaded


@pytest.mark.proves("W15")
def test_an_uploaded_one_takes_the_place_and_its_removal_goes_back(device: Device) -> None:
    device.encryption.make()
    own = device.fingerprint
    said = device.encryption.upload(pem(2))
    assert device.encryption.is_uploaded
    assert [one.severity for one in said] == [Severity.NOTE]
    assert device.fingerprint in str(said[0])
    assert device.files.uploaded.stat().st_mode & 0o777 == 0o600
    device.start()
    assert device.encryption.is_uploaded, "after a restart as well"
    device.encryption.remove_uploaded()
    assert device.fingerprint == own
    assert device.changes == 1, "nothing has to be served again: the next connection takes it"
    assert not device.files.uploaded.exists()


def test_where_there_is_no_own_one_to_go_back_to_it_is_made(device: Device) -> None:
    device.encryption.upload(pem(2))
    device.encryption.remove_uploaded()
    assert device.encryption.current is not None
    assert device.encryption.current.source is Source.OWN


@pytest.mark.proves("W15", "W14")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no certificate in PEM format"),
        (key_bytes(1), "no certificate in PEM format"),
        (pem(1).partition(b"-----BEGIN PRIVATE")[0], "no private key in PEM format"),
        (pem(1).partition(b"-----BEGIN PRIVATE")[0] + key_bytes(2), "does not belong to"),
        (
            pem(1).partition(b"-----BEGIN PRIVATE")[0] + key_bytes(1, b"word"),
            "protected by a password",
        ),
    ],
)
def test_what_cannot_be_used_is_refused_and_nothing_changes(
    content: bytes, words: str, device: Device, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    device.encryption.make()
    before = device.fingerprint
    with pytest.raises(ConfigError) as caught:
        device.encryption.upload(content)
    (found,) = caught.value.findings
    assert words in found.problem
    assert found.remedy
    assert str(device.files.directory) not in str(found), "no path of the device"
    for line in key_bytes(1).decode().splitlines()[1:-1]:
        assert line not in str(found) + caplog.text
    assert device.fingerprint == before
    assert sorted(one.name for one in device.files.directory.iterdir()) == [device.files.own.name]


def test_only_certificates_and_key_are_kept_of_what_was_uploaded(device: Device) -> None:
    device.encryption.upload(
        b"Bag Attributes\n  friendlyName: <script>\n" + pem(1) + b"\nthe end\n"
    )
    kept = device.files.uploaded.read_text()
    assert "script" not in kept
    assert "the end" not in kept
    assert kept.count("-----BEGIN ") == 2


def test_a_broken_uploaded_one_gives_way_to_the_own(device: Device) -> None:
    device.encryption.make()
    own = device.fingerprint
    device.encryption.upload(pem(2))
    device.files.uploaded.write_bytes(b"broken")
    device.start()
    assert device.fingerprint == own
    (said,) = device.warnings()
    assert "is left out" in said
    assert device.encryption.has_uploaded, "so that it can be removed"
    (warning,) = [one for one in device.said if one.severity is Severity.WARNING]
    assert not device.encryption.has_settled(warning)
    device.encryption.remove_uploaded()
    assert device.encryption.has_settled(warning), "Status says it no more"


@pytest.mark.proves("W39")
def test_a_reset_takes_the_uploaded_one_and_keeps_the_own(device: Device) -> None:
    device.encryption.make()
    own = device.fingerprint
    device.encryption.note_log_in()
    device.encryption.upload(pem(2))
    forget_certificates(device.files.directory)
    device.start()
    assert device.fingerprint == own
    assert not device.encryption.redirects, "the next owner's browser may refuse it"


# --- named by the file


def test_beside_a_certificate_of_the_file_a_page_changes_nothing(device: Device) -> None:
    device.encryption.take(load_certificate(*write_certificate(device.files.directory)))
    for change in (
        device.encryption.make,
        device.encryption.remove_uploaded,
        lambda: device.encryption.upload(pem(2)),
    ):
        with pytest.raises(RejectedError):
            change()
    assert device.encryption.is_by_file
    assert device.encryption.redirects, "whoever wrote the file can change it back"


# --- whether plain http is sent on


def is_sent_on(device: Device) -> bool:
    return device.encryption.redirects


@pytest.mark.proves("W15")
def test_http_is_sent_on_once_somebody_has_logged_in_by_https(device: Device) -> None:
    assert not is_sent_on(device), "there is nothing to send on to"
    device.encryption.make()
    assert not is_sent_on(device)
    device.encryption.note_log_in()
    assert is_sent_on(device)
    device.now += LASTS
    device.start()
    assert is_sent_on(device), "a renewal has the same key"
    device.encryption.upload(pem(2))
    assert not is_sent_on(device), "a browser may refuse that one"
    device.encryption.note_log_in()
    assert is_sent_on(device)
    device.start()
    assert is_sent_on(device), "it is stored"


def test_the_own_certificate_is_taken_by_a_browser_that_trusts_it(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path)
    made = make_own(files, NAMES, datetime.now(UTC))  # noqa: TID251 - a real handshake judges it
    trust = ssl.create_default_context(cafile=str(files.own))
    ours, theirs = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trust.wrap_bio(ours, theirs, server_hostname="192.168.1.20")
    server = made.context.wrap_bio(theirs, ours, server_side=True)
    for _ in range(4):
        for end in (client, server):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    assert client.version() == "TLSv1.3"
