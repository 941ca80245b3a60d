"""What people see of the running device: the facts of the gateway, with addresses and adapters of its machine."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from knxgw.config.model import ConfigurationSource
from knxgw.errors import Finding
from knxgw.gateway import Gateway
from knxgw.host.network import OwnAddress, adapter_link, own_addresses
from knxgw.website.device_facts import AdapterFacts, DeviceFacts
from knxgw.website.listener import EVERYWHERE

ADDRESSES_S = 30.0  # how often it is looked for the addresses of the machine


class SeenDevice:
    """Joins what the gateway knows of itself and what only the machine knows."""

    def __init__(
        self,
        gateway: Gateway,
        warnings: tuple[Finding, ...],
        still_hold: Callable[[tuple[Finding, ...]], tuple[Finding, ...]],
        is_own: Callable[[], bool] = lambda: False,
    ) -> None:
        """See a gateway; `warnings` are those of its configuration, `still_hold` gives those that hold now.

        `is_own`: its configuration is kept on the device, and no file of the host.
        """
        self.warnings = warnings
        self._gateway, self._still_hold, self._is_own = gateway, still_hold, is_own
        self._addresses: tuple[OwnAddress, ...] = ()
        self._adapters: tuple[AdapterFacts, ...] = ()
        self._looked_up_at: float | None = None  # [s] of uptime

    def facts(self) -> DeviceFacts:
        """Return what people see; addresses are looked up now and then. Safe from any thread."""
        facts = self._gateway.facts()
        if self._looked_up_at is None or facts.up_s - self._looked_up_at >= ADDRESSES_S:
            self._looked_up_at = facts.up_s
            self._addresses = self._looked_up()
            self._adapters = _adapters_of(self._addresses)
        source = facts.configuration_source
        if source == ConfigurationSource.FILE and self._is_own():
            source = ConfigurationSource.WEBSITE.value
        return replace(
            facts,
            configuration_source=source,
            warnings=self._still_hold(self.warnings),
            addresses=tuple(one.address for one in self._addresses) or self._only_address(),
            macs=tuple(sorted({one.mac for one in self._addresses if one.mac})),
            adapters=self._adapters,
        )

    def _looked_up(self) -> tuple[OwnAddress, ...]:
        """Return the addresses of the machine at which the website answers; no loopback."""
        host = self._host()
        return tuple(one for one in own_addresses() if host is None or one.address == host)

    def _only_address(self) -> tuple[str, ...]:
        """Return where the website answers, of one that answers at one place only, such as this machine's loopback."""
        host = self._host()
        return () if host is None else (host,)

    def _host(self) -> str | None:
        """Return the one address or name at which the website answers; None: at every address of the machine."""
        configuration = self._gateway.configuration
        host = None if configuration is None else configuration.website.host
        return None if host in EVERYWHERE else host


def _adapters_of(addresses: Iterable[OwnAddress]) -> tuple[AdapterFacts, ...]:
    """Return how the adapters that have these addresses are connected, as far as the system tells."""
    names = dict.fromkeys(one.adapter for one in addresses)
    links = [link for name in names if (link := adapter_link(name)) is not None]
    return tuple(
        AdapterFacts(name=one.adapter, is_up=one.is_up, mbit_s=one.mbit_s) for one in links
    )
