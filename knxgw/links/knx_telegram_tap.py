"""Notes the group telegrams that pass the KNX port, as the group monitor shows them."""

from collections.abc import Callable
from datetime import datetime

from xknx.cemi import CEMILData, CEMIPriority
from xknx.telegram.address import GroupAddress
from xknx.telegram.apci import GroupValueRead, GroupValueResponse, GroupValueWrite
from xknx.telegram.tpci import TDataGroup

from knxgw.catalogue.flags import Priority
from knxgw.knx.frames import Outcome, Security
from knxgw.monitoring.telegrams import Payload, Service, Telegram

_PRIORITIES = {CEMIPriority[one.name]: one for one in Priority}
_WITH_VALUE = {GroupValueResponse: Service.RESPONSE, GroupValueWrite: Service.WRITE}
_TAKEN = Outcome.CONFIRMED


class TelegramTap:
    """Sees every frame of a port; each telegram costs about a microsecond."""

    def __init__(
        self, note: Callable[[Telegram], None], wall_clock: Callable[[], datetime]
    ) -> None:
        self._note = note
        self._wall_clock = wall_clock

    def received(self, data: CEMILData, security: Security) -> None:
        """Note a telegram from the bus."""
        self._take(data, is_sent=False, is_secure=security is not Security.PLAIN, is_taken=True)

    def sent(self, data: CEMILData, outcome: Outcome, *, is_secure: bool) -> None:
        """Note a telegram of this device."""
        self._take(data, is_sent=True, is_secure=is_secure, is_taken=outcome is _TAKEN)

    def _take(self, data: CEMILData, *, is_sent: bool, is_secure: bool, is_taken: bool) -> None:
        destination, apci = data.dst_addr, data.payload
        if type(destination) is not GroupAddress or type(data.tpci) is not TDataGroup:
            return
        payload: Payload = None
        if isinstance(apci, GroupValueWrite | GroupValueResponse):
            service, payload = _WITH_VALUE[type(apci)], apci.value.value
        elif isinstance(apci, GroupValueRead):
            service = Service.READ
        else:
            return
        self._note(
            Telegram(
                self._wall_clock(),
                is_sent,
                data.src_addr.raw,
                destination.raw,
                service,
                payload,
                _PRIORITIES[data.flags.priority],
                is_secure,
                is_taken,
            )
        )
