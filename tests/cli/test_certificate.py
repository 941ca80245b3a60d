"""`knxgw certificate`: shows the website's certificate, makes one, and says what is wrong with it."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from knxgw.cli import main
from knxgw.judgement import judge_file, judge_reload, judge_start
from knxgw.store.certificate_files import OWN_NAME, UPLOADED_NAME, CertificateFiles, Source
from knxgw.website.certificate import load_certificate
from tests.support.certificates import certificate_of, key_number, write_certificate
from tests.support.processes import free_port

SITE = """
device: {name: Garage}
knx: {link: none}
website: {listen: "127.0.0.1:PORT", host_names: [garage.example.org]MORE}
load_management: {mode: "off"}
charging_points:
  - {number: 1, name: One, model: goe_charger, connection: {host: 127.0.0.1}}
group_objects: {}
"""
FINGERPRINT = re.compile(r"^SHA-256      ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})$", re.MULTILINE)


class Machine:
    """A site's file and its state directory."""

    def __init__(self, directory: Path) -> None:
        self.file, self.state = directory / "site.yaml", directory / "state"
        self.state.mkdir()
        self.names()
        self.files = CertificateFiles(self.state)

    def names(self, more: str = "") -> None:
        self.file.write_text(SITE.replace("PORT", str(free_port())).replace("MORE", more))

    def command(self, *options: str) -> Result:
        given = ["certificate", "--state", str(self.state), "--config", str(self.file), *options]
        return CliRunner().invoke(main, given)

    def made(self) -> str:
        shown = self.command("--make")
        assert shown.exit_code == 0, shown.output
        found = FINGERPRINT.search(shown.stdout)
        assert found is not None
        return found[1]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.proves("W15")
def test_it_makes_one_and_shows_it(machine: Machine) -> None:
    fingerprint = machine.made()
    shown = machine.command()
    assert shown.exit_code == 0
    assert "made by this device" in shown.stdout
    assert fingerprint in shown.stdout
    for name in ("localhost", "127.0.0.1", "garage.example.org"):
        assert re.search(rf"^names .*{re.escape(name)}", shown.stdout, re.MULTILINE)
    found = load_certificate(machine.files.own, machine.files.own)
    assert found.fingerprint == fingerprint
    assert f"{found.valid_from:%Y-%m-%d} to {found.valid_until:%Y-%m-%d}" in shown.stdout
    assert machine.files.own.stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in shown.output


@pytest.mark.proves("W15")
def test_a_second_one_has_the_same_key(machine: Machine) -> None:
    first = machine.made()
    key = load_certificate(machine.files.own, machine.files.own).key_id
    assert machine.made() != first
    assert load_certificate(machine.files.own, machine.files.own).key_id == key


@pytest.mark.proves("W15")
def test_start_reload_and_check_use_it_without_further_configuration(machine: Machine) -> None:
    before = judge_start(machine.file, machine.state).prepared
    assert before is not None
    assert before.certificate is None
    fingerprint = machine.made()
    again = judge_reload(machine.file, before, state=machine.state).prepared
    assert again is not None
    assert again.certificate is not None
    assert (again.certificate.fingerprint, again.certificate.source) == (fingerprint, Source.OWN)
    before.release()
    said = "\n".join(str(one) for one in judge_file(machine.file, machine.state).findings)
    assert f"{machine.files.own}: note: the website answers by https" in said
    assert fingerprint in said


def test_a_check_renews_nothing(machine: Machine) -> None:
    machine.made()
    text = machine.file.read_text().replace("garage.example.org", "other.example.org")
    machine.file.write_text(text)
    before = machine.files.own.read_bytes()
    judge_file(machine.file, machine.state)
    assert machine.files.own.read_bytes() == before
    prepared = judge_start(machine.file, machine.state).prepared
    assert prepared is not None
    prepared.release()
    assert machine.files.own.read_bytes() != before, "a start does: a name is new"


