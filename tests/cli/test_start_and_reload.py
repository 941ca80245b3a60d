"""Start and reload: one judgement for `check`, `run` and SIGHUP, and one gateway per state."""

import re
import signal
import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import pytest
from click.testing import CliRunner

from knxgw.cli import main
from knxgw.errors import Severity
from knxgw.judgement import Judgement, Prepared, judge_file, judge_reload, judge_start
from knxgw.links.knx_factory import PASSWORD_VARIABLE
from knxgw.store.certificate_files import CertificateFiles
from knxgw.store.lock import StateLock
from knxgw.website.certificate import load_certificate
from knxgw.website.listener import Address, Listener
from tests.support.certificates import write_certificate
from tests.support.keyring import Backbone, Interface, KeyringData, write_keyring
from tests.support.processes import GOOD, free_port, gateway, health
from tests.support.visitor import Visitor
from tests.support.waiting import wait_until

PASSWORD = "Zebra-7 Öl"  # noqa: S105 - made up here
KEYRING = KeyringData(
    backbone=Backbone(key=bytes(range(16)), multicast_address="224.0.23.47", latency_ms=1500),
    interfaces=(
        Interface(
            individual_address="1.1.241", host="1.1.1", user_id=2, password="two",  # noqa: S106
            authentication="is-device",
        ),
    ),
)  # fmt: skip


