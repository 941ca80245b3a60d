"""Routing over multicast on 127.0.0.1: plain, IP Secure and Data Secure, with xknx as the peer.

Each test has a multicast group of its own, so that tests may run side by side.
"""

import asyncio
import itertools
import logging
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from copy import copy
from pathlib import Path

import pytest
from xknx import XKNX
from xknx.cemi import CEMIFrame, CEMIMessageCode
from xknx.dpt import DPTArray
from xknx.io import ConnectionConfig, ConnectionType, SecureConfig
from xknx.knxip import KNXIPFrame, RoutingBusy, RoutingIndication, RoutingLostMessage
from xknx.telegram import Telegram
from xknx.telegram.address import GroupAddress
from xknx.telegram.apci import GroupValueWrite

from knxgw.config.model import KnxLinkKind, KnxSettings
from knxgw.errors import LinkError
from knxgw.knx.frames import Outgoing, Security
from knxgw.links import knx_routing
from knxgw.links.knx_factory import make_link
from knxgw.links.knx_port import BusAttachment
from knxgw.links.knx_routing import (
    GuardedSecureGroup,
    GuardedSecureRouting,
)
from knxgw.links.knx_routing_link import RoutingLink
from tests.support.keyring import Backbone, Device, Interface, KeyringData, write_keyring
from tests.support.knx_ports import at_port, link_of
from tests.support.knxip_server import (
    LOCALHOST,
    Ear,
    MemoryStore,
    eventually,
    group_write,
    numbers_of,
    opened,
    settings,
)
from tests.support.virtual_time import run_virtual

pytestmark = pytest.mark.real
PASSWORD = "routing-password"  # noqa: S105 - made up here
OURS, PEER, STRANGER = "1.1.20", "1.1.9", "1.1.66"
SECURED, PLAIN = "1/1/50", "1/1/51"
LATENCY_MS = 80  # the timer of secure routing is found within a few of these
ELSEWHERE = (LOCALHOST, 1)
_numbers = itertools.count(1)


@pytest.fixture
def group() -> str:
    """Return a multicast group that no other test and no other process uses."""
    pid = os.getpid()
    return f"239.{pid >> 8 & 0xFF}.{pid & 0xFF}.{next(_numbers)}"


def routing(group: str, address: str = OURS, keyring: Path | None = None) -> RoutingLink:
    """Return one of our links in that group."""
    of = settings(KnxLinkKind.ROUTING, individual_address=address, multicast_group=group)
    if keyring is not None:
        of = with_keyring(of, keyring)
    link = link_of(of)
    assert isinstance(link, RoutingLink)
    return link


def secured(group: str, address: str, keyring: Path) -> BusAttachment:
    """Return such a link with the Data Secure of a keyring."""
    of = settings(KnxLinkKind.ROUTING, individual_address=address, multicast_group=group)
    attachment = make_link(with_keyring(of, keyring))
    assert attachment is not None
    assert attachment.data_secure is not None
    return attachment


def with_keyring(of: KnxSettings, keyring: Path) -> KnxSettings:
    """Return the settings with a keyring and its password."""
    password = keyring.with_name("password")
    password.write_text(PASSWORD, encoding="utf-8")
    changes = {"keyring": str(keyring), "keyring_password_file": str(password)}
    return settings(
        of.link,
        individual_address=of.individual_address,
        multicast_group=of.multicast_group,
        **changes,
    )


def data_secure_keyring(directory: Path, backbone: Backbone | None = None) -> Path:
    """Write a keyring in which we and the peer share the key of one group address."""
    data = KeyringData(
        backbone=backbone,
        interfaces=(
            Interface(individual_address=OURS, type="USB", groups={SECURED: [PEER, OURS]}),
        ),
        group_keys={SECURED: bytes(range(16))},
        devices=(Device(individual_address=OURS), Device(individual_address=PEER)),
    )
    return write_keyring(directory / "routing.knxkeys", data, PASSWORD)


