"""Files that come in parts, until somebody takes them: bounded, without a name on the disk, soon forgotten.

A form takes no more than `LARGEST_BODY`, because whoever sends one need not have logged in; a file that is
larger comes in parts from somebody who has. What the file is for is the business of whoever
takes it. Nothing is left on the disk: a file has no name there, so it is gone with the process at the latest.
Source: website 65.
"""

import secrets
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from io import SEEK_END
from typing import IO, Any

from knxgw.website.security import LARGEST_BODY

MIB = 1 << 20
FORM_KIB = LARGEST_BODY // 1024 - 4  # of a file in a form, whose other fields have the rest
LOOK_S = 5.0  # how often it is looked for uploads that nobody goes on with
ID_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much is taken."""

    part: int = LARGEST_BODY // 2  # bytes; waitress refuses a body of the largest size already
    largest: int = 64 * MIB  # bytes of one file
    most: int = 3  # uploads, of all accounts
    most_bytes: int = 128 * MIB  # of all of them, as they were announced
    spare: int = 64 * MIB  # bytes that stay free on the disk
    idle_s: float = 15 * 60.0  # since the last part


class Why(StrEnum):
    """Why an upload, or a part of it, is not taken."""

    UNKNOWN = "unknown"  # never begun, forgotten, or somebody else's
    TOO_LARGE = "too_large"
    EMPTY = "empty"
    TOO_MANY = "too_many"  # others upload at this moment
    NO_SPACE = "no_space"  # on the disk
    WRONG_OFFSET = "wrong_offset"
    BEYOND_END = "beyond_end"  # more than was announced
    NOT_COMPLETE = "not_complete"
    WRONG_SUM = "wrong_sum"  # it was removed


class UploadError(Exception):
    """An upload that does not go on like this."""

    def __init__(self, why: Why, received: int | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.received = received  # bytes that are there: the next part begins with them


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an upload is [bytes]."""

    id: str
    received: int
    size: int


@dataclass(slots=True, kw_only=True, eq=False)
class _Upload:
    """One file; `Uploads` holds its lock around all of it."""

    id: str
    account: str
    size: int
    file: IO[bytes]
    is_wanted: Callable[[], bool]
    touched_at: float
    received: int = 0
    sum: Any = field(default_factory=sha256)
    is_complete: bool = False
    is_taken: bool = False  # somebody reads it: it ends with that

    @property
    def progress(self) -> Progress:
        """Return how far it is."""
        return Progress(id=self.id, received=self.received, size=self.size)


def call_later(after_s: float, call: Callable[[], None]) -> None:
    """Call something in a thread, which does not hold up the end of the process."""
    timer = threading.Timer(after_s, call)
    timer.daemon = True
    timer.start()


def free_bytes() -> int:
    """Return how much the disk of temporary files still takes. Raises: OSError."""
    return shutil.disk_usage(tempfile.gettempdir()).free


