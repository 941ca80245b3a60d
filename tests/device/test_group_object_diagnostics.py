"""Group object diagnostics, octet by octet: what a tool may ask of group objects, and what it is told."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xknx.telegram.apci import ReturnCode

from knxgw.catalogue.flags import Flags, Priority
from knxgw.device.access import Access
from knxgw.device.function_result import FunctionResult
from knxgw.device.functions import Functions
from knxgw.device.group_object_diagnostics import Code, diagnose, flags_octet
from knxgw.device.model import PropertyError
from knxgw.device.tables import LoadedObject, links_of
from tests.support.group_objects import ObjectsInMemory, seen
from tests.support.knx_device_rig import DeviceRig, Tool
from tests.support.line_tool import tables

STATE, SWITCH, SETPOINT, SILENT, UNKNOWN = 50, 55, 60, 61, 62
COMMAND, QUESTION = "02c70342", "02c80342"  # object 3, property 66
SAID = "02c90342"
OF_TYPE = "0009001042"  # object type 9, instance 1, property 66


def objects() -> ObjectsInMemory:
    """Return some group objects, with two group addresses: 1/1/50 and 1/1/60."""
    return ObjectsInMemory(
        objects={
            STATE: seen("CR-T--", 8, "07", (5, 10)),
            SWITCH: seen("C-W-UI", 1, None, (1, 1), Priority.URGENT),
            SETPOINT: seen("CRWTU-", 32, "41800000", (14, 19)),
            SILENT: seen("-RWTU-", 8, "01"),
            UNKNOWN: seen("CR-T--", 16, None),
        },
        addresses={0x0932, 0x093C},
    )


@pytest.fixture
def rig() -> DeviceRig:
    rig = DeviceRig()
    rig.group_objects = objects()
    return rig


@pytest.fixture
def tool(rig: DeviceRig) -> Tool:
    return Tool(rig).connect()


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        # set a local value
        ("0000003701", "210000370001"),
        ("0000003c41200000", "2100003c0041200000"),
        ("000000c801", "a100"),
        ("0000003201", "a200"),  # its value is the device's own
        ("0000003d01", "a200"),  # it does not communicate
        ("00000037", "a300"),
        ("000000370100", "a300"),
        ("0000003c4120", "a300"),
        ("0000003702", "ff00"),  # no value of one bit
        ("000000", "ff"),
        # write to a group address
        ("00010009320a", "0001"),
        ("0001800932" + "0a", "0001"),
        ("000100093c41200000", "0001"),
        ("000100093307", "f801"),  # not one of ours
        ("000104093207", "f801"),
        ("000101093207", "f801"),  # no tool has given us a key
        ("000103093207", "f801"),
        ("0001000932", "f801"),
        ("00010009", "ff"),
        # send a local value
        ("00020032", "210200320007"),
        ("000200c8", "a102"),
        ("00020037", "a202"),
        ("0002003d", "a202"),
        ("0002003e", "ff02"),  # it has none
        ("000200", "ff"),
        ("0002003200", "ff"),
        # read a group address
        ("0003000932", "0003"),
        ("0003000933", "f803"),
        ("0003800932", "f803"),
        ("0003030932", "f803"),
        ("00030009", "ff"),
        ("000300093200", "ff"),
        # limit the senders: in the diagnostic mode only
        ("00041101", "f304"),
        ("0004", "f304"),
        # what there is not
        ("00050007aa", "f205"),
        ("0100003701", "ff"),
        ("00", "ff"),
        ("", "ff"),
    ],
)
def test_each_command_has_its_answer(tool: Tool, command: str, answer: str) -> None:
    assert tool.ask(COMMAND + command) == SAID + answer


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("00000032", "200000320" + "44f" + "07" + "0005000a"),
        ("00000037", "200000370" + "4b6" + "00" + "00010001"),
        ("0000003c", "2000003c0" + "4df" + "0a" + "000e0013"),
        ("0000003d", "2000003d0" + "4db" + "07" + "00000000"),
        ("000000c8", "a100"),
        ("000000", "ff"),
        ("0000003200", "ff"),
        ("00010032", "210100320007"),
        ("0001003c", "2101003c0041800000"),
        ("0001003d", "2101003d0001"),
        ("00010037", "ff01"),  # nothing is known of it, which is not 0
        ("000100c8", "a101"),
        ("0001", "ff"),
        ("00020032", "f202"),
        ("01000032", "ff"),
        ("00", "ff"),
    ],
)
def test_each_question_has_its_answer(tool: Tool, question: str, answer: str) -> None:
    assert tool.ask(QUESTION + question) == SAID + answer


@pytest.mark.parametrize("is_connected", [True, False])
def test_by_type_and_without_a_connection_it_is_the_same(
    rig: DeviceRig, *, is_connected: bool
) -> None:
    ask = Tool(rig).connect().ask if is_connected else rig.ask
    assert ask(f"01d4{OF_TYPE}0000003701") == f"01d6{OF_TYPE}210000370001"
    assert ask(f"01d5{OF_TYPE}00010037") == f"01d6{OF_TYPE}2101003700" + "01"
    assert ask("01d4000900204200010037") == "01d60009002042fd", "there is one instance"


def test_what_is_sent_is_what_was_asked_for(rig: DeviceRig, tool: Tool) -> None:
    found = objects()
    rig.group_objects = found
    for command in ("00010009323f", "000180093201", "000100093240", "00010009321122"):
        tool.ask(COMMAND + command)
    tool.ask(COMMAND + "000300093c")
    tool.ask(COMMAND + "00020032")
    assert found.sent == [
        ("write", "0932", "3f", True),
        ("write", "0932", "01", False),
        ("write", "0932", "40", False),
        ("write", "0932", "1122", False),
        ("read", "093c"),
        ("value", STATE),
    ]


def test_without_a_bus_nothing_can_be_sent_now(rig: DeviceRig, tool: Tool) -> None:
    rig.group_objects = ObjectsInMemory(objects().objects, {0x0932}, is_connected=False)
    assert tool.ask(COMMAND + "00010009320a") == SAID + "f301"
    assert tool.ask(COMMAND + "0003000932") == SAID + "f303"
    assert tool.ask(COMMAND + "00020032") == SAID + "ff02"


@pytest.mark.parametrize("service", range(5))
def test_a_device_that_does_not_run_does_none_of_it(tool: Tool, service: int) -> None:
    tool.rig.group_objects = None
    assert tool.ask(f"{COMMAND}00{service:02x}00370100") == f"{SAID}f3{service:02x}"
    if service < 2:
        assert tool.ask(f"{QUESTION}00{service:02x}0037") == f"{SAID}f3{service:02x}"


def test_a_function_has_no_value_and_a_value_is_no_function(tool: Tool) -> None:
    assert tool.ask("03d503421001") == "03d603420001"
    assert tool.ask("03d70342100100") == "03d603420001"
    assert tool.ask(f"01ce{OF_TYPE}01000100") == f"01cf{OF_TYPE}010001fe"
    assert tool.ask(f"01cc{OF_TYPE}010001") == f"01cd{OF_TYPE}000001"
    assert tool.ask("02c70305" + "0000") == "02c90305"
    assert tool.ask("01d40009001005" + "0000") == "01d60009001005fe"
    assert tool.ask("03d8034200") == "03d9034207be000133"


@pytest.mark.parametrize("is_command", [True, False])
@pytest.mark.parametrize(
    ("allowed", "level", "is_served"), [(3, 3, True), (0, 3, False), (0, 0, True), (None, 0, False)]
)
def test_whoever_has_not_the_level_of_the_property_may_not_call_it(
    rig: DeviceRig, allowed: int | None, level: int, *, is_served: bool, is_command: bool
) -> None:
    table = rig.model.rules.objects[3]
    property_ = table.properties[-1]
    assert property_.id == 66
    other = 3 if not is_served else None  # the level of the other way does not matter
    read, write = (other, allowed) if is_command else (allowed, other)
    owner = replace(table, properties=(replace(property_, read_level=read, write_level=write),))
    request = bytes.fromhex("00000037" + ("01" if is_command else ""))

    def call() -> FunctionResult:
        return Functions(rig.model).call(
            owner, 66, request, access=Access(level), is_command=is_command
        )

    if is_served:
        assert call().code in {Code.VALUE, Code.CONFIGURATION}
        return
    with pytest.raises(PropertyError) as refused:
        call()
    assert refused.value.code is ReturnCode.E_ACCESS_DENIED


@pytest.mark.parametrize("priority", Priority)
@given(letters=st.lists(st.booleans(), min_size=6, max_size=6))
def test_flags_are_told_as_ets_writes_them_to_the_table(
    priority: Priority, letters: list[bool]
) -> None:
    text = "".join(letter if on else "-" for letter, on in zip("CRWTUI", letters, strict=True))
    octet = flags_octet(Flags.parse(text), priority)
    loaded = tables({1: ("1/1/1", octet, 8)})
    found = links_of(loaded[1], loaded[2], loaded[3]).objects.get(1)
    assert (found is not None) == letters[0], "without communication it is no object"
    if found is not None:
        assert _letters(found) == text
        assert found.priority == octet & 3


def _letters(one: LoadedObject) -> str:
    flags = (
        one.communication,
        one.read,
        one.write,
        one.transmit,
        one.update,
        one.read_on_init,
    )
    return "".join(letter if on else "-" for letter, on in zip("CRWTUI", flags, strict=True))


@given(
    request=st.binary(max_size=20)
    | st.tuples(
        st.integers(0, 5), st.sampled_from([50, 55, 60, 0x0932]), st.binary(max_size=6)
    ).map(lambda parts: bytes([0, parts[0]]) + parts[1].to_bytes(2, "big") + parts[2]),
    is_command=st.booleans(),
)
def test_whatever_is_asked_is_answered_and_a_refusal_changes_nothing(
    request: bytes, *, is_command: bool
) -> None:
    found = objects()
    said = diagnose(found, request, is_command=is_command)
    assert said.code in set(Code)
    assert said.data[:1] in {b"", request[1:2]}
    if said.code >= Code.NO_OBJECT:
        assert found == objects()
        assert len(said.data) <= 1
