"""A project takes the device with its factory key: the exchange of the reference, and everything around it.

The exchange is that of sections 4.7, 5 and 10.4 (tool 1.1.1, serial number 00FA01020304, FDSK 000102…0F).
"""

import asyncio

import pytest
from xknx.cemi import CEMIFrame, CEMILData, CEMIMessageCode
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.tpci import TAck, TDataBroadcast, TDataConnected, TDataIndividual

from knxgw.device.knx_device import BROADCAST
from knxgw.device.security import FAILURES, REPORT, counts_of
from knxgw.knx.raw_service import RawService, apdu_of
from knxgw.knx.secure_apdu import (
    Envelope,
    Failure,
    SyncRequest,
    open_sync_request,
    parse,
    seal_sync_request,
)
from knxgw.links.knx_secure_groups import GroupKeys
from tests.support.knxip_server import MemoryStore
from tests.support.secure_tool import (
    DEVICE,
    FDSK,
    MODE,
    MODE_OFF,
    PROJECT_KEY,
    SERIAL,
    START,
    WRITE_TOOL_KEY,
    Kept,
    SecureTool,
    secured_device,
    taken,
)

PROGRAMMING_MODE = "03d500361001"  # reads it


async def test_the_commissioning_exchange_of_the_reference_octet_by_octet() -> None:
    asked = "29003060110111051847f1920040102ea9cf000000000000cf27bf56efd856f3aa2b"
    data = CEMIFrame.from_knx(bytes.fromhex(asked)).data
    assert isinstance(data, CEMILData)
    challenge = open_sync_request(FDSK, Envelope.of(data), parse(apdu_of(data))).challenge
    hidden = bytes.fromhex("a0" * 6)  # what stands in the place of a number in both answers
    second_nonce = bytes(a ^ b for a, b in zip(hidden, challenge, strict=True))
    nonces = [bytes.fromhex("a1a2a3a4a5a6"), second_nonce]
    async with secured_device(nonces=nonces) as device:
        tool = await SecureTool.on(device.line)

        async def said(frame: str) -> list[str]:
            sent = CEMIFrame.from_knx(bytes.fromhex(frame)).data
            assert isinstance(sent, CEMILData)
            heard = [one for one in await tool.send(sent) if one.payload is not None]
            return [
                CEMIFrame(code=CEMIMessageCode.L_DATA_IND, data=one).to_knx().hex() for one in heard
            ]

        assert await said(
            "290030e0110100001803f1920040102ea9ce00fa01020304dd315d364c7c2928ef2d"
        ) == ["290030e0ffff00001803f193a0a0a0a0a0a0453d15a7b71f4549af03662feb5593a9"]
        assert (
            await said("290030e0110100001a03f1900040102ea9cedfed5ec84878263700e36aa42ce924a35d20")
            == []
        )
        tool.device = DEVICE
        assert device.management.device.individual_address == DEVICE
        await tool.connect()
        assert await tool.ask("0300", is_secured=False) == "034057b0"
        assert await said(asked) == [
            "29003060110511011847f193a0a0a0a0a0a0b9861ec49bccd1e43f9c2735444c324d"
        ]
        await tool.send(tool.frame(TAck(1)))
        assert not device.model.is_secure
        assert await said("2900306011011105164bf1900040102ea9cfcff1bc43eace52704d3dc73fc63e") == [
            "2900306011051101154bf190000000000002c3fb10157136ca20c292b4c953"
        ]
        assert device.model.is_secure


