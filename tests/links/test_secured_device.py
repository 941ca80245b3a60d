"""A device that a project has taken: what it loads, what a power cut leaves, and what nobody may do."""

import asyncio
import logging

import pytest
from xknx.telegram.address import GroupAddress
from xknx.telegram.tpci import TDataGroup, TDataIndividual

from knxgw.device.security import counts_of
from knxgw.knx.frames import Outcome, Security
from knxgw.knx.raw_service import RawService, apdu_of
from knxgw.knx.secure_apdu import Envelope, Failure, seal
from knxgw.links.knx_secure_groups import GroupKeys
from tests.support.knxip_server import MemoryStore
from tests.support.secure_tool import (
    DEVICE,
    FDSK,
    GROUP_KEY,
    MODE,
    MODE_OFF,
    MODE_ON,
    PROJECT_KEY,
    SERIAL,
    START,
    Kept,
    SecureTool,
    load_groups,
    secured_device,
    taken,
)

PROGRAMMING_MODE, HOP_COUNT = "03d500361001", "03d70033100130"  # reads, changes
UNLOAD_ADDRESSES, UNLOAD_KEYS = "03d70105100104" + "00" * 9, "01d4001100100504" + "00" * 9
GROUP = 0x10  # control octet of a secured group telegram


async def restart(tool: SecureTool) -> None:
    """Let the device restart, and what was loaded hold."""
    await tool.ask("0380")
    await asyncio.sleep(3.0)


async def test_a_repeated_frame_of_a_connection_is_acknowledged_and_obeyed_once() -> None:
    async with secured_device() as device:
        tool = await taken(device.line)
        erase = tool.sealed(tool.frame(tool._next(), bytes.fromhex("01d4001100103700" + "0000")))
        first = await tool.send(erase)
        assert [type(one.tpci).__name__ for one in first] == ["TAck", "TDataConnected"]
        stranger = await SecureTool.on(device.line, bytes(16), "1.1.2")
        stranger.device = DEVICE
        await stranger.send(stranger.sealed(stranger.frame(TDataIndividual(), b"\3\0")))
        failures = counts_of(device.model.kept)
        assert sum(failures) == 1
        second = await tool.send(erase)
        assert second[0].tpci == first[0].tpci
        assert counts_of(device.model.kept) == failures, "neither erased again, nor counted"


async def test_after_a_power_cut_no_recorded_command_is_obeyed_again() -> None:
    kept = Kept()
    async with secured_device(kept) as device:
        tool = await taken(device.line)
        for _ in range(8):
            await tool.ask(HOP_COUNT)
        recorded = tool.sealed(tool.frame(TDataIndividual(), bytes.fromhex(MODE_OFF)))
        assert len(await tool.send(recorded)) == 1
        assert counts_of(device.model.kept) == (0, 0, 0, 0)
        await tool.connect()
        await tool.ask(MODE_ON)
        cut = Kept(kept.state, dict(kept.memory), MemoryStore(kept.numbers.numbers))
    async with secured_device(cut) as device:
        eve = await SecureTool.on(device.line, bytes(16), "1.1.1")
        assert await eve.send(recorded) == []
        assert device.model.is_secure


async def test_what_changes_something_is_not_answered_while_its_number_cannot_be_stored() -> None:
    kept = Kept()
    async with secured_device(kept) as device:
        tool = await taken(device.line)
        kept.numbers.is_full = True
        assert await tool.ask(PROGRAMMING_MODE) == "03d60036100100", "who only reads is answered"
        changes = tool.sealed(tool.frame(tool._next(), bytes.fromhex(HOP_COUNT)))
        assert await tool.send(changes) == [], "not even acknowledged: the tool repeats it"


@pytest.mark.parametrize("unloaded", [[UNLOAD_ADDRESSES], [UNLOAD_ADDRESSES, UNLOAD_KEYS]])
async def test_a_download_that_a_power_cut_has_ended_can_be_taken_up_again(
    unloaded: list[str],
) -> None:
    kept = Kept()
    async with secured_device(kept) as device:
        tool = await taken(device.line)
        await load_groups(tool)
        for one in unloaded:
            answer = await tool.ask(one)
            assert answer is not None
            assert answer.endswith("00"), "it is unloaded"
    async with secured_device(kept) as device:
        tool = await SecureTool.on(device.line, PROJECT_KEY)
        tool.device = DEVICE
        await tool.connect()
        assert await tool.synchronise() is not None
        assert await tool.ask(MODE) == "01d60011001033000001"
        await load_groups(tool)