class Charger:
    """Listens where the charger is, and counts who connects; it answers nothing."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.connections = 0
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                one, _ = self._socket.accept()
                self.connections += 1
                self._open.append(one)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()
        for one in self._open:
            one.close()


@dataclass(frozen=True)
class Site:
    """A file, with the ports in it."""

    file: Path
    web: int
    charger: Charger

    def change(self, old: str, new: str) -> None:
        text = self.file.read_text(encoding="utf-8")
        assert old in text
        self.file.write_text(text.replace(old, new), encoding="utf-8")

    def reset(self) -> None:
        text = GOOD.format(web=self.web, port=self.charger.port)
        self.file.write_text(text, encoding="utf-8")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    charger = Charger()
    one = Site(tmp_path / "site.yaml", free_port(), charger)
    one.reset()
    write_keyring(tmp_path / "house.knxkeys", KEYRING, PASSWORD)
    (tmp_path / "no.knxkeys").write_text("<xml")
    (tmp_path / "right").write_text(PASSWORD, encoding="utf-8")
    (tmp_path / "wrong").write_text("Giraffe-8")
    (tmp_path / "latin").write_bytes(PASSWORD.encode("latin-1"))
    yield one
    charger.close()


def secured(link: str, keyring: str = "house.knxkeys", word_in: str = "right") -> str:
    files = f"keyring: {keyring}, keyring_password_file: {word_in}"
    return f"{{link: {link}, gateway: 127.0.0.1, local_ip: 127.0.0.1, {files}}}"


# what is written instead of {link: none} -> key and words of the finding
BAD = {
    "TP-UART": ("{link: tpuart, individual_address: 1.1.20}", "knx.link", "not available"),
    "no keyring": (secured("routing", "no.knxkeys"), "knx.keyring", "no.knxkeys: is not a keyring"),
    "wrong password": (secured("routing", word_in="wrong"), "knx.keyring", "house.knxkeys: its signature"),
    "password in ISO 8859-1": (
        secured("routing", word_in="latin"), "knx.keyring_password_file", "latin: is not UTF-8 text",
    ),
    "unknown tunnel": (
        secured("tunnelling_tcp").replace("}", ", individual_address: 1.1.99}"),
        "knx.individual_address", "no tunnel with the individual address 1.1.99",
    ),
}  # fmt: skip


def errors(judgement: Judgement) -> list[str]:
    return [str(one) for one in judgement.findings if one.severity is Severity.ERROR]


@contextmanager
def prepared(site: Site, state: Path) -> Iterator[Prepared]:
    judgement = judge_start(site.file, state)
    assert judgement.prepared is not None, errors(judgement)
    try:
        yield judgement.prepared
    finally:
        judgement.prepared.release()


@pytest.mark.proves("H.70")
@pytest.mark.parametrize(("knx", "key", "words"), BAD.values(), ids=list(BAD))
def test_check_start_and_reload_judge_alike(
    knx: str, key: str, words: str, site: Site, tmp_path: Path
) -> None:
    with prepared(site, tmp_path / "running") as running:
        site.change("{link: none}", knx)
        (found,) = errors(judge_reload(site.file, running))
        assert running.listener.is_open, "the running one is left as it is"
    assert found.startswith(f"{site.file}:3: error: {key}: ")
    assert words in found
    assert errors(judge_start(site.file, tmp_path / "state")) == [found]
    assert errors(judge_file(site.file)) == [found]
    result = CliRunner().invoke(main, ["check", str(site.file)])
    assert result.exit_code == 1
    assert found in result.output
    assert "Giraffe" not in result.output
    take_and_leave(site.web)  # none of them has kept it


def take_and_leave(port: int) -> None:
    listener = Listener(Address("127.0.0.1", port))
    listener.open()
    listener.close()


@pytest.mark.parametrize("link", ["routing", "tunnelling_tcp"])
def test_a_keyring_that_opens_is_good(link: str, site: Site, tmp_path: Path) -> None:
    site.change("{link: none}", secured(link))
    with prepared(site, tmp_path / "state") as running:
        assert running.link is not None
        again = judge_reload(site.file, running)
        assert again.prepared is not None
        assert again.prepared.listener is running.listener
    assert errors(judge_file(site.file)) == []


def test_what_the_keyring_does_not_secure_is_a_warning_at_its_line(site: Site) -> None:
    write_keyring(site.file.with_name("house.knxkeys"), KeyringData(), PASSWORD)
    site.change("{link: none}", secured("routing"))
    found = [str(one) for one in judge_file(site.file).findings]
    assert any(
        one.startswith(f"{site.file}:3: warning: knx.keyring: ") and "not encrypted" in one
        for one in found
    )


def test_a_missing_password_is_an_error_that_offline_does_not_ask_for(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    site.change("{link: none}", secured("routing").replace(", keyring_password_file: right", ""))
    (found,) = errors(judge_file(site.file))
    assert "its password is not known" in found
    result = CliRunner().invoke(main, ["check", "--offline", str(site.file)])
    assert result.exit_code == 0
    assert "not checked (--offline): the keyring" in result.output
    site.change("house.knxkeys", "/on/another/machine.knxkeys")
    assert "there is no file /on/another/machine.knxkeys" in errors(judge_file(site.file))[0]
    assert errors(judge_file(site.file, offline=True)) == []
    assert "not checked (--offline): whether the website's address is free" in result.output
    assert "not checked (--offline): the state directory" in result.output
    assert result.output.endswith("good, with warnings\n")


@pytest.mark.long
@pytest.mark.proves("H.73")
def test_a_port_of_another_program_keeps_no_start_but_a_reload(site: Site, tmp_path: Path) -> None:
    other = free_port()
    with (
        socket.create_server(("127.0.0.1", other)) as taken,
        prepared(site, tmp_path / "running") as running,
    ):
        taken.settimeout(5)
        site.change(str(site.web), str(other))
        answers = [judge_file(site.file), judge_start(site.file, tmp_path / "state")]
        (refused,) = errors(judge_reload(site.file, running))
        assert "in use by another program" in refused, "it would lose the website that is up"
    for answer in answers:
        assert errors(answer) == []
        (found,) = [str(one) for one in answer.findings if "cannot listen" in str(one)]
        assert found.startswith(f"{site.file}:4: warning: website.listen: cannot listen on 127.0")
        assert "in use by another program; the website waits until it is free" in found
        if answer.prepared is not None:
            answer.prepared.release()


@pytest.mark.parametrize(
    ("listen", "words"),
    [
        ("192.0.2.1:8080", "this machine does not have that address; the website waits"),
        ("no-such-host.invalid:8080", "that name is not known; the website waits"),
    ],
)
def test_an_address_that_may_come_later_does_not_keep_charging_waiting(
    listen: str, words: str, site: Site, tmp_path: Path
) -> None:
    site.change(f"127.0.0.1:{site.web}", listen)
    said = [str(one) for one in judge_file(site.file).findings]
    assert any("warning: website.listen: cannot listen on" in one and words in one for one in said)
    with prepared(site, tmp_path / "state") as one:
        assert not one.listener.is_open


def test_a_wider_address_on_our_own_port_is_taken_when_the_running_one_has_left(
    site: Site, tmp_path: Path
) -> None:
    with prepared(site, tmp_path / "running") as running:
        site.change("127.0.0.1:", "0.0.0.0:")
        again = judge_reload(site.file, running)
        assert again.prepared is not None, errors(again)
        assert not again.prepared.listener.is_open
        running.listener.close()
        again.prepared.listener.open()
        again.prepared.release()


def test_a_state_in_use_names_the_process_and_takes_nothing(site: Site, tmp_path: Path) -> None:
    with prepared(site, tmp_path / "state"):
        site.change(str(site.web), str(other := free_port()))
        judgement = judge_start(site.file, tmp_path / "state")
        (found,) = errors(judgement)
        assert re.search(rf"{tmp_path / 'state'}: error: .* another gateway, process \d+; ", found)
        take_and_leave(other)


@pytest.mark.parametrize("options", [(), ("--offline",)])
def test_check_says_that_the_network_reaches_the_website_and_finds_it_good(
    options: tuple[str, ...], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Listener, "open", lambda _: None)  # not on a real interface
    line = f'website: {{listen: "127.0.0.1:{site.web}"}}'
    said = CliRunner().invoke(main, ["check", *options, str(site.file)]).output
    assert "can be reached from the network" not in said
    for listen in (f'"0.0.0.0:{site.web}"', "192.168.1.5"):
        site.change(line, line := f"website: {{listen: {listen}}}")
        result = CliRunner().invoke(main, ["check", *options, str(site.file)])
        assert result.exit_code == 0
        assert "note: website.listen: " in result.output
        assert "can be reached from the network; it asks for a password" in result.output


def test_check_creates_no_state_and_names_what_is_wrong_with_one(
    site: Site, tmp_path: Path
) -> None:
    assert errors(judge_file(site.file, tmp_path / "nowhere")) == []
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "a file").write_text("")
    (found,) = errors(judge_file(site.file, tmp_path / "a file"))
    assert "a file has the name of the directory" in found
    with StateLock(tmp_path / "state"):
        judgement = judge_file(site.file, tmp_path / "state")
        assert errors(judgement) == []
        assert [one.severity for one in judgement.findings] == [Severity.NOTE]


# --- real processes ------------------------------------------------------------------------------


def is_up(site: Site) -> Callable[[], bool]:
    return lambda: health(site.web) is not None


@pytest.mark.long
@pytest.mark.proves("H.71")
@pytest.mark.real
def test_a_reload_that_cannot_be_carried_out_changes_nothing_and_says_why(
    site: Site, tmp_path: Path
) -> None:
    with gateway(site.file, tmp_path / "state") as running:
        wait_until(is_up(site), 20.0, "the website")
        for name in ("TP-UART", "wrong password"):
            knx, key, words = BAD[name]
            site.change("{link: none}", knx)
            running.process.send_signal(signal.SIGHUP)
            running.wait_to_say(f"{site.file}:3: error: {key}: ")
            running.wait_to_say(words)
            assert health(site.web) is not None
            site.reset()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            site.change(str(site.web), str(taken.getsockname()[1]))
            running.process.send_signal(signal.SIGHUP)
            running.wait_to_say("website.listen: cannot listen")
            assert health(site.web) is not None
        wait_until(
            lambda: running.said.count("is not used; the previous") == 3, 5.0, "three refusals"
        )
        site.reset()
        running.process.send_signal(signal.SIGHUP)
        running.wait_to_say("the configuration was read again and is in use")
        wait_until(is_up(site), 20.0, "the website on the port it had")
        refused = running.said.count(" ERROR ")
        # free as soon as the running one has left; no test tells the real network anything
        site.change('listen: "127.0.0.1:', 'discovery: false, listen: "0.0.0.0:')
        running.process.send_signal(signal.SIGHUP)
        wait_until(lambda: running.said.count("read again and is in use") == 2, 20.0, "the reload")
        wait_until(is_up(site), 20.0, "the website on the wider address")
        assert running.said.count(" ERROR ") == refused
        running.end(signal.SIGTERM, 10.0)
        assert running.process.returncode == 0
        assert "Traceback" not in running.said
        assert "Giraffe" not in running.said


@pytest.mark.long
@pytest.mark.proves("H.72")
@pytest.mark.real
def test_a_second_gateway_ends_before_it_touches_a_charger(site: Site, tmp_path: Path) -> None:
    with gateway(site.file, tmp_path / "state") as first:
        wait_until(is_up(site), 20.0, "the website")
        wait_until(lambda: site.charger.connections > 0, 10.0, "the first one at the charger")
        number = first.process.pid
        untouched = Charger()
        site.change(f"port: {site.charger.port}", f"port: {untouched.port}")
        with gateway(site.file, tmp_path / "other") as same_port:
            assert same_port.process.wait(20.0) == 1
        assert f"website.listen: cannot listen on 127.0.0.1:{site.web}" in same_port.said
        assert f"a running gateway, process {number};" in same_port.said
        site.change(str(site.web), str(free_port()))
        (tmp_path / "again").symlink_to(tmp_path / "state")
        with gateway(site.file, tmp_path / "again") as same_state:
            assert same_state.process.wait(20.0) == 1
        assert f"is in use by another gateway, process {number};" in same_state.said
        site.reset()
        untouched.close()
        assert untouched.connections == 0, "neither of them touched a charger"
        for said in (same_port.said, same_state.said):
            assert "Traceback" not in said
        result = CliRunner().invoke(
            main, ["check", str(site.file), "--state", str(tmp_path / "state")]
        )
        assert result.exit_code == 0, "what the service itself has is no mistake of its file"
        assert f"note: website.listen: 127.0.0.1:{site.web} is in use by a running" in result.output
        assert result.output.count(f"process {number}, as it should be") == 2
        assert result.output.endswith("\ngood\n")
        copy = tmp_path / "copy.yaml"
        copy.write_bytes(site.file.read_bytes())
        result = CliRunner().invoke(main, ["check", str(copy)])
        assert result.exit_code == 1, "another file with the same address cannot run beside it"
        first.process.kill()
        first.process.wait()
    with gateway(site.file, tmp_path / "state") as after:
        wait_until(is_up(site), 20.0, "a start after the lock's holder was killed")
        after.end(signal.SIGTERM, 10.0)
        assert after.process.returncode == 0


@pytest.mark.long
@pytest.mark.proves("H.74")
@pytest.mark.real
def test_an_end_while_pages_are_asked_for_is_in_order(site: Site, tmp_path: Path) -> None:
    with gateway(site.file, tmp_path / "state") as running:
        wait_until(is_up(site), 20.0, "the website")
        asking = threading.Event()
        asking.set()

        def ask() -> None:
            while asking.is_set():
                with suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{site.web}/", timeout=2).read()

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        with (
            socket.create_connection(("127.0.0.1", site.web)) as half,
            socket.create_connection(("127.0.0.1", site.web)) as silent,
        ):
            half.sendall(b"GET / HTTP/1.1\r\nHost: half")
            wait_until(is_up(site), 5.0, "answers meanwhile")
            running.end(signal.SIGTERM, 10.0)  # alone 0.3 s
            for one in (half, silent):
                one.settimeout(1.0)
                with suppress(ConnectionResetError):
                    assert one.recv(100) == b"", "closed"
        asking.clear()
        for thread in threads:
            thread.join()
        assert running.process.returncode == 0
        assert "Traceback" not in running.said
        assert " ERROR " not in running.said
        assert "thread(s) still running" not in running.said


# --- the website's certificate -------------------------------------------------------------------


def encrypted(site: Site, tmp_path: Path, number: int = 1) -> None:
    """Give the site a certificate and its key."""
    write_certificate(tmp_path, number)
    listen = f'listen: "127.0.0.1:{site.web}"'
    site.change(listen, f"{listen}, certificate: website.pem, key: website.key")


@pytest.mark.proves("W15")
def test_check_opens_the_certificate_and_shows_its_fingerprint(site: Site, tmp_path: Path) -> None:
    encrypted(site, tmp_path)
    fingerprint = load_certificate(tmp_path / "website.pem", tmp_path / "website.key").fingerprint
    said = CliRunner().invoke(main, ["check", str(site.file)])
    assert said.exit_code == 0
    assert f"{site.file}:4: note: website.certificate: the website answers by https" in said.output
    assert fingerprint in said.output
    (tmp_path / "website.key").chmod(0o644)
    assert "every user of this computer can read" in CliRunner().invoke(
        main, ["check", str(site.file)]
    ).output.replace("\n", " ")
    write_certificate(tmp_path, days_left=-1)
    (tmp_path / "website.pem").chmod(0o644)  # everybody may read it
    warned = CliRunner().invoke(main, ["check", str(site.file)])
    assert warned.exit_code == 0
    assert warned.output.count("warning: ") == 1
    assert "the certificate expired on" in warned.output


@pytest.mark.proves("W15")
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("certificate: website.pem", "website.key: there is a certificate of the website, but no"),
        ("key: website.key", "website.certificate: there is a key of the website, but no cert"),
        ("certificate: none.pem, key: website.key", "website.certificate: there is no file"),
        ("certificate: website.pem, key: website.pem", "website.key: "),
    ],
)
def test_a_certificate_that_cannot_be_used_stops_the_start_and_says_what_helps(
    given: str, words: str, site: Site, tmp_path: Path
) -> None:
    write_certificate(tmp_path)
    listen = f'listen: "127.0.0.1:{site.web}"'
    site.change(listen, f"{listen}, {given}")
    (found,) = errors(judge_start(site.file, tmp_path / "state"))
    assert f"{site.file}:4: error: {words}" in found
    assert "; " in found, "the remedy"
    assert errors(judge_file(site.file)) == [found]
    take_and_leave(site.web)


def test_offline_says_that_the_certificate_was_not_looked_at(site: Site, tmp_path: Path) -> None:
    encrypted(site, tmp_path)
    (tmp_path / "website.key").unlink()
    judgement = judge_file(site.file, offline=True)
    assert errors(judgement) == []
    assert any("certificate" in one for one in judgement.left_out)


def shown(port: int) -> str:
    """Return the certificate that is shown at a port."""
    return ssl.get_server_certificate(("127.0.0.1", port), timeout=5)


@pytest.mark.long
@pytest.mark.proves("W15")
@pytest.mark.real
def test_sighup_takes_a_renewed_certificate_and_keeps_the_old_one_if_it_cannot(
    site: Site, tmp_path: Path
) -> None:
    with gateway(site.file, tmp_path / "state") as running:
        wait_until(is_up(site), 20.0, "the website")
        encrypted(site, tmp_path)
        running.process.send_signal(signal.SIGHUP)
        file = tmp_path / "website.pem"
        wait_until(lambda: with_tls(site) == file.read_text(), 20.0, "https")
        assert health(site.web) is not None, "for the service manager"
        before = file.read_text()

        with socket.create_connection(("127.0.0.1", site.web)) as raw:
            context = ssl.create_default_context(cafile=str(file))
            with context.wrap_socket(raw, server_hostname="127.0.0.1") as page:
                (tmp_path / "website.key").write_text("not a key")
                running.process.send_signal(signal.SIGHUP)
                running.wait_to_say("error: website.key: ")
                running.wait_to_say("the previous one stays in force")
                assert shown(site.web) == before

                write_certificate(tmp_path, 2)
                running.process.send_signal(signal.SIGHUP)
                wait_until(lambda: shown(site.web) == file.read_text(), 20.0, "the renewed one")
                page.sendall(b"GET /health HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
                page.settimeout(5)
                assert page.recv(100).startswith(b"HTTP/1.0 "), "nothing was closed"
        assert "PRIVATE KEY-----" not in running.said
        running.end(signal.SIGTERM, 20.0)
        assert running.process.returncode == 0


@pytest.mark.long
@pytest.mark.proves("W15")
@pytest.mark.real
def test_a_certificate_that_a_page_has_made_is_used_at_once(site: Site, tmp_path: Path) -> None:
    state = tmp_path / "state"
    with gateway(site.file, state) as running:
        wait_until(is_up(site), 20.0, "the website")
        owner = Visitor(site.web)
        owner.first_log_in(state)
        page = owner.send("/settings/certificate/make", csrf=csrf_of(owner))
        files = CertificateFiles(state)
        assert load_certificate(files.own, files.own).fingerprint in page
        wait_until(lambda: with_tls(site) is not None, 20.0, "https")
        assert shown(site.web) in files.own.read_text(), "the key is in the file, too"
        assert "Status" in owner.page("/"), "http goes on until somebody has come by https"

        secure = Visitor(site.web, ssl.create_default_context(cafile=str(files.own)))
        secure.log_in()
        assert "Status" in secure.page("/")
        with pytest.raises(URLError, match="CERTIFICATE_VERIFY_FAILED"):
            owner.page("/")  # it was sent on, and does not trust what it sees
        running.end(signal.SIGTERM, 20.0)
        assert running.process.returncode == 0
        assert "PRIVATE KEY-----" not in running.said
        assert "ERROR" not in running.said


def csrf_of(visitor: Visitor) -> str:
    """Return what a form of a visitor has to carry."""
    page = visitor.page("/settings")
    return page.split('name="csrf" value="')[1].split('"')[0]


def with_tls(site: Site) -> str | None:
    try:
        return shown(site.web)
    except OSError:  # not yet
        return None
