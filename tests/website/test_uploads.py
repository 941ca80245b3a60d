"""Files that come in parts: what is taken, what is refused, and that nothing is left."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO

import pytest

from knxgw.website.security import LARGEST_BODY
from knxgw.website.uploads import LOOK_S, Limits, Progress, UploadError, Uploads, Why

CONTENT = bytes(range(256)) * 10
LIMITS = Limits(part=1000, largest=4000, most=3, most_bytes=9000, spare=10_000, idle_s=900.0)


@dataclass
class Desk:
    """A store of uploads whose time, disk and timer a test moves."""

    now_s: float = 50.0
    free: int = 1_000_000
    logged_in: set[str] = field(default_factory=lambda: {"ann", "bob", "cid", "dan"})
    waiting: list[tuple[float, object]] = field(default_factory=list)
    uploads: Uploads = field(init=False)

    def __post_init__(self) -> None:
        self.uploads = Uploads(
            lambda: self.now_s,
            LIMITS,
            free=lambda: self.free,
            later=lambda after_s, call: self.waiting.append((after_s, call)),
        )

    def begin(self, account: str = "ann", size: int = len(CONTENT)) -> str:
        return self.uploads.begin(account, size, lambda: account in self.logged_in).id

    def send(self, upload_id: str, account: str = "ann", content: bytes = CONTENT) -> None:
        """Send all of a file."""
        for offset in range(0, len(content), LIMITS.part):
            part = content[offset : offset + LIMITS.part]
            self.uploads.take(account, upload_id, offset, part)

    def complete(self, account: str = "ann", content: bytes = CONTENT) -> str:
        """Upload a file to its end."""
        upload_id = self.begin(account, len(content))
        self.send(upload_id, account, content)
        self.uploads.complete(account, upload_id, sha256(content).hexdigest())
        return upload_id

    def refusal(self, account: str, upload_id: str) -> Why | None:
        """Return why nobody can go on with an upload, None: somebody can."""
        try:
            self.uploads.progress(account, upload_id)
        except UploadError as err:
            return err.why
        return None

    def wait(self, seconds: float) -> None:
        """Let time pass, and the timer call."""
        self.now_s += seconds
        for _, call in [self.waiting.pop(0) for _ in range(len(self.waiting))]:
            assert callable(call)
            call()


def open_files() -> list[str]:
    """Return the files without a name that this process has open."""
    found = []
    for one in Path("/proc/self/fd").iterdir():
        try:
            target = str(one.readlink())
        except FileNotFoundError:  # of the listing itself
            continue
        if target.endswith("(deleted)"):
            found.append(target)
    return found


@pytest.fixture
def desk() -> Iterator[Desk]:
    before = len(open_files())
    found = Desk()
    yield found
    found.uploads.close()
    assert len(open_files()) == before, "nothing is left"


def taken(desk: Desk, upload_id: str, account: str = "ann") -> bytes:
    with desk.uploads.taken(account, upload_id) as file:
        return file.read()


def why(call: object, *arguments: object) -> tuple[Why, int | None]:
    """Return why something is refused, and how much is there."""
    assert callable(call)
    with pytest.raises(UploadError) as refused:
        call(*arguments)
    return refused.value.why, refused.value.received


@pytest.mark.proves("W65")
def test_what_came_in_parts_is_what_was_sent_and_is_taken_once(desk: Desk) -> None:
    upload_id = desk.complete()
    assert taken(desk, upload_id) == CONTENT
    assert desk.refusal("ann", upload_id) is Why.UNKNOWN
    with pytest.raises(UploadError):
        taken(desk, upload_id)


def test_a_part_is_smaller_than_any_other_body_may_be() -> None:
    assert Limits().part < LARGEST_BODY


@pytest.mark.proves("W65")
def test_a_part_at_a_wrong_offset_is_refused_with_the_one_that_is_expected(desk: Desk) -> None:
    upload_id, take = desk.begin(), desk.uploads.take
    take("ann", upload_id, 0, CONTENT[:1000])
    for offset in (0, 999, 1001, 2000, -1):
        assert why(take, "ann", upload_id, offset, b"x") == (Why.WRONG_OFFSET, 1000)
    assert desk.uploads.progress("ann", upload_id) == Progress(
        id=upload_id, received=1000, size=len(CONTENT)
    )
    take("ann", upload_id, 1000, CONTENT[1000:2000])
    take("ann", upload_id, 2000, CONTENT[2000:])
    desk.uploads.complete("ann", upload_id, sha256(CONTENT).hexdigest().upper())
    assert why(take, "ann", upload_id, len(CONTENT), b"x") == (Why.WRONG_OFFSET, len(CONTENT))
    assert taken(desk, upload_id) == CONTENT


@pytest.mark.proves("W65")
def test_a_wrong_sum_is_refused_and_the_file_removed(desk: Desk) -> None:
    upload_id = desk.begin()
    desk.send(upload_id)
    assert why(desk.uploads.complete, "ann", upload_id, "0" * 64) == (Why.WRONG_SUM, None)
    assert desk.refusal("ann", upload_id) is Why.UNKNOWN


def test_a_sum_that_comes_twice_is_taken_twice(desk: Desk) -> None:
    """Its answer may have been lost."""
    upload_id = desk.complete()
    desk.uploads.complete("ann", upload_id, sha256(CONTENT).hexdigest())
    assert taken(desk, upload_id) == CONTENT


def test_what_is_not_complete_cannot_be_ended_or_taken(desk: Desk) -> None:
    upload_id = desk.begin()
    desk.uploads.take("ann", upload_id, 0, CONTENT[:1000])
    expected = (Why.NOT_COMPLETE, 1000)
    assert why(desk.uploads.complete, "ann", upload_id, "0" * 64) == expected
    assert why(taken, desk, upload_id) == expected


def test_without_its_sum_a_file_is_not_taken(desk: Desk) -> None:
    upload_id = desk.begin()
    desk.send(upload_id)
    assert why(taken, desk, upload_id) == (Why.NOT_COMPLETE, len(CONTENT))


@pytest.mark.proves("W65")
def test_the_bounds_of_a_part_and_of_a_file_hold(desk: Desk) -> None:
    assert why(desk.begin, "ann", 4001) == (Why.TOO_LARGE, None)
    assert why(desk.begin, "ann", 0) == (Why.EMPTY, None)
    assert why(desk.begin, "ann", -5) == (Why.EMPTY, None)
    upload_id, take = desk.begin("ann", 1500), desk.uploads.take
    assert why(take, "ann", upload_id, 0, bytes(1001)) == (Why.TOO_LARGE, 0)
    assert why(take, "ann", upload_id, 0, b"") == (Why.EMPTY, 0)
    take("ann", upload_id, 0, bytes(1000))
    assert why(take, "ann", upload_id, 1000, bytes(501)) == (Why.BEYOND_END, 1000)


@pytest.mark.proves("W65")
def test_another_account_neither_sees_nor_continues_nor_ends_an_upload(desk: Desk) -> None:
    upload_id = desk.complete()
    uploads = desk.uploads
    assert why(uploads.progress, "bob", upload_id)[0] is Why.UNKNOWN
    assert why(uploads.take, "bob", upload_id, len(CONTENT), b"x")[0] is Why.UNKNOWN
    assert why(uploads.complete, "bob", upload_id, "0" * 64)[0] is Why.UNKNOWN
    assert why(taken, desk, upload_id, "bob")[0] is Why.UNKNOWN
    uploads.give_up("bob", upload_id)
    assert taken(desk, upload_id) == CONTENT


@pytest.mark.proves("W65")
def test_an_account_has_one_upload_and_all_have_three(desk: Desk) -> None:
    first = desk.begin("ann", 1000)
    second = desk.begin("ann", 1000)
    assert (desk.refusal("ann", first), desk.refusal("ann", second)) == (Why.UNKNOWN, None)
    for account in ("bob", "cid"):
        desk.begin(account, 1000)
    assert why(desk.begin, "dan", 1000) == (Why.TOO_MANY, None)
    desk.uploads.give_up("ann", second)
    desk.begin("dan", 1000)


@pytest.mark.proves("W65")
def test_all_uploads_together_have_a_bound_and_the_disk_keeps_some_room(desk: Desk) -> None:
    desk.begin("ann", 4000)
    desk.begin("bob", 4000)
    assert why(desk.begin, "cid", 1001) == (Why.TOO_MANY, None)
    desk.free = 8000 + 1000 + LIMITS.spare - 1
    assert why(desk.begin, "cid", 1000) == (Why.NO_SPACE, None)
    desk.free += 1
    desk.begin("cid", 1000)


def test_a_disk_that_is_full_ends_the_upload(desk: Desk) -> None:
    class Full:
        """A file whose disk takes half of what it is given."""

        def write(self, part: bytes) -> int:
            return len(part) // 2

        def close(self) -> None:
            """Do nothing."""

    upload_id = desk.begin()
    upload = desk.uploads._uploads[upload_id]
    upload.file.close()
    file: IO[bytes] = Full()  # type: ignore[assignment]  # as much of one as is used
    upload.file = file
    assert why(desk.uploads.take, "ann", upload_id, 0, b"xx") == (Why.NO_SPACE, None)
    assert desk.refusal("ann", upload_id) is Why.UNKNOWN


@pytest.mark.proves("W65")
def test_what_nobody_goes_on_with_is_forgotten_after_a_quarter_of_an_hour(desk: Desk) -> None:
    upload_id = desk.begin()
    assert [after_s for after_s, _ in desk.waiting] == [LOOK_S]
    desk.wait(LIMITS.idle_s - 1)
    desk.uploads.take("ann", upload_id, 0, b"x")
    desk.wait(LIMITS.idle_s - 1)
    assert desk.refusal("ann", upload_id) is None
    desk.wait(1)
    assert desk.refusal("ann", upload_id) is Why.UNKNOWN
    assert desk.waiting == [], "and nobody looks for others any more"


@pytest.mark.proves("W65")
def test_an_upload_ends_with_its_session_within_seconds(desk: Desk) -> None:
    ann, bob = desk.begin("ann", 1000), desk.begin("bob", 1000)
    desk.logged_in.discard("ann")
    desk.wait(LOOK_S)
    assert desk.refusal("ann", ann) is Why.UNKNOWN
    assert desk.refusal("bob", bob) is None


def test_what_is_being_read_is_neither_forgotten_nor_replaced_and_counts(desk: Desk) -> None:
    upload_id = desk.complete()
    with desk.uploads.taken("ann", upload_id) as file:
        desk.logged_in.discard("ann")
        desk.wait(LIMITS.idle_s + 1)
        desk.uploads.give_up("ann", upload_id)
        desk.logged_in.add("ann")
        desk.begin("ann", 1000)
        desk.begin("bob", 1000)
        assert why(desk.begin, "cid", 1000) == (Why.TOO_MANY, None)
        assert file.read() == CONTENT
    desk.begin("cid", 1000)


def test_after_the_end_nothing_is_taken(desk: Desk) -> None:
    upload_id = desk.begin()
    desk.uploads.close()
    assert desk.refusal("ann", upload_id) is Why.UNKNOWN
    assert why(desk.begin, "ann", 1000) == (Why.TOO_MANY, None)
    desk.wait(LOOK_S)
    assert desk.waiting == []


def test_a_file_has_no_name_on_the_disk(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    upload_id = desk.begin()
    desk.send(upload_id)
    assert list(tmp_path.iterdir()) == []
    assert any(str(tmp_path) in one for one in open_files())


def test_many_threads_bring_each_part_once(desk: Desk) -> None:
    upload_id = desk.begin("ann", 3000)
    part = bytes(10)

    def send(_number: int) -> int:
        sent = 0
        while True:
            try:
                received = desk.uploads.progress("ann", upload_id).received
                if received == 3000:
                    return sent
                desk.uploads.take("ann", upload_id, received, part)
                sent += 1
            except UploadError as err:
                if err.why is not Why.WRONG_OFFSET:  # else another one was faster
                    raise

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(send, range(4))) == 300
    desk.uploads.complete("ann", upload_id, sha256(bytes(3000)).hexdigest())
