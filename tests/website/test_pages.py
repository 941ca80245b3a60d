"""The first plain pages."""

from dataclasses import replace

import pytest

from knxgw.station.view import LoadManagementView, PhaseView, PointView, SiteView
from knxgw.website.app import create_app
from knxgw.website.bridge import Bridge

POINT = PointView(
    number=1, name="Left", model="KEBA KeContact P30", state=8, state_words="Charge", connected=True,
    condition="good", offer_ma=16_000, reason="maximum current", setpoint_ma=16_000,
    phases_ma=(15_900, None, 0), current_ma=15_900, power_w=3657, energy_wh=1_234_560,
    session_wh=None, interruption=False, complete=False, fault="No error", fault_present=False,
    fault_infos=(),
)  # fmt: skip
SHARING = LoadManagementView(
    state_words="normal",
    limit_ma=32_000,
    meter_age_s=1.4,
    phases=(
        PhaseView(
            name="L1", measured_ma=20_100, base_ma=-400, available_ma=31_000, allocated_ma=12_000
        ),
    ),
)
SITE = SiteView(
    load_management=None,
    name="Garage <1>", grid_control=False, fault="No error", fault_present=False, messages=(),
    points=(POINT,),
)  # fmt: skip


def page(site: SiteView, *, ready: bool = True) -> str:
    bridge = Bridge(view=lambda: site, is_ready=lambda: ready, knx_is_up=lambda: True)
    answer = create_app(bridge).test_client().get("/")
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


@pytest.mark.proves("3.13", "3.58", "5.15")
def test_the_status_shows_state_current_and_reason() -> None:
    text = page(SITE)
    assert "Charge (8)" in text
    assert "maximum current" in text
    assert "16.0 A" in text
    assert "15.9 / - / 0.0 A" in text
    assert "1234.56 kWh" in text
    assert "No fault" in text
    assert "not suitable for billing" in text


def test_names_are_escaped() -> None:
    assert "Garage &lt;1&gt;" in page(SITE)


def test_a_fault_and_its_code_are_shown() -> None:
    point = replace(POINT, fault="ChargerError", fault_present=True, fault_infos=("0x0008",))
    text = page(replace(SITE, points=(point,), messages=("CP 2 uses the address of CP 1",)))
    assert "ChargerError 0x0008" in text
    assert "CP 2 uses the address of CP 1" in text


@pytest.mark.parametrize(("ready", "status"), [(True, 200), (False, 503)])
def test_health_is_503_until_the_gateway_is_ready(ready: bool, status: int) -> None:  # noqa: FBT001
    bridge = Bridge(view=lambda: SITE, is_ready=lambda: ready, knx_is_up=lambda: ready)
    assert create_app(bridge).test_client().get("/health").status_code == status


def test_the_page_shows_how_the_mains_connection_is_shared() -> None:
    assert "Load management" not in page(SITE)
    shown = page(replace(SITE, load_management=SHARING))
    assert "Load management: normal" in shown
    assert "limit 32.0 A per phase, smart meter 1 s ago" in shown
    for cell in ("20.1 A", "-0.4 A", "31.0 A", "12.0 A"):
        assert f"<td>{cell}</td>" in shown
