"""Risks of the KNX connection: what is secured on paper only; pure."""

from knxgw.config.model import KnxLinkKind, KnxSettings
from knxgw.config.report import Report


def check_knx(knx: KnxSettings, report: Report) -> None:
    """Warn about what an installer believes to be secured and is not."""
    if knx.keyring is not None and knx.link is KnxLinkKind.TUNNELLING:
        report.warning("knx.link", "udp_tunnel_not_encrypted")
