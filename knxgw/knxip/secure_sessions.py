"""Sessions of KNX IP Secure: begun, authenticated, used, ended. Pure: time and keys are handed in.

A session belongs to the TCP connection in which it was begun. Until its user is known it takes nothing but the code
that proves the password, once. What comes in it afterwards is served as if it had come plain, and answered in it.
`secure_wrapper` has the arithmetic.
"""

import hmac
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from xknx.knxip import KNXIPServiceType as Service
from xknx.knxip.knxip_enum import SecureSessionStatusCode as Status

from knxgw.allowance import Allowance
from knxgw.errors import DecodeError
from knxgw.knx.fixed_values import KEY_OCTETS
from knxgw.knx.ip_security import IpSecurity
from knxgw.knx.secure_apdu import HIGHEST_NUMBER
from knxgw.knxip.effects import Send
from knxgw.knxip.ports import Description
from knxgw.knxip.secure_wrapper import (
    MAC_OCTETS,
    PUBLIC_OCTETS,
    KeyPair,
    Wrapped,
    authenticate_code,
    nonce_of,
    opened,
    read_wrapper,
    session_response_code,
    wrapped,
    xored,
)
from knxgw.knxip.statistics import Statistics
from knxgw.knxip.wire import Place, framed, unframed

AUTHENTICATED_S = 10.0  # in which a client has to say who it is
IDLE_S = 60.0  # without a frame of its client
MOST_SESSIONS = 16
MOST_OF_ONE = 4  # in one TCP connection
GUESSES_AT_ONCE, GUESS_EVERY_S = 5.0, 10.0  # wrong passwords of one host, then no session for it
MOST_HOSTS = 64  # whose wrong passwords are counted
log = logging.getLogger(__name__)
_ENDPOINT_OCTETS = 8
_HIGHEST_SESSION = 0xFFFF
_NO_SESSION = 0  # its number where none is free


@dataclass(slots=True, kw_only=True)
class Session:
    """One session."""

    number: int
    place: Place  # its TCP connection
    key: bytes = field(repr=False)
    keys_xored: bytes = field(repr=False)
    serial_number: bytes  # ours
    begun_at: float
    heard_at: float
    user: int | None = None  # None: it is not known yet
    password_hash: bytes | None = field(default=None, repr=False)  # by which the user is known
    received: int = -1  # last number of the client
    sent: int = -1  # last number of ours

    @property
    def due_at(self) -> float:
        """Return when it ends, unless its client says something [s]."""
        return self.begun_at + AUTHENTICATED_S if self.user is None else self.heard_at + IDLE_S


@dataclass(frozen=True, slots=True)
class Inner:
    """A frame that came in a session."""

    frame: bytes
    source: Place


@dataclass(frozen=True, slots=True)
class Ended:
    """A session is no more; so are the connections that were opened in it."""

    place: Place


Result = Send | Inner | Ended


