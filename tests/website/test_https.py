"""The website speaks https with a certificate of its own, through a relay before its server."""

import json
import re
import select
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from knxgw.website import relay
from knxgw.website.bridge import Bridge
from knxgw.website.certificate import Certificate, load_certificate
from knxgw.website.listener import Address, Listener
from knxgw.website.relay import Relay
from knxgw.website.relay_phases import HELLO_S, LAST_S, STALL_S, Peer, Services
from knxgw.website.server import WebsiteServer
from tests.support.certificates import write_certificate
from tests.support.processes import free_port
from tests.support.visitor import Visitor
from tests.support.waiting import wait_until
from tests.support.website import PASSWORD, Clock, Website, served
from tests.website.test_pages import SITE
from tests.website.test_serving import pages

pytestmark = pytest.mark.real
MIB = 1 << 20
MOST_SENT = 1 << 30  # a test that waits in vain must end
SNAPSHOT = re.compile(rb"event: snapshot\nid: .*\ndata: (.*)\n\n")
HALF_OPEN = 200
GATEWAY = {"X-Knxgw-Process": "7"}


def trusting(certificate: Path) -> ssl.SSLContext:
    """Return what a browser does that knows the certificate."""
    return ssl.create_default_context(cafile=str(certificate))


class Encrypted:
    """A website by https, and what its browsers trust."""

    def __init__(self, website: Website, port: int, directory: Path) -> None:
        self.website, self.port = website, port
        self.file = directory / "website.pem"
        self.trust = trusting(self.file)

    def visitor(self) -> Visitor:
        return Visitor(self.port, self.trust)

    def connect(self) -> ssl.SSLSocket:
        return connect(self.port, self.trust)


def connect(port: int, trust: ssl.SSLContext) -> ssl.SSLSocket:
    raw = socket.create_connection(("127.0.0.1", port), timeout=5)
    return trust.wrap_socket(raw, server_hostname="127.0.0.1")


@pytest.fixture(scope="module")
def at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    directory = tmp_path_factory.mktemp("https")
    found = load_certificate(*write_certificate(directory))
    given: dict[str, Any] = {"certificate": lambda: found, "identity": GATEWAY}
    with served(directory, lambda _: SITE, **given) as (website, port):
        yield Encrypted(website, port, directory)