async def test_a_tool_key_that_is_written_in_a_download_holds_for_its_answer() -> None:
    async with secured_device() as device:
        tool = await taken(device.line)
        await load_groups(tool)
        assert await tool.ask(UNLOAD_ADDRESSES) == "03d60105100100"
        other = bytes(range(0x80, 0x90))
        write = bytes.fromhex(f"01ce0011001038010001{other.hex()}")
        sealed = tool.sealed(tool.frame(tool._next(), write))
        tool.key = other
        assert await tool.answered(sealed, is_secured=True) == "01cf001100103801000100"


async def test_with_keys_of_ets_a_tool_still_finds_the_device_and_begins_in_plain() -> None:
    async with secured_device() as device:
        tool = await taken(device.line)
        await load_groups(tool)
        await restart(tool)
        assert device.port.is_secure, "its group telegrams are secured"
        await tool.connect()
        assert await tool.ask("0300", is_secured=False) == "034057b0"
        assert await tool.ask("03d500381001", is_secured=False) == "03d60038100100fe"
        assert await tool.ask(HOP_COUNT, is_secured=False) == "03d600330001"
        found = await tool.broadcast(f"03dc{SERIAL.hex()}", is_secured=False)
        assert found == [f"03dd{SERIAL.hex()}00000000"]


async def test_an_answer_that_is_too_long_once_it_is_secured_is_refused_and_ends_nothing() -> None:
    async with secured_device() as device:
        tool = await taken(device.line)
        await load_groups(tool)
        for first, last in ((2, 8), (8, 14)):
            rows = "".join(f"{place:04x}{place:032x}" for place in range(first, last))
            await tool.ask(f"01ce0011001035{last - first:02x}{first:04x}{rows}")
        assert await tool.ask("01cc00110010350d0001") == "01cd0011001035000001"
        read = await tool.ask("01cc00110010350c0001")
        assert read is not None
        assert read.startswith("01cd00110010350c0001")


async def test_group_telegrams_follow_what_the_last_whole_download_says() -> None:
    async with secured_device() as device:
        tool = await taken(device.line)
        await load_groups(tool)
        secured = [device.port.is_secure]
        await restart(tool)
        secured.append(device.port.is_secure)
        await tool.connect()
        await tool.ask(UNLOAD_KEYS)  # the keys alone, and nothing after it
        secured.append(device.port.is_secure)
        await asyncio.sleep(20.0)
        secured.append(device.port.is_secure)
        # nothing is secured, and nothing goes out plain again, before another configuration holds
        assert secured == [False, True, True, False]


async def test_our_numbers_to_groups_begin_where_ets_says_without_a_clock_too() -> None:
    async with secured_device() as device:
        tool = await taken(device.line)
        assert await tool.ask(f"01ce001100103b010001{START:012x}") == "01cf001100103b01000100"
        assert await tool.ask("01ce001100103b010001" + "f" * 12) == "01cf001100103b010001f8"
        await load_groups(tool)
        await restart(tool)
        listener = await SecureTool.on(device.line, FDSK, "1.1.9")
        data = listener.frame(TDataGroup(), b"\0\x81", GroupAddress("1/2/3"))
        data.src_addr = DEVICE
        assert await device.port.send(data) is Outcome.CONFIRMED
        await asyncio.sleep(0.1)
        (heard,) = [one for one in listener.heard if one.tpci == TDataGroup()]
        assert int.from_bytes(apdu_of(heard)[3:9], "big") == START
        await tool.connect()
        assert await tool.ask("01cc001100103b010001") == f"01cd001100103b010001{START + 1:012x}"


async def test_telegrams_of_others_are_nobodys_failure() -> None:
    async with secured_device() as device:
        other = await SecureTool.on(device.line, bytes(16), "1.1.7")
        for number in range(3):
            data = other.frame(TDataGroup(), b"?", GroupAddress("5/0/1"))
            sealed = seal(bytes(16), Envelope.of(data), number + 1, b"\0\x81", GROUP)
            data.payload = RawService(sealed)
            await other.send(data)
        assert (device.stage.insecure, sum(counts_of(device.model.kept))) == (0, 0)
        assert device.ear.secured == [Security.PLAIN] * 3, "the monitor sees them sealed"


async def test_a_secured_group_telegram_is_taken_once_and_a_recording_counts_as_one() -> None:
    async with secured_device() as device:
        tool = await taken(device.line)
        await load_groups(tool)
        await restart(tool)
        sender = await SecureTool.on(device.line, GROUP_KEY, "1.1.7")
        data = sender.frame(TDataGroup(), b"?", GroupAddress("1/2/3"))
        data.payload = RawService(seal(GROUP_KEY, Envelope.of(data), 7, b"\0\x81", GROUP))
        await sender.send(data)
        await sender.send(data)
        await sender.send(sender.frame(TDataGroup(), b"\0\x81", GroupAddress("1/2/3")))
        assert device.ear.secured == [Security.GROUP_KEY]
        failures = dict(zip(Failure, counts_of(device.model.kept), strict=True))
        assert failures[Failure.NUMBER] == 1
        assert failures[Failure.CRYPTO] == 1, "plain to a secured address"