class Peer:
    """xknx on the same group."""

    def __init__(self, xknx: XKNX) -> None:
        self._xknx = xknx
        self.heard: list[tuple[str, str, object]] = []

    def on_telegram(self, telegram: Telegram) -> None:
        """Note a telegram."""
        assert isinstance(telegram.payload, GroupValueWrite)
        value = telegram.payload.value.value
        said = value[0] if isinstance(value, tuple) else value
        self.heard.append((str(telegram.source_address), str(telegram.destination_address), said))

    async def write(self, address: str, value: int) -> None:
        """Write one byte to a group address."""
        payload = GroupValueWrite(DPTArray((value,)))
        self._xknx.telegrams.put_nowait(Telegram(GroupAddress(address), payload=payload))
        await self._xknx.join()


@asynccontextmanager
async def xknx_peer(
    group: str, kind: ConnectionType = ConnectionType.ROUTING, keyring: Path | None = None
) -> AsyncGenerator[Peer, None]:
    """Let xknx take part."""
    secure = None
    if keyring is not None:
        secure = SecureConfig(knxkeys_file_path=keyring, knxkeys_password=PASSWORD)
    config = ConnectionConfig(
        connection_type=kind,
        local_ip=LOCALHOST,
        multicast_group=group,
        individual_address=PEER,
        secure_config=secure,
    )
    async with XKNX(connection_config=config) as xknx:
        peer = Peer(xknx)
        xknx.telegram_queue.register_telegram_received_cb(peer.on_telegram)
        yield peer


async def hears(ear: Ear, address: str, value: int) -> None:
    """Wait until that byte was written to that address."""
    await eventually(lambda: ear.has(address, value), f"{value} on {address}; heard {ear.heard}")


async def test_two_plain_links_exchange_telegrams_and_do_not_hear_themselves(group: str) -> None:
    one, other = routing(group), routing(group, "1.1.21")
    async with opened(one) as our_ear, opened(other) as other_ear:
        assert str(one.individual_address) == OURS
        await one.send(group_write(PLAIN, 7, OURS))
        await other.send(group_write(PLAIN, 8, "1.1.21"))
        await hears(other_ear, PLAIN, 7)
        await hears(our_ear, PLAIN, 8)
        assert other_ear.heard == [(OURS, PLAIN, 7)]
        assert our_ear.heard == [("1.1.21", PLAIN, 8)]
        await one.check()
        assert (our_ear.lost, one.malformed, one.confirmations_missed) == (0, 0, 0)


async def test_a_closed_link_opens_again(group: str) -> None:
    one, other = routing(group), routing(group, "1.1.21")
    async with opened(other) as other_ear:
        for value in (1, 2):
            async with opened(one):
                await one.send(group_write(PLAIN, value, OURS))
                await hears(other_ear, PLAIN, value)


@pytest.mark.proves("H.11")
async def test_a_backlog_asks_the_others_to_pause(group: str) -> None:
    one, other = routing(group), routing(group, "1.1.21")
    loop = asyncio.get_running_loop()
    async with opened(one) as our_ear, opened(other):
        one.note_backlog(10, loop.time())  # 10 answers of 20 ms
        one.note_backlog(10, loop.time())
        assert one.flow.busy_sent == 1
        assert other._routing is not None
        await eventually(
            lambda: not other._routing._flow_control._ready.is_set(),  # type: ignore[union-attr]
            "the other to pause",
        )
        started_s = loop.time()
        await other.send(group_write(PLAIN, 8, "1.1.21"))
        await hears(our_ear, PLAIN, 8)
        assert loop.time() - started_s > 0.15


async def test_what_other_members_say_of_pauses_and_losses_is_counted_over_all_sessions(
    group: str,
) -> None:
    one, other = routing(group), routing(group, "1.1.21")
    async with opened(other):
        for times in (1, 2):
            async with opened(one):
                assert other._routing is not None
                for body in (RoutingBusy(wait_time=20), RoutingLostMessage(lost_messages=3)):
                    other._routing.transport.send(KNXIPFrame.init_from_body(body))
                await eventually(_counts(one, 3 * times), "a loss")
                assert one.counted()["busy_received"] == times


def _counts(link: RoutingLink, lost: int) -> Callable[[], bool]:
    return lambda: link.counted()["lost_at_others"] == lost


