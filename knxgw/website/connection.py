"""One connection of a browser, that keeps no thread and no place from others, whatever it does.

What waitress leaves open: it waits for good for one that asks and takes nothing, or that sends a
request byte by byte; one that asks a hundred things at once keeps a thread for each answer that it
does not take. All of that goes without a log-in. Source: website 11.
"""

from collections.abc import Mapping
from threading import Lock
from typing import Any, cast
from urllib.parse import urlencode

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import BaseWSGIServer
from waitress.task import ErrorTask, Task, WSGITask
from waitress.utilities import RequestEntityTooLarge

from knxgw.website.security import HEADERS, LARGEST_BODY, TOO_LARGE

MOST_CONNECTIONS = 380  # below the limit at which waitress takes no more
MOST_WAITING = 2  # requests of a connection: the one that is answered, and the next
SLOWEST_S = 60.0  # from the first byte of a request to its last
TAKES_NOTHING_S = 20.0  # an answer waits for a reader so long
_NO_PAGE = f"A form has at most {LARGEST_BODY // 1024} KiB here. Nothing was changed."
_NOT_KEPT = ("Cache-Control", "no-store")


class Refusal(ErrorTask):
    """An answer to what is no request; the pages never see it."""

    request: HTTPRequestParser  # type: ignore[assignment]  # its types name the error

    def execute(self) -> None:
        """Answer with the headers of every other answer."""
        self.response_headers = [*self.response_headers, *HEADERS.items(), _NOT_KEPT]
        super().execute()


class TooLarge(WSGITask):
    """Answers a request whose body nobody reads with the page that says so, as whoever sent it sees pages."""

    def execute(self) -> None:
        """Ask for that page instead; what of the body comes after it is no request."""
        request: Any = self.request  # the types of the library name the error
        request.error = None
        request.command, request.query = "GET", urlencode({"at": request.path})
        request.path = TOO_LARGE
        for name in ("CONTENT_LENGTH", "CONTENT_TYPE"):
            request.headers.pop(name, None)
        self.set_close_on_finish()
        super().execute()


def _refused(channel: "Connection", request: HTTPRequestParser) -> Task:
    """Return what answers a request that is none, or that is too large.

    A page takes 2 ms, and fifty of them at once delay an interruption. A browser that has seen a page here has a
    cookie; whoever has none gets a line of text, which costs next to nothing.
    """
    asked: Any = request  # the types of the library do not name all of it
    is_too_large = isinstance(asked.error, RequestEntityTooLarge)
    has_page = is_too_large and ("COOKIE" in asked.headers or asked.path.startswith("/api/"))
    if is_too_large and not has_page:
        asked.error = RequestEntityTooLarge(_NO_PAGE)
    kind = TooLarge if has_page else Refusal
    return kind(channel, request)  # type: ignore[arg-type]  # as above


class Connection(HTTPChannel):
    """A connection that has one request answered at a time, and ends if it is too slow."""

    error_task_class = staticmethod(_refused)  # type: ignore[assignment]  # whatever makes a task
    _map: Mapping[int, object]  # all that the server looks after
    requests: list[HTTPRequestParser]
    requests_lock: Lock  # of `requests`

    def __init__(self, *given: Any, **more: Any) -> None:  # noqa: ANN401 - what waitress gives
        """Take the place of the one that has waited longest, where there are too many."""
        super().__init__(*given, **more)
        self.waits_since: float = self.last_activity  # for a request, or for the rest of it
        self._is_last = False  # more came before it was answered: this answer is the last one
        others = [one for one in self._map.values() if isinstance(one, Connection)]
        if len(others) > MOST_CONNECTIONS:
            _make_room(others)

    def received(self, data: bytes) -> bool:
        """Read a request; whoever sends several before the answer gets no more than two.

        A second one is no haste: a browser has its answer a moment before the first one leaves the list here.
        """
        if self._is_last:
            return False
        is_first = self.request is None
        taken = bool(super().received(data))
        if is_first and self.request is not None:
            self.waits_since = self.last_activity
        with self.requests_lock:
            if len(self.requests) > MOST_WAITING:
                self._is_last = True
                for one in self.requests[MOST_WAITING:]:
                    one.close()
                del self.requests[MOST_WAITING:]
        return taken

    def service(self) -> None:
        """Answer a request."""
        super().service()
        self.waits_since = self.last_activity
        if self._is_last:
            with self.requests_lock:
                self.close_when_flushed = not self.requests
            self.server.pull_trigger()

    def handle_close(self) -> None:
        """End it: the browser has gone, or has been too slow."""
        super().handle_close()
        self._drop_unfinished()

    def close(self) -> None:
        """End it with the server."""
        super().close()
        self._drop_unfinished()

    def cancel(self) -> None:
        """Give up what waits for an answer: the server ends."""
        with self.requests_lock:
            waiting = tuple(self.requests)
        super().cancel()
        for one in waiting:
            one.close()

    def _drop_unfinished(self) -> None:
        """Close the file with what has come of a request, which waitress leaves open."""
        unfinished, self.request = self.request, None
        if unfinished is not None:
            unfinished.close()

    def is_too_slow(self, now: float) -> bool:
        """Tell whether nobody has to wait for it any longer; `now` is waitress's clock [s]."""
        silent_s = now - self.last_activity
        if self.total_outbufs_len:
            return silent_s > TAKES_NOTHING_S
        if self.requests:
            return False
        return silent_s > self.adj.channel_timeout or (
            self.request is not None and now - self.waits_since > SLOWEST_S
        )


def _make_room(connections: list[Connection]) -> None:
    """End the connection that has waited longest without a question that is being answered."""
    idle = [one for one in connections if not one.requests]
    if idle:
        min(idle, key=lambda one: one.waits_since).handle_close()


def keep_in_order(server: BaseWSGIServer) -> None:
    """Let a server of waitress take such connections, and end those that are too slow."""

    def maintenance(now: float) -> None:
        channels = cast("Mapping[int, Connection]", server.active_channels)
        for one in list(channels.values()):
            if one.is_too_slow(now):
                one.handle_close()

    server.channel_class = Connection
    server.maintenance = maintenance  # type: ignore[method-assign]  # of this one
