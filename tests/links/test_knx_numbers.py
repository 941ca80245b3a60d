"""Secure numbers outlive the program: nothing recorded is taken again, nothing of ours repeats."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xknx.cemi import CEMIFrame, CEMILData, CEMIMessageCode
from xknx.secure.data_secure import DataSecure
from xknx.telegram.address import GroupAddress, IndividualAddress

from knxgw.errors import LinkError
from knxgw.knx.frames import Outgoing
from knxgw.knx.secure_apdu import HIGHEST_NUMBER
from knxgw.links.knx_data_secure import DataSecureStage
from knxgw.links.knx_numbers import (
    AT_ONCE,
    NUMBERS_START,
    OWN_BLOCK,
    TIMER_BLOCK_MS,
    SecureNumbers,
)
from knxgw.links.knx_secure_groups import GroupKeys
from tests.support.knxip_server import NOON, MemoryStore, group_write
from tests.support.virtual_time import run_virtual

KEY, OTHER_KEY = bytes(range(16)), bytes(range(16, 32))
ADDRESS, OTHER_ADDRESS = "1/1/55", "1/1/60"
BUTTON, METER, OURS = "1.1.9", "1.1.10", "1.1.20"
LATENCY_MS = 1_000
NOON_NUMBER = (NOON - NUMBERS_START) // timedelta(milliseconds=1)
KEYRING = GroupKeys(
    keys={GroupAddress(ADDRESS): KEY, GroupAddress(OTHER_ADDRESS): OTHER_KEY},
    senders={IndividualAddress(BUTTON): 100, IndividualAddress(METER): 0},
)


class Device:
    """The Data Secure of a gateway, started again and again on the same store."""

    def __init__(self, keyring: GroupKeys = KEYRING) -> None:
        self.store = MemoryStore()
        self.keyring = keyring
        self.time_s = 0.0
        self.clock: datetime | None = NOON
        self.restart()

    def restart(self) -> None:
        """Restart, after a power cut: only what is in the store is left."""
        self.store = MemoryStore(self.store.numbers)
        self.numbers = SecureNumbers(
            self.store.numbers, self.store, lambda: self.clock, lambda: self.time_s
        )
        self.stage = DataSecureStage(self.keyring)
        self.stage.keep_numbers(self.numbers)

    def hears(self, telegram: bytes) -> bool:
        """Return whether a telegram is taken."""
        data = CEMIFrame.from_knx(telegram).data
        assert isinstance(data, CEMILData)
        return self.stage.received(data) is not None


def telegram(
    number: int, sender: str = BUTTON, address: str = ADDRESS, keys: GroupKeys = KEYRING
) -> bytes:
    """Return what a sender puts on the bus, secured by xknx with that number."""
    sending = DataSecure(
        group_key_table=dict(keys.keys),
        individual_address_table={},
        last_sequence_number_sending=number,
    )
    data = sending.outgoing_cemi(group_write(address, 1, sender))
    return CEMIFrame(code=CEMIMessageCode.L_DATA_IND, data=data).to_knx()


@pytest.mark.proves("H.27")
def test_a_recorded_telegram_is_not_taken_after_a_power_cut() -> None:
    device = Device()
    recorded = telegram(101)
    assert device.hears(recorded)
    assert device.hears(telegram(102))
    device.restart()
    assert not device.hears(recorded)
    assert not device.hears(telegram(102))
    assert device.stage.insecure == 2
    assert device.hears(telegram(103))


def test_the_numbers_of_the_keyring_are_the_lowest_that_may_be() -> None:
    device = Device()
    assert not device.hears(telegram(100))
    assert device.hears(telegram(150))
    device.keyring = GroupKeys(
        keys=KEYRING.keys,
        senders={IndividualAddress(BUTTON): 120, IndividualAddress(METER): 0},
    )
    device.restart()  # with a keyring exported again, yet older than what was heard
    assert not device.hears(telegram(150))
    device.keyring = GroupKeys(
        keys=KEYRING.keys,
        senders={IndividualAddress(BUTTON): 500, IndividualAddress(METER): 0},
    )
    device.restart()
    assert not device.hears(telegram(500))
    assert device.hears(telegram(501))


def test_a_number_counts_for_all_addresses_of_its_sender_and_for_nobody_else() -> None:
    device = Device()
    assert device.hears(telegram(300, address=OTHER_ADDRESS))
    device.restart()
    assert not device.hears(telegram(299, address=ADDRESS))
    assert device.hears(telegram(1, sender=METER))


def test_with_new_keys_the_senders_may_count_again() -> None:
    device = Device()
    assert device.hears(telegram(9_000))
    device.keyring = GroupKeys(
        keys={GroupAddress(ADDRESS): bytes(16)}, senders={IndividualAddress(BUTTON): 0}
    )
    device.restart()
    assert device.hears(telegram(1, keys=device.keyring))
    device.keyring = KEYRING
    device.restart()
    assert not device.hears(telegram(9_000)), "the old keys again: so are their numbers"


def test_a_telegram_that_fails_its_check_moves_no_number() -> None:
    device = Device()
    forged = bytearray(telegram(1 << 47))
    forged[-1] ^= 1
    assert not device.hears(bytes(forged))
    assert device.store.numbers == {}
    assert device.hears(telegram(101))


def test_a_sender_that_sends_all_day_wears_no_memory_card() -> None:
    device = Device()
    day_s = 24 * 3600
    for second in range(day_s):
        device.time_s = float(second)
        device.numbers.taken(KEY, IndividualAddress(METER), second + 1)
        if second % 10 == 0:
            device.numbers.settle()  # as the check of the link does
    assert device.store.writes <= day_s // 10 + day_s // 60 + AT_ONCE
    behind = day_s - device.numbers.last_valid(KEY, IndividualAddress(METER))
    assert behind == 0
    device.restart()
    assert device.numbers.last_valid(KEY, IndividualAddress(METER)) >= day_s - 10


def test_beside_a_sender_that_sends_all_day_a_button_is_stored_at_once() -> None:
    device = Device()
    for number in range(1, 100):
        assert device.hears(telegram(number, sender=METER))
    assert device.hears(telegram(101, sender=BUTTON))
    device.restart()
    assert not device.hears(telegram(101, sender=BUTTON))
    assert not device.hears(telegram(99, sender=METER)), "written together"


@given(
    st.lists(
        st.tuples(st.sampled_from(["hear", "settle", "wait", "cut"]), st.integers(1, 50)),
        max_size=60,
    )
)
def test_whatever_happens_no_number_rises_above_what_was_heard(
    steps: list[tuple[str, int]],
) -> None:
    device = Device()
    sender, heard, noted, settled = IndividualAddress(METER), 0, 0, 0
    for step, amount in steps:
        match step:
            case "hear":
                for _ in range(amount):
                    heard += 1
                    device.numbers.taken(KEY, sender, heard)
                noted = heard
            case "settle":
                device.numbers.settle()
                settled = noted
            case "wait":
                device.time_s += amount
            case _:
                device.restart()
                last = device.numbers.last_valid(KEY, sender)
                assert settled <= last <= heard, "a higher one would drop the next good telegram"
                noted = settled = last  # what was not stored is forgotten


def test_each_sender_that_is_refused_is_named_once_and_not_all_that_are_made_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    device = Device()
    for _ in range(3):
        assert not device.hears(telegram(5, sender=BUTTON))
    assert not device.hears(telegram(5, sender="1.1.66"))
    named = [record.getMessage() for record in caplog.records]
    assert len(named) == 2
    assert "1.1.9 dropped by Data Secure" in named[0]
    assert "Sequence number too low" in named[0]
    assert "1.1.66 dropped by Data Secure" in named[1]
    for number in range(1, 255):
        assert not device.hears(telegram(5, sender=f"2.2.{number}"))
    assert len(caplog.records) <= 20
    assert device.stage.insecure == 4 + 254


# --- our own


async def sent(device: Device, count: int) -> list[int]:
    """Return the numbers of our next telegrams."""
    numbers = []
    for _ in range(count):
        await device.numbers.group.reserve()
        numbers.append(device.numbers.group.next())
    return numbers


async def test_our_numbers_begin_with_the_time_and_count_telegrams() -> None:
    assert await sent(Device(), 3) == [NOON_NUMBER, NOON_NUMBER + 1, NOON_NUMBER + 2]


@pytest.mark.proves("H.28")
@pytest.mark.parametrize("back", [timedelta(0), timedelta(hours=1), timedelta(days=3000)])
async def test_our_numbers_rise_though_the_clock_went_back(back: timedelta) -> None:
    device = Device()
    before = await sent(device, 2 * OWN_BLOCK + 5)
    device.restart()
    device.clock = NOON - back
    after = await sent(device, 5)
    assert before == sorted(set(before))
    assert after[0] > before[-1]
    assert after[0] <= before[0] + 3 * OWN_BLOCK + 1


async def test_without_a_clock_we_go_on_where_we_were() -> None:
    device = Device()
    (first,) = await sent(device, 1)
    device.restart()
    device.clock = None
    assert await sent(device, 1) == [first + OWN_BLOCK]


async def test_without_a_clock_and_without_a_number_nothing_can_be_secured() -> None:
    device = Device()
    device.clock = None
    with pytest.raises(LinkError, match="the clock is not set"):
        await device.stage.begin()
    device.clock = NOON
    await device.stage.begin()
    assert await sent(device, 1) == [NOON_NUMBER]


async def test_our_number_in_the_keyring_is_exceeded() -> None:
    device = Device(
        GroupKeys(keys=KEYRING.keys, senders=KEYRING.senders, own_number=NOON_NUMBER + 10**9)
    )
    assert await sent(device, 1) == [NOON_NUMBER + 10**9 + 1]


async def test_a_full_disk_does_not_make_us_mute() -> None:
    device = Device()
    device.store.is_full = True
    assert len(await sent(device, OWN_BLOCK + 1)) == OWN_BLOCK + 1


async def test_numbers_that_are_used_up_are_said() -> None:
    device = Device()
    await device.store.store_number("own", HIGHEST_NUMBER)
    device.restart()
    with pytest.raises(LinkError, match="used up"):
        await device.numbers.group.reserve()


async def test_a_write_comes_once_in_a_block() -> None:
    device = Device()
    await sent(device, OWN_BLOCK)
    assert device.store.writes == 1
    await sent(device, 1)
    assert device.store.writes == 2


async def test_what_we_send_is_read_by_a_receiver_that_has_heard_us_before() -> None:
    device = Device()
    receiver = Device(
        GroupKeys(keys=KEYRING.keys, senders={IndividualAddress(OURS): NOON_NUMBER - 1})
    )
    for _ in range(3):
        secured = await sent_telegram(device)
        assert receiver.hears(secured)
        device.clock = None if device.clock is None else device.clock - timedelta(hours=1)
        device.restart()


async def sent_telegram(device: Device) -> bytes:
    """Return a secured telegram of ours."""
    data = await device.stage.outgoing(Outgoing(group_write(ADDRESS, 7, OURS)))
    assert data is not None
    return CEMIFrame(code=CEMIMessageCode.L_DATA_IND, data=data).to_knx()


# --- the timer of secure routing


@given(
    st.lists(
        st.tuples(st.sampled_from(["run", "heard", "cut"]), st.integers(0, 2_000_000)), max_size=30
    )
)
def test_the_timer_of_a_backbone_starts_behind_all_that_was_heard(
    steps: list[tuple[str, int]],
) -> None:
    run_virtual(follow_timer(steps))


async def follow_timer(steps: list[tuple[str, int]]) -> None:
    """Let the timer run, be set by others, and restart."""
    device = Device()
    monotonic_ms = 5_000_000
    timer = device.numbers.timer(KEY)
    value_ms = await timer.begin(monotonic_ms, LATENCY_MS)
    for step, amount_ms in steps:
        match step:
            case "run":
                monotonic_ms += amount_ms
                value_ms += amount_ms
                timer.at(value_ms, monotonic_ms)
            case "heard":  # a member whose timer is ahead
                value_ms += amount_ms
                timer.at(value_ms, monotonic_ms)
            case _:
                device.restart()
                monotonic_ms = 1_000  # a machine that has just been switched on
                timer = device.numbers.timer(KEY)
                newest_ms = value_ms
                value_ms = await timer.begin(monotonic_ms, LATENCY_MS)
                assert value_ms - LATENCY_MS >= newest_ms, "a recorded wrapper would pass"
                assert value_ms <= newest_ms + TIMER_BLOCK_MS + LATENCY_MS, "no more than needed"


async def test_the_timer_counts_the_time_we_were_away_as_the_wall_clock_knows_it() -> None:
    device = Device()
    begun_ms = await device.numbers.timer(KEY).begin(7_000, LATENCY_MS)
    away = timedelta(days=2)
    device.clock = NOON + away
    device.restart()
    value_ms = await device.numbers.timer(KEY).begin(1_000, LATENCY_MS)
    assert value_ms == begun_ms + away // timedelta(milliseconds=1) + LATENCY_MS


@pytest.mark.parametrize("clock", [None, datetime(2017, 1, 1, tzinfo=UTC), NOON - timedelta(1)])
async def test_a_wrong_wall_clock_does_not_turn_the_timer_back(clock: datetime | None) -> None:
    device = Device()
    begun_ms = await device.numbers.timer(KEY).begin(7_000, LATENCY_MS)
    device.clock = clock
    device.restart()
    value_ms = await device.numbers.timer(KEY).begin(1_000, LATENCY_MS)
    assert value_ms == begun_ms + TIMER_BLOCK_MS + LATENCY_MS


async def test_a_link_opened_again_goes_on_with_the_same_timer() -> None:
    device = Device()
    timer = device.numbers.timer(KEY)
    await timer.begin(7_000, LATENCY_MS)
    timer.at(900_000, 8_000)  # a member was far ahead
    assert await device.numbers.timer(KEY).begin(9_000, LATENCY_MS) == 901_000


async def test_a_damaged_timer_leaves_room_for_the_time_to_come() -> None:
    device = Device()
    await device.numbers.timer(KEY).begin(1_000, LATENCY_MS)
    (name,) = [name for name in device.store.numbers if name.endswith("timer")]
    await device.store.store_number(name, HIGHEST_NUMBER)
    device.restart()
    assert await device.numbers.timer(KEY).begin(1_000, LATENCY_MS) <= HIGHEST_NUMBER // 2


async def test_another_backbone_key_has_another_timer() -> None:
    device = Device()
    await device.numbers.timer(KEY).begin(7_000_000, LATENCY_MS)
    device.restart()
    assert await device.numbers.timer(OTHER_KEY).begin(1_000, LATENCY_MS) == 1_000


async def test_a_timer_is_written_every_few_minutes() -> None:
    device = Device()
    timer = device.numbers.timer(KEY)
    value_ms = await timer.begin(0, LATENCY_MS)
    hour_ms = 3_600_000
    for now_ms in range(0, hour_ms, 1_000):
        timer.at(value_ms + now_ms, now_ms)
    assert device.store.writes <= 2 + 2 * 2 * hour_ms // TIMER_BLOCK_MS


def test_no_name_in_the_store_tells_a_key() -> None:
    device = Device()
    device.numbers.taken(KEY, IndividualAddress(METER), 7)
    assert KEY.hex() not in repr(device.store.numbers)
    assert repr(KEYRING).count(repr(KEY)) == 0