@pytest.mark.proves("H.8")
async def test_ip_secure_links_exchange_telegrams_with_xknx_and_hear_no_plain_peer(
    group: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = bytes(range(40, 56))
    backbone = Backbone(key=key, multicast_address=group, latency_ms=LATENCY_MS)
    data = KeyringData(backbone=backbone)
    keyring = write_keyring(tmp_path / "backbone.knxkeys", data, PASSWORD)
    ours = routing("224.0.23.12", OURS, keyring)  # the keyring knows the group better
    stranger = routing(group, STRANGER)
    async with (
        opened(stranger) as stranger_ear,
        opened(ours) as our_ear,
        xknx_peer(group, ConnectionType.ROUTING_SECURE, keyring) as peer,
    ):
        await stranger.send(group_write(PLAIN, 66, STRANGER))
        await ours.send(group_write(PLAIN, 7, OURS))
        await eventually(lambda: (OURS, PLAIN, 7) in peer.heard, "our telegram at the peer")
        await peer.write(PLAIN, 8)
        await hears(our_ear, PLAIN, 8)
        assert our_ear.heard == [(PEER, PLAIN, 8)]
        assert peer.heard == [(OURS, PLAIN, 7)]
        assert stranger_ear.heard == [], "nothing secured is readable without the key"
    assert key.hex() not in caplog.text


async def test_a_wrong_backbone_key_is_counted_and_logged_once(
    group: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    links = []
    for number in (1, 2):
        backbone = Backbone(key=bytes([number]) * 16, multicast_address=group, latency_ms=20)
        (tmp_path / str(number)).mkdir()
        path = tmp_path / str(number) / "k.knxkeys"
        keyring = write_keyring(path, KeyringData(backbone=backbone), PASSWORD)
        links.append(routing(group, f"1.1.{number}", keyring))
    one, other = links
    async with opened(one), opened(other) as other_ear:
        for value in range(3):
            await one.send(group_write(PLAIN, value, "1.1.1"))
        await eventually(lambda: other.malformed == 3, "three telegrams to be refused")
        assert other_ear.heard == []
    assert len([r for r in caplog.records if "malformed" in r.getMessage()]) == 1


async def test_a_cancelled_secure_link_does_not_live_on(group: str, tmp_path: Path) -> None:
    backbone = Backbone(key=bytes(16), multicast_address=group, latency_ms=5000)
    keyring = write_keyring(tmp_path / "k.knxkeys", KeyringData(backbone=backbone), PASSWORD)
    link = routing(group, OURS, keyring)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1), opened(link):
            raise AssertionError("its timer cannot have been found yet")


@pytest.mark.proves("H.9")
async def test_data_secure_telegrams_go_both_ways_over_plain_routing(
    group: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keyring = data_secure_keyring(tmp_path)
    ours = secured(group, OURS, keyring)
    listener = routing(group, STRANGER)  # has no key
    async with (
        at_port(ours) as (port, our_ear),
        opened(listener) as listener_ear,
        xknx_peer(group, ConnectionType.ROUTING, keyring) as peer,
    ):
        await port.send(group_write(SECURED, 7, OURS))
        await eventually(lambda: (OURS, SECURED, 7) in peer.heard, "our telegram at the peer")
        await peer.write(SECURED, 8)
        await hears(our_ear, SECURED, 8)
        await port.send(group_write(PLAIN, 9, OURS))
        await peer.write(PLAIN, 10)
        await hears(our_ear, PLAIN, 10)
        await hears(listener_ear, PLAIN, 9)
        assert not listener_ear.has(SECURED, 7)
        assert not listener_ear.has(SECURED, 8)
        assert ours.data_secure is not None
        assert ours.data_secure.insecure == 0
        assert our_ear.secured == [Security.GROUP_KEY, Security.PLAIN]
    assert bytes(range(16)).hex() not in caplog.text


async def test_a_plain_telegram_on_a_secured_address_is_dropped_counted_and_logged_once(
    group: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ours = secured(group, OURS, data_secure_keyring(tmp_path))
    stranger = routing(group, STRANGER)
    async with at_port(ours) as (_port, our_ear), opened(stranger):
        for value in range(3):
            await stranger.send(group_write(SECURED, value, STRANGER))
        await stranger.send(group_write(PLAIN, 9, STRANGER))
        await hears(our_ear, PLAIN, 9)
        assert our_ear.heard == [(STRANGER, PLAIN, 9)]
        assert ours.data_secure is not None
        assert (ours.data_secure.insecure, ours.link.malformed) == (3, 0)
    assert len([r for r in caplog.records if "Data Secure" in r.getMessage()]) == 1


async def test_a_replayed_secured_telegram_is_dropped(group: str, tmp_path: Path) -> None:
    keyring = data_secure_keyring(tmp_path)
    ours, peer = secured(group, OURS, keyring), secured(group, PEER, keyring)
    assert ours.data_secure is not None
    our_stage = ours.data_secure
    async with at_port(ours) as (_port, our_ear), opened(peer.link):
        assert peer.data_secure is not None
        peer.data_secure.keep_numbers(numbers_of())
        sent = await peer.data_secure.outgoing(Outgoing(group_write(SECURED, 8, PEER)))
        assert sent is not None
        for _ in range(2):
            await peer.link.send(copy(sent))
        await eventually(lambda: our_stage.insecure == 1, "the replay to be refused")
        assert our_ear.heard == [(PEER, SECURED, 8)]


@pytest.mark.proves("H.9")
async def test_data_secure_goes_through_ip_secure_routing(group: str, tmp_path: Path) -> None:
    backbone = Backbone(key=bytes(16), multicast_address=group, latency_ms=LATENCY_MS)
    keyring = data_secure_keyring(tmp_path, backbone)
    ours = secured(group, OURS, keyring)
    async with (
        at_port(ours) as (port, our_ear),
        xknx_peer(group, ConnectionType.ROUTING_SECURE, keyring) as peer,
    ):
        await port.send(group_write(SECURED, 7, OURS))
        await eventually(lambda: (OURS, SECURED, 7) in peer.heard, "our telegram at the peer")
        await peer.write(SECURED, 8)
        await hears(our_ear, SECURED, 8)


async def test_what_the_system_does_not_send_is_a_lost_link(group: str) -> None:
    link = routing(group)
    async with opened(link) as ear:
        assert link._routing is not None
        socket = link._routing.transport.transport
        assert socket is not None
        socket.sendto(bytes(70_000), (group, 3671))  # too long for a datagram
        assert ear.lost == 1
        with pytest.raises(LinkError, match="sending failed: Message too long"):
            await link.send(group_write(PLAIN, 7))
        with pytest.raises(LinkError, match="sending failed"):
            await link.check()
    async with opened(link) as ear:
        await link.send(group_write(PLAIN, 8))
        await link.check()
        assert ear.lost == 0


async def test_a_telegram_that_the_system_refuses_counts_as_unsent(
    group: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = routing(group)
    async with opened(link):
        monkeypatch.setattr(knx_routing, "indication", lambda _cemi: bytes(70_000))
        with pytest.raises(LinkError, match="sending failed"):
            await link.send(group_write(PLAIN, 7))


async def test_an_address_that_no_adapter_has_is_named_as_the_cause(group: str) -> None:
    of = settings(KnxLinkKind.ROUTING, local_ip="203.0.113.77", multicast_group=group)
    with pytest.raises(LinkError, match=r"could not be started: .*(No such device|Cannot)"):
        async with opened(link_of(of)):
            pass


# --- what was recorded, after a restart


async def recorded_wrapper(group: str, keyring: Path, store: MemoryStore, at_s: float) -> bytes:
    """Run a link for some time; return a telegram to it as it went through the network then."""
    link = routing(group, OURS, keyring)
    async with opened(link, numbers_of(store)) as ear:
        await asyncio.sleep(at_s)
        transport = secure_transport(link)
        frame = CEMIFrame(code=CEMIMessageCode.L_DATA_IND, data=group_write(PLAIN, 7, PEER))
        body = RoutingIndication(raw_cemi=frame.to_knx())
        wrapper = transport.encrypt_frame(KNXIPFrame.init_from_body(body)).to_knx()
        transport.data_received_callback(wrapper, ELSEWHERE)
        assert ear.heard == [(PEER, PLAIN, 7)]
    return wrapper


async def is_heard_after_a_start(
    group: str, keyring: Path, store: MemoryStore, wrapper: bytes
) -> bool:
    """Start a link and replay what was recorded."""
    link = routing(group, OURS, keyring)
    async with opened(link, numbers_of(store)) as ear:
        secure_transport(link).data_received_callback(wrapper, ELSEWHERE)
        return bool(ear.heard)


def secure_transport(link: RoutingLink) -> GuardedSecureGroup:
    """Return the secure endpoint of an open link."""
    assert isinstance(link._routing, GuardedSecureRouting)
    return link._routing.transport


@pytest.mark.proves("H.27")
@pytest.mark.parametrize("at_s", [1.0, 290.0, 310.0, 86_400.0])
def test_a_recorded_wrapper_is_refused_though_the_machine_was_just_switched_on(
    group: str, tmp_path: Path, at_s: float
) -> None:
    keyring = secure_routing_keyring(tmp_path, group)
    store = MemoryStore()
    wrapper = run_virtual(recorded_wrapper(group, keyring, store, at_s))
    after_power_cut = MemoryStore(store.numbers)
    assert not run_virtual(is_heard_after_a_start(group, keyring, after_power_cut, wrapper))
    empty = MemoryStore()
    assert run_virtual(is_heard_after_a_start(group, keyring, empty, wrapper)), "a real replay"


def test_a_recorded_wrapper_is_refused_after_the_link_was_opened_again(
    group: str, tmp_path: Path
) -> None:
    keyring = secure_routing_keyring(tmp_path, group)

    async def open_twice() -> bool:
        store = MemoryStore()
        wrapper = await recorded_wrapper(group, keyring, store, 10.0)
        await asyncio.sleep(5.0)
        return await is_heard_after_a_start(group, keyring, store, wrapper)

    assert not run_virtual(open_twice())


async def test_the_others_of_a_secure_group_follow_our_timer_after_a_power_cut(
    group: str, tmp_path: Path
) -> None:
    keyring = secure_routing_keyring(tmp_path, group)
    store = MemoryStore()
    async with xknx_peer(group, ConnectionType.ROUTING_SECURE, keyring) as peer:
        for value in (1, 2):  # the second time behind everything that was stored ahead
            ours = routing(group, OURS, keyring)
            async with opened(ours, numbers_of(store)) as ear:
                await ours.send(group_write(PLAIN, value, OURS))
                heard = (OURS, PLAIN, value)
                await eventually(lambda heard=heard: heard in peer.heard, "our telegram")  # type: ignore[misc]
                await peer.write(PLAIN, 10 + value)
                await hears(ear, PLAIN, 10 + value)
            store = MemoryStore(store.numbers)


def test_nothing_is_heard_before_the_timer_is_found(group: str, tmp_path: Path) -> None:
    keyring = secure_routing_keyring(tmp_path, group)

    async def trial() -> None:
        wrapper = await recorded_wrapper(group, keyring, MemoryStore(), 10.0)
        link = routing(group, OURS, keyring)
        ear = Ear()
        link.keep_numbers(numbers_of())
        async with asyncio.TaskGroup() as tasks:
            opening = tasks.create_task(link.open(ear.on_frame, ear.on_lost))
            await asyncio.sleep(0.01)
            secure_transport(link).data_received_callback(wrapper, ELSEWHERE)
            assert not opening.done()
        assert ear.heard == []
        await link.close()

    run_virtual(trial())


def test_an_old_answer_does_not_turn_the_timer_back(group: str, tmp_path: Path) -> None:
    keyring = secure_routing_keyring(tmp_path, group)

    async def trial() -> None:
        link = routing(group, OURS, keyring)
        async with opened(link):
            timer = secure_transport(link).secure_timer
            timer.update(1_000_000)
            timer.update(5)
            assert timer.current_timer_value() == 1_000_000

    run_virtual(trial())


async def test_a_plain_routing_busy_does_not_pause_secure_routing(
    group: str, tmp_path: Path
) -> None:
    keyring = secure_routing_keyring(tmp_path, group)
    link = routing(group, OURS, keyring)
    async with opened(link):
        assert link._routing is not None
        busy = KNXIPFrame.init_from_body(RoutingBusy(wait_time=5_000)).to_knx()
        secure_transport(link).data_received_callback(busy, ELSEWHERE)
        assert link._routing._flow._ready.is_set()


def secure_routing_keyring(directory: Path, group: str) -> Path:
    """Write a keyring with a backbone key."""
    backbone = Backbone(key=bytes(16), multicast_address=group, latency_ms=LATENCY_MS)
    return write_keyring(directory / "k.knxkeys", KeyringData(backbone=backbone), PASSWORD)
