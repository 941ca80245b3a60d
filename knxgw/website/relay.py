"""Speaks TLS for the website, in a thread of its own, before the server that knows only http.

Each encrypted connection is handed to the server as one end of a socket pair, together with the
address of its peer: nobody else can reach the server, and no header says who asks. Connections,
buffers and waits are bounded. Source: website 15.
"""

import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from selectors import EVENT_READ, DefaultSelector, SelectorKey

from knxgw.website.relay_phases import CHUNK, Encrypted, Hello, Peer, Phase, Services

MOST_CONNECTIONS = 256  # three descriptors each
END_S = 0.3  # for clients to take the last bytes, at the end of the website
SWEEP_S = 0.5  # between two looks at who waits too long, and the rest after a failed accept


class _Client:
    """One client: its phase, and what is watched of it."""

    def __init__(self, phase: Phase) -> None:
        self.phase: Phase | None = phase  # None: gone
        self.watched: dict[int, int] = {}  # by file descriptor

    @property
    def is_guest(self) -> bool:
        """Tell whether it has not spoken TLS yet, or does not any more."""
        return not isinstance(self.phase, Encrypted)

    def go_on(self) -> None:
        """Do what can be done now; whatever fails ends this client only."""
        phase = self.phase
        while phase is not None:
            try:
                following = phase.go_on()
            except OSError:  # errors of TLS are some, too
                following = None
            if following is None:
                phase.close()
            if following is phase:
                break
            phase = following
        self.phase = phase


class Relay:
    """The thread that has the listening sockets and all clients."""

    def __init__(
        self,
        sockets: Iterable[socket.socket],
        services: Services,
        on_failure: Callable[[BaseException], object],
    ) -> None:
        """Take over sockets that listen; `on_failure` is called from the relay's thread."""
        self._listening = list(sockets)
        self._services, self._on_failure = services, on_failure
        self._selector = DefaultSelector()
        self._clients: dict[_Client, None] = {}  # in the order they came
        self._bell, self._ear = socket.socketpair()
        self._is_ending = self._is_late = self._is_accepting = False
        self._rests_until = 0.0
        for one in (*self._listening, self._bell, self._ear):
            one.settimeout(0)
        self._selector.register(self._ear, EVENT_READ)
        self._thread = threading.Thread(target=self._run, name="website-tls", daemon=True)

    def start(self) -> None:
        """Take connections."""
        self._thread.start()

    def stop_listening(self) -> None:
        """Take no more connections; those that are there go on, and the thread ends with them."""
        self._is_ending = True
        self._ring()

    def stop(self) -> None:
        """End; whoever still has something to get has a moment for it."""
        self.stop_listening()
        if self._thread.ident is None:
            self._close_all()
            return
        self._thread.join(END_S)
        self._is_late = True
        self._ring()
        self._thread.join(END_S)

    def _ring(self) -> None:
        with suppress(OSError):  # it has rung already, or the thread has ended
            self._bell.send(b"\0")

    # --- the thread

    def _run(self) -> None:
        try:
            while not self._is_late and (self._clients or not self._is_ending):
                self._listen_or_not()
                self._serve(self._selector.select(SWEEP_S))
                self._sweep()
        except BaseException as error:  # noqa: BLE001 - handed to whoever serves the website
            self._on_failure(error)
        finally:
            self._close_all()

    def _serve(self, events: list[tuple[SelectorKey, int]]) -> None:
        for one in dict.fromkeys(key.data or key.fileobj for key, _ in events):
            if isinstance(one, _Client):
                if one in self._clients:  # it may just have made room
                    one.go_on()
                    self._watch(one)
            elif one is self._ear:
                self._ear.recv(CHUNK)
            elif isinstance(one, socket.socket):
                self._accept(one)

    def _listen_or_not(self) -> None:
        """Listen, unless there is no room, no descriptor, or the thread ends."""
        is_full = len(self._clients) >= MOST_CONNECTIONS and self._guest() is None
        rests = self._services.now_s() < self._rests_until
        wanted = not (self._is_ending or is_full or rests)
        if wanted != self._is_accepting:
            self._is_accepting = wanted
            for one in self._listening:
                if wanted:
                    self._selector.register(one, EVENT_READ)
                else:
                    self._selector.unregister(one)
        if self._is_ending:
            while self._listening:
                self._listening.pop().close()

    def _accept(self, listening: socket.socket) -> None:
        try:
            client, address = listening.accept()
        except (BlockingIOError, ConnectionError):
            return
        except OSError:  # no descriptors are left: some will be, soon
            self._rests_until = self._services.now_s() + SWEEP_S
            return
        if len(self._clients) >= MOST_CONNECTIONS:
            guest = self._guest()
            if guest is None:
                client.close()
                return
            self._drop(guest)
        one = _Client(Hello(client, Peer(address[0], address[1]), self._services))
        self._clients[one] = None
        self._watch(one)

    def _guest(self) -> _Client | None:
        """Return who has been here longest without speaking TLS: it makes room first."""
        return next((one for one in self._clients if one.is_guest), None)

    def _watch(self, one: _Client) -> None:
        """Watch the sockets of a client for what its phase waits for now."""
        if one.phase is None:
            self._drop(one)
            return
        wanted = {end.fileno(): events for end, events in one.phase.wanted() if events}
        for number in one.watched.keys() - wanted.keys():
            self._selector.unregister(number)
        for number, events in wanted.items():
            if number not in one.watched:
                self._selector.register(number, events, one)
            elif one.watched[number] != events:
                self._selector.modify(number, events, one)
        one.watched = wanted

    def _sweep(self) -> None:
        """Drop who waits too long."""
        now_s = self._services.now_s()
        for one in list(self._clients):
            if one.phase is None or one.phase.deadline_at < now_s:
                self._drop(one)

    def _drop(self, one: _Client) -> None:
        del self._clients[one]
        for number in one.watched:
            self._selector.unregister(number)
        if one.phase is not None:
            one.phase.close()

    def _close_all(self) -> None:
        for one in list(self._clients):
            self._drop(one)
        self._selector.close()
        for end in (*self._listening, self._bell, self._ear):
            end.close()
