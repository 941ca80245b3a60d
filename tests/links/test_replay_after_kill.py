"""A running gateway is killed; what was recorded on the bus before does nothing to the next one."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from xknx.cemi import CEMIFrame, CEMILData, CEMIMessageCode
from xknx.dpt import DPTBinary
from xknx.knxip import KNXIPFrame, RoutingIndication
from xknx.telegram.apci import GroupValueRead, GroupValueResponse, GroupValueWrite, SecureAPDU

from knxgw.config.model import KnxLinkKind
from knxgw.knx.frames import Outgoing
from knxgw.links.knx_factory import make_link
from knxgw.links.knx_port import BusAttachment, KnxPort
from knxgw.links.knx_routing_link import RoutingLink
from knxgw.store.database import FILE_NAME
from tests.support.keyring import Device, Interface, KeyringData, write_keyring
from tests.support.knx_ports import at_port
from tests.support.knxip_server import (
    Ear,
    eventually,
    group_write,
    settings,
)
from tests.support.netns import REPOSITORY
from tests.support.waiting import wait_until

pytestmark = pytest.mark.real
PASSWORD = "replayed"  # noqa: S105 - made up here
OURS, PEER = "1.1.20", "1.1.9"
INTERRUPT, IS_INTERRUPTED = "1/1/55", "1/1/56"
SITE = """\
knx:
  link: routing
  local_ip: 127.0.0.1
  individual_address: {ours}
  multicast_group: {group}
  keyring: site.knxkeys
  keyring_password_file: password
website: {{listen: "127.0.0.1:{port}"}}
charging_points:
  - {{number: 1, model: keba_p30, connection: {{host: 127.0.0.1, port: 1}}}}
