"""What is known of the last download, while it goes on, at its end and after a restart."""

from datetime import UTC, datetime, timedelta

import pytest

from knxgw.device.download import UNLOADED_S, Stage
from knxgw.device.kept_state import last_download, state_bytes
from knxgw.device.last_download import DownloadLog, Ending, LastDownload, Way
from knxgw.device.last_download import Tool as Client
from knxgw.device.loading import TOO_LONG
from tests.device.test_management_services import COMPLETED, START, UNLOAD, allocation, control
from tests.support.knx_device_rig import DeviceRig, Tool

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
ETS = Client(way=Way.LINE, address="1.1.1")
OTHER = Client(way=Way.LINE, address="1.1.2")


class Followed:
    """A device whose downloads are followed, and a tool; a second passes with each request."""

    def __init__(self, last: LastDownload | None = None) -> None:
        self.rig = DeviceRig()
        self.tool = Tool(self.rig).connect()
        self.downloads = DownloadLog(self.rig.model, last)
        self.now_s = 0.0

    def say(self, *apdus: str, by: Client = ETS) -> None:
        """Have the tool ask something."""
        for apdu in apdus:
            self.now_s += 1
            self.tool.ask(apdu)
            now = NOON + timedelta(seconds=self.now_s)
            self.downloads.asked(by, self.now_s, now)

    def load(self, index: int, octets: int = 4) -> None:
        """Load an object."""
        self.say(control(index, START), control(index, allocation(octets, 0)))
        where = {4: 0x4000, 3: 0x8000, 2: 0xC000, 1: 0xA000}[index]
        self.say(f"{0x280 + octets:04x}{where:04x}{'00' * octets}", control(index, COMPLETED))

    @property
    def last(self) -> LastDownload:
        """Return the last download."""
        found = self.downloads.last(self.now_s)
        assert found is not None
        return found

    def ending(self) -> Ending:
        """Return how it has ended."""
        return self.last.ending


def test_a_full_download_has_begin_end_tool_objects_and_octets() -> None:
    one = Followed()
    one.say("0300")
    assert one.downloads.last(one.now_s) is None, "nobody has loaded anything"
    one.load(4)
    assert one.last.ending is Ending.UNDER_WAY
    for index in (3, 2, 1):
        one.load(index)
    one.downloads.ended(Stage.LOADED)
    last = one.last
    assert (last.ending, last.is_full, last.tool) == (Ending.COMPLETED, True, ETS)
    assert (last.objects, last.octets) == ((1, 2, 3, 4), 16)
    assert (last.begun_at, last.last_at) == (
        NOON + timedelta(seconds=2),
        NOON + timedelta(seconds=17),
    )
    assert last.duration_s == 15.0


def test_a_download_of_one_object_is_a_partial_one() -> None:
    one = Followed()
    for index in (4, 3, 2, 1):
        one.load(index)
    one.downloads.ended(Stage.LOADED)
    one.load(4)
    one.downloads.ended(Stage.LOADED)
    assert (one.last.is_full, one.last.objects, one.last.octets) == (False, (4,), 4)


def test_a_device_that_is_unloaded_first_has_a_full_one() -> None:
    one = Followed()
    for index in (4, 3, 2, 1):
        one.load(index)
    one.downloads.ended(Stage.LOADED)
    one.say(*(control(index, UNLOAD) for index in (4, 3, 2, 1)))
    one.load(4)
    assert one.last.is_full


def test_a_download_that_nobody_goes_on_with_is_cut_off() -> None:
    one = Followed()
    one.load(4)
    one.now_s += UNLOADED_S
    assert one.ending() is Ending.UNDER_WAY
    one.now_s += 1
    assert one.ending() is Ending.CUT_OFF
    one.say("0300")  # a tool that only looks
    assert one.ending() is Ending.CUT_OFF
    one.load(3)
    assert (one.ending(), one.last.objects) == (Ending.UNDER_WAY, (3,)), "a new one"


def test_another_tool_that_looks_does_not_prolong_it() -> None:
    one = Followed()
    one.load(4)
    before = one.last
    one.say("0300", by=OTHER)
    assert one.last == before


def test_an_error_is_named_with_its_object_until_it_is_mended() -> None:
    one = Followed()
    one.say(control(1, START), control(1, allocation(0x4000)))
    assert (one.last.ending, one.last.failed) == (Ending.FAILED, (1, TOO_LONG))
    one.now_s += 2 * UNLOADED_S
    assert one.last.ending is Ending.FAILED, "that says more than that it was cut off"
    one.say(control(1, UNLOAD), control(1, START))
    assert (one.last.ending, one.last.failed) == (Ending.UNDER_WAY, None)


def test_an_unloaded_device_says_so() -> None:
    one = Followed()
    one.load(4)
    one.say(control(4, UNLOAD))
    one.downloads.ended(Stage.UNTOUCHED)
    assert (one.last.ending, one.last.is_full) == (Ending.UNLOADED, True)


@pytest.mark.parametrize("stage", [Stage.LOADED, None])
def test_it_is_the_same_after_a_restart_but_for_one_that_was_under_way(stage: Stage | None) -> None:
    one = Followed()
    one.load(4)
    if stage is not None:
        one.downloads.ended(stage)
    stored = last_download(state_bytes(one.rig.model, last=one.last))
    again = Followed(stored)
    expected = Ending.COMPLETED if stage else Ending.CUT_OFF
    assert again.last.ending is expected
    assert again.last.begun_at == one.last.begun_at
    assert (again.last.tool, again.last.octets) == (ETS, 4)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b'{"version": 1}',
        b'{"version": 1, "last_download": null}',
        b'{"version": 1, "last_download": {"failed": [1]}}',
        b'{"version": 1, "last_download": {"failed": null, "begun_at": "2026-07-01"}}',
    ],
)
def test_what_cannot_be_read_is_no_download(content: bytes) -> None:
    assert last_download(content) is None
