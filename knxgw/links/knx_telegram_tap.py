"""Notes the group telegrams that pass the KNX port, as the group monitor shows them."""

from collections.abc import Callable, Mapping
from datetime import datetime

from xknx.cemi import CEMILData, CEMIPriority
from xknx.telegram.apci import GroupValueRead, GroupValueResponse, GroupValueWrite, SecureAPDU
from xknx.telegram.tpci import TDataGroup

from knxgw.catalogue.flags import Priority
from knxgw.knx.frames import Outcome, Security
from knxgw.monitoring.telegrams import Service, Telegram

_PRIORITIES = tuple(Priority[one.name] for one in sorted(CEMIPriority))  # by their codes
_SERVICES: Mapping[object, Service] = {
    GroupValueRead: Service.READ,
    GroupValueResponse: Service.RESPONSE,
    GroupValueWrite: Service.WRITE,
    SecureAPDU: Service.SEALED,
}
_WITH_VALUE = frozenset({Service.RESPONSE, Service.WRITE})


class TelegramTap:
    """Sees every frame of a port; each telegram costs about a microsecond."""

    def __init__(
        self, note: Callable[[Telegram], None], wall_clock: Callable[[], datetime]
    ) -> None:
        self._note = note
        self._wall_clock = wall_clock

    def received(self, data: CEMILData, security: Security) -> None:
        """Note a telegram from the bus."""
        self._take(data, (False, security is not Security.PLAIN, True, False))

    def refused(self, data: CEMILData) -> None:
        """Note a telegram that Data Secure has refused; what a sealed one says is not known."""
        self._take(data, (False, isinstance(data.payload, SecureAPDU), True, True))

    def sent(self, data: CEMILData, outcome: Outcome, *, is_secure: bool) -> None:
        """Note a telegram of this device."""
        self._take(data, (True, is_secure, outcome is Outcome.CONFIRMED, False))

    def _take(self, data: CEMILData, flags: tuple[bool, bool, bool, bool]) -> None:
        is_sent, is_secure, is_taken, is_refused = flags
        apci = data.payload
        service = _SERVICES.get(type(apci))
        if service is None or type(data.tpci) is not TDataGroup:
            return
        # a tuple that is filled directly takes half the time of one that is made by its fields
        self._note(
            tuple.__new__(
                Telegram,
                (
                    self._wall_clock(),
                    is_sent,
                    data.src_addr.raw,
                    data.dst_addr.raw,
                    service,
                    apci.value.value if service in _WITH_VALUE else None,  # type: ignore[union-attr]  # these have one
                    _PRIORITIES[data.flags.priority],
                    is_secure,
                    is_taken,
                    is_refused,
                ),
            )
        )