class SecureSessions:
    """All sessions of the server."""

    def __init__(
        self,
        describe: Callable[[], Description],
        settings: Callable[[], IpSecurity],
        statistics: Statistics,
    ) -> None:
        """Serve for the device that `describe` describes, with these settings of the moment."""
        self._describe, self._settings, self._statistics = describe, settings, statistics
        self._sessions: dict[int, Session] = {}
        self._guesses: dict[str, Allowance] = {}  # wrong passwords, by host
        self._last = 0

    @property
    def streams_in_use(self) -> frozenset[int]:
        """Return the TCP connections in which somebody has authenticated."""
        known = (one.place.stream for one in self._sessions.values() if one.user is not None)
        return frozenset(one for one in known if one is not None)

    def user_of(self, place: Place) -> int | None:
        """Return the user of the session that a place is in, None: it is in none."""
        session = self._sessions.get(place.session or _NO_SESSION)
        return None if session is None else session.user

    def due_at(self) -> float | None:
        """Return when `tick` has to be called [s]."""
        return min((one.due_at for one in self._sessions.values()), default=None)

    # --- from a client

    def begin(self, body: bytes, source: Place, now_s: float) -> list[Result]:
        """Answer SESSION_REQUEST. Raises: DecodeError."""
        settings = self._settings()
        if source.stream is None or not settings.is_there:
            self._statistics.secure += 1
            return []
        if len(body) != _ENDPOINT_OCTETS + PUBLIC_OCTETS:
            raise DecodeError(f"{len(body)} octets are no session request")
        public, own = body[_ENDPOINT_OCTETS:], KeyPair()
        try:
            key = own.session_key(public)
        except ValueError as err:
            raise DecodeError("a public key that gives everybody the same") from err
        may_begin = not self._is_guessing(source, now_s) and self._has_few(source)
        gone = self._made_room(source) if may_begin else []
        number = self._free_number() if may_begin else None
        if number is None:
            self._statistics.sessions_refused += 1
            refused = _NO_SESSION.to_bytes(2, "big")
            return [*gone, Send(source, framed(Service.SESSION_RESPONSE, refused))]
        keys = xored(public, own.public)
        self._last = number
        self._sessions[number] = Session(
            number=number,
            place=source._replace(session=number),
            key=key,
            keys_xored=keys,
            serial_number=self._describe().serial_number,
            begun_at=now_s,
            heard_at=now_s,
        )
        code = session_response_code(settings.device_code, number, keys)
        said = number.to_bytes(2, "big") + own.public + code
        return [*gone, Send(source, framed(Service.SESSION_RESPONSE, said))]

    def take(self, raw: bytes, source: Place, now_s: float) -> list[Result]:
        """Take a wrapped frame. Raises: DecodeError, it is none of a session here, or is not new."""
        is_served = self._settings().is_there or self._sessions
        if source.stream is None or not is_served:
            self._statistics.secure += 1
            return []
        read = read_wrapper(raw)
        session = self._sessions.get(read.session)
        if session is None or session.place.stream != source.stream:
            raise DecodeError("a frame of a session that is not there")
        frame = self._opened(session, read)
        service, body = unframed(frame)
        session.received, session.heard_at = read.number, now_s
        if service is Service.SESSION_STATUS:
            return self._status(session, body)
        if session.user is None:
            return self._authenticated(session, service, body, now_s)
        if service in _NEVER_INSIDE:
            raise DecodeError("a frame that never comes in a session")
        return [Inner(frame, session.place)]

    def _opened(self, session: Session, read: Wrapped) -> bytes:
        if read.number <= session.received:
            raise DecodeError("a frame of a session that was taken before")
        return opened(session.key, read)

    def _status(self, session: Session, body: bytes) -> list[Result]:
        if body[:1] == bytes([Status.STATUS_CLOSE.value]):
            return [self._end(session)]
        if session.user is None:
            return self._refused(session, Status.STATUS_UNAUTHENTICATED)
        return []  # it is kept alive

    def _authenticated(
        self, session: Session, service: Service | None, body: bytes, now_s: float
    ) -> list[Result]:
        if service is not Service.SESSION_AUTHENTICATE:
            return self._refused(session, Status.STATUS_UNAUTHENTICATED)
        if len(body) != 2 + MAC_OCTETS:
            return self._refused(session, Status.STATUS_AUTHENTICATION_FAILED)
        user, code = body[1], body[2:]
        password_hash = self._settings().users.get(user)
        # the same work for a user who is not there: how long it takes tells nothing
        expected = authenticate_code(password_hash or bytes(KEY_OCTETS), user, session.keys_xored)
        is_right = hmac.compare_digest(code, expected) and password_hash is not None
        if not is_right:
            self._note_guess(session.place, now_s)
            return self._refused(session, Status.STATUS_AUTHENTICATION_FAILED)
        session.user, session.password_hash = user, password_hash
        self._statistics.sessions += 1
        return [self._said(session, Status.STATUS_AUTHENTICATION_SUCCESS)]

    def _refused(self, session: Session, status: Status) -> list[Result]:
        self._statistics.sessions_refused += 1
        return [self._said(session, status), self._end(session)]

    # --- to a client

    def sealed(self, to: Place, frame: bytes) -> bytes | None:
        """Return a frame as it goes into a session, None: that is no more."""
        session = self._sessions.get(to.session or _NO_SESSION)
        if session is None or session.sent >= HIGHEST_NUMBER:
            return None
        session.sent += 1
        nonce = nonce_of(session.sent, session.serial_number)
        return wrapped(session.key, session.number, nonce, frame)

    def _said(self, session: Session, status: Status) -> Send:
        """Return a status, sealed at once: the session may end with it."""
        frame = framed(Service.SESSION_STATUS, bytes((status.value, 0)))
        raw = self.sealed(session.place, frame) or b""  # b"": all numbers are used, it ends anyway
        return Send(session.place._replace(session=None), raw)

    def end_changed(self) -> list[Result]:
        """End sessions of users whose password is another one now, or who are no more."""
        users = self._settings().users
        return [
            result
            for one in tuple(self._sessions.values())
            if one.user is not None and users.get(one.user) != one.password_hash
            for result in (self._said(one, Status.STATUS_CLOSE), self._end(one))
        ]

    # --- time and end

    def tick(self, now_s: float) -> list[Result]:
        """End sessions whose clients say nothing."""
        late = [one for one in self._sessions.values() if now_s >= one.due_at]
        return [
            result
            for one in late
            for result in (self._said(one, Status.STATUS_TIMEOUT), self._end(one))
        ]

    def lose_stream(self, stream: int) -> None:
        """Forget the sessions of a TCP connection that has closed."""
        for one in [one for one in self._sessions.values() if one.place.stream == stream]:
            del self._sessions[one.number]

    def end(self) -> list[Result]:
        """End all sessions."""
        return [
            result
            for one in tuple(self._sessions.values())
            for result in (self._said(one, Status.STATUS_CLOSE), self._end(one))
        ]

    def _end(self, session: Session) -> Ended:
        del self._sessions[session.number]
        return Ended(session.place)

    def _made_room(self, source: Place) -> list[Result]:
        """End a session of nobody if all places are taken: of the host that has most of them, the oldest."""
        waiting = [one for one in self._sessions.values() if one.user is None]
        if len(self._sessions) < MOST_SESSIONS or not waiting:
            return []
        counts = Counter(one.place.ip for one in waiting)
        ((host, most),) = counts.most_common(1)
        if counts[source.ip] == most:
            host = source.ip  # whoever comes back for more gives way to others, not they to it
        oldest = next(one for one in waiting if one.place.ip == host)
        return self._refused(oldest, Status.STATUS_CLOSE)

    def _is_guessing(self, source: Place, now_s: float) -> bool:
        """Tell whether a host has given too many wrong passwords."""
        allowance = self._guesses.get(source.ip)
        if allowance is None:
            return False
        allowance.fill(now_s)
        return not allowance.is_left

    def _note_guess(self, place: Place, now_s: float) -> None:
        """Note a wrong password of a host."""
        if place.ip not in self._guesses:
            while (
                len(self._guesses) >= MOST_HOSTS
            ):  # made-up addresses do not answer, so they are few
                self._guesses.pop(next(iter(self._guesses)))
            self._guesses[place.ip] = Allowance(most=GUESSES_AT_ONCE, every_s=GUESS_EVERY_S)
        if self._guesses[place.ip].take(now_s):
            log.warning("KNX IP Secure: a wrong password, or an unknown user, from %s", place.ip)

    def _has_few(self, source: Place) -> bool:
        """Tell whether a TCP connection may have one more session."""
        of_one = sum(one.place.stream == source.stream for one in self._sessions.values())
        return of_one < MOST_OF_ONE

    def _free_number(self) -> int | None:
        """Return the number of a new session, None: there is no room."""
        if len(self._sessions) >= MOST_SESSIONS:
            return None
        numbers = ((self._last + step) % _HIGHEST_SESSION + 1 for step in range(_HIGHEST_SESSION))
        return next(one for one in numbers if one not in self._sessions)


_NEVER_INSIDE = {
    Service.SECURE_WRAPPER,
    Service.SESSION_REQUEST,
    Service.SESSION_RESPONSE,
    Service.SESSION_AUTHENTICATE,
    Service.TIMER_NOTIFY,
}
