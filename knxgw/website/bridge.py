"""What pages may ask of the gateway."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from knxgw.station.view import SiteView
from knxgw.website.access.accounts import Accounts
from knxgw.website.recordings import ReadPlot, Telegrams, no_plot, no_telegrams


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """Frozen snapshots, safe from any thread."""

    view: Callable[[], SiteView]
    is_ready: Callable[[], bool]
    knx_is_up: Callable[[], bool]
    identity: Mapping[str, str] = field(default_factory=dict)  # headers of `/health`
    plot: ReadPlot = no_plot
    telegrams: Telegrams = field(default_factory=no_telegrams)
    accounts: Accounts | None = None  # None: pages that nobody logs in to, in tests
