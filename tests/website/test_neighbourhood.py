"""The device description that others fetch: without a log-in, by http and by https."""

import socket
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from knxgw.links.discovery.introduction import DESCRIPTION_PATH, Introduction
from knxgw.website import assets
from knxgw.website.certificate import load_certificate
from knxgw.website.neighbourhood import ICONS, device_description
from knxgw.website.plain_answers import answer_plain
from tests.support.certificates import write_certificate
from tests.support.website import Website, bridge_with, served, website
from tests.website.test_pages import SITE

GARAGE = Introduction(name='Garage <"&\0', id=UUID(int=7), port=8080)
NAMES = {"d": "urn:schemas-upnp-org:device-1-0"}


@pytest.fixture(scope="module")
def shared() -> Iterator[Website]:
    with website(lambda _language: SITE, introduction=lambda: GARAGE) as found:
        yield found


def reported(content: bytes, name: str) -> str | None:
    found = ET.fromstring(content).find(f".//d:{name}", NAMES)  # noqa: S314 - we have made it
    return None if found is None else found.text


@pytest.mark.proves("W61")
def test_whoever_has_found_the_device_gets_its_description_without_a_log_in(
    shared: Website,
) -> None:
    stranger = shared.app.test_client()
    answer = stranger.get(DESCRIPTION_PATH, headers={"Host": "192.168.1.5:8080"})
    assert answer.status_code == 200
    assert answer.mimetype == "text/xml"
    assert reported(answer.data, "friendlyName") == 'Garage <"&'
    assert reported(answer.data, "presentationURL") == "http://192.168.1.5:8080/"
    assert b"1.0" not in answer.data.partition(b"<device>")[2], "no version"
    for name, size in ICONS.items():
        assert assets.address_of(name).encode() in answer.data
        icon = stranger.get(assets.address_of(name)).data
        assert icon[16:24] == size.to_bytes(4) * 2


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.168.1.5", "http://192.168.1.5/"),
        ("[fe80::1]:8080", "http://[fe80::1]:8080/"),
        ("garage.local:8080", "http://garage.local:8080/"),
        ("localhost:<b>", "/"),
        ("192.168.1.5:80/x", "/"),
        ("", "/"),
    ],
)
def test_the_address_of_the_website_is_the_one_that_was_asked(
    shared: Website, host: str, address: str
) -> None:
    found = device_description(shared.bridge, host)
    assert found is not None
    assert reported(found.content, "presentationURL") == address


def test_a_foreign_name_gets_no_description(shared: Website) -> None:
    answer = shared.app.test_client().get(DESCRIPTION_PATH, headers={"Host": "evil.example"})
    assert answer.status_code == 421


def test_a_device_that_is_not_announced_has_no_description() -> None:
    with website(lambda _language: SITE) as found:
        answer = found.app.test_client().get(DESCRIPTION_PATH)
        assert answer.status_code == 404
        assert b"Garage" not in answer.data


def asked(port: int, path: str) -> tuple[bytes, bytes]:
    """Return head and body of what is answered by plain http."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as browser:
        browser.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        answer = b""
        while received := browser.recv(4096):
            answer += received
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


@pytest.mark.real
@pytest.mark.proves("W61")
def test_plain_http_that_is_sent_on_to_https_still_gives_description_and_icons(
    tmp_path: Path,
) -> None:
    found = load_certificate(*write_certificate(tmp_path))
    with served(
        tmp_path, lambda _: SITE, certificate=lambda: found, introduction=lambda: GARAGE
    ) as (_, port):
        head, body = asked(port, DESCRIPTION_PATH)
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b'Content-Type: text/xml; charset="utf-8"' in head
        assert f"Content-Length: {len(body)}".encode() in head
        assert reported(body, "presentationURL") == f"https://127.0.0.1:{port}/"
        head, body = asked(port, assets.address_of("icon-48.png"))
        assert b"Content-Type: image/png" in head
        assert body == assets.assets()["icon-48.png"].content
        head, _ = asked(port, "/login")
        assert head.startswith(b"HTTP/1.1 307 ")


def test_plain_http_says_nothing_of_a_device_that_is_not_announced(shared: Website) -> None:
    request = f"GET {DESCRIPTION_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    silent = bridge_with(shared.bridge, introduction=lambda: None)
    assert answer_plain(silent, request).startswith(b"HTTP/1.1 307 ")