group_objects: {{55: {interrupt}, 56: {interrupted}}}
"""


class Site:
    """A site with Data Secure, and its gateway as a process."""

    def __init__(self, directory: Path) -> None:
        pid = os.getpid()
        self.directory = directory
        self.group = f"239.{pid >> 8 & 0xFF}.{pid & 0xFF}.239"
        keyring = KeyringData(
            interfaces=(
                Interface(individual_address=OURS, type="USB", groups={INTERRUPT: [PEER, OURS]}),
            ),
            group_keys={INTERRUPT: bytes(range(16))},
            devices=(Device(individual_address=OURS), Device(individual_address=PEER)),
        )
        self.keyring = write_keyring(directory / "site.knxkeys", keyring, PASSWORD)
        self.password = directory / "password"
        self.password.write_text(PASSWORD, encoding="utf-8")
        text = SITE.format(
            ours=OURS,
            group=self.group,
            port=20_000 + pid % 20_000,
            interrupt=INTERRUPT,
            interrupted=IS_INTERRUPTED,
        )
        (directory / "site.yaml").write_text(text, encoding="utf-8")
        self.log = directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, state: str = "state") -> None:
        """Start the gateway and wait for its link."""
        self.log.unlink(missing_ok=True)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "knxgw", "run", "--config", "site.yaml", "--state", state],
                stdout=output,
                stderr=output,
                cwd=self.directory,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            )
        wait_until(lambda: "KNX link is up" in self.log.read_text(), 20.0, self.log.read_text)

    def end(self, by: signal.Signals) -> None:
        """End the gateway."""
        if self._process is not None:
            self._process.send_signal(by)
            self._process.wait(10.0)
            self._process = None

    def has_stored(self, number: int) -> bool:
        """Return whether the number of the peer's last telegram is safe on the disk."""
        path = self.directory / "state" / FILE_NAME
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            rows = connection.execute(
                "SELECT number FROM secure_numbers WHERE name LIKE ?", (f"% {PEER}",)
            )
            return any(stored >= number for (stored,) in rows)

    def peer(self) -> BusAttachment:
        """Return a device that shares the key."""
        of = settings(KnxLinkKind.ROUTING, individual_address=PEER, multicast_group=self.group)
        attachment = make_link(
            replace(of, keyring=str(self.keyring), keyring_password_file=str(self.password))
        )
        assert attachment is not None
        return attachment


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return a site whose gateway ends with the test."""
    one = Site(tmp_path)
    yield one
    one.end(signal.SIGKILL)


def interruption(*, is_set: bool) -> CEMILData:
    """Return a telegram that sets or ends the interruption."""
    data = group_write(INTERRUPT, 0, PEER)
    data.payload = GroupValueWrite(DPTBinary(int(is_set)))
    return data


def number_of(telegram: bytes) -> int:
    """Return the secure number of a telegram."""
    data = CEMIFrame.from_knx(telegram).data
    assert isinstance(data, CEMILData)
    assert isinstance(data.payload, SecureAPDU)
    return int.from_bytes(data.payload.secured_data.sequence_number_bytes, "big")


class Talk:
    """What the peer says and hears."""

    def __init__(self, peer: BusAttachment, port: KnxPort, ear: Ear) -> None:
        assert isinstance(peer.link, RoutingLink)
        assert peer.data_secure is not None
        self._link, self._secure = peer.link, peer.data_secure
        self._port = port
        self._ear = ear

    async def say(self, *, interrupt: bool) -> bytes:
        """Command over Data Secure; return the frame as anybody can record it."""
        secured = await self._secure.outgoing(Outgoing(interruption(is_set=interrupt)))
        assert secured is not None
        frame = CEMIFrame(code=CEMIMessageCode.L_DATA_IND, data=secured).to_knx()
        self.replay(frame)
        return frame

    def replay(self, frame: bytes) -> None:
        """Send recorded bytes."""
        assert self._link._routing is not None
        body = RoutingIndication(raw_cemi=frame)
        self._link._routing.transport.send(KNXIPFrame.init_from_body(body))

    async def is_interrupted(self) -> bool:
        """Read the state of the interruption."""
        self._ear.heard.clear()
        read = group_write(IS_INTERRUPTED, 0, PEER)
        read.payload = GroupValueRead()
        await self._port.send(read)
        answers: list[object] = []

        def answered() -> bool:
            answers.extend(p for _, _, p in self._ear.heard if isinstance(p, GroupValueResponse))
            return bool(answers)

        await eventually(answered, "the answer")
        return answers[0] == GroupValueResponse(DPTBinary(1))

    async def until_interrupted(self, *, is_set: bool) -> None:
        """Read until the state is so."""
        for _ in range(100):
            if await self.is_interrupted() == is_set:
                return
            await asyncio.sleep(0.02)
        raise AssertionError(f"the interruption never was {is_set}")


@pytest.mark.long
@pytest.mark.proves("H.27")
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
async def test_a_recorded_interruption_is_not_set_after_a_restart(
    site: Site, end: signal.Signals
) -> None:
    site.start()
    peer = site.peer()
    async with at_port(peer) as (port, ear):
        talk = Talk(peer, port, ear)
        recorded = await talk.say(interrupt=True)
        await talk.until_interrupted(is_set=True)
        newer = await talk.say(interrupt=False)
        await talk.until_interrupted(is_set=False)
        await eventually(lambda: site.has_stored(number_of(newer)), "one write to the disk", 2.0)
        await asyncio.to_thread(site.end, end)
        await asyncio.to_thread(site.start)
        talk.replay(recorded)
        assert not await talk.is_interrupted(), "whoever reads comes after the replay"
        await talk.say(interrupt=True)
        await talk.until_interrupted(is_set=True)
        if end is signal.SIGKILL:  # the same replay works where nothing is known of the numbers
            await talk.say(interrupt=False)
            await asyncio.to_thread(site.end, end)
            await asyncio.to_thread(site.start, "another")
            assert not await talk.is_interrupted()
            talk.replay(recorded)
            await talk.until_interrupted(is_set=True)
