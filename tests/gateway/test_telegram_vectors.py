"""Group telegrams of a whole gateway, octet by octet: the group values of the reference (10.1, 10.2)."""

from pathlib import Path

from xknx.cemi import CEMIFrame, CEMILData, CEMIMessageCode
from xknx.telegram.address import GroupAddress, IndividualAddress

from knxgw.objects.outbox import ResponseLimits
from knxgw.sim.vehicle import Vehicle
from tests.support.line_tool import LineTool
from tests.support.world import World

SITE = """
device: {name: Garage, language: en}
load_management: {mode: "off"}
charging_points:
  - {number: 1, name: One, model: alfen_eve, connection: {host: 127.0.0.1}, dpt: {power: "14.056"}}
group_objects: {50: [1/1/50], 52: [1/1/52], 55: [1/2/3], 66: [1/1/66], 82: [1/1/82]}
"""
GATEWAY, PEER = "1114", "1109"  # individual addresses 1.1.20 and 1.1.9


class Wire:
    """What goes over the line, as cEMI in hexadecimal."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._heard: list[str] = []
        self._member = world.line.join("1.1.66")

    async def open(self) -> "Wire":
        await self._member.open(self._note, lambda: None)
        return self

    def _note(self, data: CEMILData) -> None:
        if data.src_addr == IndividualAddress("1.1.20"):
            frame = CEMIFrame(code=CEMIMessageCode.L_DATA_IND, data=data)
            self._heard.append(frame.to_knx().hex())

    async def after(self, frame: str, seconds: float = 0.5) -> list[str]:
        """Return what the gateway says after a frame."""
        data = CEMIFrame.from_knx(bytes.fromhex(frame)).data
        assert isinstance(data, CEMILData)
        self._heard.clear()
        await self._world.say(data)
        await self._world.sleep(seconds)
        return list(self._heard)


def read(address: str) -> str:
    return "2900" + "bce0" + PEER + address + "010000"


def response(address: str, length: int, apdu: str) -> str:
    return "2900" + "bce0" + GATEWAY + address + f"{length:02x}" + apdu


async def test_values_are_read_octet_by_octet(tmp_path: Path) -> None:
    async with World(SITE, tmp_path, run_gateway=False) as world:
        world.strict = False
        world.charger().show("temperature", 21.0)
        world.charger().show("power", 5520.0)
        world.start_gateway()
        await world.until(lambda: world.gateway.is_ready, 60.0)
        await world.sleep(10.0)
        wire = await Wire(world).open()
        assert await wire.after(read("0932")) == [response("0932", 2, "004005")]
        assert await wire.after(read("0934")) == [response("0934", 1, "0040")]
        assert await wire.after(read("0942")) == [response("0942", 5, "004045ac8000")]
        assert await wire.after(read("0952")) == [response("0952", 3, "00400c1a")]
        assert await wire.after(read("0953")) == [], "nobody has that address"


async def test_a_value_is_sent_octet_by_octet(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        wire = await Wire(world).open()
        world.charger().plug(Vehicle())
        said = await wire.after(read("0953"), 60.0)
        assert "2900" + "bce0" + GATEWAY + "0934" + "010081" in said, "it charges"


async def test_what_the_reference_writes_to_a_group_interrupts_a_charge(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        world.charger().plug(Vehicle())
        await world.until(lambda: world.charger().phases_ma[0] > 0, 60.0)
        wire = await Wire(world).open()
        await wire.after("2900bce011050a03010081")
        await world.until(lambda: world.charger().phases_ma[0] == 0, 60.0)


async def test_tools_read_how_many_telegrams_went_and_how_many_were_lost(tmp_path: Path) -> None:
    async with World(SITE, tmp_path) as world:
        world.strict = False
        tool = LineTool(world.line)
        await tool.connect()

        async def counted(number: int, octets: int) -> int:
            answer = await tool.ask(f"03d506{number:02x}1001")
            assert answer.startswith(f"03d606{number:02x}1001")
            assert len(answer) == 12 + 2 * octets
            return int(answer[12:], 16)

        sent, taken = await counted(74, 4), await counted(75, 4)
        for _ in range(10):
            assert await world.read("1/1/50") is not None
        assert await counted(74, 4) >= sent + 10
        assert await counted(75, 4) >= taken + 10
        assert await counted(72, 2) == await counted(73, 2) == 0
        outbox = world.gateway.objects.outbox
        outbox.limits = ResponseLimits(merge_at=100, most=3)
        for _ in range(3 + 5):
            outbox.add_response(world.gateway.objects.by_number[52], GroupAddress("1/1/52"), 0.0)
        assert await counted(72, 2) == 5
        await tool.leave()