def plain(port: int, request: str) -> bytes:
    """Return everything that is answered to a request that is not encrypted."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as browser:
        browser.sendall(request.encode())
        answer = b""
        while received := browser.recv(4096):
            answer += received
        return answer


# --- what people and programs see ----------------------------------------------------------------


@pytest.mark.proves("W15")
def test_pages_come_encrypted_and_the_session_belongs_to_this_host_alone(at: Encrypted) -> None:
    at.website.clock.now_s += 100
    visitor = at.visitor()
    visitor.log_in(PASSWORD)
    assert "Charge (8)" in visitor.page("/")
    (session,) = [one for one in visitor.cookies if at.website.bridge.reach.cookie in one.name]
    assert session.name == f"__Host-{at.website.bridge.reach.cookie}_{at.port}"
    assert session.secure
    assert session.path == "/"
    with at.connect() as browser:
        assert browser.version() in ("TLSv1.2", "TLSv1.3")
        browser.sendall(b"GET /login HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
        assert b"Strict-Transport-Security" not in browser.recv(4096), "that could not be undone"


def test_a_session_of_plain_http_is_none_of_https(at: Encrypted) -> None:
    at.website.clock.now_s += 100
    at.website.log_in(PASSWORD)
    cookie = at.website.browser.get_cookie(at.website.bridge.reach.cookie)
    assert cookie is not None
    with at.connect() as browser:
        sent = f"Cookie: {at.website.bridge.reach.cookie}={cookie.value}"
        browser.sendall(f"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n{sent}\r\n\r\n".encode())
        assert b" 303 " in browser.recv(4096)


@pytest.mark.proves("W15")
def test_settings_show_the_fingerprint_that_the_browser_sees(at: Encrypted) -> None:
    at.website.clock.now_s += 100
    visitor = at.visitor()
    visitor.log_in(PASSWORD)
    with at.connect() as browser:
        seen = browser.getpeercert(binary_form=True)
    assert seen is not None
    fingerprint = sha256(seen).digest().hex(":").upper()
    assert fingerprint in visitor.page("/settings")


@pytest.mark.proves("W15")
def test_the_log_in_knows_who_asks_whatever_a_header_says(at: Encrypted) -> None:
    at.website.clock.now_s += 100
    visitor = at.visitor()
    visitor.say(**{"X-Forwarded-For": "10.9.9.9", "X-Real-IP": "10.9.9.9"})
    visitor.log_in(PASSWORD)
    page = visitor.page("/settings")
    assert "127.0.0.1" in page
    assert "10.9.9.9" not in page


@pytest.mark.proves("W15")
def test_a_request_that_is_not_encrypted_is_sent_on(at: Encrypted) -> None:
    answer = plain(at.port, f"GET /points/1?x=1 HTTP/1.1\r\nHost: 127.0.0.1:{at.port}\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 307 ")
    assert f"Location: https://127.0.0.1:{at.port}/points/1?x=1\r\n".encode() in answer
    assert answer.endswith(b"\r\n\r\n"), "nothing else is said"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("POST /login HTTP/1.1\r\nHost: localhost\r\n\r\npassword=secret", 403),
        ("GET / HTTP/1.1\r\nHost: elsewhere.example.org\r\n\r\n", 421),
        ("GET / HTTP/1.1\r\n\r\n", 421),
        ("GET /\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 403),
        ("GET //elsewhere.example.org HTTP/1.1\r\nHost: localhost\r\n\r\n", 307),
        ("what is this\r\n\r\n", 403),
    ],
)
def test_nothing_else_is_taken_unencrypted(request_: str, status: int, at: Encrypted) -> None:
    answer = plain(at.port, request_)
    assert f"HTTP/1.1 {status} ".encode() in answer
    assert b"Location: https://elsewhere" not in answer
    assert b"secret" not in answer


def test_the_service_manager_and_check_ask_without_encryption(at: Encrypted) -> None:
    answer = plain(at.port, "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"X-Knxgw-Process: 7\r\n" in answer
    assert answer.endswith(b"\r\n\r\nready\n")


def test_a_head_without_an_end_is_not_kept(at: Encrypted) -> None:
    assert plain(at.port, "GET /" + "x" * 10_000) == b""


@pytest.mark.parametrize("hello", [b"\x16\x03\x01\x00\x05hello", b"\x16", b"\x80\x2e\x01\x03\x01"])
def test_what_only_begins_like_tls_is_closed(hello: bytes, at: Encrypted) -> None:
    with socket.create_connection(("127.0.0.1", at.port), timeout=5) as client:
        client.sendall(hello)
        client.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while client.recv(4096):
                pass
    assert "password" in at.visitor().page("/login")


def test_an_old_tls_is_refused(at: Encrypted) -> None:
    old = trusting(at.file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that it is old is the point
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(OSError, match=r"(?i)version|protocol|alert"):
        connect(at.port, old)


@pytest.mark.proves("W15")
def test_live_values_come_through_the_relay_at_once(at: Encrypted) -> None:
    at.website.clock.now_s += 100
    visitor = at.visitor()
    visitor.log_in(PASSWORD)
    cookie = "; ".join(f"{one.name}={one.value}" for one in visitor.cookies)
    with at.connect() as browser:
        head = f"Host: 127.0.0.1:{at.port}\r\nCookie: {cookie}\r\n\r\n"
        browser.sendall(f"GET /api/v1/events HTTP/1.1\r\n{head}".encode())
        received = b""
        while (found := SNAPSHOT.search(received)) is None:
            received += browser.recv(65_536)
        assert b"text/event-stream" in received
        assert json.loads(found[1])["points"]


def test_a_body_that_is_too_large_is_refused_and_the_answer_arrives(at: Encrypted) -> None:
    with at.connect() as browser:
        head = f"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MIB + 1}\r\n\r\n"
        browser.sendall(head.encode())
        with suppress(OSError):
            for _ in range(16):
                browser.sendall(b"x" * 65_536)
        assert b" 413 " in browser.recv(4096)


@pytest.mark.proves("W15")
def test_a_page_comes_beside_half_open_handshakes(at: Encrypted) -> None:
    at.website.clock.now_s += 100
    visitor = at.visitor()
    visitor.log_in(PASSWORD)
    begins = (b"", b"\x16\x03\x01\x02", b"GET / HTTP/1.1\r\nX-Slow: ")
    with ExitStack() as stack:
        for number in range(HALF_OPEN):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", at.port), timeout=5))
            one.sendall(begins[number % len(begins)])
        took_s = []
        for _ in range(5):
            started_s = perf_counter()
            assert "Charge (8)" in visitor.page("/")
            took_s.append(perf_counter() - started_s)
        assert min(took_s) < 1.0


# --- the relay alone: its server is the test -----------------------------------------------------


class Served:
    """A relay whose connections the test has in its hands."""

    def __init__(self, found: Certificate, trust: ssl.SSLContext) -> None:
        self.clock = Clock()
        self.certificate: Certificate | None = found
        self.trust = trust
        self.taken: list[tuple[socket.socket, Peer]] = []
        self.failures: list[BaseException] = []
        listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = int(listening.getsockname()[1])
        services = Services(self._context, self._take, lambda _: b"plain", self.clock)
        self.relay = Relay([listening], services, self.failures.append)
        self.relay.start()

    def _context(self) -> ssl.SSLContext | None:
        return None if self.certificate is None else self.certificate.context

    def _take(self, one: socket.socket, peer: Peer) -> None:
        one.settimeout(5)
        self.taken.append((one, peer))

    def pair(self) -> tuple[ssl.SSLSocket, socket.socket]:
        """Return a client, and the server's end of its connection."""
        client = connect(self.port, self.trust)
        address = client.getsockname()
        wait_until(lambda: any(peer == address for _, peer in self.taken), 5.0, "the server's end")
        return client, next(one for one, peer in self.taken if peer == address)


