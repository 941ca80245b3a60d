"""Somebody who visits the website of a real process."""

from http.cookiejar import CookieJar
from pathlib import Path
from ssl import SSLContext
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, HTTPSHandler, OpenerDirector, build_opener

from knxgw.store import initial_password

PASSWORD = "a visitor's sentence"  # noqa: S105 - of the tests


class Visitor:
    """A browser without scripts, with the cookies of one log-in."""

    def __init__(self, port: int, trust: SSLContext | None = None, host: str = "127.0.0.1") -> None:
        """Visit a port of this machine, or of another; `trust`: by https."""
        self._base = f"http{'' if trust is None else 's'}://{host}:{port}"
        self.cookies = CookieJar()
        cookies, tls = HTTPCookieProcessor(self.cookies), HTTPSHandler(context=trust)
        self._browser: OpenerDirector = build_opener(cookies, tls)

    def say(self, **headers: str) -> None:
        """Send headers with every request from now on."""
        self._browser.addheaders = list(headers.items())

    @property
    def session(self) -> tuple[str, str]:
        """Return name and value of the cookie of the session."""
        (found,) = [one for one in self.cookies if one.name.startswith("knxgw")]
        return found.name, found.value or ""

    def first_log_in(self, state: Path) -> None:
        """Log in with the initial password of a state directory, and change it."""
        initial = initial_password.read(state)
        assert initial is not None
        self.begin_with(initial)

    def begin_with(self, initial: str) -> None:
        """Log in with an initial password, and change it."""
        self.log_in(initial)
        form = self.page("/password")
        token = form.split('name="csrf" value="')[1].split('"')[0]
        self.send("/password", csrf=token, new=PASSWORD, repeated=PASSWORD)

    def log_in(self, password: str = PASSWORD) -> str:
        """Log in, and return the page that comes then."""
        return self.send("/login", password=password)

    def page(self, path: str = "/") -> str:
        """Return a page; of an event stream its first event, or a beat."""
        with self._browser.open(self._base + path, timeout=8) as answer:
            if answer.headers.get_content_type() != "text/event-stream":
                return str(answer.read().decode())
            lines: list[str] = []
            while not lines or not lines[-1].startswith("data:"):
                lines.append(answer.readline().decode())
            return "".join(lines)

    def send(self, path: str, **form: str) -> str:
        """Send a form, and return the page that comes then."""
        with self._browser.open(self._base + path, urlencode(form).encode(), timeout=5) as answer:
            return str(answer.read().decode())