async def test_a_project_takes_the_device_and_only_its_key_opens_it() -> None:
    kept = Kept()
    async with secured_device(kept) as device:
        tool = await taken(device.line)
        assert await tool.ask(MODE) == "01d60011001033000001"
        assert await tool.ask("03d70033100130") is not None, "what changes something is stored"
        stranger = await SecureTool.on(device.line, FDSK, "1.1.2")
        stranger.device = DEVICE
        assert (
            await stranger.send(stranger.sealed(stranger.frame(TDataIndividual(), b"\x03\x00")))
            == []
        )
    async with secured_device(kept) as device:  # after a power cut
        again = await SecureTool.on(device.line, PROJECT_KEY)
        again.device = DEVICE
        await again.connect()
        found = await again.synchronise()
        assert found is not None
        assert found[1] > START, "a number that was taken stays taken"
        assert found[0] > 3, "a number that was used stays used"
        assert await again.ask(PROGRAMMING_MODE) == "03d60036100100"


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("0300", "034057b0"),
        ("03d500011001", "03d600011001" + "0000"),  # object type
        ("03d5000b1001", f"03d6000b1001{SERIAL.hex()}"),
        ("03d500381001", "03d60038100100fe"),
        (PROGRAMMING_MODE, "03d600360001"),
        ("03d70036100101", "03d600360001"),
        ("03d7040510010400000000000000000000", "03d604050001"),
        ("03d504051001", "03d60405100100"),
        ("01cc0011001035010001", "01cd0011001035000001"),
        (MODE, "01d60011001033" + "000001"),
        (MODE_OFF, "01d60011001033fc"),
        (WRITE_TOOL_KEY, "01cf0011001038010001fc"),
        ("020c4000", None),
        ("0281400000", None),
        ("0380", None),
        ("03810700", "03a1010000"),
    ],
)
async def test_once_a_project_has_it_others_read_what_tells_it_apart_and_change_nothing(
    asked: str, answer: str | None
) -> None:
    async with secured_device() as device:
        await taken(device.line)
        before = dict(device.model.kept)
        other = await SecureTool.on(device.line, FDSK, "1.1.2")
        other.device = DEVICE
        heard = await other.send(other.frame(TDataIndividual(), bytes.fromhex(asked)))
        assert [apdu_of(one).hex() for one in heard] == ([] if answer is None else [answer])
        changed = {name for name in before if device.model.kept[name] != before[name]}
        assert changed <= {FAILURES, REPORT}


async def test_a_broadcast_without_the_key_gives_no_address_once_a_project_has_the_device() -> None:
    kept = Kept(is_programming=True)
    async with secured_device(kept) as device:
        await taken(device.line)
        other = await SecureTool.on(device.line, FDSK, "1.1.2")
        found = await other.broadcast(f"03dc{SERIAL.hex()}", is_secured=False)
        assert found == [f"03dd{SERIAL.hex()}00000000"], "it can be found"
        for asked in (f"03de{SERIAL.hex()}110700000000", "00c01107"):
            assert await other.broadcast(asked, is_secured=False) == []
            assert await other.broadcast(asked) == [], "nor with the factory key"
        assert device.management.device.individual_address == DEVICE
        assert counts_of(device.model.kept)[Failure.ACCESS - 1] == 2
        owner = await SecureTool.on(device.line, PROJECT_KEY, "1.1.1")
        owner.number = START + 100
        await owner.broadcast(f"03de{SERIAL.hex()}110700000000")
        assert device.management.device.individual_address == IndividualAddress("1.1.7")


@pytest.mark.parametrize(
    ("code", "answer", "is_left"),
    [
        (2, "03a1000001", False),
        (7, "03a1000001", True),
        (3, "03a1020000", True),
        (4, "03a1020000", True),
    ],
)
async def test_a_factory_reset_goes_back_to_the_factory_key_and_one_without_address_does_not(
    code: int, answer: str, *, is_left: bool
) -> None:
    async with secured_device() as device:
        tool = await taken(device.line)
        assert await tool.ask(f"0381{code:02x}00") == answer
        await asyncio.sleep(5.0)
        assert device.model.is_secure is is_left
        assert device.model.tool_key == (PROJECT_KEY if is_left else FDSK)
        if not is_left:
            assert device.management.device.individual_address == IndividualAddress("15.15.255")
            again = await SecureTool.on(device.line, FDSK, "1.1.4")
            assert await again.synchronise(is_broadcast=True) is not None


