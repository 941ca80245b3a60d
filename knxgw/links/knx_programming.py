"""Programming mode on KNX: a device in it answers whoever asks which devices are.

The address itself is programmed later, by the ETS device.
Source: [knx-standard] 3/5/2 management procedures, reading individual addresses by broadcast.
"""

from collections.abc import Callable

from xknx.cemi import CEMIFlags, CEMILData, CEMIPriority
from xknx.telegram.address import GroupAddress
from xknx.telegram.apci import IndividualAddressRead, IndividualAddressResponse
from xknx.telegram.tpci import TDataBroadcast

from knxgw.knx.frames import FrameKind, Security
from knxgw.links.knx_port import KnxPort

BROADCAST = GroupAddress("0/0/0")


class ProgrammingMode:
    """Answers for a device that is in programming mode."""

    def __init__(self, port: KnxPort, is_on: Callable[[], bool]) -> None:
        """Answer on a port while `is_on`."""
        self._port = port
        self._is_on = is_on

    def join(self) -> None:
        """Answer from now on."""
        self._port.register(self, FrameKind.BROADCAST)

    def take(self, data: CEMILData, security: Security) -> None:
        """Answer a question for devices in programming mode."""
        if isinstance(data.payload, IndividualAddressRead) and self._is_on():
            self._port.send(
                CEMILData(
                    flags=CEMIFlags(priority=CEMIPriority.SYSTEM),
                    src_addr=self._port.individual_address,
                    dst_addr=BROADCAST,
                    tpci=TDataBroadcast(),
                    payload=IndividualAddressResponse(),
                )
            )

    def link_up(self) -> None:
        """Nothing waits for the link."""

    def link_down(self) -> None:
        """Nobody waits for an answer of ours."""
