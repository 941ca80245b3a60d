"""The first plain pages: status for people, `/health` for the service manager."""

from flask import Flask, Response, render_template

from knxgw import __version__
from knxgw.website.bridge import Bridge


def create_app(bridge: Bridge) -> Flask:
    """Return the web application."""
    app = Flask(__name__)
    app.jinja_env.filters.update(ampere=_ampere, phases=_phases, unit=_unit, kwh=_kwh)

    @app.get("/")
    def status() -> str:
        return render_template(
            "status.html",
            site=bridge.view(),
            ready=bridge.is_ready(),
            knx=bridge.knx_is_up(),
            version=__version__,
        )

    @app.get("/health")
    def health() -> Response:
        ready = bridge.is_ready()
        text = "ready\n" if ready else "starting\n"
        status = 200 if ready else 503
        return Response(text, status, bridge.identity, mimetype="text/plain")

    return app


def _ampere(current_ma: int | None) -> str:
    return "-" if current_ma is None else f"{current_ma / 1000:.1f} A"


def _phases(currents_ma: tuple[int | None, ...]) -> str:
    parts = ["-" if current is None else f"{current / 1000:.1f}" for current in currents_ma]
    return f"{' / '.join(parts)} A"


def _unit(value: int | None, unit: str) -> str:
    return "-" if value is None else f"{value} {unit}"


def _kwh(energy_wh: int | None) -> str:
    return "-" if energy_wh is None else f"{energy_wh / 1000:.2f} kWh"