async def test_a_recorded_telegram_is_refused_counted_and_described() -> None:
    async with secured_device() as device:
        tool = await taken(device.line)
        recorded = tool.sealed(tool.frame(TDataIndividual(), bytes.fromhex(PROGRAMMING_MODE)))
        assert len(await tool.send(recorded)) == 1
        assert await tool.send(recorded) == []
        wrong = tool.sealed(tool.frame(TDataIndividual(), bytes.fromhex(PROGRAMMING_MODE)))
        wrong.payload = RawService(apdu_of(wrong)[:-1] + b"\0")
        assert await tool.send(wrong) == []
        strange = tool.frame(TDataIndividual(), bytes.fromhex("03f1a0") + bytes(12))
        assert await tool.send(strange) == []
        await tool.connect()
        assert (
            await tool.ask("01d500110010370000" + "00")
            == "01d60011001037" + "000000" + "0001000100010000"
        )
        last = await tool.ask("01d5001100103700" + "0100")
        assert last == "01d60011001037" + "000100" + "11011105" + "00" + "000000000000" + "01"
        assert await tool.ask("01d5001100103700" + "0109") == "01d60011001037f801"
        assert await tool.ask("01cc0011001039010001") == "01cd001100103901000101", "reported"
        assert await tool.ask("01d4001100103700" + "0000") == "01d60011001037000000"
        assert await tool.ask("01d5001100103700" + "0000") == "01d60011001037" + "000000" + "00" * 8


async def test_two_synchronisations_in_a_second_have_one_answer() -> None:
    async with secured_device() as device:
        tool = await SecureTool.on(device.line)
        assert await tool.synchronise(is_broadcast=True) is not None
        assert await tool.synchronise(is_broadcast=True) is None
        await asyncio.sleep(1.0)
        assert await tool.synchronise(is_broadcast=True) is not None


async def test_a_synchronisation_for_another_device_or_with_another_key_has_no_answer() -> None:
    async with secured_device() as device:
        stranger = await SecureTool.on(device.line, bytes(16))
        assert await stranger.synchronise(is_broadcast=True) is None
        assert device.stage.insecure == 0, "every device tries its own key"
        tool = await SecureTool.on(device.line, FDSK, "1.1.2")
        data = tool.frame(TDataBroadcast(), b"?", BROADCAST)
        asked = SyncRequest(START, bytes.fromhex("00FA99999999"), bytes(6))
        data.payload = RawService(seal_sync_request(FDSK, Envelope.of(data), asked))
        assert await tool.send(data) == []
        data = tool.frame(TDataBroadcast(), b"?", BROADCAST)
        asked = SyncRequest(
            START, bytes(6), bytes(6)
        )  # for whoever has an address: by broadcast all have
        data.payload = RawService(seal_sync_request(FDSK, Envelope.of(data), asked))
        assert await tool.send(data) == []


async def test_without_a_factory_key_nobody_speaks_in_private() -> None:
    async with secured_device(fdsk=b"") as device:
        tool = await SecureTool.on(device.line)
        assert await tool.synchronise(is_broadcast=True) is None
        await tool.connect()
        assert await tool.ask("0300", is_secured=False) == "034057b0"


async def test_where_a_keyring_secures_the_site_a_tool_needs_the_tool_key() -> None:
    groups = GroupKeys(keys={GroupAddress("1/2/3"): bytes(16)}, senders={})
    kept = Kept(numbers=MemoryStore({"own": 5}))
    async with secured_device(kept, keyring=groups) as device:
        tool = await SecureTool.on(device.line)
        await tool.connect()
        assert await tool.send(tool.frame(TDataConnected(0), b"\x03\x00")) == []
        await tool.connect()
        assert await tool.synchronise() is not None
        assert await tool.ask("0300") == "034057b0"


async def test_keys_of_a_device_appear_in_no_answer() -> None:
    async with secured_device() as device:
        tool = await taken(device.line)
        heard = [await tool.ask(f"01cc00110010{number:02x}010001") for number in range(1, 256)]
        assert PROJECT_KEY.hex() not in "".join(one or "" for one in heard)
        assert FDSK.hex() not in "".join(one or "" for one in heard)