@pytest.mark.proves("W15")
def test_it_writes_the_files_that_the_configuration_names(machine: Machine) -> None:
    machine.names(", certificate: site.pem, key: site.key")
    folder = machine.file.parent
    fingerprint = machine.made()
    assert load_certificate(folder / "site.pem", folder / "site.key").fingerprint == fingerprint
    key = (folder / "site.key").read_bytes()
    assert (folder / "site.key").stat().st_mode & 0o777 == 0o600
    assert machine.made() != fingerprint
    assert (folder / "site.key").read_bytes() == key
    assert list(machine.state.iterdir()) == []
    refused = machine.command("--remove")
    assert refused.exit_code == 1
    assert "leave out website.certificate and website.key there" in refused.stderr


def test_one_that_somebody_else_has_issued_is_not_overwritten(machine: Machine) -> None:
    machine.names(", certificate: site.pem, key: site.key")
    folder = machine.file.parent
    issued = certificate_of(key_number(1))
    by_other = (
        x509.CertificateBuilder()
        .subject_name(issued.subject)
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority")]))
        .public_key(key_number(1).public_key())
        .serial_number(7)
        .not_valid_before(issued.not_valid_before_utc)
        .not_valid_after(issued.not_valid_after_utc)
        .sign(key_number(2), SHA256())
        .public_bytes(Encoding.PEM)
    )
    (folder / "site.pem").write_bytes(by_other)
    refused = machine.command("--make")
    assert refused.exit_code == 1
    assert "somebody else has issued the certificate" in refused.stderr
    assert (folder / "site.pem").read_bytes() == by_other
    assert not (folder / "site.key").exists()


@pytest.mark.parametrize("content", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\n"])
def test_a_bad_state_is_said_with_a_remedy(content: bytes, machine: Machine) -> None:
    machine.files.own.write_bytes(content)
    shown = machine.command()
    assert shown.exit_code == 1
    assert f"{machine.files.own}: error: " in shown.stderr
    assert "knxgw certificate --make" in shown.stderr
    assert machine.command("--make").exit_code == 0
    assert machine.command().exit_code == 0


def test_without_one_it_says_how_to_make_it(machine: Machine) -> None:
    shown = machine.command()
    assert shown.exit_code == 1
    assert "knxgw certificate --make makes one" in shown.stderr
    missing = CliRunner().invoke(
        main, ["certificate", "--make", "--config", str(machine.file), "--state", "/nowhere/at/all"]
    )
    assert missing.exit_code == 1
    assert "start the gateway once" in missing.stderr


def test_a_faulty_configuration_is_said_and_a_missing_one_at_its_default_place_is_none(
    machine: Machine,
) -> None:
    machine.file.write_text("nonsense: true\n")
    shown = machine.command("--make")
    assert shown.exit_code == 1
    assert f"{machine.file}:1: error: " in shown.stderr
    machine.file.unlink()
    assert machine.command("--make").exit_code == 1
    assert not machine.files.kept()


def test_beside_an_uploaded_one_it_says_which_the_website_uses(machine: Machine) -> None:
    write_certificate(machine.state)
    both = [(machine.state / f"website.{part}").read_bytes() for part in ("pem", "key")]
    machine.files.uploaded.write_bytes(b"".join(both))
    shown = machine.command("--make")
    assert "the website uses the uploaded certificate" in shown.stdout
    assert UPLOADED_NAME in shown.stdout
    assert "uploaded on the website" in shown.stdout
    assert (machine.state / OWN_NAME).exists()


def test_removing_brings_http_back(machine: Machine) -> None:
    machine.made()
    shown = machine.command("--remove")
    assert shown.exit_code == 0
    assert "does not encrypt" in shown.stdout
    assert list(machine.state.iterdir()) == []
    assert machine.command("--remove").exit_code == 1


def test_only_one_of_both_may_be_given(machine: Machine) -> None:
    assert machine.command("--make", "--remove").exit_code == 2
