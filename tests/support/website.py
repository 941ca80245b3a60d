"""The website over a station or a view, with somebody who is logged in, without a server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from knxgw.station.actions import Action
from knxgw.station.view import SiteView
from knxgw.store.accounts import AccountStore
from knxgw.store.database import Database
from knxgw.website.access.accounts import Accounts
from knxgw.website.access.passwords import Hasher
from knxgw.website.access.roles import Role
from knxgw.website.app import create_app
from knxgw.website.bridge import Bridge
from knxgw.website.device_facts import DeviceFacts
from knxgw.website.ets_reading import Readings
from knxgw.website.listener import Address, Listener
from knxgw.website.pages.common import Site
from knxgw.website.publisher import Publisher
from knxgw.website.server import WebsiteServer
from knxgw.website.uploads import Uploads
from tests.support.processes import free_port
from tests.support.virtual_time import InlineExecutor

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
PASSWORD = "a sentence of our own"  # noqa: S105 - of the tests
FACTS = DeviceFacts(version="1.0", knx_up_s=10.0, knx_link="routing", clock_source="ntp")


class RuleOfEveryWebsite(Rule):
    """A route whose address builder is compiled once for all websites of a test run.

    Each website compiles its 160 routes anew, which takes longer than most tests of a page.
    """

    _compiled: ClassVar[dict[object, Callable[..., tuple[str, str]]]] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., tuple[str, str]]:  # noqa: FBT001, FBT002 - werkzeug's
        key = (self.rule, self.subdomain, self.host, repr(self.defaults), append_unknown)
        if key not in self._compiled:
            self._compiled[key] = super()._compile_builder(append_unknown)
        return self._compiled[key]


Flask.url_rule_class = RuleOfEveryWebsite


class Clock:
    """Time that tests move."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def bridge_of(directory: Path, clock: Callable[[], float], **given: Any) -> Bridge:
    """Return a bridge whose accounts are stored in a directory; `given`: see `bridge_with`."""
    store = AccountStore(Database(directory), InlineExecutor(), lambda _why, _number: None)
    bridge = Bridge(
        view=given.pop("view"),
        facts=given.pop("facts", lambda: FACTS),
        is_ready=lambda: True,
        act=lambda _point, _action, _setpoint_ma: None,
        accounts=Accounts(
            store,
            directory,
            now=lambda: NOON,
            now_s=clock,
            hasher=Hasher(time_cost=1, memory_kib=64),
        ),
        now_s=clock,
        utc_now=lambda: NOON,
    )
    return bridge_with(bridge, **given)


def bridge_with(bridge: Bridge, **given: Any) -> Bridge:
    """Return a bridge with other fields: its own, or those of the part that has a field of that name."""
    for part in ("reach", "diagnostics", "setup", "machine"):
        before = getattr(bridge, part)
        own = {one.name for one in fields(before)} & given.keys()
        given[part] = replace(before, **{name: given.pop(name) for name in own})
    return replace(bridge, **given)


class Website:
    """A website and one browser."""

    def __init__(self, directory: Path, **given: Any) -> None:
        self.clock = Clock()
        self.acted: list[tuple[int, Action, int | None]] = []

        def act(point: int, action: Action, setpoint_ma: int | None) -> None:
            self.acted.append((point, action, setpoint_ma))

        self.bridge = bridge_of(directory, self.clock, **{"act": act, **given})
        self.accounts = self.bridge.accounts
        self.publisher = Publisher("boot", self.clock, lambda: NOON)
        self.app = create_app(self.bridge, self.publisher)
        self.browser: FlaskClient = self.app.test_client()
        self.initial = (directory / "knxgw.initial-password").read_text("ascii").strip()

    @property
    def uploads(self) -> Uploads:
        """Return the files that come in parts."""
        found = self.app.extensions["knxgw"]
        assert isinstance(found, Site)
        return found.uploads

    @property
    def readings(self) -> Readings:
        """Return what is read of files from ETS."""
        found = self.app.extensions["knxgw"]
        assert isinstance(found, Site)
        return found.readings

    def close(self) -> None:
        self.readings.close()
        self.uploads.close()
        self.publisher.stop("restarting")

    def log_in(self, password: str | None = None, **form: str) -> TestResponse:
        """Log in as the owner, or with the fields of the form."""
        return self.browser.post("/login", data={"password": password or self.initial, **form})

    def become_owner(self) -> None:
        """Log in as the owner for the first time, and change the password."""
        assert self.log_in().headers["Location"] == "/password"
        answer = self.post("/password", new=PASSWORD, repeated=PASSWORD)
        assert answer.status_code == 303, answer.get_data(as_text=True)

    def another(self) -> "Website":
        """Return another browser at this website."""
        found = Website.__new__(Website)
        found.__dict__.update(self.__dict__, browser=self.app.test_client())
        return found

    def guest(self, role: Role, points: frozenset[int] | None = None) -> "Website":
        """Return another browser, in which an account of a role is logged in."""
        token = self.browser.get_cookie(self.bridge.reach.cookie)
        assert token is not None
        create = self.accounts.manage.create
        made = create(token.value, "guest", role, address="192.168.1.9", points=points)
        found = self.another()
        found.log_in(made.password, name="guest")
        found.post("/password", new="another sentence", repeated="another sentence")
        return found

    @property
    def csrf(self) -> str:
        """Return what the forms of this browser's session carry."""
        cookie = self.browser.get_cookie(self.bridge.reach.cookie)
        session = None if cookie is None else self.accounts.session_of(cookie.value)
        return "" if session is None else session.csrf

    def get(self, path: str, language: str = "en") -> str:
        """Return a page that must be there."""
        answer = self.browser.get(path, headers={"Accept-Language": language})
        assert answer.status_code == 200, (answer.status_code, answer.headers.get("Location"))
        return answer.get_data(as_text=True)

    def post(self, path: str, **form: str) -> TestResponse:
        """Send a form of this session."""
        return self.browser.post(path, data={"csrf": self.csrf, **form})


@contextmanager
def website(view: Callable[[str | None], SiteView], **given: Any) -> Iterator[Website]:
    """Give a website to whose owner its browser belongs."""
    with TemporaryDirectory() as directory:
        found = Website(Path(directory), view=view, **given)
        try:
            found.become_owner()
            yield found
        finally:
            found.close()


@contextmanager
def served(
    directory: Path, view: Callable[[str | None], SiteView], **given: Any
) -> Iterator[tuple[Website, int]]:
    """Give a website that has an owner, and the port of 127.0.0.1 where a real server answers for it."""
    found = Website(directory, view=view, **given)
    listener = Listener(Address("127.0.0.1", free_port()))
    try:
        found.become_owner()
        listener.open()
        server = WebsiteServer(found.bridge, listener)
        server.start()
        try:
            yield found, listener.address.port
        finally:
            server.stop()
    finally:
        listener.close()
        found.close()
