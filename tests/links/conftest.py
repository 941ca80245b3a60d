"""Fixtures that several tests of links share."""

import itertools

import pytest
from xknx.io.request_response import RequestResponse


@pytest.fixture
def impatient_tunnels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for tenths of seconds where a real installation is given up to ten seconds."""
    monkeypatch.setattr(RequestResponse.__init__, "__defaults__", (0.2,))
    name = "xknx.io.request_response.connectionstate.CONNECTIONSTATE_REQUEST_TIMEOUT"
    monkeypatch.setattr(name, 0.1)
    monkeypatch.setattr("knxgw.links.knx.CONFIRMATION_TIMEOUT_S", 0.1)
    monkeypatch.setattr("knxgw.links.knx_port.ALIVE_CHECK_S", 0.1)
    monkeypatch.setattr("knxgw.links.keep_alive.doubling", lambda **_: itertools.repeat(0.05))
