"""A file from ETS while it is read for somebody, and what it says until something is taken of it.

Each account has one; what is kept of a project holds no password and no key. The file itself stays an upload
for as long as another password may open it. Source: website 49.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

from knxgw.catalogue.messages import message
from knxgw.errors import Worded
from knxgw.ets.address_list import LARGEST_LIST
from knxgw.ets.archive_guard import ZIP
from knxgw.ets.child_process import Bounds, Stop
from knxgw.ets.project import EtsFileError, EtsProject
from knxgw.ets.project_process import read_project
from knxgw.ets.read_group_addresses import read_group_addresses
from knxgw.website.uploads import Uploads, call_later

CORRECTABLE = {"ets_password_missing", "ets_password_wrong"}  # by whoever has sent the file
MOST_READINGS = 2  # of all accounts; the oldest one that has ended gives way
STOPPED_WITHIN_S = 5.0  # one that is given up: its process is ended
KEPT_S = 15 * 60.0  # since somebody has last looked at it, as uploads wait
LOOK_S = 30.0  # how often it is looked for readings that nobody goes on with


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be read, and for whom; without the password."""

    account: str
    upload_id: str
    name: str  # of the file, for people
    language: str
    is_wanted: Callable[[], bool]  # whether the session of the account still lasts
    then: str = ""  # where whoever asks goes on afterwards, as the pages call it


@dataclass(slots=True, kw_only=True, eq=False)
class Reading:
    """A file that is read, or what came of it."""

    question: Question
    started_at: float
    touched_at: float
    stop: Stop = field(default_factory=Stop)
    ended: threading.Event = field(default_factory=threading.Event)
    project: EtsProject | None = None
    refusal: Worded | None = None  # why there is no project, once it has ended
    can_be_corrected: bool = False  # with another password; the file is still there then
    device: str | None = None  # individual address that somebody has chosen

    @property
    def is_running(self) -> bool:
        """Tell whether it is still being read."""
        return not self.ended.is_set()


class AnotherIsReadError(Exception):
    """A file of another account is being read: each may take a gigabyte, so one at a time."""


class Readings:
    """The reading of each account; safe from any thread."""

    def __init__(
        self,
        uploads: Uploads,
        now_s: Callable[[], float],
        *,
        bounds: Callable[[Stop], Bounds] = lambda stop: Bounds(stop=stop),
        later: Callable[[float, Callable[[], None]], None] = call_later,
    ) -> None:
        """Begin without any; `bounds` are those of one reading."""
        self._uploads, self._now_s = uploads, now_s
        self._bounds, self._later = bounds, later
        self._lock = threading.Lock()
        self._readings: dict[str, Reading] = {}
        self._last: Reading | None = None  # that was started, given up or not
        self._is_looking = False  # `later` was asked to call

    def start(self, question: Question, password: str | None) -> Reading:
        """Read an upload in a thread, in place of what the account has read before.

        Raises: UploadError; AnotherIsReadError, and the upload stays.

        `password`: of the project, None: nobody has typed one. It is not kept.
        """
        given_up = self.forget(question.account, except_upload=question.upload_id)
        if given_up is not None:
            given_up.ended.wait(STOPPED_WITHIN_S)
        now_s = self._now_s()
        reading = Reading(question=question, started_at=now_s, touched_at=now_s)
        with self._lock:
            if self._last is not None and self._last.is_running:
                raise AnotherIsReadError
            file = self._uploads.lend(question.account, question.upload_id)
            self._readings[question.account] = self._last = reading
            self._make_room()
            self._look_later()
        threading.Thread(
            target=self._read,
            args=(reading, file, password),
            name="ets-reading",
            daemon=True,
        ).start()
        return reading

    def of(self, account: str) -> Reading | None:
        """Return the reading of an account, None: there is none."""
        with self._lock:
            found = self._readings.get(account)
            if found is not None:
                found.touched_at = self._now_s()
            return found

    def running_s(self, reading: Reading) -> float:
        """Return for how long it has been read."""
        return max(0.0, self._now_s() - reading.started_at)

    def forget(self, account: str, *, except_upload: str = "") -> Reading | None:
        """Forget the reading of an account, with its file; one that goes on is stopped, and returned."""
        with self._lock:
            found = self._readings.pop(account, None)
        if found is not None:
            found.stop.call()
            if found.question.upload_id != except_upload:
                self._uploads.give_up(account, found.question.upload_id)
        return found

    def look(self) -> None:
        """Forget what nobody looks at any more: too old, or without a session."""
        with self._lock:
            readings = list(self._readings.values())
        oldest_at = self._now_s() - KEPT_S
        for one in readings:
            if one.touched_at <= oldest_at or not one.question.is_wanted():
                self.forget(one.question.account)

    def close(self) -> None:
        """Forget everything."""
        with self._lock:
            accounts = list(self._readings)
        for account in accounts:
            self.forget(account)

    def _look_later(self) -> None:
        """Look again in a while, if there is anything to look at; with the lock."""
        if self._readings and not self._is_looking:
            self._is_looking = True
            self._later(LOOK_S, self._look_again)

    def _look_again(self) -> None:
        self.look()
        with self._lock:
            self._is_looking = False
            self._look_later()

    def _make_room(self) -> None:
        """Forget the oldest ones that have ended; with the lock."""
        ended = [one for one in self._readings.values() if not one.is_running]
        ended.sort(key=lambda one: one.touched_at)
        for one in ended[: max(0, len(self._readings) - MOST_READINGS)]:
            del self._readings[one.question.account]

    def _read(self, reading: Reading, file: IO[bytes], password: str | None) -> None:
        """Read a file, and note what it says."""
        refusal: Worded | None = message("ets_project_damaged")  # if it ends in no way we know
        try:
            reading.project = self._project(file, password, reading)
            refusal = None
        except EtsFileError as err:
            refusal = err.words
            reading.can_be_corrected = err.words.id in CORRECTABLE
        except OSError as err:
            refusal = message("file_unreadable", reason=err.strerror or str(err))
        finally:
            reading.refusal = refusal
            with self._lock:
                is_wanted = self._readings.get(reading.question.account) is reading
            is_kept = reading.can_be_corrected and is_wanted
            self._uploads.give_back(reading.question.upload_id, is_kept=is_kept)
            reading.ended.set()

    def _project(self, file: IO[bytes], password: str | None, reading: Reading) -> EtsProject:
        """Return what a real file says. Raises: EtsFileError; OSError."""
        start = file.read(len(ZIP))
        file.seek(0)
        if start == ZIP:
            bounds = self._bounds(reading.stop)
            return read_project(file, password, reading.question.language, bounds=bounds)
        return read_group_addresses(file.read(LARGEST_LIST + 1))