@contextmanager
def relayed(directory: Path) -> Iterator[Served]:
    files = write_certificate(directory)
    one = Served(load_certificate(*files), trusting(files[0]))
    try:
        yield one
    finally:
        one.relay.stop()
        for end, _ in one.taken:
            end.close()
    assert one.failures == []


def sent_until(end: type[OSError], one: socket.socket) -> int:
    """Send until it fails; return how much went out."""
    sent = 0
    try:
        while sent < MOST_SENT:
            sent += one.send(b"z" * 65_536)
    except end:
        return sent
    pytest.fail("everything was taken")


def is_closed(client: socket.socket) -> bool:
    """Tell whether the other end has closed, or does within a moment."""
    client.settimeout(5)
    try:
        return client.recv(4096) == b""
    except ConnectionError:
        return True


def test_the_server_learns_who_is_at_the_other_end(tmp_path: Path) -> None:
    with relayed(tmp_path) as at:
        clients = [at.pair() for _ in range(3)]
        for client, server in clients:
            peer = next(peer for one, peer in at.taken if one is server)
            assert peer == client.getsockname()
            client.sendall(b"asked by %d" % peer.port)
            assert server.recv(100) == b"asked by %d" % peer.port
            client.close()
            assert server.recv(1) == b"", "the server learns that the client has gone"


def test_every_byte_passes_in_both_directions(tmp_path: Path) -> None:
    sent = bytes(range(256)) * 8192  # 2 MiB, more than all buffers
    with relayed(tmp_path) as at:
        client, server = at.pair()

        def echo() -> None:
            while received := server.recv(65_536):
                server.sendall(received)

        echoing = threading.Thread(target=echo)
        echoing.start()
        sending = threading.Thread(target=lambda: client.sendall(sent))
        sending.start()
        received = bytearray()
        while len(received) < len(sent):
            received += client.recv(65_536)
        sending.join()
        assert bytes(received) == sent
        client.close()
        echoing.join(5)
        assert not echoing.is_alive()


@pytest.mark.parametrize("is_read", [True, False], ids=["request read", "request not read"])
def test_the_last_word_of_the_server_arrives_before_the_end(
    tmp_path: Path, *, is_read: bool
) -> None:
    answer = b"y" * 100_000
    with relayed(tmp_path) as at:
        client, server = at.pair()
        client.sendall(b"x" * 200_000)
        if is_read:
            assert server.recv(10)
        select.select([server], [], [], 5)
        server.sendall(answer)
        server.close()
        received = b""
        while chunk := client.recv(65_536):
            received += chunk
        assert received == answer
        client.close()


def test_a_slow_reader_holds_back_the_server_and_is_dropped(tmp_path: Path) -> None:
    with relayed(tmp_path) as at:
        client, server = at.pair()
        server.settimeout(0.3)
        passed = sent_until(TimeoutError, server)
        assert passed < 16 * MIB, "what waits is what the system keeps, and one chunk"
        at.clock.now_s += STALL_S + 1
        server.settimeout(5)
        sent_until(ConnectionError, server)
        client.close()


def test_a_reader_that_is_only_quiet_stays(tmp_path: Path) -> None:
    with relayed(tmp_path) as at:
        client, server = at.pair()
        server.sendall(b"first")
        assert client.recv(10) == b"first"
        at.clock.now_s += 100 * STALL_S
        other, _ = at.pair()  # the relay has looked at everybody since
        server.sendall(b"second")
        assert client.recv(10) == b"second"
        other.close()
        client.close()