class Uploads:
    """The uploads of all accounts; safe from any thread.

    An account has one: another one that it begins takes its place.
    """

    def __init__(
        self,
        now_s: Callable[[], float],
        limits: Limits | None = None,
        *,
        free: Callable[[], int] = free_bytes,
        later: Callable[[float, Callable[[], None]], None] = call_later,
    ) -> None:
        """Begin without any; `later` calls something after so many seconds."""
        self.limits = limits or Limits()
        self._now_s, self._free, self._later = now_s, free, later
        self._lock = threading.Lock()
        self._uploads: dict[str, _Upload] = {}
        self._is_looking = False  # `later` was asked to call
        self._is_closed = False

    def begin(self, account: str, size: int, is_wanted: Callable[[], bool]) -> Progress:
        """Begin an upload. `is_wanted` tells from then on whether its session still lasts.

        Raises: UploadError.
        """
        if size <= 0:
            raise UploadError(Why.EMPTY)
        if size > self.limits.largest:
            raise UploadError(Why.TOO_LARGE)
        self.look()
        with self._lock:
            for one in list(self._uploads.values()):
                if one.account == account and not one.is_taken:
                    self._forget(one)
            self._check_room(size)
            upload = _Upload(
                id=secrets.token_hex(ID_BYTES),
                account=account,
                size=size,
                file=_file(),
                is_wanted=is_wanted,
                touched_at=self._now_s(),
            )
            self._uploads[upload.id] = upload
            self._look_later()
            return upload.progress

    def progress(self, account: str, upload_id: str) -> Progress:
        """Return how far an upload is. Raises: UploadError."""
        with self._lock:
            return self._find(account, upload_id).progress

    def take(self, account: str, upload_id: str, offset: int, part: bytes) -> Progress:
        """Take the next part. Raises: UploadError, with how much is there."""
        with self._lock:
            upload = self._find(account, upload_id)
            if len(part) > self.limits.part:
                raise UploadError(Why.TOO_LARGE, upload.received)
            if offset != upload.received or upload.is_complete:
                raise UploadError(Why.WRONG_OFFSET, upload.received)
            if not part:
                raise UploadError(Why.EMPTY, upload.received)
            if offset + len(part) > upload.size:
                raise UploadError(Why.BEYOND_END, upload.received)
            try:
                is_whole = upload.file.write(part) == len(part)
            except OSError:
                is_whole = False
            if not is_whole:  # what is behind `received` cannot be told
                self._forget(upload)
                raise UploadError(Why.NO_SPACE)
            upload.sum.update(part)
            upload.received += len(part)
            upload.touched_at = self._now_s()
            return upload.progress

    def complete(self, account: str, upload_id: str, digest: str) -> None:
        """End an upload by the SHA-256 of the whole, in hexadecimal digits. Raises: UploadError."""
        with self._lock:
            upload = self._find(account, upload_id)
            if upload.received < upload.size:
                raise UploadError(Why.NOT_COMPLETE, upload.received)
            if upload.sum.hexdigest() != digest.lower():
                self._forget(upload)
                raise UploadError(Why.WRONG_SUM)
            upload.is_complete = True
            upload.touched_at = self._now_s()

    def store(self, account: str, file: IO[bytes], is_wanted: Callable[[], bool]) -> str:
        """Keep a file that came in a form like one that came in parts; return its id.

        Raises: UploadError; OSError.
        """
        size = file.seek(0, SEEK_END)
        file.seek(0)
        upload_id = self.begin(account, size, is_wanted).id
        digest, received = sha256(), 0
        while part := file.read(self.limits.part):
            received = self.take(account, upload_id, received, part).received
            digest.update(part)
        self.complete(account, upload_id, digest.hexdigest())
        return upload_id

    def lend(self, account: str, upload_id: str) -> IO[bytes]:
        """Give a complete upload as a real file, at its beginning, until `give_back`. Raises: UploadError."""
        with self._lock:
            upload = self._find(account, upload_id)
            if not upload.is_complete:
                raise UploadError(Why.NOT_COMPLETE, upload.received)
            upload.is_taken = True
            upload.file.seek(0)
            return upload.file

    def give_back(self, upload_id: str, *, is_kept: bool) -> None:
        """End what `lend` began; a file that is kept can be lent again, for as long as any upload waits.

        It gives way where its account has begun another one meanwhile.
        """
        with self._lock:
            upload = self._uploads.get(upload_id)
            if upload is None:
                return
            upload.is_taken = False
            upload.touched_at = self._now_s()
            theirs = [one for one in self._uploads.values() if one.account == upload.account]
            if not is_kept or self._is_closed or len(theirs) > 1:
                self._forget(upload)

    @contextmanager
    def taken(self, account: str, upload_id: str) -> Iterator[IO[bytes]]:
        """Give a complete upload as a real file, at its beginning; it ends with the block.

        Raises: UploadError.
        """
        file = self.lend(account, upload_id)
        try:
            yield file
        finally:
            self.give_back(upload_id, is_kept=False)

    def give_up(self, account: str, upload_id: str) -> None:
        """Forget an upload, if it is there."""
        with self._lock:
            for one in list(self._uploads.values()):
                if one.account == account and one.id == upload_id and not one.is_taken:
                    self._forget(one)

    def look(self) -> None:
        """Forget what nobody goes on with: too old, or without a session."""
        with self._lock:
            uploads = [one for one in self._uploads.values() if not one.is_taken]
        unwanted = [one for one in uploads if not one.is_wanted()]  # it has locks of its own
        with self._lock:
            oldest_at = self._now_s() - self.limits.idle_s
            for one in uploads:
                if not one.is_taken and (one in unwanted or one.touched_at <= oldest_at):
                    self._forget(one)

    def close(self) -> None:
        """Forget everything, and take nothing any more."""
        with self._lock:
            self._is_closed = True
            for one in list(self._uploads.values()):
                if not one.is_taken:
                    self._forget(one)

    # --- with the lock

    def _find(self, account: str, upload_id: str) -> _Upload:
        """Return an upload of an account. Raises: UploadError."""
        upload = self._uploads.get(upload_id)
        if upload is None or upload.account != account or upload.is_taken:
            raise UploadError(Why.UNKNOWN)
        return upload

    def _check_room(self, size: int) -> None:
        """Refuse an upload for which there is no room. Raises: UploadError."""
        uploads, limits = self._uploads.values(), self.limits
        announced = size + sum(one.size for one in uploads)
        if self._is_closed or len(uploads) >= limits.most or announced > limits.most_bytes:
            raise UploadError(Why.TOO_MANY)
        to_come = size + sum(one.size - one.received for one in uploads)
        try:
            free = self._free()
        except OSError as err:
            raise UploadError(Why.NO_SPACE) from err
        if free - to_come < limits.spare:
            raise UploadError(Why.NO_SPACE)

    def _forget(self, upload: _Upload) -> None:
        self._uploads.pop(upload.id, None)
        upload.file.close()

    def _look_later(self) -> None:
        if self._uploads and not self._is_looking and not self._is_closed:
            self._is_looking = True
            self._later(LOOK_S, self._look_again)

    def _look_again(self) -> None:
        self.look()
        with self._lock:
            self._is_looking = False
            self._look_later()


def _file() -> IO[bytes]:
    """Return a file that has no name on the disk. Raises: UploadError.

    Without a buffer: what the disk does not take must be known when the part comes.
    """
    try:
        return tempfile.TemporaryFile(buffering=0)
    except OSError as err:
        raise UploadError(Why.NO_SPACE) from err