async def test_a_tool_that_has_used_all_numbers_is_refused_and_nothing_breaks() -> None:
    async with secured_device() as device:
        tool = await SecureTool.on(device.line)
        last = tool.sealed(tool.frame(TDataIndividual(), b"\3\0"), (1 << 48) - 1)
        assert len(await tool.send(last)) == 1
        assert await tool.synchronise(is_broadcast=True) is None
        other = await SecureTool.on(device.line, FDSK, "1.1.2")
        assert await other.synchronise(is_broadcast=True) is not None


async def test_the_wire_log_tells_of_a_tools_telegram_no_more_than_that_it_was_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "knxgw.wire.knx")
    async with secured_device() as device:
        tool = await taken(device.line)
        await load_groups(tool)
        await tool.ask("01cc0011001035010001")
    assert "tool key" in caplog.text
    for key in (GROUP_KEY, PROJECT_KEY):
        assert key.hex() not in caplog.text
        assert repr(key)[2:-1] not in caplog.text


@pytest.mark.parametrize(
    "first", [UNLOAD_ADDRESSES, UNLOAD_KEYS, UNLOAD_ADDRESSES.replace("0105", "0405")]
)
async def test_whatever_a_download_unloads_first_nothing_goes_out_plain_before_all_has_ended(
    first: str,
) -> None:
    async with secured_device() as device:
        tool = await taken(device.line)
        await load_groups(tool)
        await restart(tool)
        stages: list[bool] = []
        device.management._on_stage = lambda _stage: stages.append(device.port.is_secure)
        await tool.connect()
        await tool.ask(first)
        assert device.port.is_secure
        assert all(stages), "also when what runs hears that it is to end"


async def test_keys_of_ets_do_not_stand_in_for_a_keyring_once_its_configuration_is_gone() -> None:
    groups = GroupKeys(keys={GroupAddress("7/7/7"): bytes(16)}, senders={}, own_number=4)
    kept = Kept(numbers=MemoryStore({"own": 5, "own to tools": 2}))
    async with secured_device(kept, keyring=groups) as device:
        tool = await taken(device.line)
        await load_groups(tool)
        await restart(tool)
        assert set(device.stage.groups.keys) == {GroupAddress("1/2/3")}
        await tool.connect()
        for index in (1, 2, 3, 4):  # the keys are left
            await tool.ask(f"03d7{index:02x}05100104" + "00" * 9)
        await restart(tool)
        await asyncio.sleep(60.0)
        assert set(device.stage.groups.keys) == {GroupAddress("7/7/7")}
    async with secured_device(kept, keyring=groups) as device:
        assert set(device.stage.groups.keys) == {GroupAddress("7/7/7")}, "after a power cut, too"


async def test_keys_that_are_written_beside_a_download_hold_from_the_restart_on() -> None:
    async with secured_device() as device:
        tool = await taken(device.line)
        await load_groups(tool)
        await restart(tool)
        other = bytes(range(0x90, 0xA0))
        await tool.connect()
        assert await tool.ask(f"01ce00110010350100010001{other.hex()}") == "01cf001100103501000100"
        assert device.stage.groups.keys[GroupAddress("1/2/3")] == GROUP_KEY
        await restart(tool)
        assert device.stage.groups.keys[GroupAddress("1/2/3")] == other


async def test_a_look_at_the_link_does_not_pass_a_tools_number_off_as_stored() -> None:
    kept = Kept()
    async with secured_device(kept) as device:
        tool = await taken(device.line)
        kept.numbers.is_full = True
        changes = tool.sealed(tool.frame(tool._next(), bytes.fromhex(HOP_COUNT)))
        before = device.stage.secure_tools

        async def settle_first() -> bool:
            device.stage.settle()
            return await before()

        device.stage.secure_tools = settle_first  # type: ignore[method-assign]  # a look in between
        assert await tool.send(changes) == []


async def test_without_a_number_for_groups_tools_still_reach_the_device() -> None:
    async with secured_device() as device:
        tool = await taken(device.line)
        await load_groups(tool)  # ETS has written no number, and there is no clock
        await restart(tool)
        data = tool.frame(TDataGroup(), b"\0\x81", GroupAddress("1/2/3"))
        data.src_addr = DEVICE
        assert await device.port.send(data) is Outcome.DROPPED
        await asyncio.sleep(20.0)
        assert device.port.is_up
        await tool.connect()
        assert await tool.ask(MODE) == "01d60011001033000001"