@pytest.mark.proves("W15")
@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01", b"GET / HTT"])
def test_who_does_not_finish_a_handshake_is_dropped(said: bytes, tmp_path: Path) -> None:
    with (
        relayed(tmp_path) as at,
        socket.create_connection(("127.0.0.1", at.port)) as client,
    ):
        client.sendall(said)
        at.pair()[0].close()  # the relay has seen it
        at.clock.now_s += HELLO_S + 1
        assert is_closed(client)


def test_who_takes_the_last_word_and_does_not_close_is_dropped(tmp_path: Path) -> None:
    with relayed(tmp_path) as at:
        client, server = at.pair()
        server.close()
        assert client.recv(1) == b""
        at.clock.now_s += LAST_S + 1
        raw = socket.socket(fileno=client.detach())
        raw.settimeout(5)
        sent_until(ConnectionError, raw)
        raw.close()


@pytest.mark.proves("W15")
def test_who_has_not_shaken_hands_makes_room_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "MOST_CONNECTIONS", 4)
    with relayed(tmp_path) as at, ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(socket.create_connection(("127.0.0.1", at.port)))
        clients = [at.pair() for _ in range(4)]
        with socket.create_connection(("127.0.0.1", at.port)) as waiting:
            assert not select.select([waiting], [], [], 0.2)[0], "nobody is sent away for it"
            for client, server in clients[:2]:
                client.close()
                assert server.recv(1) == b""
            waiting.sendall(b"GET / HTTP/1.0\r\n\r\n")
            waiting.settimeout(5)
            assert waiting.recv(10) == b"plain"
        for client, server in clients[2:]:
            server.sendall(b"still here")
            assert client.recv(20) == b"still here"
            client.close()


@pytest.mark.proves("W15")
def test_a_renewed_certificate_is_shown_to_the_next_and_disturbs_nobody(tmp_path: Path) -> None:
    (tmp_path / "renewed").mkdir()
    files = write_certificate(tmp_path / "renewed", 2)
    with relayed(tmp_path) as at:
        client, server = at.pair()
        at.certificate, at.trust = load_certificate(*files), trusting(files[0])
        other, _ = at.pair()
        server.sendall(b"goes on")
        assert client.recv(20) == b"goes on"
        assert client.getpeercert(binary_form=True) != other.getpeercert(binary_form=True)
        at.certificate = None
        with pytest.raises(OSError, match=r"(?i)reset|eof"):
            connect(at.port, at.trust)
        client.close()
        other.close()


def test_a_failure_of_the_relay_is_told(tmp_path: Path) -> None:
    files = write_certificate(tmp_path)
    one = Served(load_certificate(*files), trusting(files[0]))

    def broken() -> ssl.SSLContext:
        raise RuntimeError("a mistake of ours")

    one.relay._services = one.relay._services._replace(context=broken)
    with socket.create_connection(("127.0.0.1", one.port)) as client:
        client.sendall(b"\x16")
        assert is_closed(client)
    wait_until(lambda: bool(one.failures), 5.0, "the failure")
    assert str(one.failures[0]) == "a mistake of ours"
    one.relay.stop()


# --- the end of the website ----------------------------------------------------------------------


@contextmanager
def server_of(bridge: Bridge) -> Iterator[tuple[WebsiteServer, int]]:
    listener = Listener(Address("127.0.0.1", free_port()))
    listener.open()
    server = WebsiteServer(bridge, listener)
    server.start()
    try:
        yield server, listener.address.port
    finally:
        server.stop()
        listener.close()


@pytest.mark.proves("W15")
def test_a_page_that_is_being_made_is_finished_before_the_end(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> bool:
        begun.set()
        return go_on.wait(5)

    files = write_certificate(tmp_path)
    found = load_certificate(*files)
    bridge = pages(certificate=lambda: found, is_ready=slow)
    with server_of(bridge) as (server, port), connect(port, trusting(files[0])) as page:
        page.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert begun.wait(5)
        stopping = threading.Thread(target=server.stop)
        stopping.start()
        go_on.set()
        answer = b""
        while received := page.recv(1000):
            answer += received
        assert answer.startswith(b"HTTP/1.1 200")
        assert answer.endswith(b"ready\n")
        stopping.join()
        assert server.error is None


def test_a_client_that_stays_does_not_hold_up_the_end(tmp_path: Path) -> None:
    files = write_certificate(tmp_path)
    found = load_certificate(*files)
    before = threading.active_count()
    with server_of(pages(certificate=lambda: found)) as (server, port):
        silent = connect(port, trusting(files[0]))
        half_open = socket.create_connection(("127.0.0.1", port))
        start_s = perf_counter()
        server.stop()
        assert perf_counter() - start_s < 2.0
        silent.close()
        half_open.close()
        wait_until(lambda: threading.active_count() <= before, 5.0, "the end of its threads")
        assert server.error is None
