"""A KNX device without a line, and a tool that speaks to it frame by frame in virtual time."""

from collections.abc import Callable
from dataclasses import dataclass, field

from xknx.cemi import CEMIFlags, CEMILData, CEMIPriority
from xknx.telegram.address import GroupAddress, IndividualAddress
from xknx.telegram.tpci import (
    TPCI,
    TAck,
    TConnect,
    TDataBroadcast,
    TDataConnected,
    TDataIndividual,
    TDisconnect,
)

from knxgw.catalogue.load import catalogue
from knxgw.device.group_objects import GroupObjects
from knxgw.device.identity import Identity, serial_number_of
from knxgw.device.kept_state import restore, state_bytes
from knxgw.device.knx_device import BROADCAST, KnxDevice, Restart, Send
from knxgw.device.model import DeviceModel, Outside
from knxgw.knx.frames import Security
from knxgw.knx.raw_service import RawService, apdu_of

FDSK = bytes(range(16))
SERIAL = serial_number_of(bytes.fromhex("01020304"))
TOOL, DEVICE = IndividualAddress("1.1.1"), IndividualAddress("1.1.5")
OTHER = IndividualAddress("1.1.2")


@dataclass
class Disk:
    """What a device has stored, file by file; it may be cut off at any write."""

    files: dict[str, bytes] = field(default_factory=dict)
    before_write: Callable[[str], None] = lambda _name: None

    def write(self, name: str, content: bytes) -> None:
        self.before_write(name)
        self.files[name] = content


class DeviceRig:
    """A device, its disk, and what a tool makes of it."""

    def __init__(self, disk: Disk | None = None, address: IndividualAddress = DEVICE) -> None:
        self.disk = disk or Disk()
        self.is_programming = False
        self.now_s = 1000.0
        self.restarts = 0
        self.group_objects: GroupObjects | None = None  # that run
        self.model = DeviceModel(
            catalogue().interface_objects,
            Identity(serial_number=SERIAL, fdsk=FDSK),
            Outside(
                is_programming=lambda: self.is_programming,
                set_programming=self._set_programming,
                group_objects=lambda: self.group_objects,
            ),
        )
        restore(
            self.model,
            self.disk.files.get("state", b""),
            lambda index: self.disk.files.get(f"segment-{index}", b""),
        )
        self.model.configure_address(str(address))
        self.device = KnxDevice(self.model, chance=lambda: 0.5, switched_on_at=0.0)

    def _set_programming(self, is_on: bool) -> None:  # noqa: FBT001 - as the model calls it
        self.is_programming = is_on

    def receive(self, data: CEMILData, security: Security = Security.PLAIN) -> list[CEMILData]:
        """Hand the device a frame, opened; what changed is stored before an answer leaves."""
        out = self.device.receive(data, self.now_s, security)
        self._store()
        return self._carried_out(out)

    def wait(self, seconds: float) -> list[CEMILData]:
        """Let time pass."""
        self.now_s += seconds
        return self._carried_out(self.device.tick(self.now_s))

    def _carried_out(self, out: list[Send | Restart]) -> list[CEMILData]:
        for one in out:
            if isinstance(one, Restart):
                self.restarts += 1
                self.device.restart(one.erases, self.now_s)
                self._store()
        return [one.data for one in out if isinstance(one, Send)]

    def _store(self) -> None:
        unsaved = self.model.unsaved
        if unsaved.segments:
            self.disk.write("state", state_bytes(self.model, unsure=unsaved.segments))
        for index in sorted(unsaved.segments):
            self.disk.write(f"segment-{index}", self.model.loadables[index].segment.content)
        if unsaved:
            self.disk.write("state", state_bytes(self.model))
        unsaved.segments.clear()
        unsaved.is_state = False

    def frame(
        self,
        tpci: TPCI,
        apdu: str = "",
        source: IndividualAddress = TOOL,
        destination: IndividualAddress | GroupAddress | None = None,
    ) -> CEMILData:
        """Return a frame to the device."""
        return CEMILData(
            flags=CEMIFlags(priority=CEMIPriority.SYSTEM),
            src_addr=source,
            dst_addr=destination or self.device.individual_address,
            tpci=tpci,
            payload=RawService(bytes.fromhex(apdu)) if apdu else None,
        )

    def broadcast(self, apdu: str) -> list[str]:
        """Ask all devices; return the answers."""
        return [
            apdu_of(one).hex()
            for one in self.receive(self.frame(TDataBroadcast(), apdu, destination=BROADCAST))
        ]

    def ask(self, apdu: str) -> str | None:
        """Ask without a connection; return the answer."""
        answers = self.receive(self.frame(TDataIndividual(), apdu))
        return apdu_of(answers[0]).hex() if answers else None


class Tool:
    """A tool with a connection: it acknowledges, and asks one thing after the other."""

    def __init__(
        self,
        rig: DeviceRig,
        address: IndividualAddress = TOOL,
        security: Security = Security.PLAIN,
    ) -> None:
        self.rig = rig
        self.security = security  # of what it asks
        self.address = address
        self.number = 0

    def connect(self) -> "Tool":
        """Open a connection."""
        assert self.rig.receive(self.rig.frame(TConnect(), source=self.address)) == []
        self.number = 0
        return self

    def disconnect(self) -> None:
        """Close it."""
        self.rig.receive(self.rig.frame(TDisconnect(), source=self.address))

    def ask(self, apdu: str) -> str | None:
        """Ask for something; return the answer, None: it was acknowledged only."""
        frame = self.rig.frame(TDataConnected(self.number), apdu, source=self.address)
        out = self.rig.receive(frame, self.security)
        assert out, f"{apdu} was not acknowledged"
        assert out[0].tpci == TAck(self.number)
        self.number = (self.number + 1) % 16
        if len(out) == 1:
            return None
        (answer,) = out[1:]
        assert isinstance(answer.tpci, TDataConnected)
        acknowledgement = TAck(answer.tpci.sequence_number)
        self.rig.receive(self.rig.frame(acknowledgement, source=self.address))
        return apdu_of(answer).hex()
