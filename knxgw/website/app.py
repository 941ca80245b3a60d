"""The first plain pages: status for people, `/health` for the service manager."""

from flask import Flask, Response, render_template

from knxgw import __version__
from knxgw.catalogue.codes import NO_ERROR
from knxgw.catalogue.load import catalogue
from knxgw.website.bridge import Bridge
from knxgw.website.page_language import Figures, words


def create_app(bridge: Bridge) -> Flask:
    """Return the web application."""
    app = Flask(__name__)
    texts = catalogue().product.texts.status

    @app.get("/")
    def status() -> str:
        site = bridge.view()
        return render_template(
            "status.html",
            site=site,
            words=words(texts, site.language),
            figures=Figures(site.language),
            no_error=NO_ERROR,
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
