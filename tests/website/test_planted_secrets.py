"""A gateway that knows many secrets, as a process: none of them in a page, an answer, its log or its store."""

import signal
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError

import pytest

from bench.interruption import SiteThread
from knxgw.store import initial_password
from tests.support.keyring import Backbone, KeyringData, write_keyring
from tests.support.processes import Running, free_port, health, process
from tests.support.visitor import PASSWORD, Visitor
from tests.support.waiting import wait_until
from tests.support.website import website
from tests.website.test_pages import SITE
from tests.website.test_security import filled, routes

pytestmark = pytest.mark.real
KEYRING_PASSWORD = "Giraffe-7-keyring"  # noqa: S105 - of this test
BACKBONE = bytes(range(0xA0, 0xB0))
CARD = 0xD4A1B2C3
GUESS = "a guess of somebody"
KNX = """{link: routing, local_ip: 127.0.0.1, individual_address: 1.1.20,
  keyring: house.knxkeys, keyring_password_file: word}"""
TEXT = """
device: {{name: Garage, time_zone: UTC}}
knx: {knx}
website: {{listen: "127.0.0.1:{web}"}}
load_management: {{mode: "off"}}
charging_points:
  - {{number: 1, name: One, model: keba_p30, connection: {{type: tcp, host: 127.0.0.1, port: {port}, unit: 255}}}}
group_objects: {{50: [1/1/50], 55: [1/1/55]}}
"""


@dataclass(frozen=True)
class Told:
    """Everything that the gateway said, by where; and what it must not have said, by its name."""

    places: Mapping[str, str]
    secrets: Mapping[str, str]
    csrf: str  # stands in the forms of its own session, and nowhere else


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = tmp_path_factory.mktemp("planted")
    state, port = folder / "state", free_port()
    ports = {"web": port, "port": free_port()}
    (folder / "site.yaml").write_text(TEXT.format(knx=KNX, **ports), encoding="utf-8")
    (folder / "word").write_text(KEYRING_PASSWORD, encoding="utf-8")
    backbone = Backbone(key=BACKBONE, multicast_address="224.0.23.47", latency_ms=1000)
    write_keyring(folder / "house.knxkeys", KeyringData(backbone=backbone), KEYRING_PASSWORD)
    chargers = SiteThread(TEXT.format(knx="{link: none}", **ports))
    try:
        arguments = ("run", "-vv", "--config", str(folder / "site.yaml"), "--state", str(state))
        with process(folder / "said.log", *arguments) as running:
            wait_until(lambda: health(port) == 200, 30.0, lambda: running.said)
            for charger in chargers.site.chargers.values():
                charger.card = CARD
            chargers.plug_everywhere()
            return look_everywhere(port, state, running)
    finally:
        chargers.stop()


def look_everywhere(port: int, state: Path, running: Running) -> Told:
    """Log in, be wrong, change the password, open every page, and end the gateway."""
    initial = initial_password.read(state)
    assert initial is not None
    visitor = Visitor(port)
    visitor.first_log_in(state)
    wait_until(lambda: "…" in visitor.page("/points/1"), 10.0, "the end of the card's number")
    _, token = visitor.session
    csrf = visitor.page("/settings").split('name="csrf" value="')[1].split('"')[0]
    with pytest.raises(HTTPError):
        Visitor(port).log_in(GUESS)
    with website(lambda _language: SITE) as same:
        paths = {filled(rule) for method, rule in routes(same) if method == "GET"}
    places = {}
    for path in sorted(paths - {"/static/1/1"}):
        try:
            places[path] = visitor.page(path)
        except HTTPError as error:  # there is no such fault, or no such object
            places[path] = error.read().decode()
    running.end(signal.SIGTERM, 10.0)
    places["log"] = running.said
    for one in state.rglob("*"):
        if one.is_file() and one.suffix != ".initial-password":
            places[f"store: {one.name}"] = one.read_bytes().decode("latin-1")
    secrets = {
        "initial password": initial,
        "password": PASSWORD,
        "wrong password": GUESS,
        "token of a session": token,
        "password of the keyring": KEYRING_PASSWORD,
        "key": BACKBONE.hex(),
        "key in base64": b64encode(BACKBONE).decode(),
        "card": f"{CARD:X}",
        "card as a number": str(CARD),
    }
    return Told(places, secrets, csrf)


@pytest.mark.long
@pytest.mark.proves("W14")
def test_no_planted_secret_is_told_anywhere(reported: Told) -> None:
    assert len(reported.places) > 20
    found = [
        (place, name)
        for place, text in reported.places.items()
        for name, secret in reported.secrets.items()
        if secret.lower() in text.lower()
    ]
    assert found == []
    assert "Traceback" not in reported.places["log"]


@pytest.mark.long
@pytest.mark.proves("W14")
def test_the_token_of_forms_stands_in_pages_of_its_session_only(reported: Told) -> None:
    with_it = {place for place, text in reported.places.items() if reported.csrf in text}
    assert "/settings" in with_it
    assert not [
        place for place in with_it if place == "log" or place.startswith(("/api/", "store:"))
    ]


@pytest.mark.long
def test_what_is_left_of_a_card_can_be_recognised(reported: Told) -> None:
    assert f"…{CARD:X}"[-4:] in reported.places["/points/1"]
